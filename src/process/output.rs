//! Where standard output leads: to the log of a CI system, or to somebody who
//! wants data, and into whose data nothing may be put.
//!
//! Three things are asked.
//!
//! Does it still lead where the script's own led when it opened its run? If
//! not, the call was redirected: `x=$(async_wait f)`, `async_wait f | cat`,
//! `async_wait f >file`. (A shell that redirects a function redirects itself
//! meanwhile, so its descriptors of now tell nothing.)
//!
//! Is the script itself redirected by a script around it? An agent reads a
//! step's output and errors through two pipes, or through a terminal. Whoever
//! captures a script reads only the one, or is a shell. So the ancestors are
//! gone through, as long as they have the same standard output, for the one
//! that reads it. Where another process does (`./stack.sh | tee log`), its
//! output is none of the agent's.
//!
//! Does the reader have a variable that only steps have? Then it is none.
//!
//! What cannot be told is taken for data.

use std::fmt;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use super::stat::{GENERATIONS, Stat, ancestors};
use crate::run::task::Process;

/// What captures a script and both of its outputs is no agent if it is one of
/// these, or has a shell's name.
const CAPTURING: [&str; 4] = ["busybox", "toybox", "make", "gmake"];

/// What a descriptor leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    device: u64,
    inode: u64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pipe,
    Socket,
    Terminal,
    Other,
}

/// `DEVICE:INODE`, as the journal has it.
impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.device, self.inode)
    }
}

/// What a process's descriptor leads to, if that can be told.
pub fn of(pid: u32, descriptor: u32) -> Option<Stream> {
    let meta = fs::metadata(format!("/proc/{pid}/fd/{descriptor}")).ok()?;
    let kind = match meta.file_type() {
        kind if kind.is_fifo() => Kind::Pipe,
        kind if kind.is_socket() => Kind::Socket,
        kind if kind.is_char_device() && is_terminal(meta.rdev()) => Kind::Terminal,
        _ => Kind::Other,
    };
    Some(Stream { device: meta.dev(), inode: meta.ino(), kind })
}

/// What a script's standard output leads to while it captures that of this
/// process. Most shells redirect a child for `$(…)`. ksh93 redirects itself, and
/// so does mksh until it has forked; where it led before they keep, at 10 or above,
/// closed on exec.
pub fn of_script(pid: u32) -> Option<Stream> {
    let mine = of(std::process::id(), 1);
    let other = || of(pid, 1).filter(|out| Some(*out) != mine);
    if let Some(out) = other() {
        return Some(out);
    }
    let mut kept: Option<Stream> = None;
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).ok()?.filter_map(Result::ok) {
        let number: Option<u32> = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(number) = number.filter(|number| *number >= 10) else { continue };
        let Some(stream) = of(pid, number).filter(|stream| Some(*stream) != mine) else { continue };
        if !is_kept(pid, number) {
            continue;
        }
        // Of several it cannot be told which.
        if kept.is_some_and(|kept| kept != stream) {
            return None;
        }
        kept = Some(stream);
    }
    // If there is none, it is back by now.
    kept.or_else(other)
}

/// Whether a shell keeps something there to write to. (What it has no name for is
/// its own text, as of a here-document.)
fn is_kept(pid: u32, descriptor: u32) -> bool {
    let own = flags(pid, descriptor).is_some_and(|flags| flags & libc::O_CLOEXEC != 0);
    let named = fs::metadata(format!("/proc/{pid}/fd/{descriptor}"))
        .is_ok_and(|meta| !meta.is_file() || meta.nlink() > 0);
    own && named && is_writable(pid, descriptor)
}

/// Whether a process can write to this descriptor.
pub fn is_writable(pid: u32, descriptor: u32) -> bool {
    flags(pid, descriptor).is_some_and(|flags| flags & libc::O_ACCMODE != libc::O_RDONLY)
}

/// The flags with which a descriptor is open: those of open(2).
fn flags(pid: u32, descriptor: u32) -> Option<i32> {
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{descriptor}")).ok()?;
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
    i32::from_str_radix(flags.trim(), 8).ok()
}

/// By the numbers of Documentation/admin-guide/devices.txt: consoles, serial
/// lines, pseudo-terminals.
fn is_terminal(device: u64) -> bool {
    matches!(rustix::fs::major(device), 4 | 5 | 136..=143)
}

/// Whether this process's standard output is that of its script, as it was
/// when the run was opened (`recorded`); outside of a script, that of its parent.
pub fn is_the_scripts(owner: Option<Process>, recorded: Option<&str>) -> bool {
    let Some(mine) = of(std::process::id(), 1) else { return false };
    match owner.filter(|owner| has_ancestor(*owner)) {
        Some(_) => recorded == Some(mine.to_string().as_str()),
        None => Stat::of(std::process::id()).and_then(|me| of(me.ppid, 1)) == Some(mine),
    }
}

/// Whether it leads to a log that an agent keeps, as far as the processes
/// tell that can be seen; `mark` is a variable that no agent has.
pub fn is_a_log(owner: Option<Process>, mark: Option<&str>) -> bool {
    let me = std::process::id();
    let Some(out) = of(me, 1) else { return false };
    match out.kind {
        Kind::Terminal => return true,
        // Of a file nobody can tell whose it is.
        Kind::Other => return false,
        Kind::Pipe | Kind::Socket => {}
    }
    let mut errors = vec![of(me, 2)];
    let mut pid = me;
    for _ in 0..GENERATIONS {
        let Some(parent) = Stat::of(pid).map(|stat| stat.ppid) else { return false };
        if parent == 0 {
            // An agent outside of this container. A script has told what its
            // output was; of others that cannot be told.
            return owner.is_some_and(has_ancestor);
        }
        if out.kind == Kind::Pipe && reads(parent, out) {
            let both = errors.iter().flatten().any(|error| *error == out || reads(parent, *error));
            return both && !is_shell(parent) && !mark.is_some_and(|mark| has(parent, mark));
        }
        match of(parent, 1) {
            Some(theirs) if theirs == out => errors.push(of(parent, 2)),
            // Who reads a socket cannot be seen. Shells make pipes.
            Some(_) => {
                let socket = |error: &Stream| error.kind == Kind::Socket;
                return out.kind == Kind::Socket && errors.iter().flatten().any(socket);
            }
            None => return false,
        }
        pid = parent;
    }
    false
}

fn has_ancestor(process: Process) -> bool {
    ancestors().contains(&process.pid)
}

/// Whether a process has this stream open to read from it.
fn reads(pid: u32, stream: Stream) -> bool {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    entries.filter_map(Result::ok).any(|entry| {
        // The link's own permissions tell how it is open.
        let readable = entry.metadata().is_ok_and(|meta| meta.mode() & 0o400 != 0);
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        readable && number.and_then(|number| of(pid, number)) == Some(stream)
    })
}

/// By the program that it runs: a script has its file's name to the kernel.
fn is_shell(pid: u32) -> bool {
    let program = fs::read_link(format!("/proc/{pid}/exe")).ok();
    let name = program.as_deref().and_then(|path| path.file_name()?.to_str());
    name.is_none_or(is_shells_name)
}

/// Whatever stands behind it, as in `ksh93`, `zsh-5.9`, `bash (deleted)`.
fn is_shells_name(name: &str) -> bool {
    let name = name.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    name.ends_with("sh") || CAPTURING.contains(&name)
}

/// Whether a process was started with this variable.
fn has(pid: u32, variable: &str) -> bool {
    let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { return true };
    environment.split(|b| *b == 0).any(|entry| {
        entry.strip_prefix(variable.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_known_by_its_ends() {
        use std::os::fd::AsRawFd;
        let (read, write) = std::io::pipe().unwrap();
        let me = std::process::id();
        let end = |fd: i32| of(me, fd as u32).unwrap();
        let stream = end(read.as_raw_fd());
        assert_eq!(stream, end(write.as_raw_fd()));
        assert_eq!(stream.kind, Kind::Pipe);
        assert!(reads(me, stream));
        drop(read);
        assert!(!reads(me, stream), "it only writes to it");
        let (other, _write) = std::io::pipe().unwrap();
        assert_ne!(stream, end(other.as_raw_fd()));
    }

    #[test]
    fn shells_have_names() {
        for name in
            ["sh", "bash", "rbash", "ksh93", "zsh-5.9", "fish", "bash (deleted)", "busybox.static"]
        {
            assert!(is_shells_name(name), "{name}");
        }
        for name in ["buildkite-agent", "Agent.Worker", "dotnet", "python3.12", "java", "node", ""]
        {
            assert!(!is_shells_name(name), "{name}");
        }
    }

    #[test]
    fn only_terminals_are_terminals() {
        let of = |path: &str| is_terminal(fs::metadata(path).unwrap().rdev());
        assert!(of("/dev/tty"));
        assert!(!of("/dev/null") && !of("/dev/zero"));
    }
}

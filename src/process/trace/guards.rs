//! Guards of tasks, by what they do first: a shell's writes its `.argv`, and
//! this program's is told by its arguments. With a guard a group begins.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::file::{File as Found, proc_link, stat};
use super::table::Who;
use super::tracer::Tracer;
use crate::process::output::is_writable;
use crate::run::footprint::Op;

/// So many journals are kept open at most; the others are found by their paths.
const HELD: usize = 200;

impl Tracer {
    /// Some opens say what becomes of a run.
    pub(super) fn heed(&mut self, who: Who, path: &[u8], flags: u32) {
        let has = |flag: i32| flags & flag as u32 != 0;
        if let (true, Some(dir)) = (has(libc::O_APPEND), path.strip_suffix(b"/journal")) {
            self.recorder.advance();
            let begins = who.own && has(libc::O_EXCL);
            let sought = self.journals.iter().take(HELD).any(|(_, journal)| journal.is_none());
            if (begins || sought)
                && let Ok(dir) = self.paths.directory(dir)
            {
                let dir = dir.path.clone();
                self.journal(&dir, begins);
            }
        }
        if has(libc::O_CREAT) && !has(libc::O_APPEND) && path.ends_with(b".argv") {
            self.begin_group(who.tid);
        }
    }

    /// A run's journal is about to be made, or is there by now: then it is kept
    /// open. A script may remove the run, or begin another one in its place.
    fn journal(&mut self, dir: &[u8], begins: bool) {
        if begins {
            self.recorder.run(dir);
            self.journals.push((dir.to_owned(), None));
            return;
        }
        let known = self.journals.iter_mut().take(HELD).rev().find(|(known, _)| known == dir);
        if let Some((_, journal @ None)) = known {
            let path = Path::new(OsStr::from_bytes(dir)).join("journal");
            let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
            *journal = File::options().read(true).custom_flags(flags).open(path).ok();
        }
    }

    /// A process is a task's guard. (If it is not, no harm is done.)
    pub(super) fn begin_group(&mut self, tid: u32) {
        let Some(process) = self.table.process(tid) else { return };
        if process.leads {
            return;
        }
        process.group = self.recorder.group(process.group, process.pid, process.born);
        process.leads = true;
        if let Some(who) = self.table.who(tid) {
            self.inherits(Who { own: false, ..who });
        }
    }

    /// The task can write to what its guard has open for writing. (That in the
    /// run's directory is nobody else's.)
    fn inherits(&mut self, who: Who) {
        let Ok(entries) = std::fs::read_dir(format!("/proc/{}/fd", who.pid)) else { return };
        for entry in entries.flatten() {
            let fd = entry.file_name().to_str().and_then(|fd| fd.parse::<u32>().ok());
            let Some(fd) = fd else { continue };
            let name = format!("fd/{fd}");
            let file = stat(format!("/proc/{}/{name}", who.pid).as_bytes(), true);
            let Some(file) = file.ok().filter(Found::is_regular) else { continue };
            if is_writable(who.pid, fd)
                && let Some(path) = proc_link(who.pid, &name)
            {
                self.touch(who, Op::Inherit, &path, Some(file.id));
            }
        }
    }
}

/// Whether a process of this program is the guard of a task.
pub fn is_guard(pid: u32) -> bool {
    arguments(pid).split(|b| *b == 0).nth(1) == Some(b"__guard")
}

/// A process's arguments, each with a NUL at its end.
pub fn arguments(pid: u32) -> Vec<u8> {
    std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

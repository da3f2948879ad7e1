//! Signals as things to be read: what a supervisor waits for.
//!
//! A signal alone does not tell whether those beside this process have had it
//! too. Where it came from does, mostly: the kernel sends what a terminal's
//! keys and its end mean to the whole foreground process group; a process
//! that signals this one by pid means this one.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::Command;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::raw::{self, Inherited};
use super::stat::Stat;

/// The size of what signalfd(2) gives for a signal.
const RECORD: usize = 128;

/// What the kernel sends to whole process groups, for a terminal.
const FOR_THE_GROUP: [i32; 8] = [
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGHUP,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
    libc::SIGCONT,
    libc::SIGWINCH,
];

/// What asks a process to end.
pub const ENDS: [i32; 4] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM];

/// What stops a job at a terminal.
pub const STOPS: [i32; 3] = [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// A signal that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrived {
    /// Its number.
    pub signal: i32,
    /// The process that sent it; none: the kernel, or somebody outside of
    /// this pid namespace.
    pub sender: Option<u32>,
    /// Whether this process's whole group has had it.
    pub group: bool,
}

/// The signals of this process, taken.
pub struct Signals {
    fd: File,
    inherited: Inherited,
}

impl Signals {
    /// Takes them: from here on they do nothing by themselves.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn take() -> std::io::Result<Self> {
        let (fd, inherited) = raw::take_signals(true)?;
        Ok(Self { fd: fd.into(), inherited })
    }

    /// The same, but that children stop or end is no news: whoever waits for
    /// them learns it from the waiting.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn take_all_but_children() -> std::io::Result<Self> {
        let (fd, inherited) = raw::take_signals(false)?;
        Ok(Self { fd: fd.into(), inherited })
    }

    /// The signals as this program found them.
    pub fn inherited(&self) -> Inherited {
        self.inherited
    }

    /// Makes `command` find the signals as this program found them.
    pub fn pass_on(&self, command: &mut Command) {
        raw::pass_on(command, self.inherited);
    }

    /// Gives them back: from here on they do again what they do by themselves,
    /// and so do those that have come and were not read.
    pub fn give_back(self) {
        raw::give_back_signals(self.inherited);
    }

    /// The next one that has come; never blocks.
    pub fn arrived(&mut self) -> Option<Arrived> {
        let mut record = [0; RECORD];
        match self.fd.read(&mut record) {
            Ok(RECORD) => Some(parse(&record)),
            _ => None,
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// `struct signalfd_siginfo`: signo, errno, code, pid, …, four bytes each.
fn parse(record: &[u8; RECORD]) -> Arrived {
    let number = |at: usize| {
        i32::from_ne_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]])
    };
    let (signal, code, pid) = (number(0), number(8), number(12));
    // Codes above 0 are the kernel's.
    let kernel = code > 0;
    let sender = u32::try_from(pid).ok().filter(|pid| *pid > 0 && !kernel);
    // At a hangup the leader of the session is the one that is told.
    let alone = signal == libc::SIGHUP && leads_session();
    Arrived { signal, sender, group: kernel && FOR_THE_GROUP.contains(&signal) && !alone }
}

/// (Not by getsid(2): it says 0 where the leader is outside of this pid
/// namespace, as in many containers, and rustix takes that for impossible.)
fn leads_session() -> bool {
    let me = std::process::id();
    Stat::of(me).is_some_and(|stat| stat.session == me)
}

/// Lets `signal` do to this process what it does by itself, if that is to stop
/// or to end it; returns when it goes on.
pub fn stop_by(signal: i32) {
    raw::suffer(signal);
}

/// Ends this process by `signal`, so that its parent sees what it would have
/// seen of the script. Returns only if that signal ends nobody.
pub fn die_by(signal: i32) {
    // The script has dumped its core, if it is to be had; ours tells nothing.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    raw::make_default(signal);
    raw::suffer(signal);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(signal: i32, code: i32, pid: i32) -> [u8; RECORD] {
        let mut record = [0; RECORD];
        for (at, number) in [(0, signal), (8, code), (12, pid)] {
            record[at..at + 4].copy_from_slice(&number.to_ne_bytes());
        }
        record
    }

    #[test]
    fn who_has_had_a_signal_is_told_by_where_it_came_from() {
        let key = parse(&record(libc::SIGINT, libc::SI_KERNEL, 0));
        assert_eq!((key.signal, key.sender, key.group), (libc::SIGINT, None, true));
        let kill = parse(&record(libc::SIGINT, libc::SI_USER, 7));
        assert_eq!((kill.sender, kill.group), (Some(7), false));
        // An alarm clock that was set before exec(2) is this process's own.
        assert!(!parse(&record(libc::SIGALRM, libc::SI_KERNEL, 0)).group);
    }
}

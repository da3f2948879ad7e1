//! A process held by pidfd: it cannot be mistaken for a later one with the
//! same pid, it can be waited for without being its parent, and signalled
//! without a race.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::raw;
use super::stat::Stat;
use crate::run::Time;
use crate::run::task::Process;

/// How much later than its record a process may seem to have started: one
/// tick of `/proc`'s start times, which a reading can straddle.
const TICK: u64 = 10_000;

/// A running or just ended process.
#[derive(Debug)]
pub struct Handle {
    fd: OwnedFd,
    /// Its pid.
    pub pid: u32,
    started: Time,
}

impl Handle {
    /// Takes hold of `process`. None if it has ended (also if its pid has
    /// since gone to another process, which started later).
    ///
    /// # Errors
    /// When the kernel does not tell (`EMFILE`, `ENOMEM`).
    pub fn open(process: Process) -> std::io::Result<Option<Self>> {
        // A journal may say any number; the kernel has no such pid as the large ones.
        let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
        let Some(pid) = pid else { return Ok(None) };
        let fd = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::SRCH | rustix::io::Errno::INVAL) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // Only now, with the process held, does its start time tell who it is.
        let stat = Stat::read(process.pid)?
            .filter(|stat| stat.started.0 <= process.started.0.saturating_add(TICK));
        Ok(stat.map(|stat| Self { fd, pid: process.pid, started: stat.started }))
    }

    /// The process `process` as a caller left it open as this process's
    /// standard output; none if that is no pidfd.
    pub fn inherited(process: Process) -> Option<Self> {
        let link = std::fs::read_link("/proc/self/fd/1").ok()?;
        let is_pidfd = link.to_str().is_some_and(|to| to.contains("pidfd"));
        let fd = std::io::stdout().as_fd().try_clone_to_owned().ok().filter(|_| is_pidfd)?;
        Some(Self { fd, pid: process.pid, started: process.started })
    }

    /// The descriptor, to be left to another process.
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// `ESRCH` if it has ended, `EPERM` if it is not ours to signal.
    pub fn signal(&self, signal: Signal) -> std::io::Result<()> {
        Ok(pidfd_send_signal(&self.fd, signal)?)
    }

    /// Whether it has ended.
    pub fn ended(&self) -> bool {
        wait_any(&[self.as_fd()], Some(0)).is_ok_and(|ready| ready.is_some())
    }

    /// The exit code a shell would see, once it has ended, where the kernel
    /// tells it to others than the parent: of a zombie always, of a process
    /// that its parent has reaped from Linux 6.15 on.
    pub fn code(&self) -> Option<u8> {
        // In this order: a zombie may be reaped between the two. Its
        // pid goes to no other before that.
        let zombie = Stat::of(self.pid).filter(|stat| stat.started == self.started);
        let status = zombie.and_then(|stat| stat.exit_status);
        status.or_else(|| raw::exit_status(&self.fd)).map(raw::shell_code)
    }
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Whether `process` still runs; where the kernel does not tell, it may: what
/// depends on its end is not for now.
pub fn alive(process: Process) -> bool {
    Handle::open(process).map_or(true, |handle| handle.is_some_and(|handle| !handle.ended()))
}

/// Lets this process hold as many pidfds as the system grants anybody.
pub fn raise_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Refused is as good as unneeded: opening too many says so itself.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Blocks until one of `fds` is readable, at most `micros` microseconds;
/// returns the index of the first that is.
///
/// # Errors
/// What poll(2) says; never `EINTR`, which begins again.
pub fn wait_any(fds: &[BorrowedFd<'_>], micros: Option<u64>) -> std::io::Result<Option<usize>> {
    let deadline = micros.map(|m| super::clock::now().0.saturating_add(m));
    let mut polled: Vec<PollFd<'_>> =
        fds.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
    loop {
        let timeout = deadline.map(|deadline| {
            let left = deadline.saturating_sub(super::clock::now().0);
            Timespec {
                tv_sec: (left / 1_000_000) as i64,
                tv_nsec: (left % 1_000_000 * 1_000) as i64,
            }
        });
        match poll(&mut polled, timeout.as_ref()) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(polled.iter().position(|fd| !fd.revents().is_empty())),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_process_is_waited_for_by_others_than_its_parent_and_its_code_seen() {
        let mut child = Command::new("sh")
            .args(["-c", "read _; exit 7"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let process = Process { pid: child.id(), started: super::super::clock::now() };
        let handle = Handle::open(process).unwrap().unwrap();
        assert!(!handle.ended() && alive(process));
        drop(child.stdin.take());
        wait_any(&[handle.as_fd()], None).unwrap();
        assert!(handle.ended() && !alive(process));
        assert_eq!(handle.code(), Some(7), "of a zombie");
        child.wait().unwrap();
        assert!(matches!(handle.code(), Some(7) | None), "None only before Linux 6.15");
    }

    #[test]
    fn a_recycled_pid_is_another_process() {
        let before = Process { pid: std::process::id(), started: Time(1) };
        assert!(Handle::open(before).unwrap().is_none());
        assert!(!alive(before));
        let absurd = Process { pid: u32::MAX, started: Time(1) };
        assert!(Handle::open(absurd).unwrap().is_none(), "a journal may say anything");
    }
}

//! Signals of the tracer are its command's: what is sent to this process
//! alone goes on to the first process of the command, which is a wrapper and
//! does the rest.
//!
//! The tracer sleeps in waitpid(2), where it cannot be told of a signal without
//! a gap; so a thread of its own waits for signals. It has nothing to do while
//! none comes, and so costs nothing.

use std::os::fd::{AsFd, OwnedFd};
use std::thread::JoinHandle;

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};

use super::TraceError;
use crate::process::pidfd::wait_any;
use crate::process::signals::Signals;
use crate::process::{below, raw};

/// Signals that are passed on until this is stopped.
pub struct Relay {
    thread: JoinHandle<Signals>,
    stop: OwnedFd,
}

impl Relay {
    /// Passes signals on to the process `pid`.
    pub fn start(signals: Signals, pid: u32) -> Result<Self, TraceError> {
        let system = |error: rustix::io::Errno| TraceError::System(error.into());
        let target = Pid::from_raw(pid as i32)
            .ok_or(TraceError::System(std::io::ErrorKind::InvalidInput.into()))?;
        let target = pidfd_open(target, PidfdFlags::empty()).map_err(system)?;
        let (stopped, stop) = pipe_with(PipeFlags::CLOEXEC).map_err(system)?;
        let thread = std::thread::Builder::new()
            .spawn(move || pass_on(signals, &target, &stopped))
            .map_err(TraceError::System)?;
        Ok(Self { thread, stop })
    }

    /// Signals are this process's own again.
    pub fn stop(self) {
        drop(self.stop);
        if let Ok(signals) = self.thread.join() {
            signals.give_back();
        }
    }
}

fn pass_on(mut signals: Signals, target: &OwnedFd, stopped: &OwnedFd) -> Signals {
    loop {
        while let Some(arrived) = signals.arrived() {
            // What its whole group has had, the command has had; and `kill 0`
            // in a script is about the script.
            let had = arrived.group || arrived.sender.is_some_and(below::is_below);
            if let Some(signal) = raw::signal(arrived.signal).filter(|_| !had) {
                let _ = pidfd_send_signal(target, signal);
            }
        }
        if !matches!(wait_any(&[signals.as_fd(), stopped.as_fd()], None), Ok(Some(0))) {
            return signals;
        }
    }
}

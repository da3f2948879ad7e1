//! A terminal as a place to draw on: whether a stream is one, whether it is
//! this process's turn there, how large it is, and writing to it.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::getpgrp;
use rustix::termios::{isatty, tcgetpgrp, tcgetwinsize};

/// Where the terminal does not say (a serial line), it is of this size.
const USUAL: Size = Size { rows: 24, columns: 80 };

/// How large a terminal is, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Lines.
    pub rows: usize,
    /// Characters in a line.
    pub columns: usize,
}

/// A terminal.
#[derive(Debug)]
pub struct Terminal(File);

impl Terminal {
    /// The terminal that `stream` is; none if it is something else.
    pub fn of(stream: impl AsFd) -> Option<Self> {
        let fd = stream.as_fd();
        isatty(fd).then(|| fd.try_clone_to_owned().ok()).flatten().map(|fd| Self(fd.into()))
    }

    /// Whether this process belongs to the job that has the terminal now.
    /// Who is in the background, or has no such terminal, must not draw.
    pub fn is_ours(&self) -> bool {
        tcgetpgrp(&self.0).is_ok_and(|group| group == getpgrp())
    }

    /// How large it is now.
    pub fn size(&self) -> Size {
        match tcgetwinsize(&self.0) {
            Ok(size) if size.ws_row > 0 && size.ws_col > 0 => {
                Size { rows: size.ws_row.into(), columns: size.ws_col.into() }
            }
            _ => USUAL,
        }
    }

    /// Whether it takes output now: one that was halted by ^S does not, and
    /// whoever writes to it blocks.
    pub fn takes_output(&self) -> bool {
        let mut polled = [PollFd::new(&self.0, PollFlags::OUT)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut polled, Some(&now)).is_ok() && polled[0].revents().contains(PollFlags::OUT)
    }

    /// Writes all of it, at once if the terminal takes that much.
    ///
    /// # Errors
    /// When it is gone.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }
}

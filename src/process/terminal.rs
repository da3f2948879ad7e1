//! A terminal as a place to draw on: whether a stream is one, whether it is
//! this process's turn there, how large it is, and writing to it.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::getpgrp;
use rustix::termios::{isatty, tcgetpgrp, tcgetwinsize};

/// Where the terminal does not say (a serial line), it is of this size.
const USUAL: Size = Size { rows: 24, columns: 80 };

/// How long to wait for a terminal that takes no output, microseconds.
pub const PATIENCE: u64 = 1_000_000;

/// How large a terminal is, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Lines.
    pub rows: usize,
    /// Characters in a line.
    pub columns: usize,
}

/// Whether a stream takes output, within so many microseconds: a halted
/// terminal or a full pipe does not, and whoever writes to it blocks.
pub fn takes_output(stream: impl AsFd, within: u64) -> bool {
    let mut polled = [PollFd::new(&stream, PollFlags::OUT)];
    let within = Timespec {
        tv_sec: (within / 1_000_000) as i64,
        tv_nsec: (within % 1_000_000 * 1_000) as i64,
    };
    poll(&mut polled, Some(&within)).is_ok() && polled[0].revents().contains(PollFlags::OUT)
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

    /// Whether it takes output, within so many microseconds: one that was
    /// halted by ^S does not.
    pub fn takes_output(&self, within: u64) -> bool {
        takes_output(&self.0, within)
    }

    /// Writes all of it, at once if the terminal takes that much.
    ///
    /// # Errors
    /// When it is gone, or does not take output any more.
    pub fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.0.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // (Some program has made it so for all that have it open.)
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !self.takes_output(PATIENCE) {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

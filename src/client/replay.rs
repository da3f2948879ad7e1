//! Passing a task's output on, byte for byte and in constant memory.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::FileExt;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;

use crate::process::dir::RunDir;
use crate::process::raw;
use crate::run::{Id, Run, Task, files};

/// As `cat` has it.
const BUFFER: u64 = 128 * 1024;
/// And so aligned: the kernel copies to and from such memory twice as fast.
const PAGE: usize = 4096;

/// Blocks until somebody has read from standard output.
fn wait_for_room() -> io::Result<()> {
    let stdout = io::stdout();
    let mut output = [PollFd::new(&stdout, PollFlags::OUT)];
    loop {
        match poll(&mut output, None) {
            Err(rustix::io::Errno::INTR) => {}
            other => return Ok(other.map(drop)?),
        }
    }
}

/// Where logs go, and what is to stand around that of each task. What is put
/// there must wait for the next `write` or `flush`: these can be told to wait.
pub trait Sink: Write {
    /// The log of this task follows.
    fn begin(&mut self, _task: &Task, _run: &Run) {}
    /// It is through.
    fn end(&mut self) {}
    /// This task's log does not follow: it was shown while it ran, or is not wanted.
    fn skip(&mut self, _task: &Task, _run: &Run) {}
}

impl Sink for File {}

/// Writes what an output still holds.
///
/// # Errors
/// When it cannot be written. A reader that went away is no error.
pub fn flush(output: &mut impl Write) -> io::Result<()> {
    loop {
        match output.flush() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait_for_room()?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            other => return other,
        }
    }
}

/// What a task has written.
#[derive(Debug)]
pub struct Log(File);

impl Log {
    /// Opens the log (or another file, by suffix) of a task's attempt; none if it is gone.
    ///
    /// # Errors
    /// When it is there and cannot be opened.
    pub fn open(dir: &RunDir, id: &Id, attempt: u32, suffix: &str) -> io::Result<Option<Self>> {
        match dir.file(&files::of_attempt(id, attempt, suffix), OFlags::RDONLY) {
            Ok(file) => Ok(Some(Self(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The last bytes of what has come into it by now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn tail(&self, most: u64) -> io::Result<Vec<u8>> {
        let length = self.0.metadata()?.len();
        let mut bytes = vec![0; length.min(most) as usize];
        let read = self.0.read_at(&mut bytes, length - length.min(most))?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Whether some process can still write to it.
    pub fn has_writer(&self) -> bool {
        raw::has_writer(&self.0)
    }

    /// Passes on what has come into it by now, from where the last call
    /// ended: a process that the task left behind may write for ever.
    ///
    /// # Errors
    /// When the output cannot be written. A reader that went away is no error.
    pub fn replay(&mut self, output: &mut impl Write) -> io::Result<()> {
        let left = self.0.metadata()?.len().saturating_sub(self.0.stream_position()?);
        match self.copy(left, output) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// Not `io::copy`: it loses what it has read when a non-blocking output
    /// is full.
    fn copy(&mut self, mut left: u64, output: &mut impl Write) -> io::Result<()> {
        let size = BUFFER.min(left) as usize;
        let mut memory = vec![0; size + PAGE];
        let start = memory.as_ptr().align_offset(PAGE);
        let buffer = &mut memory[start..][..size];
        while left > 0 {
            let read = self.0.read(buffer)?;
            if read == 0 {
                break;
            }
            left = left.saturating_sub(read as u64);
            let mut rest = &buffer[..read];
            while !rest.is_empty() {
                match output.write(rest) {
                    Ok(written) => rest = &rest[written..],
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait_for_room()?,
                    Err(error) => return Err(error),
                }
            }
        }
        flush(output)
    }

    /// Its last lines, and whether there are others before: at most so many,
    /// and so many bytes.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn last_lines(&self, lines: usize, bytes: u64) -> io::Result<(Vec<u8>, bool)> {
        let cut = self.0.metadata()?.len() > bytes;
        let mut tail = self.tail(bytes)?;
        let whole = tail.strip_suffix(b"\n").unwrap_or(&tail);
        let begin = memchr::memrchr_iter(b'\n', whole).nth(lines.saturating_sub(1));
        let begin = begin.map_or(0, |at| at + 1);
        Ok((tail.split_off(begin), cut || begin > 0))
    }
}

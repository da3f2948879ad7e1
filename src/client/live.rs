//! A task's lines while it runs, each with the task's name in front.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::Stdio;

use super::follow::follow;
use super::{Error, open};
use crate::process::dir::RunDir;
use crate::process::journal::Journal;
use crate::process::notify::Notify;
use crate::process::pidfd::{Handle, wait_any};
use crate::run::task::Process;
use crate::run::{Id, Kind, files};

/// What stands around each line.
#[derive(Debug)]
pub struct Around {
    /// In front of it.
    pub before: String,
    /// Behind its end.
    pub after: &'static str,
}

/// Passes the lines of the task `id` on to `output`, with that `around` each,
/// until it has ended.
pub fn show(dir: &RunDir, id: &Id, around: &Around, output: &mut impl Write) -> Result<(), Error> {
    let failed = || Error::journal("follow a task in", dir.path());
    let mut journal = Journal::open(dir).map_err(failed())?;
    let Some(guard) = guard_of(dir, &mut journal, id).map_err(failed())? else { return Ok(()) };
    let pid = std::process::id().to_string();
    journal.append(Kind::Live, Some(id), &[("pid", pid)]).map_err(failed())?;
    // Of a task that had ended by then, whoever collects it shows all: the
    // order of the journal decides, so that both see the same.
    journal.catch_up().map_err(failed())?;
    let mine = |live: Process| live.pid == std::process::id();
    if !journal.run().task(id).and_then(|task| task.live).is_some_and(mine) {
        return Ok(());
    }
    let mut lines = Lines { around, line: Vec::new(), output };
    follow(dir, &mut journal, id, Some(&guard), &mut lines).map_err(failed())?;
    lines.finish().map_err(failed())?;
    let done = [("done", "1".to_owned())];
    journal.append(Kind::Live, Some(id), &done).map_err(failed())
}

/// Starts a process that does this for a task in a run of no script.
pub fn start(dir: &RunDir, id: &Id) -> Result<(), Error> {
    let mut command = open::myself();
    command.arg("__live").arg(dir.path()).arg(id.as_str()).stdin(Stdio::null());
    let child = command.stdout(Stdio::null()).spawn();
    child.map(drop).map_err(|error| Error::Spawn { what: format!("what shows {id}"), error })
}

/// The task's guard, once its `start` is recorded; none if it has ended, or
/// the script has, which was to record it.
fn guard_of(dir: &RunDir, journal: &mut Journal, id: &Id) -> io::Result<Option<Handle>> {
    let notify = Notify::new()?;
    notify.file(&dir.path().join(files::JOURNAL))?;
    let script = journal.run().owner.map(Handle::open).transpose()?.flatten();
    loop {
        journal.catch_up()?;
        if let Some(guard) = journal.run().task(id).and_then(|task| task.guard) {
            return Handle::open(guard);
        }
        let Some(script) = script.as_ref().filter(|script| !script.ended()) else {
            return Ok(None);
        };
        wait_any(&[notify.as_fd(), script.as_fd()], None)?;
        notify.drain();
    }
}

/// Writes whole lines, each in one piece and with what stands around it.
struct Lines<'a, W> {
    around: &'a Around,
    line: Vec<u8>,
    output: &'a mut W,
}

impl<W: Write> Lines<'_, W> {
    fn finish(&mut self) -> io::Result<()> {
        if self.line.is_empty() { Ok(()) } else { self.put() }
    }

    fn put(&mut self) -> io::Result<()> {
        let mut whole = self.around.before.as_bytes().to_vec();
        whole.append(&mut self.line);
        whole.push(b'\n');
        whole.extend_from_slice(self.around.after.as_bytes());
        self.output.write_all(&whole)
    }
}

impl<W: Write> Write for Lines<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            self.line.extend_from_slice(piece.strip_suffix(b"\n").unwrap_or(piece));
            // A line without an end must not fill the memory.
            if piece.ends_with(b"\n") || self.line.len() >= LONGEST {
                self.put()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// A longer line is shown in parts, bytes.
const LONGEST: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_and_named() {
        let mut output = Vec::new();
        let around = Around { before: "a/b | ".into(), after: "" };
        let mut lines = Lines { around: &around, line: Vec::new(), output: &mut output };
        for part in ["one\ntw", "", "o\n\nthr", "ee"] {
            lines.write_all(part.as_bytes()).unwrap();
        }
        lines.finish().unwrap();
        lines.finish().unwrap();
        assert_eq!(output, b"a/b | one\na/b | two\na/b | \na/b | three\n");
    }
}

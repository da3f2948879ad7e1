//! Passing a task's output on while it is written.
//!
//! Told of each change (inotify) to the log, and to the journal, which says
//! when a further attempt goes on in a log of its own; over when the guard is
//! gone and what it left is passed on.

use std::io::{self, Write};
use std::os::fd::AsFd;

use rustix::fs::OFlags;

use super::replay::Log;
use crate::process::dir::RunDir;
use crate::process::journal::Journal;
use crate::process::notify::Notify;
use crate::process::pidfd::{Handle, wait_any};
use crate::run::{Id, files};

/// Passes on what the task `id` writes, until its guard has ended.
///
/// # Errors
/// When a log cannot be read or the output not be written.
pub fn follow(
    dir: &RunDir,
    journal: &mut Journal,
    id: &Id,
    guard: Option<&Handle>,
    output: &mut impl Write,
) -> io::Result<()> {
    // Where no inotify is to be had: all of it at the end.
    let notify = Notify::new()
        .and_then(|notify| notify.file(&dir.path().join(files::JOURNAL)).map(|()| notify));
    let notify = notify.ok();
    let mut attempt = 1;
    let mut log = open(dir, id, attempt, notify.as_ref())?;
    loop {
        let guard = guard.filter(|guard| !guard.ended());
        if let Some(notify) = &notify {
            notify.drain();
        }
        journal.catch_up()?;
        if guard.is_none() || notify.is_some() {
            log.replay(output)?;
        }
        let newest = journal.run().task(id).map_or(1, |task| task.failures + 1);
        if attempt < newest {
            attempt += 1;
            log = open(dir, id, attempt, notify.as_ref())?;
            continue;
        }
        let Some(guard) = guard else { return Ok(()) };
        let mut fds = vec![guard.as_fd()];
        fds.extend(notify.as_ref().map(AsFd::as_fd));
        wait_any(&fds, None)?;
    }
}

fn open(dir: &RunDir, id: &Id, attempt: u32, notify: Option<&Notify>) -> io::Result<Log> {
    // Whoever writes to it may not have come to that yet.
    let name = files::of_attempt(id, attempt, files::LOG);
    drop(dir.file(&name, OFlags::RDONLY | OFlags::CREATE));
    if let Some(notify) = notify {
        // Else what it tells comes with what the journal tells, or at the end.
        let _ = notify.file(&dir.path().join(name));
    }
    Log::open(dir, id, attempt, files::LOG)?.ok_or_else(|| io::ErrorKind::NotFound.into())
}

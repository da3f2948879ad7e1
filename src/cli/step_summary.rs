//! The page that GitHub shows of a step, `$GITHUB_STEP_SUMMARY`.
//!
//! A run has one part of it, replaced when it is told again: by a script that
//! prints its summary twice, and by `meanwhile run` after that. Others write
//! to the page, too; so nothing else in it is touched. A script that runs
//! inside of a task adds nothing: what it did stands in that task's log.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::mpsc;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::message;
use crate::process::tree;
use crate::report::Subject;
use crate::report::groups::{Ci, Setting};
use crate::report::markdown::Section;

/// GitHub takes no page that is longer than this, bytes.
const LIMIT: usize = 1024 * 1024;

/// How long to wait for others that write to it; that takes them milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells a run there, where there is such a page. Where it cannot be written
/// that is said, and no failure.
pub fn tell(setting: Setting, subject: &Subject<'_>) {
    let github = super::groups::system(setting) == Some(Ci::GitHub);
    let path = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
    let Some(path) = path.filter(|_| github && std::env::var_os(tree::MARK).is_none()) else {
        return;
    };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    // (A pipe that nobody reads must not be waited for.)
    let file = options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(&path);
    if let Err(error) = file.and_then(|file| put(file, subject)) {
        message::say(format!("cannot write GITHUB_STEP_SUMMARY: {error}"), None);
    }
}

/// Several scripts of one step may end at a time. But one of them may be
/// stopped, or the step runs in a `flock` of the page: then it is given up, by
/// leaving it to a thread, which goes with this process.
fn lock(file: File) -> io::Result<File> {
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        other => return Ok(other.map(|()| file)?),
    }
    let (send, receive) = mpsc::channel();
    let wait = move || send.send(flock(&file, FlockOperation::LockExclusive).map(|()| file));
    std::thread::Builder::new().spawn(wait)?;
    let held = || io::Error::new(ErrorKind::TimedOut, "somebody holds its lock");
    Ok(receive.recv_timeout(PATIENCE).map_err(|_| held())??)
}

fn put(mut file: File, subject: &Subject<'_>) -> io::Result<()> {
    let section = Section::of(subject);
    let full = || io::Error::new(ErrorKind::StorageFull, "it would be longer than 1 MiB");
    // Somebody who wants to see it on a terminal: there is nothing to read.
    if !file.metadata()?.is_file() {
        return file.write_all(&section.put_into(&[], LIMIT).ok_or_else(full)?);
    }
    let mut file = lock(file)?;
    let mut page = Vec::new();
    (&file).take(LIMIT as u64 + 1).read_to_end(&mut page)?;
    if page.len() > LIMIT {
        return Err(full());
    }
    let new = section.put_into(&page, LIMIT);
    let shorter = || section.shorter(subject).put_into(&page, LIMIT);
    let new = new.or_else(shorter).ok_or_else(full)?;
    // From where it differs on: what stands before is left alone.
    let same = page.iter().zip(&new).take_while(|(old, new)| old == new).count();
    file.seek(SeekFrom::Start(same as u64))?;
    file.write_all(&new[same..])?;
    file.set_len(new.len() as u64)
}

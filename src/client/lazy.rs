//! A run whose tasks begin as late as they can: when somebody waits for them.
//!
//! A run like any other in all else. The race check's `--confirm` compares it
//! with one whose tasks run at the point of their start: if the two do not
//! come to the same, what the check has found does harm.
//!
//! A task is wanted once a client blocks on it, or on any, or on a task that
//! comes after it; and in any case when the script is over. All that is in
//! the journal; who waits for it sleeps on that (inotify) and on the script.

use std::collections::HashSet;
use std::os::fd::AsFd;

use super::Error;
use crate::process::dir::RunDir;
use crate::process::journal::Journal;
use crate::process::notify::Notify;
use crate::process::pidfd::{Handle, wait_any};
use crate::run::{Id, Run, files};

/// Blocks until the task is wanted.
pub fn until_wanted(dir: &RunDir, id: &Id) -> Result<(), Error> {
    let failed = || Error::journal("wait in", dir.path());
    let notify = Notify::new().map_err(failed())?;
    notify.file(&dir.path().join(files::JOURNAL)).map_err(failed())?;
    let mut journal = Journal::open(dir).map_err(failed())?;
    let script = journal.run().owner.map_or(Ok(None), Handle::open).map_err(failed())?;
    loop {
        notify.drain();
        journal.catch_up().map_err(failed())?;
        let over = script.as_ref().is_none_or(Handle::ended);
        if over || wanted(journal.run(), id) {
            return Ok(());
        }
        let mut fds = vec![notify.as_fd()];
        fds.extend(script.as_ref().map(AsFd::as_fd));
        wait_any(&fds, None).map_err(failed())?;
    }
}

/// Whether somebody has waited for the task, or for one that comes after it.
fn wanted(run: &Run, id: &Id) -> bool {
    let mut wanted: HashSet<&Id> = HashSet::new();
    let mut next = vec![id];
    while let Some(id) = next.pop() {
        if run.waits.iter().any(|wait| wait.id.as_ref().is_none_or(|on| on == id)) {
            return true;
        }
        if wanted.insert(id) {
            let later = run.tasks().iter().filter(|task| task.options.after.contains(id));
            next.extend(later.map(|task| &task.id));
        }
    }
    run.closed.is_some()
}

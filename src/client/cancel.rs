//! Cancelling tasks: the record first, then the signals.

use super::{Error, lost};
use crate::process::dir::RunDir;
use crate::process::journal::Journal;
use crate::process::kill::{self, Survivor};
use crate::process::pidfd;
use crate::run::{Id, Kind, Run, Task, duration};

/// TERM to KILL, in microseconds: what the run was opened with, else 5 s.
pub fn grace(run: &Run) -> u64 {
    run.grace.as_deref().and_then(|grace| duration::parse(grace).ok()).unwrap_or(5_000_000)
}

/// Cancels `ids` and everything that was started inside them; returns what
/// could not be ended. Those that have ended already are left as they are.
pub fn cancel(
    dir: &RunDir,
    journal: &mut Journal,
    ids: &[Id],
    grace: u64,
) -> Result<Vec<Survivor>, Error> {
    let concerned = |task: &Task| ids.iter().any(|id| task.id.within(id));
    let running: Vec<Task> = journal.run().running().filter(|t| concerned(t)).cloned().collect();
    // One whose guard is gone was lost before anybody cancelled it.
    let gone = |task: &Task| task.guard.is_some_and(|guard| !pidfd::alive(guard));
    let (gone, running): (Vec<Task>, Vec<Task>) = running.into_iter().partition(gone);
    for task in &gone {
        lost::settle(dir, journal, &task.id, None);
    }
    for task in &running {
        // The record only explains; a full disk does not stop the signals.
        let _ = journal.append(Kind::Cancel, Some(&task.id), &[]);
    }
    let survivors = kill::end(dir, &running.iter().collect::<Vec<_>>(), grace);
    for Survivor { task, pid, comm, .. } in &survivors {
        // (Another user's: what sudo started, for one.)
        let fields = [("pid", pid.to_string()), ("comm", comm.clone())];
        let _ = journal.append(Kind::Leak, task.as_ref(), &fields);
    }
    journal.catch_up().map_err(Error::journal("read", dir.path()))?;
    Ok(survivors)
}

/// Records that this process has seen the end of `ids` and of what was started
/// inside them, as far as they have ended: what comes after it comes after them.
pub fn note_seen(journal: &mut Journal, ids: &[Id]) {
    let concerned = |task: &&Task| ids.iter().any(|id| task.id.within(id));
    let ended = journal.run().tasks().iter().filter(|task| task.end.is_some()).filter(concerned);
    let ended: Vec<Id> = ended.map(|task| task.id.clone()).collect();
    let by = [("by", std::process::id().to_string())];
    for id in &ended {
        // Without it the check orders less, and reports more.
        let _ = journal.append(Kind::Seen, Some(id), &by);
    }
}

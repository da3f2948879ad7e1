//! Observing a run from beside it until it is over.
//!
//! Told of each change of the journal (inotify); and of the end of the script,
//! of the watcher, and, should both be gone, of each guard (pidfds), so that
//! it comes to an end also where nobody closes the journal.
//!
//! Who observes from within the run, the script itself or a task, is waited
//! for by what is around it; so that is not waited for, and the run is over
//! when nothing else runs.

use std::os::fd::{AsFd, BorrowedFd};

use super::{Error, open};
use crate::process::dir::RunDir;
use crate::process::journal::Journal;
use crate::process::notify::Notify;
use crate::process::pidfd::{self, Handle, wait_any};
use crate::process::stat;
use crate::run::{Run, Task, files};

/// A run that is observed.
pub struct Observed<'a> {
    dir: &'a RunDir,
    journal: Journal,
    /// None where the user's inotify instances are used up: then only ends are seen.
    notify: Option<Notify>,
    script: Option<Handle>,
    watcher: Option<Handle>,
    /// The guards that still run, where nobody else could tell of their ends.
    guards: Vec<Handle>,
    /// This process and those around it.
    around: Vec<u32>,
}

impl<'a> Observed<'a> {
    /// Begins.
    ///
    /// # Errors
    /// When the journal cannot be read, or the script not be held.
    pub fn begin(dir: &'a RunDir) -> Result<Self, Error> {
        let failed = || Error::journal("watch", dir.path());
        let notify = Notify::new()
            .and_then(|notify| notify.file(&dir.path().join(files::JOURNAL)).map(|()| notify))
            .ok();
        let journal = Journal::read(dir).map_err(failed())?;
        let script = journal.run().owner.map_or(Ok(None), Handle::open).map_err(failed())?;
        let around = stat::ancestors();
        Ok(Self { dir, journal, notify, script, watcher: None, guards: Vec::new(), around })
    }

    /// The run as it was at the last look.
    pub fn run(&self) -> &Run {
        self.journal.run()
    }

    /// Looks; whether the run is over. A run of no script, or of one that is
    /// around this process, is over as soon as none of its tasks runs.
    ///
    /// # Errors
    /// When the journal cannot be read any more.
    pub fn look(&mut self) -> Result<bool, Error> {
        if let Some(notify) = &self.notify {
            notify.drain();
        }
        let failed = || Error::journal("watch", self.dir.path());
        let ended = |handle: &Option<Handle>| handle.as_ref().is_none_or(Handle::ended);
        // In this order: what they append they append before they end.
        let script_ended = ended(&self.script);
        if script_ended && ended(&self.watcher) {
            let watcher = open::watcher(self.dir).map_or(Ok(None), Handle::open);
            self.watcher = watcher.map_err(failed())?;
        }
        let alone = script_ended && ended(&self.watcher);
        if script_ended {
            self.script = None;
        }
        self.journal.catch_up().map_err(failed())?;
        let run = self.journal.run();
        if run.closed.is_some() {
            return Ok(true);
        }
        let around = |pid: u32| self.around.contains(&pid);
        let waits = |task: &Task| task.guard.is_some_and(|guard| around(guard.pid));
        if run.owner.is_none_or(|owner| around(owner.pid)) && run.under_way().all(waits) {
            return Ok(true);
        }
        self.guards.clear();
        if alone {
            pidfd::raise_limit();
            for guard in run.under_way().filter_map(|task| task.guard) {
                let guard = Handle::open(guard).map_err(failed())?;
                self.guards.extend(guard.filter(|guard| !guard.ended()));
            }
        }
        Ok(alone && self.guards.is_empty())
    }

    /// Blocks until it is worth another look, or `alarm` becomes readable; at
    /// most so many microseconds.
    ///
    /// # Errors
    /// What poll(2) says.
    pub fn wait(&self, alarm: Option<BorrowedFd<'_>>, micros: Option<u64>) -> Result<(), Error> {
        let mut fds: Vec<BorrowedFd<'_>> = alarm.into_iter().collect();
        fds.extend(self.notify.as_ref().map(AsFd::as_fd));
        fds.extend(self.script.as_ref().or(self.watcher.as_ref()).map(AsFd::as_fd));
        fds.extend(self.guards.iter().map(AsFd::as_fd));
        let waited = wait_any(&fds, micros).map(drop);
        waited.map_err(Error::journal("watch", self.dir.path()))
    }
}

//! Admission: what stands between the start of a task and its command.
//!
//! # Theory of operation
//!
//! There is no scheduler. The guard of a task that was started with
//! `--after` or `--lock`, or in a run whose tasks are limited, asks for itself
//! before it begins: it runs this in a process of its own, which blocks until
//! all is granted, in this order:
//!
//! 1. the **dependencies** have ended, each seen through a pidfd of its
//!    guard. If one failed the task is skipped at once;
//! 2. the **locks** ([`locks`]) are its, taken through a file of the
//!    guard's, so that they are freed with the guard, and not before;
//! 3. it has a **slot**: a token of the pool ([`Pool`]).
//!
//! A slot comes last, since whoever holds one must get on. What could wait
//! in a circle: locks are taken in one order; a lock that a task around this
//! one holds does not exclude it, only its own siblings; and of the tasks
//! inside a task one may run on the slot of that task, which for the most
//! part waits for them. The same goes for a script that runs under
//! `make -jN`: its own slot, which make gave it, is lent to one task.
//!
//! Who waits for a token waits for the watcher, too, which puts back the
//! tokens of killed guards; should that be dead, for the guards themselves.

use std::os::fd::{AsFd, BorrowedFd};

use super::{Error, lost, open};
use crate::process::dir::RunDir;
use crate::process::jobserver::Pool;
use crate::process::journal::Journal;
use crate::process::notify::Notify;
use crate::process::pidfd::{self, Handle, wait_any};
use crate::process::{clock, locks};
use crate::run::jobs::Jobs;
use crate::run::task::{Cause, Options};
use crate::run::{Id, Kind, Task, code, files};

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may begin, with this token, which its guard must give back.
    Admitted(Option<u8>),
    /// A dependency failed.
    Skipped,
}

/// Blocks until the task `id` may begin. What it is granted, `holder` holds:
/// a file that its guard, and nobody else, has open on the run's locks.
pub fn admit(
    dir: &RunDir,
    id: &Id,
    options: &Options,
    holder: BorrowedFd<'_>,
) -> Result<Admission, Error> {
    let around = std::iter::successors(id.parent(), Id::parent);
    let names: Vec<String> =
        options.after.iter().cloned().chain(around).map(|id| id.name().to_owned()).collect();
    let failed = Error::journal("read the journal of", dir.path());
    let journal = Journal::about(dir, &names).map_err(failed)?;
    let mut asker = Asker { dir, id, holder, journal, whole: false };
    if let Some(Cause { root, code }) = asker.dependencies(&options.after)? {
        let fields = [("root", root.to_string()), ("code", code.to_string())];
        let _ = asker.journal.append(Kind::Skip, Some(id), &fields);
        return Ok(Admission::Skipped);
    }
    asker.locks(&options.locks)?;
    asker.slot().map(Admission::Admitted)
}

struct Asker<'a> {
    dir: &'a RunDir,
    id: &'a Id,
    holder: BorrowedFd<'a>,
    journal: Journal,
    /// Whether that has been read whole.
    whole: bool,
}

impl Asker<'_> {
    /// Blocks until all of these have succeeded, or one has not.
    fn dependencies(&mut self, after: &[Id]) -> Result<Option<Cause>, Error> {
        if after.len() > 8 {
            pidfd::raise_limit();
        }
        loop {
            self.read()?;
            let mut guards = Vec::new();
            for id in after {
                let Some(task) = self.journal.run().task(id) else {
                    // It was started, or this would not depend on it.
                    return Ok(Some(Cause { root: id.clone(), code: code::UNKNOWN }));
                };
                match task.end {
                    Some((_, code::OK)) => {}
                    Some((_, code)) => {
                        let cause = Cause { root: id.clone(), code };
                        return Ok(Some(task.skipped.clone().unwrap_or(cause)));
                    }
                    None if task.guard.is_none() => {
                        // Its start could not be recorded: nobody knows how it ends.
                        return Ok(Some(Cause { root: id.clone(), code: code::UNKNOWN }));
                    }
                    None => guards.push((id.clone(), self.hold(task)?)),
                }
            }
            if guards.is_empty() {
                return Ok(None);
            }
            self.watch(&guards, &[])?;
        }
    }

    fn locks(&mut self, names: &[String]) -> Result<(), Error> {
        if names.is_empty() {
            return Ok(());
        }
        // A lock that a task around this one holds is that task's: inside of
        // it, its own children exclude each other.
        let within = |name: &String| {
            let mut around = std::iter::successors(self.id.parent(), Id::parent);
            let holds = |id: &Id| {
                self.journal.run().task(id).is_some_and(|task| task.options.locks.contains(name))
            };
            match around.find(holds) {
                Some(holder) => format!("lock:{holder}/{name}"),
                None => format!("lock:{name}"),
            }
        };
        let names: Vec<String> = names.iter().map(within).collect();
        locks::take(self.holder, &names).map_err(Error::journal("lock in", self.dir.path()))
    }

    /// Blocks until there is a slot; records that the task begins.
    fn slot(&mut self) -> Result<Option<u8>, Error> {
        let pool = match Pool::open(self.dir, self.journal.run()) {
            Ok(Some(pool)) => pool,
            Ok(None) => return Ok(self.begin(None)),
            Err(error) => {
                eprintln!("meanwhile: {}: the number of tasks is not limited: {error}", self.id);
                return Ok(self.begin(None));
            }
        };
        let scope = self.id.parent();
        let own = matches!(self.journal.run().jobs, Some(Jobs::Own(_)));
        let lent = (scope.is_some() || !own)
            .then(|| format!("slot:{}", scope.as_ref().map_or("", Id::as_str)));
        let failed = || Error::journal("take a slot in", self.dir.path());
        loop {
            if let Some(slot) = &lent {
                if locks::try_take(self.holder, slot).map_err(failed())? {
                    return Ok(self.begin(None));
                }
            }
            let gate = lost::gate(self.dir);
            if let Some(token) = pool.take().map_err(failed())? {
                return Ok(self.begin(Some(token)));
            }
            drop(gate);
            self.queue(&pool, lent.is_some())?;
        }
    }

    /// Blocks until something has changed that a slot could come from.
    fn queue(&mut self, pool: &Pool, lent: bool) -> Result<(), Error> {
        let failed = || Error::journal("wait in", self.dir.path());
        let watcher = open::watcher(self.dir).map(Handle::open).transpose().map_err(failed())?;
        let watcher = watcher.flatten();
        let mut guards = Vec::new();
        let mut notify = None;
        if lent || watcher.is_none() {
            pidfd::raise_limit();
            let mut begun = self.begun(watcher.is_none())?;
            if begun.iter().any(|task| task.guard.is_none()) {
                // Its `begin` came before its `start`, which tells whom to wait for.
                notify = Some(self.notify().map_err(failed())?);
                begun = self.begun(watcher.is_none())?;
            }
            for task in begun.iter().filter(|task| task.guard.is_some()) {
                guards.push((task.id.clone(), self.hold(task)?));
            }
        }
        let mut others = vec![pool.as_fd()];
        others.extend(watcher.as_ref().map(AsFd::as_fd));
        others.extend(notify.as_ref().map(AsFd::as_fd));
        if watcher.is_none() {
            lost::refill(self.dir, &mut self.journal, pool);
        }
        self.watch(&guards, &others)
    }

    /// The tasks that hold a slot: `all`, or those beside this one.
    fn begun(&mut self, all: bool) -> Result<Vec<Task>, Error> {
        if !std::mem::replace(&mut self.whole, true) {
            let failed = Error::journal("read the journal of", self.dir.path());
            self.journal = Journal::watch(self.dir).map_err(failed)?;
        }
        self.read()?;
        let scope = self.id.parent();
        let holds = |task: &&Task| {
            task.admitted.is_some() && task.id != *self.id && (all || task.id.parent() == scope)
        };
        Ok(self.journal.run().running().filter(holds).cloned().collect())
    }

    fn notify(&self) -> std::io::Result<Notify> {
        let notify = Notify::new()?;
        notify.file(&self.dir.path().join(files::JOURNAL))?;
        Ok(notify)
    }

    /// Blocks until one of these guards has ended, or one of `others` is
    /// ready; a guard that left no record is settled.
    fn watch(
        &mut self,
        guards: &[(Id, Option<Handle>)],
        others: &[BorrowedFd<'_>],
    ) -> Result<(), Error> {
        let gone = guards.iter().any(|(_, guard)| guard.is_none());
        let mut fds = others.to_vec();
        fds.extend(guards.iter().filter_map(|(_, guard)| guard.as_ref().map(AsFd::as_fd)));
        if !gone {
            wait_any(&fds, None).map_err(Error::journal("wait in", self.dir.path()))?;
        }
        for (id, guard) in guards {
            if guard.as_ref().is_none_or(Handle::ended) {
                let known = guard.as_ref().and_then(Handle::code);
                self.read()?;
                lost::settle(self.dir, &mut self.journal, id, known);
            }
        }
        Ok(())
    }

    fn hold(&self, task: &Task) -> Result<Option<Handle>, Error> {
        let guard = task.guard.map(Handle::open).transpose();
        Ok(guard.map_err(Error::journal("wait in", self.dir.path()))?.flatten())
    }

    fn begin(&mut self, token: Option<u8>) -> Option<u8> {
        let mut fields: Vec<_> = token.map(|t| ("token", t.to_string())).into_iter().collect();
        fields.extend(clock::idle().map(|idle| ("idle", idle)));
        // It begins also where a full disk keeps that from being said.
        let _ = self.journal.append(Kind::Begin, Some(self.id), &fields);
        token
    }

    fn read(&mut self) -> Result<(), Error> {
        let failed = Error::journal("read the journal of", self.dir.path());
        self.journal.catch_up().map(drop).map_err(failed)
    }
}

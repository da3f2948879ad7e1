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
//! in a circle does not: locks are taken in one order; a lock that a task
//! around this one holds does not exclude it, only its own siblings; and
//! whoever waits for a task lends its slot meanwhile ([`slots`]).

use std::os::fd::{AsFd, BorrowedFd};

use super::guard::say;
use super::{Error, lazy, lost, slots};
use crate::process::dir::RunDir;
use crate::process::jobserver::Pool;
use crate::process::journal::Journal;
use crate::process::pidfd::{self, Handle, wait_any};
use crate::process::{cgroup, clock, locks};
use crate::run::jobs::Jobs;
use crate::run::task::{Cause, Options};
use crate::run::{Id, Kind, Task, code};

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may begin, with this token, which its guard must give back.
    Admitted(Option<u8>),
    /// A dependency failed.
    Skipped,
    /// It is being ended.
    Cancelled,
}

/// Blocks until the task `id` of the process `guard` may begin. What it is
/// granted, `holder` holds: a file that its guard, and nobody else, has open
/// on the run's locks.
pub fn admit(
    dir: &RunDir,
    id: &Id,
    options: &Options,
    guard: u32,
    holder: BorrowedFd<'_>,
) -> Result<Admission, Error> {
    // The task itself, too: it may be cancelled by now.
    let around = std::iter::successors(Some(id.clone()), Id::parent);
    let names: Vec<String> =
        options.after.iter().cloned().chain(around).map(|id| id.name().to_owned()).collect();
    let failed = Error::journal("read the journal of", dir.path());
    let journal = Journal::about(dir, &names).map_err(failed)?;
    if journal.run().jobs == Some(Jobs::Lazy) {
        lazy::until_wanted(dir, id)?;
    }
    let mut asker = Asker { dir, id, guard, holder, journal };
    if let Some(Cause { root, code }) = asker.dependencies(&options.after)? {
        let fields = [("root", root.to_string()), ("code", code.to_string())];
        let _ = asker.journal.append(Kind::Skip, Some(id), &fields);
        return Ok(Admission::Skipped);
    }
    asker.locks(&options.locks)?;
    asker.slot()
}

struct Asker<'a> {
    dir: &'a RunDir,
    id: &'a Id,
    guard: u32,
    holder: BorrowedFd<'a>,
    journal: Journal,
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
                        return Ok(Some(task.skipped.as_deref().cloned().unwrap_or(cause)));
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
            self.watch(&guards)?;
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
    fn slot(&mut self) -> Result<Admission, Error> {
        let pool = Pool::open(self.dir, self.journal.run()).unwrap_or_else(|error| {
            say(&format!("{}: the number of tasks is not limited: {error}", self.id));
            None
        });
        let Some(pool) = pool else { return Ok(self.begin(None)) };
        let (dir, holder) = (self.dir, self.holder);
        let mut admission = Admission::Cancelled;
        let mut begin = |token| {
            admission = self.begin(Some(token));
            admission != Admission::Cancelled
        };
        slots::take(dir, &pool, holder, &mut begin)?;
        Ok(admission)
    }

    /// Blocks until one of these guards has ended; one that left no record is settled.
    fn watch(&mut self, guards: &[(Id, Option<Handle>)]) -> Result<(), Error> {
        let gone = guards.iter().any(|(_, guard)| guard.is_none());
        let held = guards.iter().filter_map(|(_, guard)| guard.as_ref());
        let fds: Vec<BorrowedFd<'_>> = held.map(AsFd::as_fd).collect();
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

    fn begin(&mut self, token: Option<u8>) -> Admission {
        // A signal may not have told it: the script may ignore that.
        if self.read().is_ok() && self.journal.run().task(self.id).is_some_and(Task::is_ending) {
            return Admission::Cancelled;
        }
        let mut fields: Vec<_> = token.map(|t| ("token", t.to_string())).into_iter().collect();
        fields.extend(clock::idle().map(|idle| ("idle", idle)));
        let cgroup = cgroup::enter(self.guard);
        fields.extend(cgroup.map(|path| ("cgroup", path.to_string_lossy().into_owned())));
        // It begins also where a full disk keeps that from being said.
        let _ = self.journal.append(Kind::Begin, Some(self.id), &fields);
        Admission::Admitted(token)
    }

    fn read(&mut self) -> Result<(), Error> {
        let failed = Error::journal("read the journal of", self.dir.path());
        self.journal.catch_up().map(drop).map_err(failed)
    }
}

//! Waiting for a token of the pool, and lending one while one has to wait.
//!
//! A task that waits for others does no work, and those may be queued: so as
//! long as its client blocks, the task's token is back in the pool, and at no
//! time do more tasks work than there are tokens. A script that runs under a
//! `make -jN` lends its own slot, which make gave it, in the same way. Nobody
//! can therefore wait for a slot that is held by somebody who waits for him.
//!
//! Who holds a token, has lent it or has put it back, is in the journal, and
//! changes under one lock together with the pool: so a client that is killed
//! while it has lent one leaves none too many. What a `make` that is killed
//! takes along is in no journal. But every guard that holds a token shares a
//! lock, so that the kernel tells when none does; then all of them must be in
//! the pool, and the pool is put right.
//!
//! Tasks queue for their turn at the pool by a lock, too, of which the kernel
//! keeps the order: one of them at a time waits for a token, and ten thousand
//! are not woken for each.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

use super::{Error, lost, open};
use crate::process::dir::RunDir;
use crate::process::jobserver::{Pool, TOKEN};
use crate::process::journal::Journal;
use crate::process::locks;
use crate::process::notify::Notify;
use crate::process::pidfd::{Handle, raise_limit, wait_any};
use crate::run::jobs::Jobs;
use crate::run::{Id, Kind, files};

/// The lock under which tokens, and what is known of them, change together.
const GATE: &str = "gate";
/// The lock that all share whose guards hold a token.
const HOLDERS: &str = "holders";
/// The lock of who is next.
const TURN: &str = "turn";

/// Blocks until there is a token, and takes it for a guard, whose file
/// `holder` is; `taken` is called before anybody else could count it, and may
/// refuse it.
pub fn take(
    dir: &RunDir,
    pool: &Pool,
    holder: BorrowedFd<'_>,
    taken: &mut dyn FnMut(u8) -> bool,
) -> Result<(), Error> {
    let failed = || Error::journal("take a slot in", dir.path());
    // Out of turn where that cannot be had; it is not worth failing for.
    let _turn = locks::open(dir).and_then(|file| {
        locks::take(&file, &[TURN.to_owned()])?;
        Ok(file)
    });
    loop {
        refill(dir, pool);
        let gate = gate(dir);
        if let Some(token) = pool.take().map_err(failed())? {
            let _ = locks::share(holder, HOLDERS);
            return if taken(token) { Ok(()) } else { pool.give(token).map_err(failed()) };
        }
        drop(gate);
        wait(dir, pool)?;
    }
}

/// Holds the gate until it is dropped; none if it cannot be had, when
/// counting right must not keep anybody from going on.
pub fn gate(dir: &RunDir) -> Option<File> {
    let file = locks::open(dir).ok()?;
    locks::take(&file, &[GATE.to_owned()]).ok()?;
    Some(file)
}

/// Puts the tokens of the run's own pool right, if no guard holds one now.
pub fn refill(dir: &RunDir, pool: &Pool) {
    let Some(gate) = gate(dir) else { return };
    if locks::try_take(&gate, HOLDERS).is_ok_and(|none| none) {
        // A pool that cannot be written to has nobody who would use it.
        let _ = pool.refill();
    }
}

/// Blocks until there may be a token again: one was put back, or a guard that
/// holds one is gone. Of those it looks at the ones that began lately; the
/// watcher, while there is one, puts back the tokens of all.
fn wait(dir: &RunDir, pool: &Pool) -> Result<(), Error> {
    let failed = || Error::journal("wait in", dir.path());
    let watcher = open::watcher(dir).map(Handle::open).transpose().map_err(failed())?.flatten();
    raise_limit();
    let mut journal = match watcher {
        Some(_) => Journal::tail(dir),
        None => Journal::watch(dir),
    }
    .map_err(failed())?;
    let mut guards = Vec::new();
    let mut gone = Vec::new();
    for task in journal.run().tasks().iter().filter(|t| t.token.is_some() && t.guard.is_some()) {
        match task.guard.map(Handle::open).transpose().map_err(failed())?.flatten() {
            Some(guard) => guards.push((task.id.clone(), guard)),
            None => gone.push((task.id.clone(), None)),
        }
    }
    if gone.is_empty() {
        refill(dir, pool);
        // Without a watcher nobody else looks after those that begin from now on.
        let notify = if watcher.is_none() { Notify::new().ok() } else { None };
        let journal = dir.path().join(files::JOURNAL);
        let notify = notify.filter(|notify| notify.file(&journal).is_ok());
        let mut fds: Vec<BorrowedFd<'_>> = vec![pool.as_fd()];
        fds.extend(watcher.as_ref().map(AsFd::as_fd));
        fds.extend(notify.as_ref().map(AsFd::as_fd));
        fds.extend(guards.iter().map(|(_, guard)| guard.as_fd()));
        wait_any(&fds, None).map_err(failed())?;
    }
    let ended = guards.into_iter().filter(|(_, guard)| guard.ended());
    gone.extend(ended.map(|(id, guard)| (id, guard.code())));
    journal.catch_up().map_err(failed())?;
    for (id, known) in gone {
        lost::settle(dir, &mut journal, &id, known);
    }
    Ok(())
}

/// Puts the token of a task that has ended back into the pool. One that a
/// client had lent when it was killed is there already.
pub fn free(dir: &RunDir, id: &Id) -> Result<(), Error> {
    let failed = || Error::journal("free a slot in", dir.path());
    let _gate = gate(dir);
    let mut journal = Journal::about(dir, &[id.name().to_owned()]).map_err(failed())?;
    let held = journal.run().task(id).and_then(|task| Some((task.token?, task.lent)));
    let Some((token, lent)) = held else { return Ok(()) };
    // On a full disk it is put back all the same.
    let _ = journal.append(Kind::Free, Some(id), &[]);
    match Pool::open(dir, journal.run()).map_err(failed())? {
        Some(pool) if lent == 0 => pool.give(token).map_err(failed()),
        _ => Ok(()),
    }
}

/// A token that is lent to the pool.
#[derive(Debug)]
pub struct Loan<'a> {
    dir: &'a RunDir,
    /// Whose it is; none: the slot that make gave the script.
    whose: Option<Id>,
    pool: Pool,
}

impl<'a> Loan<'a> {
    /// Lends the token of the task `whose` (none: the slot of the script, if
    /// make gave it one), while its client blocks; none if there is none to
    /// lend. Of several clients of one task, the first lends it.
    pub fn give(dir: &'a RunDir, whose: Option<&Id>) -> Option<Self> {
        let _gate = gate(dir);
        let (mut journal, lent) = look(dir, whose).ok()?;
        let run = journal.run();
        let token = match whose {
            Some(id) => run.task(id)?.token?,
            None if matches!(run.jobs, Some(Jobs::Own(_)) | None) => return None,
            None => TOKEN,
        };
        let pool = Pool::open(dir, run).ok()??;
        // The record first: what is not known to be lent would be freed twice.
        journal.append(Kind::Lend, whose, &[]).ok()?;
        if lent == 0 {
            pool.give(token).ok()?;
        }
        Some(Self { dir, whose: whose.cloned(), pool })
    }

    /// Takes one back, however long that takes; of several clients the last
    /// one does.
    pub fn end(self) -> Result<(), Error> {
        let failed = || Error::journal("take a slot in", self.dir.path());
        loop {
            let gate = gate(self.dir);
            let (mut journal, lent) = look(self.dir, self.whose.as_ref()).map_err(failed())?;
            if lent > 1 || self.pool.take().map_err(failed())?.is_some() {
                // Unrecorded, it is missing until the pool is put right.
                let _ = journal.append(Kind::Back, self.whose.as_ref(), &[]);
                return Ok(());
            }
            drop(gate);
            wait(self.dir, &self.pool)?;
        }
    }
}

/// How many clients of `whose` have lent its token.
fn look(dir: &RunDir, whose: Option<&Id>) -> std::io::Result<(Journal, u32)> {
    let name = whose.map_or("-".to_owned(), |id| id.name().to_owned());
    let journal = Journal::about(dir, &[name])?;
    let run = journal.run();
    let lent = whose.map_or(Some(run.lent), |id| run.task(id).map(|task| task.lent));
    Ok((journal, lent.unwrap_or(0)))
}

//! Waiting for a token of the pool, and lending one while one has to wait.
//!
//! A task that waits for others does no work, and those may be queued: so as
//! long as its client blocks, the task's token is back in the pool, and at no
//! time do more tasks work than there are tokens. A script that runs under a
//! `make -jN` lends its own slot, which make gave it, in the same way. Nobody
//! can therefore wait for a slot that is held by somebody who waits for him.
//!
//! How many tokens are on their way nobody knows exactly: a `make` that is
//! killed takes its own along, a client that is killed while it has lent one
//! leaves one too many. But every guard that holds one shares a lock, so that
//! the kernel tells when none does; then all of them must be in the pool, and
//! the pool is put right.
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
use crate::run::{Id, Run, files};

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

/// Blocks until there may be a token again: one was put back, or the watcher
/// is gone, who puts back those of killed guards. Then that falls to whoever waits.
fn wait(dir: &RunDir, pool: &Pool) -> Result<(), Error> {
    let failed = || Error::journal("wait in", dir.path());
    let watcher = open::watcher(dir).map(Handle::open).transpose().map_err(failed())?.flatten();
    if let Some(watcher) = watcher {
        return wait_any(&[pool.as_fd(), watcher.as_fd()], None).map(drop).map_err(failed());
    }
    raise_limit();
    let notify = Notify::new()
        .and_then(|notify| notify.file(&dir.path().join(files::JOURNAL)).map(|()| notify));
    let mut journal = Journal::watch(dir).map_err(failed())?;
    let mut guards = Vec::new();
    let mut gone = Vec::new();
    for task in journal.run().running().filter(|task| task.token.is_some()) {
        match task.guard.map(Handle::open).transpose().map_err(failed())?.flatten() {
            Some(guard) => guards.push((task.id.clone(), guard)),
            None => gone.push((task.id.clone(), None)),
        }
    }
    if gone.is_empty() {
        refill(dir, pool);
        let mut fds: Vec<BorrowedFd<'_>> = vec![pool.as_fd()];
        fds.extend(notify.as_ref().ok().map(AsFd::as_fd));
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

/// A token that is lent to the pool.
#[derive(Debug)]
pub struct Loan<'a> {
    dir: &'a RunDir,
    pool: Pool,
}

impl<'a> Loan<'a> {
    /// Lends the token of the task `scope` (none: the slot of the script, if
    /// make gave it one), while its client blocks; none if there is none to lend.
    pub fn give(dir: &'a RunDir, run: &Run, scope: Option<&Id>) -> Option<Self> {
        let token = match scope {
            Some(scope) => run.task(scope)?.token?,
            None if matches!(run.jobs, Some(Jobs::Own(_)) | None) => return None,
            None => TOKEN,
        };
        let pool = Pool::open(dir, run).ok()??;
        pool.give(token).ok()?;
        Some(Self { dir, pool })
    }

    /// Takes one back, however long that takes.
    pub fn end(self) -> Result<(), Error> {
        let failed = || Error::journal("take a slot in", self.dir.path());
        while self.pool.take().map_err(failed())?.is_none() {
            wait(self.dir, &self.pool)?;
        }
        Ok(())
    }
}

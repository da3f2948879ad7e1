//! Blocking: until one of several tasks has ended, on their guards alone.

use std::os::fd::AsFd;

use super::super::replay::Sink;
use super::{Collector, PICKED, Turn};
use crate::client::request::{Note, Onlooker, Sight};
use crate::client::slots::Loan;
use crate::client::{Error, lost, open};
use crate::process::clock;
use crate::process::journal::Journal;
use crate::process::pidfd::{self, Handle, wait_any};
use crate::process::stat::Stat;
use crate::run::{Id, Kind, Time, code, cycle};

/// So long it blocks before anybody is shown what on, microseconds.
const A_WHILE: u64 = 500_000;

impl<'a, W: Sink> Collector<'a, W> {
    /// Blocks until one of the first `among` of `turns` has ended, and says
    /// which; none: the time is up. With a `next`, the others count only once
    /// they have failed.
    pub(super) fn block(
        &mut self,
        turns: &[Turn],
        among: usize,
        next: Option<usize>,
    ) -> Result<Option<usize>, Error> {
        let dir = self.dir;
        let failed = || Error::journal("wait in", dir.path());
        if let Some(at) = self.ready(turns, among, next) {
            return Ok(Some(at));
        }
        if among > PICKED {
            pidfd::raise_limit();
        }
        let mut handles: Vec<(usize, Option<Handle>)> = Vec::new();
        for (at, turn) in turns.iter().take(among).enumerate() {
            if let Some(task) = self.task(&turn.id).filter(|task| task.end.is_none()) {
                let guard = task.guard.map_or(Ok(None), Handle::open).map_err(failed())?;
                handles.push((at, guard));
            }
        }
        self.journal.catch_up().map_err(failed())?;
        self.settle(turns, &mut handles)?;
        if let Some(at) = self.ready(turns, among, next) {
            return Ok(Some(at));
        }
        let watcher = self.check_watcher();
        let script = match self.journal.run().owner {
            Some(owner) if self.request.with_script => Handle::open(owner).map_err(failed())?,
            _ => None,
        };
        // Of several, any may be the one that ends.
        let on = next.or((turns.len() == 1).then_some(0));
        self.note_wait(Kind::Wait, on.map(|on| &turns[on].id));
        self.check_cycle()?;
        let loan = self.lend();
        let woken = self.sleep(turns, among, next, handles, script.as_ref(), watcher);
        // Whatever came of it, nothing stays on the screen.
        self.look_away();
        let woken = woken?;
        self.note_wait(Kind::Woken, None);
        loan.map_or(Ok(()), Loan::end)?;
        Ok(woken)
    }

    /// The blocking itself, until a task is ready or the time is up.
    fn sleep(
        &mut self,
        turns: &[Turn],
        among: usize,
        next: Option<usize>,
        mut handles: Vec<(usize, Option<Handle>)>,
        script: Option<&Handle>,
        mut watcher: Option<Handle>,
    ) -> Result<Option<usize>, Error> {
        let failed = || Error::journal("wait in", self.dir.path());
        let since = clock::now();
        // When to look up; none: not at all.
        let mut look = self.teller.onlooker().map(|_| since.0.saturating_add(A_WHILE));
        loop {
            let guards = handles.iter().filter_map(|(_, handle)| handle.as_ref());
            let mut fds: Vec<_> = guards.map(AsFd::as_fd).collect();
            if fds.is_empty() {
                // Every guard is settled, yet none has an end: never block on nothing.
                return Err(failed()(std::io::Error::other("its journal contradicts itself")));
            }
            fds.extend(script.map(AsFd::as_fd));
            fds.extend(watcher.as_ref().map(AsFd::as_fd));
            let others = fds.len();
            fds.extend(self.teller.onlooker().and_then(|onlooker| onlooker.alarm()));
            let until = [self.deadline, look].into_iter().flatten().min();
            let left = until.map(|until| until.saturating_sub(clock::now().0));
            let ready = wait_any(&fds, left).map_err(failed())?;
            if ready.is_none_or(|ready| ready >= others) {
                if ready.is_none() && self.deadline.is_some_and(|d| clock::now().0 >= d) {
                    return Ok(None);
                }
                look = self.look(turns, since);
                continue;
            }
            // What follows may print, and take its time.
            let shown = self.look_away();
            if script.is_some_and(Handle::ended) {
                return Err(Error::Orphaned);
            }
            self.journal.catch_up().map_err(failed())?;
            self.settle(turns, &mut handles)?;
            if let Some(at) = self.ready(turns, among, next) {
                return Ok(Some(at));
            }
            if watcher.as_ref().is_some_and(Handle::ended) {
                watcher = self.check_watcher();
            }
            if shown && look.is_some() {
                look = self.look(turns, since);
            }
        }
    }

    /// Has people shown what is waited for; says when to do so again.
    fn look(&mut self, turns: &[Turn], since: Time) -> Option<u64> {
        // What cannot be read now is shown later.
        let _ = self.journal.catch_up();
        let on: Vec<&Id> = turns.iter().map(|turn| &turn.id).collect();
        let now = clock::now();
        let sight = Sight { dir: self.dir, run: self.journal.run(), on: &on, since, now };
        let again = self.teller.onlooker()?.look(&sight)?;
        Some(now.0.saturating_add(again))
    }

    /// Has it taken away; whether anything was there.
    fn look_away(&mut self) -> bool {
        self.teller.onlooker().is_some_and(Onlooker::away)
    }

    /// A task that waits for itself by way of others is told so, rather than
    /// blocked for ever. Each records its wait before it looks, so that of two
    /// at the same moment one at least sees the other.
    fn check_cycle(&self) -> Result<(), Error> {
        let Some(waiter) = &self.request.waiter else { return Ok(()) };
        let whole = Journal::open(self.dir).map_err(Error::journal("read", self.dir.path()))?;
        let lives = |pid| Stat::of(pid).is_some_and(|stat| stat.alive());
        match cycle::around(whole.run(), waiter, &lives) {
            Some(chain) => Err(Error::Cycle { chain }),
            None => Ok(()),
        }
    }

    /// Lends the slot of the task that waits.
    fn lend(&self) -> Option<Loan<'a>> {
        let limited = self.journal.run().jobs.is_some();
        if limited { Loan::give(self.dir, self.request.waiter.as_ref()) } else { None }
    }

    /// The task to collect next, if one is ready.
    fn ready(&self, turns: &[Turn], among: usize, next: Option<usize>) -> Option<usize> {
        let end = |at: usize| self.task(&turns[at].id).and_then(|task| task.end);
        match next {
            Some(next) => {
                let failed = |at: &usize| end(*at).is_some_and(|(_, code)| code != code::OK);
                (0..among).find(failed).or_else(|| end(next).map(|_| next))
            }
            None => (0..among).filter_map(|at| Some((end(at)?.0, at))).min().map(|(_, at)| at),
        }
    }

    /// Drops the guards that are gone; one that left no record is settled by
    /// what the kernel knows.
    fn settle(
        &mut self,
        turns: &[Turn],
        handles: &mut Vec<(usize, Option<Handle>)>,
    ) -> Result<(), Error> {
        let mut gone = Vec::new();
        handles.retain(|(at, handle)| {
            let ended = handle.as_ref().is_none_or(Handle::ended);
            if ended {
                gone.push((*at, handle.as_ref().and_then(Handle::code)));
            }
            !ended
        });
        if gone.is_empty() {
            return Ok(());
        }
        // Read only now: every record of a guard is older than its end.
        self.journal.catch_up().map_err(Error::journal("read the journal of", self.dir.path()))?;
        for (at, known) in gone {
            let id = &turns[at].id;
            if self.task(id).is_some_and(|task| task.end.is_none()) {
                // Before a task is given up, the whole journal is asked.
                let failed = Error::journal("read the journal of", self.dir.path());
                self.journal = Journal::open(self.dir).map_err(failed)?;
            }
            lost::settle(self.dir, &mut self.journal, id, known);
        }
        Ok(())
    }

    /// Blocking without a watcher is safe, but what the watcher would do is
    /// off; that is told once a run.
    fn check_watcher(&mut self) -> Option<Handle> {
        let watcher = open::watcher(self.dir).and_then(|one| Handle::open(one).ok().flatten());
        if watcher.is_some() {
            return watcher;
        }
        let whole = Journal::read(self.dir).ok()?;
        if !whole.run().unwatched && whole.run().closed.is_none() {
            let _ = self.journal.append(Kind::Unwatched, None, &[]);
            self.teller.tell(&Note::Unwatched);
        }
        None
    }

    fn note_wait(&mut self, kind: Kind, id: Option<&Id>) {
        let mut fields = vec![("by", std::process::id().to_string())];
        fields.extend(clock::idle().map(|idle| ("idle", idle)));
        fields.extend(self.request.at.clone().map(|at| ("at", at)));
        fields.extend(self.request.waiter.as_ref().map(|waiter| ("in", waiter.to_string())));
        // These two only serve the report.
        let _ = self.journal.append(kind, id, &fields);
    }
}

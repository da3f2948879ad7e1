//! Collecting: block on tasks, pass their output on, tell their codes.
//!
//! # Theory of operation
//!
//! A task has ended when its guard process has: the guard appends `end`
//! before it exits, so a client that sees it gone and then reads the journal
//! sees the code, and a log that nobody of the guard's writes any more. So a
//! client blocks on pidfds alone; it needs no watcher, no inotify and no
//! polling, and a guard that was killed wakes it all the same. Then the order
//! of authority holds: the guard's record; else what the kernel says of the
//! guard's exit (a guard that could not write still exits with the task's
//! code); else 137, and the task goes to [`Outcome::lost`], for the shell
//! that forked the guard knows its status too.

use std::io::Write;
use std::os::fd::AsFd;

use super::replay::Log;
use super::request::{Note, Outcome, Output, Request, Teller, Which};
use super::{Error, open};
use crate::process::clock;
use crate::process::dir::RunDir;
use crate::process::journal::Journal;
use crate::process::kill;
use crate::process::pidfd::{self, Handle, wait_any};
use crate::process::stat::Stat;
use crate::run::name::{Name, did_you_mean};
use crate::run::state::Leak;
use crate::run::{Id, Kind, State, Task, code, files};

/// Up to so many names are picked out of the journal; for more, all of it is folded.
const PICKED: usize = 8;

/// Collects as asked; output goes to `output`, notes to `teller`.
pub fn collect<W: Write>(
    dir: &RunDir,
    request: &Request,
    output: &mut W,
    teller: &mut dyn Teller,
) -> Result<Outcome, Error> {
    let journal = open_journal(dir, request)?;
    let deadline = request.timeout.map(|micros| clock::now().0.saturating_add(micros));
    let mut collector =
        Collector { dir, request, journal, deadline, output, teller, outcome: Outcome::default() };
    collector.work()?;
    Ok(collector.outcome)
}

fn open_journal(dir: &RunDir, request: &Request) -> Result<Journal, Error> {
    let failed = Error::journal("read the journal of", dir.path());
    match &request.which {
        Which::Named(names) if names.len() <= PICKED => {
            let scope = request.scope.as_ref();
            let names: Vec<String> = names.iter().flat_map(|name| name.lookup(scope)).collect();
            Journal::about(dir, &names).map_err(failed)
        }
        _ => Journal::open(dir).map_err(failed),
    }
}

/// Why blocking stopped.
enum Woken {
    /// The task at this place of the list has ended.
    Ended(usize),
    /// The time is up.
    GaveUp,
}

struct Collector<'a, W> {
    dir: &'a RunDir,
    request: &'a Request,
    journal: Journal,
    deadline: Option<u64>,
    output: &'a mut W,
    teller: &'a mut dyn Teller,
    outcome: Outcome,
}

impl<W: Write> Collector<'_, W> {
    fn work(&mut self) -> Result<(), Error> {
        let scope = self.request.scope.as_ref();
        match &self.request.which {
            Which::Named(names) => {
                let ids = self.resolve(names)?;
                self.in_order(ids)
            }
            Which::All => {
                let ids = self.journal.run().uncollected(scope).map(|t| t.id.clone()).collect();
                self.in_order(ids)
            }
            Which::Any(names) => {
                let ids: Vec<Id> = if names.is_empty() {
                    self.journal.run().uncollected(scope).map(|t| t.id.clone()).collect()
                } else {
                    self.resolve(names)?
                };
                let open = |id: &Id| self.task(id).is_some_and(|t| t.collected.is_none());
                let ids: Vec<Id> = ids.into_iter().filter(open).collect();
                if ids.is_empty() {
                    return if self.outcome.code == code::OK && !self.request.if_started {
                        Err(Error::NoneLeft)
                    } else {
                        Ok(())
                    };
                }
                match self.block(&ids, ids.len(), None)? {
                    Woken::Ended(at) => self.take(&ids[at]),
                    Woken::GaveUp => {
                        self.give_up(&ids);
                        Ok(())
                    }
                }
            }
        }
    }

    /// The ids that names mean now; an unknown name is told and counted.
    fn resolve(&mut self, names: &[Name]) -> Result<Vec<Id>, Error> {
        let mut ids: Vec<Id> = Vec::new();
        for name in names {
            let run = self.journal.run();
            let candidates = name.lookup(self.request.scope.as_ref());
            let found = candidates.iter().find_map(|name| run.latest(name)).map(|t| t.id.clone());
            match found {
                Some(id) if self.request.scope.as_ref().is_some_and(|s| s.within(&id)) => {
                    return Err(Error::Itself { id });
                }
                Some(id) if ids.contains(&id) => {}
                Some(id) => ids.push(id),
                None if self.request.if_started => {
                    self.teller.tell(&Note::NotStarted(name.as_str()));
                }
                None => {
                    let all = Journal::read(self.dir).ok();
                    let known = all.iter().flat_map(|j| j.run().tasks()).map(|t| t.id.name());
                    let near = did_you_mean(name.as_str(), known).map(str::to_owned);
                    self.teller.tell(&Note::Unknown(name.as_str(), near));
                    self.count(code::UNKNOWN, false);
                }
            }
        }
        Ok(ids)
    }

    fn in_order(&mut self, mut ids: Vec<Id>) -> Result<(), Error> {
        while !ids.is_empty() {
            let among = if self.request.fail_fast { ids.len() } else { 1 };
            match self.block(&ids, among, Some(0))? {
                Woken::Ended(at) => {
                    let id = ids.remove(at);
                    self.take(&id)?;
                    if self.request.fail_fast && self.outcome.code != code::OK {
                        return Ok(());
                    }
                }
                Woken::GaveUp => {
                    self.give_up(&ids);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn give_up(&mut self, ids: &[Id]) {
        for id in ids {
            if let Some(task) = self.journal.run().task(id).filter(|task| task.end.is_none()) {
                self.teller.tell(&Note::GaveUp(task));
            }
        }
        self.count(code::TIMED_OUT, false);
    }

    /// Blocks until one of the first `among` of `ids` has ended. With a
    /// `turn`, the others count only once they have failed.
    fn block(&mut self, ids: &[Id], among: usize, turn: Option<usize>) -> Result<Woken, Error> {
        let dir = self.dir;
        let failed = || Error::journal("wait in", dir.path());
        if let Some(at) = self.ready(ids, among, turn) {
            return Ok(Woken::Ended(at));
        }
        if among > PICKED {
            pidfd::raise_limit();
        }
        let mut handles: Vec<(usize, Option<Handle>)> = Vec::new();
        for (at, id) in ids.iter().take(among).enumerate() {
            if let Some(task) = self.task(id).filter(|task| task.end.is_none()) {
                let guard = task.guard.map_or(Ok(None), Handle::open).map_err(failed())?;
                handles.push((at, guard));
            }
        }
        self.journal.catch_up().map_err(failed())?;
        self.settle(ids, &mut handles)?;
        if let Some(at) = self.ready(ids, among, turn) {
            return Ok(Woken::Ended(at));
        }
        self.check_watcher();
        self.note_wait(Kind::Wait, turn.map(|turn| &ids[turn]));
        let woken = loop {
            let fds: Vec<_> =
                handles.iter().filter_map(|(_, handle)| Some(handle.as_ref()?.as_fd())).collect();
            if fds.is_empty() {
                // Every guard is settled, yet none has an end: never block on nothing.
                return Err(failed()(std::io::Error::other("its journal contradicts itself")));
            }
            let left = self.deadline.map(|deadline| deadline.saturating_sub(clock::now().0));
            if wait_any(&fds, left).map_err(failed())?.is_none() {
                break Woken::GaveUp;
            }
            self.journal.catch_up().map_err(failed())?;
            self.settle(ids, &mut handles)?;
            if let Some(at) = self.ready(ids, among, turn) {
                break Woken::Ended(at);
            }
        };
        self.note_wait(Kind::Woken, None);
        Ok(woken)
    }

    /// The task to collect next, if one is ready.
    fn ready(&self, ids: &[Id], among: usize, turn: Option<usize>) -> Option<usize> {
        let end = |at: usize| self.task(&ids[at]).and_then(|task| task.end);
        match turn {
            Some(turn) => {
                let failed = |at: &usize| end(*at).is_some_and(|(_, code)| code != code::OK);
                (0..among).find(failed).or_else(|| end(turn).map(|_| turn))
            }
            None => (0..among).filter_map(|at| Some((end(at)?.0, at))).min().map(|(_, at)| at),
        }
    }

    /// Drops the guards that are gone; one that left no record is settled by
    /// what the kernel knows.
    fn settle(
        &mut self,
        ids: &[Id],
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
            let id = &ids[at];
            if self.task(id).is_some_and(|task| task.end.is_none()) {
                // Before a task is given up, the whole journal is asked.
                let failed = Error::journal("read the journal of", self.dir.path());
                self.journal = Journal::open(self.dir).map_err(failed)?;
            }
            if self.task(id).is_none_or(|task| task.end.is_some()) {
                continue;
            }
            let fields: Vec<_> = known.map(|code| ("code", code.to_string())).into_iter().collect();
            let written = self.journal.append(Kind::Lost, Some(id), &fields).is_ok()
                && self.journal.catch_up().is_ok();
            if !written {
                self.journal.presume_lost(id, known);
            }
            if known.is_none_or(|code| code == code::LOST) {
                if let Some(task) = self.task(id).cloned() {
                    kill::end(self.dir, &[&task], 0);
                }
                if known.is_none() {
                    self.outcome.lost.push(id.clone());
                }
            }
        }
        Ok(())
    }

    /// Collects one task that has ended.
    fn take(&mut self, id: &Id) -> Result<(), Error> {
        let Some(task) = self.task(id).cloned() else { return Ok(()) };
        let Some(code) = task.code() else { return Ok(()) };
        self.count(code, self.outcome.lost.contains(id));
        if task.collected.is_some() {
            return Ok(());
        }
        self.teller.tell(&Note::Before(&task, self.journal.run()));
        let wanted = match self.request.output {
            Output::Replay => true,
            Output::Failed => code != code::OK,
            Output::Quiet => false,
        };
        let replayed = self.replay(&task, wanted && !task.shown);
        let mut fields = vec![("code", code.to_string())];
        fields.extend(self.request.at.clone().map(|at| ("at", at)));
        let script = self.journal.run().owner.and_then(|owner| Stat::of(owner.pid));
        fields.extend(script.map(|stat| ("cpu", stat.cpu.to_string())));
        // If this is lost, the next wait shows the output again: no harm.
        let _ = self.journal.append(Kind::Collected, Some(id), &fields);
        self.teller.tell(&Note::After(&task, self.journal.run()));
        self.outcome.collected.push(id.clone());
        replayed
    }

    fn replay(&mut self, task: &Task, wanted: bool) -> Result<(), Error> {
        let failed = |error| Error::Replay { id: task.id.clone(), error };
        let Some(mut log) = Log::open(self.dir, &task.id, files::LOG).map_err(failed)? else {
            self.teller.tell(&Note::LogGone(task));
            return Ok(());
        };
        if wanted {
            log.replay(self.output).map_err(failed)?;
        }
        if self.dir.full() {
            self.teller.tell(&Note::Incomplete(task));
        }
        if task.state() != State::Lost && log.has_writer() {
            self.name_leaks(task);
        }
        Ok(())
    }

    /// Somebody still holds the log. If that is not the guard on its way out,
    /// the task left a process behind.
    fn name_leaks(&mut self, task: &Task) {
        if let Some(Ok(Some(guard))) = task.guard.map(Handle::open) {
            let _ = wait_any(&[guard.as_fd()], None);
        }
        let leaks: Vec<Leak> = kill::members(self.dir, &[task])
            .into_iter()
            .map(|stat| Leak { pid: stat.pid, comm: stat.comm })
            .collect();
        for leak in &leaks {
            let fields = [("pid", leak.pid.to_string()), ("comm", leak.comm.clone())];
            let _ = self.journal.append(Kind::Leak, Some(&task.id), &fields);
        }
        if !leaks.is_empty() {
            self.teller.tell(&Note::Leaked(task, &leaks));
        }
    }

    /// Blocking without a watcher is safe, but what the watcher would do is
    /// off; that is told once a run.
    fn check_watcher(&mut self) {
        if open::watched(self.dir) {
            return;
        }
        let Ok(whole) = Journal::read(self.dir) else { return };
        if !whole.run().unwatched && whole.run().closed.is_none() {
            let _ = self.journal.append(Kind::Unwatched, None, &[]);
            self.teller.tell(&Note::Unwatched);
        }
    }

    fn note_wait(&mut self, kind: Kind, id: Option<&Id>) {
        let mut fields = vec![("by", std::process::id().to_string())];
        fields.extend(clock::idle().map(|idle| ("idle", idle)));
        fields.extend(self.request.at.clone().map(|at| ("at", at)));
        fields.extend(self.request.scope.as_ref().map(|scope| ("in", scope.to_string())));
        // These two only serve the report.
        let _ = self.journal.append(kind, id, &fields);
    }

    fn count(&mut self, code: u8, lost: bool) {
        if self.outcome.code == code::OK {
            self.outcome.code = code;
        }
        if self.outcome.code_without_lost == code::OK && !lost {
            self.outcome.code_without_lost = code;
        }
    }

    fn task(&self, id: &Id) -> Option<&Task> {
        self.journal.run().task(id)
    }
}

/// Marks a task's output as shown: serial mode does, having followed it.
pub fn mark_shown(dir: &RunDir, id: &Id) -> Result<(), Error> {
    let mut journal = Journal::about(dir, &[]).map_err(Error::journal("open", dir.path()))?;
    journal.append(Kind::Shown, Some(id), &[]).map_err(Error::journal("write", dir.path()))
}

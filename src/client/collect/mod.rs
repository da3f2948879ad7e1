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

mod block;

use std::os::fd::AsFd;

use super::replay::{Log, Sink, flush};
use super::request::{Note, Outcome, Output, Request, Teller, Which};
use super::{Error, leaks};
use crate::process::clock;
use crate::process::dir::RunDir;
use crate::process::journal::Journal;
use crate::process::pidfd::{Handle, wait_any};
use crate::process::stat::Stat;
use crate::run::name::{Name, did_you_mean};
use crate::run::{Id, Kind, State, Task, code, files};

/// Up to so many names are picked out of the journal; for more, all of it is folded.
const PICKED: usize = 8;

/// How long the last lines of a task may take to be shown, microseconds.
const SHOWING: u64 = 2_000_000;

/// Collects as asked; output goes to `output`, notes to `teller`.
pub fn collect<W: Sink>(
    dir: &RunDir,
    request: &Request,
    output: &mut W,
    teller: &mut dyn Teller,
) -> Result<Outcome, Error> {
    let journal = open_journal(dir, request)?;
    let deadline = request.timeout.map(|micros| clock::now().0.saturating_add(micros));
    let mut collector = Collector {
        dir,
        request,
        journal,
        deadline,
        output,
        teller,
        verdicts: Vec::new(),
        ended: Vec::new(),
        gave_up: false,
        lost: Vec::new(),
    };
    collector.work()?;
    Ok(collector.outcome())
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

/// A task to collect, and its place among those asked for.
struct Turn {
    place: usize,
    id: Id,
}

/// The code of what was asked for at a place.
struct Verdict {
    place: usize,
    code: u8,
    lost: bool,
}

struct Collector<'a, W> {
    dir: &'a RunDir,
    request: &'a Request,
    journal: Journal,
    deadline: Option<u64>,
    output: &'a mut W,
    teller: &'a mut dyn Teller,
    verdicts: Vec<Verdict>,
    ended: Vec<Id>,
    gave_up: bool,
    lost: Vec<Id>,
}

impl<W: Sink> Collector<'_, W> {
    fn work(&mut self) -> Result<(), Error> {
        match &self.request.which {
            Which::Named(names) => {
                let turns = self.resolve(names)?;
                self.in_order(turns)
            }
            Which::All => {
                let turns = self.uncollected();
                self.in_order(turns)
            }
            Which::Any(names) => {
                let turns =
                    if names.is_empty() { self.uncollected() } else { self.resolve(names)? };
                self.first(turns)
            }
        }
    }

    fn uncollected(&self) -> Vec<Turn> {
        let scope = self.request.scope.as_ref();
        let tasks = self.journal.run().uncollected(scope).enumerate();
        tasks.map(|(place, task)| Turn { place, id: task.id.clone() }).collect()
    }

    /// The tasks that names mean now, each with its place; an unknown name is
    /// told and counted.
    fn resolve(&mut self, names: &[Name]) -> Result<Vec<Turn>, Error> {
        let mut turns: Vec<Turn> = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let run = self.journal.run();
            let candidates = name.lookup(self.request.scope.as_ref());
            let found = candidates.iter().find_map(|name| run.latest(name));
            let found = found.filter(|task| !(self.request.once && task.collected.is_some()));
            let Some(id) = found.map(|task| task.id.clone()) else {
                // Its own start may not be recorded yet.
                let waiter = self.request.waiter.clone();
                let mut around = std::iter::successors(waiter, Id::parent);
                if let Some(id) = around.find(|id| candidates.iter().any(|name| name == id.name()))
                {
                    return Err(Error::Itself { id });
                }
                if self.request.if_started {
                    self.teller.tell(&Note::NotStarted(name.as_str()));
                } else {
                    let all = Journal::read(self.dir).ok();
                    let known = all.iter().flat_map(|j| j.run().tasks()).map(|t| t.id.name());
                    let near = did_you_mean(name.as_str(), known).map(str::to_owned);
                    self.teller.tell(&Note::Unknown(name.as_str(), near));
                    // The journal may have been damaged: the shell knows what it started.
                    self.lost.extend(Id::parse(name.as_str()));
                    self.verdicts.push(Verdict { place, code: code::UNKNOWN, lost: true });
                }
                continue;
            };
            if self.request.waiter.as_ref().is_some_and(|waiter| waiter.within(&id)) {
                return Err(Error::Itself { id });
            }
            if !turns.iter().any(|turn| turn.id == id) {
                turns.push(Turn { place, id });
            }
        }
        Ok(turns)
    }

    fn in_order(&mut self, mut turns: Vec<Turn>) -> Result<(), Error> {
        while !turns.is_empty() {
            let among = if self.request.fail_fast { turns.len() } else { 1 };
            let Some(at) = self.block(&turns, among, Some(0))? else {
                self.give_up(&turns);
                return Ok(());
            };
            let failed = self.take(&turns.remove(at))?;
            if self.request.fail_fast && failed {
                return Ok(());
            }
        }
        Ok(())
    }

    fn first(&mut self, turns: Vec<Turn>) -> Result<(), Error> {
        let open = |turn: &Turn| self.task(&turn.id).is_some_and(|t| t.collected.is_none());
        let turns: Vec<Turn> = turns.into_iter().filter(open).collect();
        if turns.is_empty() {
            let told = !self.verdicts.is_empty() || self.request.if_started;
            return if told { Ok(()) } else { Err(Error::NoneLeft) };
        }
        let Some(at) = self.block(&turns, turns.len(), None)? else {
            self.give_up(&turns);
            return Ok(());
        };
        self.take(&turns[at]).map(drop)
    }

    fn give_up(&mut self, turns: &[Turn]) {
        for turn in turns {
            if let Some(task) = self.journal.run().task(&turn.id).filter(|t| t.end.is_none()) {
                self.teller.tell(&Note::GaveUp(task));
            }
        }
        self.gave_up = true;
        let place = turns.first().map_or(0, |turn| turn.place);
        self.verdicts.push(Verdict { place, code: code::TIMED_OUT, lost: false });
    }

    /// Collects one task that has ended; returns whether it failed.
    fn take(&mut self, turn: &Turn) -> Result<bool, Error> {
        let id = &turn.id;
        let Some((task, code)) = self.task(id).and_then(|t| Some((t.clone(), t.code()?))) else {
            return Ok(false);
        };
        if task.lost && !self.lost.contains(id) {
            // Recorded by others, who could not ask the guard's parent either.
            self.lost.push(id.clone());
        }
        self.verdicts.push(Verdict { place: turn.place, code, lost: task.lost });
        self.ended.push(id.clone());
        if task.collected.is_some() {
            if self.request.checked {
                let fields = self.who();
                let _ = self.journal.append(Kind::Seen, Some(id), &fields);
            }
            return Ok(code != code::OK);
        }
        self.teller.tell(&Note::Before(&task, self.journal.run()));
        let shown_live = task.live.is_some() && self.shown_live(&task);
        let wanted = match self.request.output {
            Output::Replay => true,
            Output::Failed => code != code::OK,
            Output::Quiet => false,
            Output::Live => !shown_live,
        };
        self.replay(&task, wanted && !task.shown)?;
        let mut fields = vec![("code", code.to_string())];
        fields.extend(self.who());
        let script = self.journal.run().owner.and_then(|owner| Stat::of(owner.pid));
        fields.extend(script.map(|stat| ("cpu", stat.cpu.to_string())));
        // If this is lost, the next wait shows the output again: no harm.
        let _ = self.journal.append(Kind::Collected, Some(id), &fields);
        self.teller.tell(&Note::After(&task, self.journal.run()));
        let children: Vec<Task> = self.journal.run().uncollected(Some(id)).cloned().collect();
        if !children.is_empty() {
            self.teller.tell(&Note::Children(&task, &children));
        }
        Ok(code != code::OK)
    }

    /// Who collects, and where.
    fn who(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![("by", std::process::id().to_string())];
        fields.extend(self.request.at.clone().map(|at| ("at", at)));
        fields
    }

    /// Whether all of the task's output was shown while it ran. Its last lines
    /// come before what follows; but who shows them may be stopped.
    fn shown_live(&mut self, task: &Task) -> bool {
        if let Some(Ok(Some(live))) = task.live.map(Handle::open) {
            let _ = wait_any(&[live.as_fd()], Some(SHOWING));
        }
        let _ = self.journal.catch_up();
        self.task(&task.id).is_some_and(|task| task.live_done)
    }

    fn replay(&mut self, task: &Task, wanted: bool) -> Result<(), Error> {
        let failed = |error| Error::Replay { id: task.id.clone(), error };
        let Some(mut log) =
            Log::open(self.dir, &task.id, task.failures + 1, files::LOG).map_err(failed)?
        else {
            self.teller.tell(&Note::LogGone(task));
            return Ok(());
        };
        if wanted {
            self.output.begin(task, self.journal.run());
            let replayed = log.replay(self.output);
            self.output.end();
            replayed.and(flush(self.output)).map_err(failed)?;
        } else if self.request.output != Output::Quiet {
            self.output.skip(task, self.journal.run());
            flush(self.output).map_err(failed)?;
        }
        if self.dir.full() {
            self.teller.tell(&Note::Incomplete(task));
        }
        if task.state() == State::Lost {
            return Ok(());
        }
        let leaks = leaks::of(self.dir, self.journal.run(), task, &log);
        for leak in &leaks {
            let fields = [("pid", leak.pid.to_string()), ("comm", leak.comm.clone())];
            let _ = self.journal.append(Kind::Leak, Some(&task.id), &fields);
        }
        if !leaks.is_empty() {
            self.teller.tell(&Note::Leaked(task, &leaks));
        }
        Ok(())
    }

    /// The first failure is told by the order asked for, not by that of the ends.
    fn outcome(mut self) -> Outcome {
        self.verdicts.sort_by_key(|verdict| verdict.place);
        let first = |lost_too: bool| {
            let failed = |v: &&Verdict| v.code != code::OK && (lost_too || !v.lost);
            self.verdicts.iter().find(failed).map_or(code::OK, |v| v.code)
        };
        let (code, code_without_lost) = (first(true), first(false));
        let last = self.ended.last().and_then(|id| self.task(id));
        let attempt = last.map_or(1, |task| task.failures + 1);
        let Self { ended, gave_up, lost, .. } = self;
        Outcome { code, code_without_lost, ended, attempt, gave_up, lost }
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

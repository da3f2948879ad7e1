//! How a wrapped script is ended, with everything below it.
//!
//! The script is asked first, by the signal that came: it may have something
//! to put away, and may want to end its children in an order of its own. If it
//! is still there after a second, or a fifth of a short grace, it probably waits
//! for a program in its foreground; so what was there when the signal came is
//! asked as well: its own process group by the same signal, as ^C at a terminal
//! would have done, everything else by TERM. What a trap of the script has
//! started since is left alone, until a fifth of the grace is left: then it gets
//! TERM, so that the trap can end. (Or it is no trap's: a signal that comes
//! while a shell forks its next command is looked at after that command.)
//!
//! Once the script is gone all the rest gets TERM, except for the tasks that a
//! watcher is ending: twice would be once too often for programs that take a
//! second TERM for impatience. When the grace is over, or a second signal comes,
//! everything is killed: last the guards and watchers, so that they can record
//! what happened.

use std::collections::HashSet;

use rustix::process::Signal;

use super::{Arrived, Below, Ending, Next, Supervisor, is_watcher};
use crate::client::cancel;
use crate::process::journal::Journal;
use crate::process::kill::{self, Survivor};
use crate::process::stat::Stat;
use crate::process::tree::Snapshot;
use crate::process::{below, clock, raw};
use crate::run::task::Process;
use crate::run::{Kind, Run};

/// What comes within this time, in microseconds, is the same request:
/// timeout(1) signals its child, and then the child's whole group.
const SAME: u64 = 100_000;
/// How long after the first look for what was forked meanwhile the next one
/// is taken, microseconds; and then each time twice as long.
const FIRST_PAUSE: u64 = 20_000;
/// How long the script is alone with the signal at most, microseconds.
const PATIENCE: u64 = 1_000_000;
/// How long guards and watchers may take to record the end, microseconds.
const RECORDING: u64 = 2_000_000;

/// A run that is being ended.
pub(super) struct Abort {
    /// By which signal.
    pub(super) signal: i32,
    since: u64,
    /// Whether the script's process group has had that signal.
    group: bool,
    /// What was there when it came.
    there: HashSet<(u32, u64)>,
    /// Kill at once.
    kill: bool,
    asked: HashSet<(u32, u64, i32)>,
    pause: u64,
    next_look: u64,
}

impl Abort {
    pub(super) fn new(signal: i32, group: bool) -> Self {
        let since = clock::now().0;
        let there = below::all().iter().map(|stat| (stat.pid, stat.started.0)).collect();
        Self {
            signal,
            since,
            group,
            there,
            kill: false,
            asked: HashSet::new(),
            pause: FIRST_PAUSE,
            next_look: since,
        }
    }

    /// Asks a process to end, by each signal once.
    fn ask(&mut self, process: Process, signal: i32) {
        if let (true, Some(signal)) =
            (self.asked.insert((process.pid, process.started.0, signal)), raw::signal(signal))
        {
            // A stopped process takes it only once it goes on.
            let _ = kill::signal(process, &[signal, Signal::CONT]);
        }
    }
}

impl Supervisor {
    /// A signal that asks for the end.
    pub(super) fn interrupt(&mut self, arrived: Arrived) {
        let Some(abort) = &mut self.abort else {
            self.abort = Some(Abort::new(arrived.signal, arrived.group));
            if !arrived.group {
                self.send(arrived.signal);
            }
            return self.send(libc::SIGCONT);
        };
        // (A terminal that goes away may send HUP more than once.)
        if arrived.signal != libc::SIGHUP && clock::now().0 >= abort.since + SAME {
            abort.kill = true;
        }
    }

    /// The next step of ending everything.
    pub(super) fn end_all(&mut self, abort: &mut Abort) -> Next {
        let runs = &self.runs();
        self.settle(runs);
        let below = below::all();
        if below.is_empty() {
            return Next::Done(Vec::new());
        }
        let now = clock::now().0;
        let recorded = runs.iter().filter_map(|run| run.journal.run().grace.as_ref().map(|_| run));
        let grace = recorded.map(|run| cancel::grace(run.journal.run())).fold(self.grace, u64::max);
        let deadline = abort.since.saturating_add(grace);
        if abort.kill || now >= deadline {
            return Next::Done(self.kill_all(runs));
        }
        let patience = abort.since + (grace / 5).min(PATIENCE);
        let last_call = deadline - grace / 5;
        let mut until = deadline;
        match self.status {
            None if now < patience => return Next::Wait(Some(patience)),
            None if now < last_call => {
                self.ask_group(abort, runs, &below);
                until = last_call;
            }
            None => self.ask_all_but_script(abort, &below),
            Some(_) => self.ask_rest(abort, runs, &below),
        }
        if now >= abort.next_look {
            abort.next_look = now + abort.pause;
            abort.pause *= 2;
        }
        Next::Wait(Some(until.min(abort.next_look)))
    }

    /// The script is still there.
    fn ask_group(&self, abort: &mut Abort, runs: &[Below], below: &[Stat]) {
        let Some(Stat { pgrp: group, .. }) = Stat::of(std::process::id()) else { return };
        for run in runs {
            record(run);
        }
        for stat in below {
            let inside = stat.pgrp == group;
            let had = stat.pid == self.script || (inside && abort.group);
            let known = abort.there.contains(&(stat.pid, stat.started.0));
            if known && !had && !is_watcher(stat) {
                abort.ask(stat.process(), if inside { abort.signal } else { libc::SIGTERM });
            }
        }
    }

    /// The script is still there, and its time is nearly over: it may wait for
    /// something that it started since.
    fn ask_all_but_script(&self, abort: &mut Abort, below: &[Stat]) {
        for stat in below.iter().filter(|stat| stat.pid != self.script && !is_watcher(stat)) {
            abort.ask(stat.process(), libc::SIGTERM);
        }
    }

    /// The script is gone.
    fn ask_rest(&self, abort: &mut Abort, runs: &[Below], below: &[Stat]) {
        let mut spared: HashSet<u32> = HashSet::new();
        let mut snapshot = None;
        for run in runs {
            let folded = run.journal.run();
            if !self.is_cancelled_by_watcher(run) {
                record(run);
                continue;
            }
            let snapshot = snapshot.get_or_insert_with(Snapshot::take);
            for task in folded.running() {
                spared.extend(snapshot.members(&run.dir, task).iter().map(|stat| stat.pid));
            }
            spared.extend(guards(folded));
        }
        for stat in below {
            if !spared.contains(&stat.pid) && !is_watcher(stat) {
                abort.ask(stat.process(), libc::SIGTERM);
            }
        }
    }

    /// Whether a watcher ends this run's tasks, and not this process.
    fn is_cancelled_by_watcher(&self, run: &Below) -> bool {
        let folded = run.journal.run();
        let cancels = match folded.on_exit.as_deref() {
            Some(what) => what == "cancel",
            None => self.status != Some(Ending::Code(0)),
        };
        cancels && self.watchers.contains_key(run.dir.path())
    }

    fn kill_all(&mut self, runs: &[Below]) -> Vec<Survivor> {
        let guards: HashSet<u32> = runs.iter().flat_map(|run| guards(run.journal.run())).collect();
        for run in runs {
            record(run);
        }
        let _ = below::kill_all(|stat| guards.contains(&stat.pid) || is_watcher(stat));
        // Now that the script is gone in any case, its runs can be settled.
        self.reap();
        let runs = self.runs();
        self.settle(&runs);
        let recording: Vec<Process> = below::all().iter().map(Stat::process).collect();
        kill::wait_all(recording.iter(), clock::now().0 + RECORDING);
        below::kill_all(|_| false)
    }
}

/// Records that the tasks which run are ended: the record only explains.
fn record(run: &Below) {
    let mut running = run.journal.run().running().filter(|task| !task.cancelled).peekable();
    if running.peek().is_none() {
        return;
    }
    let Ok(mut journal) = Journal::about(&run.dir, &[]) else { return };
    for task in running {
        let _ = journal.append(Kind::Cancel, Some(&task.id), &[]);
    }
}

fn guards(run: &Run) -> impl Iterator<Item = u32> {
    run.running().filter_map(|task| Some(task.guard?.pid))
}

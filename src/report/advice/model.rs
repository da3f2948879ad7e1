//! A run as the chain and the moves see it: the script and the tasks, each
//! with when it was under way and what it blocked on.
//!
//! The journal says who waited, not always for whom: a wait for any of
//! several, or one that a failure elsewhere ended, was released by the task
//! that was collected next. And it may say anything, so all times are clamped
//! to the run, and to each other where one thing must come after another.

use std::collections::HashMap;

use crate::report::Subject;
use crate::run::task::Task;
use crate::run::{Id, Time};

/// The script, among the actors.
pub(super) const SCRIPT: usize = 0;

/// What follows within so many microseconds follows at once.
const AT_ONCE: u64 = 50_000;

/// A task, or the script.
pub(super) struct Actor<'a> {
    /// The task; none: the script.
    pub task: Option<&'a Task>,
    /// Who started it.
    pub parent: usize,
    /// When it was started; none: the journal does not tell.
    pub started: Option<Time>,
    /// When it began: later than that if it was queued.
    pub began: Time,
    /// When it ended, or until when the run is told.
    pub end: Time,
    /// Its waits that blocked on tasks, in the order in which they were over.
    pub blocks: Vec<Block<'a>>,
}

/// A wait that blocked.
pub(super) struct Block<'a> {
    /// From when.
    pub from: Time,
    /// Until when.
    pub until: Time,
    /// The line.
    pub at: Option<&'a str>,
    /// The task that released it.
    pub on: usize,
}

/// Why a task was queued.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause<'a> {
    /// It comes after another.
    After,
    /// Another held this lock.
    Lock(&'a str),
    /// Others had all slots.
    Slot,
}

/// A run.
pub(super) struct Model<'a> {
    /// When it began.
    pub since: Time,
    /// Until when it is told.
    pub until: Time,
    /// The script, then the tasks.
    pub actors: Vec<Actor<'a>>,
    index: HashMap<&'a Id, usize>,
    limited: bool,
    /// Tasks by their ends: all, and those with a lock.
    ends: Vec<(Time, usize)>,
    holders: HashMap<&'a str, Vec<(Time, usize)>>,
}

impl<'a> Model<'a> {
    /// Makes it from a run.
    pub fn new(subject: &Subject<'a>) -> Self {
        let run = subject.run;
        let since = subject.since();
        let until = subject.until.max(since);
        let within = |time: Time| time.clamp(since, until);
        let tasks = run.tasks();
        let index: HashMap<&Id, usize> =
            tasks.iter().enumerate().map(|(at, task)| (&task.id, at + 1)).collect();
        let script = Actor {
            task: None,
            parent: SCRIPT,
            started: Some(since),
            began: since,
            end: within(run.exited.unwrap_or(until)),
            blocks: Vec::new(),
        };
        let of_task = |(task, (started, ended)): (&'a Task, &(Option<Time>, Option<Time>))| {
            let end = within(ended.unwrap_or(until));
            let started = started.map(within);
            let parent = task.id.parent().and_then(|id| index.get(&id).copied());
            let at_once = started.filter(|_| !task.options.queued);
            let began = task.admitted.map(within).or(at_once).unwrap_or(end);
            let began = began.max(started.unwrap_or(since)).min(end);
            let parent = parent.unwrap_or(SCRIPT);
            Actor { task: Some(task), parent, started, began, end, blocks: Vec::new() }
        };
        let mut actors: Vec<Actor<'a>> = vec![script];
        actors.extend(tasks.iter().zip(run.spans()).map(of_task));
        let mut ends: Vec<(Time, usize)> =
            actors.iter().enumerate().skip(1).map(|(at, actor)| (actor.end, at)).collect();
        ends.sort_unstable();
        let mut holders: HashMap<&str, Vec<(Time, usize)>> = HashMap::new();
        for &(end, at) in &ends {
            for lock in actors[at].task.iter().flat_map(|task| &task.options.locks) {
                holders.entry(lock).or_default().push((end, at));
            }
        }
        let limited = run.jobs.is_some();
        let mut model = Self { since, until, actors, index, limited, ends, holders };
        model.block(subject);
        model
    }

    /// The actor of a task.
    pub fn actor(&self, id: &Id) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// Finds out who was held up by whom.
    fn block(&mut self, subject: &Subject<'a>) {
        // By who may have collected them, in the order of their collection.
        let mut collected: HashMap<Option<&Id>, Vec<(Time, usize)>> = HashMap::new();
        let scopes: Vec<Option<Id>> =
            self.actors.iter().map(|actor| actor.task.and_then(|task| task.id.parent())).collect();
        for (at, scope) in scopes.iter().enumerate().skip(1) {
            if let Some(time) = self.actors[at].task.and_then(|task| task.collected) {
                collected.entry(scope.as_ref()).or_default().push((time, at));
            }
        }
        for list in collected.values_mut() {
            list.sort_unstable();
        }
        for wait in &subject.run.waits {
            let scope = wait.scope.as_ref();
            let (from, until) = (
                wait.from.clamp(self.since, self.until),
                wait.until.unwrap_or(self.until).clamp(self.since, self.until),
            );
            let released = |at: &usize| {
                let actor = &self.actors[*at];
                // One that was ended from outside did not decide when: who ended it did.
                let own = actor.task.is_some_and(|task| !is_ended_by_others(task));
                own && from <= actor.end && actor.end <= until
            };
            let named = wait.id.as_ref().and_then(|id| self.actor(id)).filter(released);
            let next = || {
                let list = collected.get(&scope)?;
                let at = list.partition_point(|(time, _)| *time < until);
                list.get(at).map(|(_, at)| *at).filter(released)
            };
            let by = scope.and_then(|id| self.actor(id)).unwrap_or(SCRIPT);
            if let Some(on) = named.or_else(next).filter(|on| *on != by && from < until) {
                let at = wait.at.as_deref();
                self.actors[by].blocks.push(Block { from, until, at, on });
            }
        }
        for actor in &mut self.actors {
            actor.blocks.sort_by_key(|block| (block.until, block.from));
        }
    }

    /// What kept a task from beginning until it did, and who gave way.
    pub fn cause(&self, at: usize) -> Option<(Cause<'a>, usize)> {
        let actor = &self.actors[at];
        let (task, started) = (actor.task?, actor.started?);
        let gave_way = |list: &[(Time, usize)]| {
            // (Ends that a shell recorded may seem a little later than the beginning.)
            let limit = Time(actor.began.0.saturating_add(AT_ONCE / 4));
            let until = list.partition_point(|(end, _)| *end <= limit);
            let others = list[..until].iter().rev().take(2);
            others.copied().find(|(end, other)| *other != at && *end > started)
        };
        let mut causes: Vec<(Time, Cause<'a>, usize)> = Vec::new();
        for other in task.options.after.iter().filter_map(|id| self.actor(id)) {
            let end = self.actors[other].end;
            if started < end && other != at {
                causes.push((end, Cause::After, other));
            }
        }
        for lock in &task.options.locks {
            let holder = self.holders.get(lock.as_str()).and_then(|list| gave_way(list));
            // What a task around it holds does not exclude it.
            let apart = |other: usize| {
                self.actors[other].task.is_none_or(|other| !task.id.within(&other.id))
            };
            if let Some((end, other)) = holder.filter(|(_, other)| apart(*other)) {
                causes.push((end, Cause::Lock(lock), other));
            }
        }
        let last = causes.into_iter().max_by_key(|(end, ..)| *end);
        let slot = || {
            let late = last.is_none_or(|(end, ..)| actor.began.since(end) > AT_ONCE);
            gave_way(&self.ends)
                .filter(|_| self.limited && task.options.queued && late)
                .map(|(end, other)| (end, Cause::Slot, other))
        };
        let queued = actor.began.since(started) > AT_ONCE / 4;
        slot().or(last).filter(|_| queued).map(|(_, cause, other)| (cause, other))
    }

    /// The task that ended last; of several that still run, the one that began first.
    pub fn last(&self) -> Option<usize> {
        let (end, _) = *self.ends.last()?;
        let from = self.ends.partition_point(|(other, _)| *other < end);
        let last = self.ends[from..].iter().map(|(_, at)| *at);
        last.min_by_key(|at| self.actors[*at].began)
    }
}

/// Whether it was somebody else who chose when a task ended.
fn is_ended_by_others(task: &Task) -> bool {
    // 129, 130, 143: what `kill` is used with to ask for an end.
    task.cancelled || matches!(task.code(), Some(129 | 130 | 143))
}

//! Where the script could be otherwise: what `moves.rs` tries.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::chain::{Link, Step};
use super::edit::Edit;
use super::model::{Actor, Cause, Model, SCRIPT};
use super::moves::What;
use super::places::{Place, Places, Waited};
use super::retime::{Deed, Op, Plan};
use crate::report::Subject;
use crate::report::idle::Idle;
use crate::report::spans::joined;
use crate::run::{Id, Time};

/// Work of so many microseconds between two verbs is none: it is what the verbs cost.
pub(super) const BETWEEN: u64 = 20_000;
/// So long, in microseconds, must a wait have blocked to be spoken of.
pub(super) const NOTICED: u64 = 50_000;
/// Who uses less than this part of a processor does not need one.
const EASY: f64 = 0.05;

/// The stretch of one actor that a move fills.
pub(super) struct Window {
    actor: usize,
    from: Time,
    until: Time,
}

impl Window {
    /// Whether both move the same work.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.actor == other.actor && self.from < other.until && other.from < self.until
    }
}

/// A change that could save something.
pub(super) struct Candidate {
    pub what: What,
    pub edit: Edit,
    pub window: Window,
    /// It cannot save more than this.
    pub bound: u64,
    /// Where the work goes that is moved, and how many processors it uses.
    into: (Time, Time),
    usage: f64,
}

/// Looks for them.
pub(super) struct Search<'s, 'a> {
    subject: &'s Subject<'a>,
    model: &'s Model<'a>,
    plan: &'s Plan<'a>,
    places: Places<'s, 'a>,
    /// How many processors each actor used while it was at work itself.
    usage: Vec<f64>,
}

/// How many processors the script and each task used, 0 where that is not known.
fn usage(subject: &Subject<'_>, model: &Model<'_>) -> Vec<f64> {
    let tasks = subject.run.tasks().iter().filter_map(|task| subject.cpu(&task.id));
    let tasks = tasks.fold(0, u64::saturating_add);
    let of = |actor: &Actor<'_>| {
        let blocked = joined(actor.blocks.iter().map(|block| (block.from, block.until)));
        let blocked: u64 = blocked.iter().map(|(from, until)| until.since(*from)).sum();
        let own = actor.end.since(actor.began).saturating_sub(blocked);
        let used = match actor.task {
            Some(task) => subject.cpu(&task.id),
            None => subject.script_cpu.map(|cpu| cpu.saturating_sub(tasks)),
        };
        used.filter(|_| own > 0).map_or(0.0, |used| used as f64 / own as f64)
    };
    model.actors.iter().map(of).collect()
}

impl<'s, 'a> Search<'s, 'a> {
    pub fn new(subject: &'s Subject<'a>, model: &'s Model<'a>, plan: &'s Plan<'a>) -> Self {
        let places = Places::new(subject, model);
        Self { subject, model, plan, places, usage: usage(subject, model) }
    }

    /// What could be otherwise along the chain.
    pub fn candidates(&self, links: &[Link]) -> Vec<Candidate> {
        let actor = |link: &Link| match &link.step {
            Step::Script => Some(SCRIPT),
            Step::Task(id) => self.model.actor(id),
        };
        // A task that blocked on its own tasks is in several links; the last has the wait.
        let waited: HashMap<usize, Waited> = links
            .iter()
            .filter(|link| link.blocked >= NOTICED)
            .filter_map(|link| {
                let at = actor(link)?;
                Some((at, self.places.waited(at, link.at.as_deref(), link.blocked)))
            })
            .collect();
        let mut found: Vec<Candidate> = Vec::new();
        let mut held = Vec::new();
        for (n, link) in links.iter().enumerate() {
            let Some(at) = actor(link) else { continue };
            let before = n.checked_sub(1).and_then(|n| actor(&links[n]));
            let begins = self.model.actors[at].started == Some(link.from);
            let parent = self.model.actors[at].parent;
            if let Some(before) = before.filter(|before| begins && parent == *before) {
                found.extend(self.earlier(at, before, &waited));
            }
            if let Some(before) = before.filter(|_| links[n - 1].blocked > 0) {
                // What waited went on itself, or started this at once.
                let either = [at, parent];
                let mut ways = either
                    .iter()
                    .map(|by| self.later(before, *by, link.from, links[n - 1].blocked));
                found.extend(ways.find(|ways| !ways.is_empty()).into_iter().flatten());
            }
            if before.is_some() {
                held.extend(self.held(at, link.from));
            }
            found.extend(self.background(at, link));
        }
        // The same lock, or the slots, may have held up several links.
        held.sort_by_key(|(queued, ..)| Reverse(*queued));
        let mut seen = HashSet::new();
        held.retain(|(_, lock, _)| seen.insert(*lock));
        found.extend(held.into_iter().map(|(.., one)| one));
        found
    }

    /// Starting a task earlier, alone and with those that are started beside it.
    fn earlier(
        &self,
        task: usize,
        parent: usize,
        waited: &HashMap<usize, Waited>,
    ) -> Vec<Candidate> {
        let program = &self.plan.programs[parent];
        let (Some(start), Some(id)) = (self.plan.start_of[task], self.id(task)) else {
            return Vec::new();
        };
        let is_wait = |deed: &Deed<'_>| matches!(deed.op, Op::Wait(..));
        let barrier = program[..start].iter().rposition(is_wait);
        // What would have to come along to be out of the way.
        let from = barrier.map_or(0, |at| at + 1);
        let next = program[start..].iter().position(is_wait);
        let until = next.map_or(program.len(), |next| start + next);
        let mut passed = 0;
        let mut together: Vec<(usize, usize)> = Vec::new();
        for (at, deed) in program.iter().enumerate().take(until).skip(from) {
            match deed.op {
                Op::Work(work) => passed += work,
                Op::Start(other) if passed >= BETWEEN => together.push((at, other)),
                _ => {}
            }
        }
        let mut ways = vec![vec![(start, task)]];
        if together.len() > 1 {
            ways.push(together);
        }
        let way = |moved: Vec<(usize, usize)>| {
            // Not before what they come after.
            let after = moved.iter().flat_map(|(_, task)| &self.plan.after[*task]);
            let here = after.filter(|other| self.model.actors[**other].parent == parent);
            let stay = here.filter(|other| moved.iter().all(|(_, task)| task != *other));
            let needed = stay.filter_map(|other| self.plan.start_of[*other]);
            let to = barrier.max(needed.filter(|at| *at < start).max());
            let place = to.map_or(0, |at| at + 1);
            let edge = to.map_or(self.model.actors[parent].began, |at| program[at].when);
            let others = moved.iter().filter(|(_, other)| *other != task);
            Candidate {
                what: What::Earlier {
                    task: id.clone(),
                    others: others.filter_map(|(_, other)| self.id(*other)).collect(),
                    waited: waited.get(&task).cloned(),
                    from: self.places.of(&program[start]),
                    to: to.map_or(Place::Begin, |at| self.places.of(&program[at])),
                },
                window: Window { actor: parent, from: edge, until: program[start].when },
                bound: work(&program[place..start]),
                into: (edge, program[start].when),
                usage: moved.iter().map(|(_, task)| self.usage[*task]).sum(),
                edit: Edit::Starts {
                    of: parent,
                    to: place,
                    starts: moved.into_iter().map(|(at, _)| at).collect(),
                },
            }
        };
        ways.into_iter().map(way).collect()
    }

    /// Waiting for `task` later than `when`: behind the work that follows; or,
    /// if its line waits for others too, without it, behind what is started there.
    fn later(&self, task: usize, by: usize, when: Time, blocked: u64) -> Vec<Candidate> {
        let program = &self.plan.programs[by];
        let from = program.partition_point(|deed| deed.when < when);
        let of_task = |deed: &Deed<'_>| matches!(deed.op, Op::Wait(Some(on), _) if on == task);
        let then = program[from..].iter().take_while(|deed| deed.when == when);
        let Some(wait) = then.into_iter().position(of_task).map(|at| from + at) else {
            return Vec::new();
        };
        let line = program[wait].at;
        let of_line = |deed: &Deed<'_>| match deed.op {
            Op::Wait(..) => deed.at == line,
            Op::Work(work) => work < BETWEEN,
            Op::Start(_) => false,
        };
        let is_wait = |deed: &Deed<'_>| matches!(deed.op, Op::Wait(..));
        let first = program[..wait].iter().rposition(|deed| !of_line(deed)).map_or(0, |at| at + 1);
        let last = wait + program[wait..].iter().take_while(|deed| of_line(deed)).count();
        let behind = program[..last].iter().rposition(is_wait).map_or(last, |at| at + 1);
        let whole: Vec<usize> = (first..behind).filter(|at| is_wait(&program[*at])).collect();
        let alone: Vec<usize> = whole.iter().copied().filter(|at| of_task(&program[*at])).collect();
        let is_verb = |deed: &Deed<'_>| !matches!(deed.op, Op::Work(_));
        let next = |ends: &dyn Fn(&Deed<'_>) -> bool| {
            program[behind..].iter().position(ends).map_or(program.len(), |at| behind + at)
        };
        let waits = |waits: Vec<usize>, to: usize, blocked: u64| {
            let passed = &program[behind..to];
            let started = |deed: &Deed<'_>| match deed.op {
                Op::Start(task) => Some(task),
                _ => None,
            };
            let starts: Vec<usize> = passed.iter().filter_map(started).collect();
            let usage = starts.iter().map(|task| self.usage[*task]).sum::<f64>();
            Some(Candidate {
                what: What::Later {
                    task: self.id(task)?,
                    waited: self.places.waited(task, line, blocked),
                    to: program.get(to).map_or(Place::End, |deed| self.places.of(deed)),
                    work: work(passed),
                    starts: starts.iter().filter_map(|task| self.id(*task)).collect(),
                },
                edit: Edit::Waits { of: by, waits, to },
                window: Window {
                    actor: by,
                    from: when,
                    until: program.get(to).map_or(self.model.actors[by].end, |deed| deed.when),
                },
                bound: if starts.is_empty() { blocked.min(work(passed)) } else { blocked },
                into: (Time(when.0.saturating_sub(blocked)), when),
                usage: if work(passed) > 0 { usage + self.usage[by] } else { usage },
            })
        };
        let to = next(&is_verb);
        let several =
            alone.len() < whole.len() && program[to..].first().is_some_and(|d| !is_wait(d));
        let mut ways = vec![waits(whole, to, self.blocked(by, first, behind))];
        if several {
            ways.push(waits(alone, next(&is_wait), blocked));
        }
        ways.into_iter().flatten().collect()
    }

    /// Doing the longest work of a link in the background.
    fn background(&self, by: usize, link: &Link) -> Option<Candidate> {
        let program = &self.plan.programs[by];
        let from = program.partition_point(|deed| deed.when <= link.from);
        let until = program.partition_point(|deed| deed.when <= link.until);
        let amount = |at: &usize| match program[*at].op {
            Op::Work(work) => work,
            _ => 0,
        };
        let at = (from..until).max_by_key(amount)?;
        // To wait for it at once would be as it is.
        let is_wait = |deed: &Deed<'_>| matches!(deed.op, Op::Wait(..));
        let starts = program[at..].iter().position(|deed| matches!(deed.op, Op::Start(_)))? + at;
        let wait =
            starts + program[starts..].iter().position(is_wait).unwrap_or(program.len() - starts);
        let place = |at: usize| program.get(at).map_or(Place::End, |deed| self.places.of(deed));
        let from = at.checked_sub(1);
        let began = from.map_or(self.model.actors[by].began, |from| program[from].when);
        let over = program.get(wait).map_or(self.model.actors[by].end, |deed| deed.when);
        Some(Candidate {
            what: What::Background {
                scope: self.model.actors[by].task.map(|task| task.id.clone()),
                from: from.map_or(Place::Begin, place),
                until: place(at + 1),
                wait: place(wait),
                work: amount(&at),
            },
            edit: Edit::Work { of: by, work: at, wait },
            window: Window { actor: by, from: began, until: program[at].when },
            bound: amount(&at),
            into: (began, over),
            usage: self.usage[by],
        })
    }

    /// Doing without what kept a task in the queue until `when`: for how long
    /// it did, and the lock, if it was one.
    fn held(&self, task: usize, when: Time) -> Option<(u64, Option<usize>, Candidate)> {
        let actor = &self.model.actors[task];
        let (cause, other) = self.model.cause(task)?;
        let (started, options) = (actor.started?, &actor.task?.options);
        if when > actor.began || when < started {
            return None;
        }
        let queued = actor.began.since(started);
        let id = self.id(task)?;
        let (what, edit, lock) = match cause {
            Cause::After => return None,
            Cause::Lock(name) => {
                let nth = options.locks.iter().position(|lock| lock == name)?;
                let lock = *self.plan.locks[task].get(nth)?;
                let (name, holder) = (name.to_owned(), self.id(other)?);
                let what = What::Unlock { task: id, lock: name, holder, queued };
                (what, Edit::Unlock(lock), Some(lock))
            }
            Cause::Slot => {
                (What::Slot { task: id, slots: self.plan.slots?, queued }, Edit::Slot, None)
            }
        };
        let candidate = Candidate {
            what,
            edit,
            window: Window { actor: task, from: started, until: started },
            // It may have held up others as well.
            bound: self.model.until.since(self.model.since),
            into: (self.model.since, self.model.until),
            usage: self.usage[task],
        };
        Some((queued, lock, candidate))
    }

    /// What the processors had to spare where the work goes, as time of it.
    pub fn spare(&self, candidate: &Candidate, idle: &mut Idle<'_>) -> u64 {
        let (from, until) = candidate.into;
        let cores = self.subject.cores as f64;
        let processors = self.subject.run.processors.map_or(cores, f64::from);
        let usage = candidate.usage.min(cores);
        if usage <= EASY {
            return u64::MAX;
        }
        // Where nothing was measured, it was at least who worked there.
        let measured = idle.busy(from, until).map(|busy| (1.0 - busy) * processors);
        let free = measured.unwrap_or_else(|| cores - self.usage[candidate.window.actor]);
        (free.clamp(0.0, cores) * until.since(from) as f64 / usage) as u64
    }

    /// How long the waits among these deeds blocked.
    fn blocked(&self, by: usize, first: usize, end: usize) -> u64 {
        let (deeds, blocks) = (&self.plan.programs[by][first..end], &self.model.actors[by].blocks);
        let (Some(first), Some(last)) = (deeds.first(), deeds.last()) else { return 0 };
        let from = blocks.partition_point(|block| block.until < first.when);
        let blocks = blocks[from..].iter().take_while(|block| block.until <= last.when);
        blocks.map(|block| block.until.since(block.from)).fold(0, u64::saturating_add)
    }

    fn id(&self, at: usize) -> Option<Id> {
        self.model.actors[at].task.map(|task| task.id.clone())
    }
}

/// How much of it is work.
fn work(program: &[Deed<'_>]) -> u64 {
    let of = |deed: &Deed<'_>| if let Op::Work(work) = deed.op { work } else { 0 };
    program.iter().map(of).fold(0, u64::saturating_add)
}

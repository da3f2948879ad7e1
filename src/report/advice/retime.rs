//! What the run would have taken had something been otherwise: it is run
//! again, on paper.
//!
//! The script and each task are a program: work for so long, start a task,
//! wait for one. Work is what lies between two events of the journal and was
//! not blocked. Replayed in the order of time, with the dependencies, locks
//! and slots that the tasks have, this gives the run as it was; with one
//! program changed, it gives the run as it would have been. So a gain is
//! clipped by whatever else the script has to wait for, with no rule for it.
//! (Coz, Curtsinger and Berger 2015, calls such an answer a causal profile
//! and gets it by slowing the program down; here the journal is enough.)
//!
//! Work is taken to last as long as it did. What it would be slower by where it
//! meets other work is for `moves.rs` to bound.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use super::model::{Model, SCRIPT};
use crate::report::Subject;
use crate::report::spans::joined;
use crate::run::Time;
use crate::run::jobs::Jobs;

/// One thing that the script or a task does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    /// It is at work for so many microseconds.
    Work(u64),
    /// It starts a task.
    Start(usize),
    /// It waits for a task, and goes on so many microseconds after that has
    /// ended. None: for one whose end depends on nothing that is known.
    Wait(Option<usize>, u64),
}

/// That, with where and when it was over.
#[derive(Clone, Copy)]
pub(super) struct Deed<'a> {
    pub op: Op,
    pub at: Option<&'a str>,
    pub when: Time,
}

/// A run as programs.
pub(super) struct Plan<'a> {
    /// Of each actor.
    pub programs: Vec<Vec<Deed<'a>>>,
    /// Where its parent's program starts each actor.
    pub start_of: Vec<Option<usize>>,
    /// Which tasks each comes after.
    pub after: Vec<Vec<usize>>,
    /// From being free to begin until it began.
    lag: Vec<u64>,
    /// Which locks each takes, in the order of its options.
    pub locks: Vec<Vec<usize>>,
    lock_count: usize,
    queued: Vec<bool>,
    /// How many slots there are, if that is known.
    pub slots: Option<u32>,
    /// Whether the run lasts as long as it.
    counts: Vec<bool>,
}

/// How the run is changed.
#[derive(Default)]
pub(super) struct Change<'a> {
    /// The program of one actor.
    pub program: Option<(usize, Vec<Deed<'a>>)>,
    /// One task more, which works for so long; it is the last actor.
    pub extra: Option<u64>,
    /// A lock that is not taken.
    pub without: Option<usize>,
    /// Slots more.
    pub slots: u32,
}

impl<'a> Plan<'a> {
    pub fn new(model: &Model<'a>, subject: &Subject<'a>) -> Self {
        let count = model.actors.len();
        let slots = match subject.run.jobs {
            Some(Jobs::Own(count)) => Some(count),
            _ => None,
        };
        let mut plan = Self {
            programs: Vec::new(),
            start_of: vec![None; count],
            after: vec![Vec::new(); count],
            lag: vec![0; count],
            locks: vec![Vec::new(); count],
            lock_count: 0,
            queued: vec![false; count],
            slots,
            counts: vec![true; count],
        };
        let mut locks: HashMap<String, usize> = HashMap::new();
        for (at, actor) in model.actors.iter().enumerate().skip(1) {
            let Some(task) = actor.task else { continue };
            plan.counts[at] = task.end.is_some() && !task.cancelled;
            plan.queued[at] = task.options.queued;
            let after = task.options.after.iter().filter_map(|id| model.actor(id));
            plan.after[at] = after.filter(|other| model.actors[*other].started.is_some()).collect();
            for lock in &task.options.locks {
                // Inside of a task that holds it, its own tasks exclude each other.
                let around = std::iter::successors(task.id.parent(), crate::run::Id::parent);
                let mut around = around.filter_map(|id| model.actors[model.actor(&id)?].task);
                let holder = around.find(|task| task.options.locks.contains(lock));
                let name = holder.map_or(lock.clone(), |holder| format!("{}/{lock}", holder.id));
                let next = locks.len();
                plan.locks[at].push(*locks.entry(name).or_insert(next));
            }
            // What neither a lock nor a slot explains, it would need again.
            if task.options.locks.is_empty() && (slots.is_none() || !task.options.queued) {
                let ends = plan.after[at].iter().map(|other| model.actors[*other].end);
                let free = ends.chain(actor.started).max().unwrap_or(actor.began);
                plan.lag[at] = actor.began.since(free);
            }
        }
        plan.lock_count = locks.len();
        plan.programs = programs(model);
        for program in &plan.programs {
            for (at, deed) in program.iter().enumerate() {
                if let Op::Start(task) = deed.op {
                    plan.start_of[task] = Some(at);
                }
            }
        }
        plan
    }

    /// How long the run takes so, in microseconds.
    pub fn takes(&self, change: &Change<'a>) -> u64 {
        Replay::new(self, change).run()
    }
}

/// What each actor did, in order.
fn programs<'a>(model: &Model<'a>) -> Vec<Vec<Deed<'a>>> {
    // In which order what happened at the same time did: what a wait was over
    // for came after it.
    let rank = |op: &Op| u8::from(matches!(op, Op::Start(_)));
    let mut programs: Vec<Vec<Deed<'a>>> = vec![Vec::new(); model.actors.len()];
    let mut collector: Vec<usize> = model.actors.iter().map(|actor| actor.parent).collect();
    for (by, actor) in model.actors.iter().enumerate() {
        for block in &actor.blocks {
            let on = &model.actors[block.on];
            collector[block.on] = by;
            let lag = block.until.since(on.end.max(block.from));
            let known = on.started.is_some();
            let op = if known { Op::Wait(Some(block.on), lag) } else { Op::Wait(None, 0) };
            programs[by].push(Deed { op, at: block.at, when: block.until });
        }
    }
    for (at, actor) in model.actors.iter().enumerate().skip(1) {
        let Some(task) = actor.task else { continue };
        if let Some(when) = actor.started {
            let deed = Deed { op: Op::Start(at), at: task.at.as_deref(), when };
            programs[actor.parent].push(deed);
        }
        if let Some(when) = task.collected {
            let when = when.clamp(model.since, model.until);
            let known = actor.started.is_some() && !task.cancelled;
            let op = Op::Wait(known.then_some(at), 0);
            programs[collector[at]].push(Deed { op, at: task.collected_at.as_deref(), when });
        }
    }
    for (program, actor) in programs.iter_mut().zip(&model.actors) {
        program.sort_by_key(|deed| (deed.when, rank(&deed.op)));
        // A wait for what never runs here takes its time as work does.
        let known = |on: usize| model.actors[on].started.is_some();
        let blocks = actor.blocks.iter().filter(|block| known(block.on));
        let blocked = joined(blocks.map(|b| (b.from.max(actor.began), b.until.min(actor.end))));
        let (mut spans, mut passed) = (blocked.iter().peekable(), 0);
        let mut own = |time: Time| {
            while let Some(span) = spans.next_if(|span| span.1 <= time) {
                passed += span.1.since(span.0);
            }
            let part = spans.peek().map_or(0, |span| time.since(span.0));
            time.since(actor.began).saturating_sub(passed + part)
        };
        let mut whole = Vec::with_capacity(2 * program.len() + 1);
        let (mut done, end) = (0, actor.end);
        let mut work = |whole: &mut Vec<Deed<'a>>, when: Time, at: Option<&'a str>| {
            let until = own(when.clamp(actor.began, end));
            if until > done {
                whole.push(Deed { op: Op::Work(until - done), at, when });
                done = until;
            }
        };
        for deed in program.drain(..) {
            work(&mut whole, deed.when, deed.at);
            whole.push(deed);
        }
        work(&mut whole, end, None);
        *program = whole;
    }
    programs
}

/// A run that is replayed.
struct Replay<'p, 'a> {
    plan: &'p Plan<'a>,
    change: &'p Change<'a>,
    extra: Vec<Deed<'a>>,
    now: u64,
    /// Who goes on when; at the same time, who came first.
    queue: BinaryHeap<Reverse<(u64, usize, usize)>>,
    sequence: usize,
    /// Of each actor: how far it is, whether it has ended, ….
    next: Vec<usize>,
    ended: Vec<bool>,
    begun: Vec<bool>,
    lent: Vec<bool>,
    missing: Vec<usize>,
    dependents: Vec<Vec<usize>>,
    waiters: Vec<Vec<(usize, u64)>>,
    held: Vec<bool>,
    lock_queues: Vec<VecDeque<usize>>,
    free: Option<u32>,
    slot_queue: VecDeque<usize>,
    over: u64,
}

impl<'p, 'a> Replay<'p, 'a> {
    fn new(plan: &'p Plan<'a>, change: &'p Change<'a>) -> Self {
        let count = plan.programs.len() + 1;
        let work = change.extra.map(|work| Deed { op: Op::Work(work), at: None, when: Time(0) });
        Self {
            plan,
            change,
            extra: work.into_iter().collect(),
            now: 0,
            queue: BinaryHeap::new(),
            sequence: 0,
            next: vec![0; count],
            ended: vec![false; count],
            begun: vec![false; count],
            lent: vec![false; count],
            missing: vec![0; count],
            dependents: vec![Vec::new(); count],
            waiters: vec![Vec::new(); count],
            held: vec![false; plan.lock_count],
            lock_queues: vec![VecDeque::new(); plan.lock_count],
            free: plan.slots.map(|slots| slots.saturating_add(change.slots)),
            slot_queue: VecDeque::new(),
            over: 0,
        }
    }

    fn run(mut self) -> u64 {
        self.later(0, SCRIPT);
        while let Some(Reverse((time, _, actor))) = self.queue.pop() {
            self.now = time;
            // Who has lent its slot takes one back before it goes on.
            if self.lent[actor] && !self.take_slot(actor) {
                continue;
            }
            self.lent[actor] = false;
            self.go_on(actor);
        }
        self.over
    }

    fn later(&mut self, after: u64, actor: usize) {
        self.sequence += 1;
        self.queue.push(Reverse((self.now.saturating_add(after), self.sequence, actor)));
    }

    fn go_on(&mut self, actor: usize) {
        loop {
            let program = match &self.change.program {
                Some((changed, program)) if *changed == actor => program,
                _ => self.plan.programs.get(actor).unwrap_or(&self.extra),
            };
            let Some(deed) = program.get(self.next[actor]) else { break };
            let op = deed.op;
            self.next[actor] += 1;
            match op {
                Op::Work(work) => return self.later(work, actor),
                Op::Start(task) => self.arrive(task),
                Op::Wait(Some(task), lag) if !self.ended[task] => {
                    self.waiters[task].push((actor, lag));
                    if self.limits(actor) {
                        self.lent[actor] = true;
                        self.give_slot();
                    }
                    return;
                }
                Op::Wait(..) => {}
            }
        }
        self.end(actor);
    }

    /// Whether the task needs a slot.
    fn limits(&self, actor: usize) -> bool {
        self.free.is_some() && self.plan.queued.get(actor).copied().unwrap_or(false)
    }

    /// A task was started: it begins once it may.
    fn arrive(&mut self, task: usize) {
        let after = self.plan.after.get(task).map_or(&[][..], Vec::as_slice);
        for other in after.iter().filter(|other| !self.ended[**other]) {
            self.dependents[*other].push(task);
            self.missing[task] += 1;
        }
        if self.missing[task] == 0 {
            self.lock(task);
        }
    }

    fn lock(&mut self, task: usize) {
        let plan = self.plan;
        let locks = plan.locks.get(task).map_or(&[][..], Vec::as_slice);
        let wanted = || locks.iter().copied().filter(|lock| Some(*lock) != self.change.without);
        if let Some(lock) = wanted().find(|lock| self.held[*lock]) {
            self.lock_queues[lock].push_back(task);
            return;
        }
        let wanted: Vec<usize> = wanted().collect();
        for lock in wanted {
            self.held[lock] = true;
        }
        if !self.limits(task) || self.take_slot(task) {
            self.begin(task);
        }
    }

    fn take_slot(&mut self, actor: usize) -> bool {
        match &mut self.free {
            Some(0) => {
                self.slot_queue.push_back(actor);
                return false;
            }
            Some(free) => *free -= 1,
            None => {}
        }
        true
    }

    fn give_slot(&mut self) {
        match self.slot_queue.pop_front() {
            Some(next) if self.begun[next] => {
                self.lent[next] = false;
                self.later(0, next);
            }
            Some(next) => self.begin(next),
            None => self.free = self.free.map(|free| free.saturating_add(1)),
        }
    }

    fn begin(&mut self, task: usize) {
        self.begun[task] = true;
        self.later(self.plan.lag.get(task).copied().unwrap_or(0), task);
    }

    fn end(&mut self, actor: usize) {
        if std::mem::replace(&mut self.ended[actor], true) {
            return;
        }
        if self.plan.counts.get(actor).copied().unwrap_or(true) {
            self.over = self.now;
        }
        if self.limits(actor) {
            self.give_slot();
        }
        for &lock in self.plan.locks.get(actor).map_or(&[][..], Vec::as_slice) {
            self.held[lock] = false;
            while let Some(next) = self.lock_queues[lock].pop_front() {
                self.lock(next);
                if self.held[lock] {
                    break;
                }
            }
        }
        for (waiter, lag) in std::mem::take(&mut self.waiters[actor]) {
            self.later(lag, waiter);
        }
        for task in std::mem::take(&mut self.dependents[actor]) {
            self.missing[task] -= 1;
            if self.missing[task] == 0 {
                self.lock(task);
            }
        }
    }
}

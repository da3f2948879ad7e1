//! A run in Chrome's Trace Event Format, which Perfetto opens: who ran when,
//! and who waited for whom.
//!
//! Viewers draw a track as nested slices and drop a slice that overlaps
//! another one in part. So the tasks are put on *slots*, each on the lowest
//! one that is free, as a pool of workers would have run them; a wait lies
//! inside the slice of whoever waits, and on a track for further waits if that
//! one waits already (two calls at once). Every slice lasts for 1 µs at least,
//! for an arrow needs a slice to begin or end in.

mod tracks;

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::Subject;
use super::advice::chain::{Step, chain};
use super::damage::damage;
use super::text::word;
use crate::run::files::Command;
use crate::run::state::Wait;
use crate::run::{Id, Task, Time};
use tracks::{Released, Slice, Slots};

/// All is one process to a viewer; the pids proper are among the arguments.
const PROCESS: u32 = 1;
/// The script's track; the slots come after it.
const SCRIPT: usize = 1;

/// Stretches of the machine's idle time below this, in microseconds, are
/// mostly the coarseness of the readings.
const COARSE: u64 = 100_000;

/// Times are told no further than to here: a viewer reads numbers as doubles.
const HORIZON: u64 = 1 << 53;

/// The events of a run.
struct Trace<'a> {
    subject: &'a Subject<'a>,
    events: Vec<Value>,
    script: Option<Slice>,
    slices: HashMap<&'a Id, Slice>,
    critical: HashSet<Id>,
    arrows: u64,
}

/// The document. Command lines are left out unless `commands` asks for them:
/// they may hold secrets.
pub fn document(subject: &Subject<'_>, commands: bool) -> String {
    let critical = chain(subject).into_iter().filter_map(|link| match link.step {
        Step::Task(id) => Some(id),
        Step::Script => None,
    });
    let mut trace = Trace {
        subject,
        events: Vec::new(),
        script: None,
        slices: HashMap::new(),
        critical: critical.collect(),
        arrows: 0,
    };
    trace.script();
    let slots = trace.tasks(commands);
    trace.waits(slots);
    trace.starts();
    trace.counters();
    let run = subject.run;
    let other = json!({
        "script": run.script, "state": subject.state(), "serial": run.serial,
        "began": subject.timestamp(subject.since()).map(|time| time.to_string()),
        "pid": run.owner.map(|owner| owner.pid), "damage": damage(subject),
    });
    let lines: Vec<String> = trace.events.iter().map(Value::to_string).collect();
    format!(
        "{{\"displayTimeUnit\":\"ms\",\"otherData\":{other},\"traceEvents\":[\n{}\n]}}\n",
        lines.join(",\n")
    )
}

impl Trace<'_> {
    /// A moment in microseconds since the run began.
    fn at(&self, time: Time) -> u64 {
        self.subject.offset(time).min(HORIZON)
    }

    fn slice(&mut self, name: &str, category: &str, slice: Slice, arguments: &Value) {
        self.events.push(json!({
            "name": name, "cat": category, "ph": "X", "pid": PROCESS, "tid": slice.track,
            "ts": slice.from, "dur": slice.until - slice.from, "args": arguments,
        }));
    }

    fn track(&mut self, track: usize, name: &str) {
        for (kind, arguments) in [
            ("thread_name", json!({"name": name})),
            ("thread_sort_index", json!({"sort_index": track})),
        ] {
            self.events.push(json!({
                "name": kind, "ph": "M", "pid": PROCESS, "tid": track, "args": arguments,
            }));
        }
    }

    /// An arrow from a moment in one slice to a moment in another.
    fn arrow(&mut self, name: &str, from: (Slice, u64), to: (Slice, u64)) {
        // One that goes back in time is the coarseness of the shells' clock.
        let end = to.0.inside(to.1);
        let begin = from.0.inside(from.1.min(end));
        if begin > end {
            return;
        }
        self.arrows += 1;
        let mut event = |phase: &str, slice: Slice, at: u64| {
            let mut event = json!({
                "name": name, "cat": "arrow", "ph": phase, "id": self.arrows,
                "pid": PROCESS, "tid": slice.track, "ts": at,
            });
            if phase == "f" {
                event["bp"] = "e".into();
            }
            self.events.push(event);
        };
        event("s", from.0, begin);
        event("f", to.0, end);
    }

    /// The script: one slice, in which its waits will lie.
    fn script(&mut self) {
        let run = self.subject.run;
        let name = run.script.as_deref().unwrap_or("script");
        self.events.push(json!({
            "name": "process_name", "ph": "M", "pid": PROCESS, "args": {"name": format!("meanwhile: {name}")},
        }));
        // Commands that come and go have no time of their own.
        let Some(owner) = run.owner else { return };
        let end = run.exited.filter(|end| *end < self.subject.until).unwrap_or(self.subject.until);
        let until = self.at(end).max(1);
        let slice = Slice { track: SCRIPT, from: 0, until };
        self.track(SCRIPT, name);
        self.slice(name, "script", slice, &json!({"pid": owner.pid}));
        self.script = Some(slice);
    }

    /// The tasks that have begun, each on a slot; returns how many slots there are.
    fn tasks(&mut self, commands: bool) -> usize {
        let subject = self.subject;
        let mut order: Vec<(u64, u64, &Task)> = subject
            .run
            .tasks()
            .iter()
            .filter_map(|task| {
                let from = self.at(task.began()?);
                let end = task.end.map_or(subject.until, |(end, _)| end);
                Some((from, self.at(end).max(from + 1), task))
            })
            .collect();
        order.sort_by_key(|(from, _, _)| *from);
        // What never began has no time of its own, but a moment at which that was clear.
        for task in subject.run.tasks().iter().filter(|task| task.began().is_none()) {
            if let Some((end, _)) = task.end {
                self.events.push(json!({
                    "name": format!("{}: {}", word(task, self.subject.live), task.id), "cat": "task", "ph": "i",
                    "s": "p", "pid": PROCESS, "tid": SCRIPT, "ts": self.at(end),
                    "args": self.arguments(task, None),
                }));
            }
        }
        let mut slots = Slots::default();
        for (from, until, task) in order {
            let slice = Slice { track: SCRIPT + 1 + slots.take(from, until), from, until };
            self.slices.insert(&task.id, slice);
            let critical = if self.critical.contains(&task.id) { "task,critical" } else { "task" };
            let command = subject.commands.get(&task.id).filter(|_| commands).map(Command::display);
            let arguments = self.arguments(task, command);
            self.slice(task.id.as_str(), critical, slice, &arguments);
            for (number, (time, code)) in task.tries.iter().enumerate() {
                self.events.push(json!({
                    "name": format!("attempt {} failed: {code}", number + 1), "cat": "attempt",
                    "ph": "i", "s": "t", "pid": PROCESS, "tid": slice.track,
                    "ts": slice.inside(self.at(*time)),
                }));
            }
        }
        for slot in 0..slots.count {
            self.track(SCRIPT + 1 + slot, &format!("slot {}", slot + 1));
        }
        slots.count
    }

    fn arguments(&self, task: &Task, command: Option<String>) -> Value {
        let seconds = |micros: u64| micros as f64 / 1e6;
        let mut arguments = json!({
            "state": word(task, self.subject.live), "code": task.code(),
            "pid": task.guard.map(|guard| guard.pid), "started_at": task.at,
            "collected_at": task.collected_at,
        });
        let queued = task.queued(self.subject.until);
        let cause = task.skipped.as_ref().map(|cause| cause.root.to_string());
        for (key, value) in [
            ("queued_seconds", (queued > 0).then(|| seconds(queued).into())),
            ("cpu_seconds", self.subject.cpu(&task.id).map(|cpu| seconds(cpu).into())),
            ("attempts", (task.failures > 0).then(|| task.failures.saturating_add(1).into())),
            ("skipped_because_of", cause.map(Value::from)),
            ("critical", self.critical.contains(&task.id).then(|| true.into())),
            ("command", command.map(Value::from)),
        ] {
            if let Some(value) = value {
                arguments[key] = value;
            }
        }
        arguments
    }

    /// The waits, inside the slices of those who wait, and the arrows to them.
    fn waits(&mut self, slots: usize) {
        let subject = self.subject;
        let mut waits: Vec<(u64, &Wait)> =
            subject.run.waits.iter().map(|wait| (self.at(wait.from), wait)).collect();
        waits.sort_by_key(|(from, _)| *from);
        let mut busy: HashMap<usize, u64> = HashMap::new();
        let mut others = Slots::default();
        let any = Released::of(subject);
        for (from, wait) in waits {
            let until = self.at(wait.until.unwrap_or(subject.until));
            let around = match &wait.scope {
                None => self.script,
                Some(scope) => self.slices.get(scope).copied(),
            };
            let nested = around.map(|around| Slice {
                track: around.track,
                from: around.inside(from),
                until: until.clamp(around.inside(from) + 1, around.until),
            });
            let own = nested
                .filter(|slice| busy.get(&slice.track).is_none_or(|until| *until <= slice.from));
            let slice = own.unwrap_or_else(|| {
                let until = until.max(from + 1);
                Slice { track: SCRIPT + 1 + slots + others.take(from, until), from, until }
            });
            busy.insert(slice.track, slice.until);
            let name = match &wait.id {
                Some(id) => format!("blocked: {id}"),
                None => "blocked: any task".to_owned(),
            };
            let arguments = json!({
                "at": wait.at, "pid": wait.by, "in": wait.scope.as_ref().map(Id::as_str),
            });
            self.slice(&name, "wait", slice, &arguments);
            let released = wait.until.and_then(|until| match &wait.id {
                Some(id) => subject.run.task(id),
                None => any.by(wait.from, until),
            });
            let ended = released.and_then(|task| Some((task, task.end?.0)));
            if let Some((task, end)) = ended
                && let Some(from) = self.slices.get(&task.id).copied()
            {
                self.arrow("ends the wait", (from, self.at(end)), (slice, until));
            }
        }
        for slot in 0..others.count {
            let name = if self.script.is_some() { "further waits" } else { "waits" };
            self.track(SCRIPT + 1 + slots + slot, &format!("{name} {}", slot + 1));
        }
    }

    /// The arrows from whoever started a task to where it begins.
    fn starts(&mut self) {
        for task in self.subject.run.tasks() {
            let starter = match task.id.parent() {
                None => self.script,
                Some(parent) => self.slices.get(&parent).copied(),
            };
            if let (Some(starter), Some(guard)) = (starter, task.guard)
                && let Some(slice) = self.slices.get(&task.id).copied()
            {
                let at = self.at(guard.started);
                self.arrow("starts", (starter, at), (slice, slice.from));
            }
        }
    }

    /// How many tasks run and how many are queued, and the processors that
    /// have nothing to do.
    fn counters(&mut self) {
        let subject = self.subject;
        let mut changes: Vec<(u64, i64, i64)> = Vec::new();
        for task in subject.run.tasks() {
            let end = task.end.map(|(end, _)| self.at(end));
            let began = task.began().map(|began| self.at(began));
            if let (true, Some(guard)) = (task.options.queued, task.guard) {
                let started = self.at(guard.started);
                changes.push((started, 0, 1));
                changes.extend(began.or(end).map(|at| (at.max(started), 0, -1)));
            }
            if let Some(began) = began {
                changes.push((began, 1, 0));
                changes.extend(end.map(|end| (end.max(began), -1, 0)));
            }
        }
        changes.sort_unstable();
        let (mut running, mut queued) = (0, 0);
        for at in changes.chunk_by(|a, b| a.0 == b.0) {
            running += at.iter().map(|change| change.1).sum::<i64>();
            queued += at.iter().map(|change| change.2).sum::<i64>();
            self.counter(at[0].0, "tasks", &json!({"running": running, "queued": queued}));
        }
        let Some(mut last) = subject.run.idle.first().copied() else { return };
        for reading in &subject.run.idle {
            let passed = reading.0.since(last.0);
            if passed >= COARSE {
                let idle = reading.1.saturating_sub(last.1) as f64 / passed as f64;
                let most = subject.run.processors.map_or(f64::MAX, f64::from);
                let idle = (idle.min(most) * 100.0).round() / 100.0;
                self.counter(self.at(last.0), "idle processors", &json!({"idle": idle}));
                last = *reading;
            }
        }
    }

    fn counter(&mut self, at: u64, name: &str, values: &Value) {
        self.events
            .push(json!({"name": name, "ph": "C", "pid": PROCESS, "ts": at, "args": values}));
    }
}

#[cfg(test)]
mod tests;

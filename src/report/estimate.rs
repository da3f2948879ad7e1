//! How long the script would have taken serially: the estimate.
//!
//! Run serially, every step would take the time that it needs on an idle
//! machine. In the run it took longer where it had to share the processors.
//! So the run is cut into intervals in which the same steps were under way
//! (the tasks that ran, and the script itself unless it blocked in a wait),
//! and in each interval a step counts for its CPU time, and for a part of the
//! rest, in which it did not run:
//!
//! - for all of the rest if it used much less than its fair share of the
//!   processors: what it did not use it did not want (it slept, or waited for
//!   a disk or a network);
//! - if it used its share, for the part in which a processor was free, since then it was not
//!   waiting for one. With N processors that are busy for a share U of the
//!   time, all of them are busy together for U^N of it, taken as independent.
//!
//! In between it is in proportion, and a step too brief to tell counts as the
//! second kind. U is measured, not modelled: every record carries the machine's idle time
//! (the second figure of `/proc/uptime`). Where the machine has more
//! processors than the run may use, the steps' own CPU time over those is
//! taken if it is the higher. A step's use is its CPU time over its wall
//! time, constant over its life; the fair share is max-min fair (Bertsekas
//! and Gallager, Data Networks, 6.5.2), which Linux's scheduler approximates.
//! The sum over all steps and intervals is the estimate.
//!
//! Where it errs: a task that is itself parallel (`make -j`) and shared the
//! machine would have been faster alone than its CPU time suggests, so the
//! estimate is then too high; a step of unknown CPU time is taken to have
//! wanted a whole processor, which makes it lower.

use std::collections::HashMap;

use super::Subject;
use super::idle::Idle;
use super::spans::{gaps, joined};
use crate::run::state::Wait;
use crate::run::{Id, Run, Time};

/// A step that used more of its fair share than the first was short of it, one
/// that used less than the second was not; in between it counts in proportion.
const SHORT: f64 = 0.75;
const EASY: f64 = 0.25;
/// Of a step that is over sooner, in microseconds, CPU times that come in
/// 10 ms do not tell whether it slept: it counts as short of a processor.
const BRIEF: u64 = 50_000;
/// So much of the processors' time is there to share even where others on the
/// machine use all of it: who wakes up gets a turn beside them. Less would
/// take a step that slept all the time for one that never got its turn.
const TURN: f64 = 0.1;
/// A step that used more than so many processors is itself parallel.
const PARALLEL: f64 = 1.1;

/// The figures of a run, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Estimate {
    /// How long it took.
    pub elapsed: u64,
    /// How long it would have taken serially.
    pub serial: u64,
    /// How long the script was blocked in waits.
    pub blocked: u64,
    /// The sum of the tasks' times.
    pub background: u64,
}

impl Estimate {
    /// Serial over elapsed; 1 where nothing took any time.
    pub fn speedup(&self) -> f64 {
        if self.elapsed == 0 { 1.0 } else { self.serial as f64 / self.elapsed as f64 }
    }
}

/// A step: when it was under way, and what share of one processor it used.
struct Step {
    spans: Vec<(Time, Time)>,
    usage: f64,
    brief: bool,
}

impl Step {
    fn new(spans: Vec<(Time, Time)>, cpu: Option<u64>) -> Self {
        let wall: u64 = spans.iter().map(|(from, until)| until.since(*from)).sum();
        let usage = match cpu {
            Some(cpu) if wall > 0 => cpu as f64 / wall as f64,
            _ => 1.0,
        };
        Self { spans, usage, brief: wall < BRIEF }
    }

    fn under_way(&self, from: Time, until: Time) -> bool {
        let at = self.spans.partition_point(|span| span.1 <= from);
        self.spans.get(at).is_some_and(|span| span.0 < until)
    }
}

/// Makes the estimate.
pub fn estimate(subject: &Subject<'_>) -> Estimate {
    // A journal may say anything, also that it began after it was over.
    let since = subject.since();
    let until = subject.until.max(since);
    let sum = |all: u64, one: u64| all.saturating_add(one);
    let elapsed = until.since(since);
    let tasks: Vec<(&Id, Time, Time, Option<u64>)> = subject
        .run
        .tasks()
        .iter()
        .filter_map(|task| {
            let from = task.began()?.max(since);
            let end = task.end.map_or(until, |(end, _)| end.min(until));
            Some((&task.id, from, end.max(from), subject.cpu(&task.id)))
        })
        .collect();
    let background = tasks.iter().map(|(_, from, end, _)| end.since(*from)).fold(0, sum);
    let mut waits = by_scope(subject.run);
    let blocked_spans = stretches(&waits.remove(&None).unwrap_or_default(), since, until);
    let blocked = blocked_spans.iter().map(|(from, end)| end.since(*from)).sum();
    if subject.run.serial {
        return Estimate { elapsed, serial: elapsed, blocked, background };
    }
    let known_cpu = tasks.iter().filter_map(|(_, _, _, cpu)| *cpu).fold(0, sum);
    let script_cpu = subject.script_cpu.map(|cpu| cpu.saturating_sub(known_cpu));
    // The script is a step until it ends; tasks may go on.
    let exited = subject.run.exited.map_or(until, |exited| exited.clamp(since, until.max(since)));
    let mut steps = vec![Step::new(gaps(&blocked_spans, since, exited), script_cpu)];
    steps[0].usage = steps[0].usage.min(1.0);
    steps.extend(tasks.into_iter().map(|(id, from, end, cpu)| {
        // While a task waits for its own tasks, they are what is under way.
        let own = waits.get(&Some(id)).map(|waits| stretches(waits, from, end));
        Step::new(gaps(&own.unwrap_or_default(), from, end), cpu)
    }));
    Estimate { elapsed, serial: sweep(&steps, subject), blocked, background }
}

/// The waits by who blocked: a task, or the script itself.
fn by_scope(run: &Run) -> HashMap<Option<&Id>, Vec<&Wait>> {
    let mut waits: HashMap<_, Vec<_>> = HashMap::new();
    for wait in &run.waits {
        waits.entry(wait.scope.as_ref()).or_default().push(wait);
    }
    waits
}

/// The stretches of these waits between two moments, joined and in order.
fn stretches(waits: &[&Wait], since: Time, until: Time) -> Vec<(Time, Time)> {
    let ends = waits.iter().map(|wait| (wait.from, wait.until.unwrap_or(until)));
    joined(ends.map(|(from, end)| (from.clamp(since, until), end.clamp(since, until))))
}

/// Adds up what each step counts for, interval by interval.
fn sweep(steps: &[Step], subject: &Subject<'_>) -> u64 {
    let mut idle = Idle::new(subject);
    let cores = subject.cores as f64;
    let mut bounds: Vec<Time> =
        steps.iter().flat_map(|step| &step.spans).flat_map(|span| [span.0, span.1]).collect();
    bounds.sort_unstable();
    bounds.dedup();
    // Steps enter as the sweep passes their start and leave when they are over.
    let mut order: Vec<&Step> = steps.iter().filter(|step| !step.spans.is_empty()).collect();
    order.sort_by_key(|step| step.spans[0].0);
    let mut next = 0;
    let mut open: Vec<&Step> = Vec::new();
    let mut serial = 0.0;
    for pair in bounds.windows(2) {
        let (from, until) = (pair[0], pair[1]);
        while next < order.len() && order[next].spans[0].0 <= from {
            open.push(order[next]);
            next += 1;
        }
        open.retain(|step| step.spans.last().is_some_and(|span| span.1 > from));
        let steps: Vec<&Step> =
            open.iter().filter(|step| step.under_way(from, until)).copied().collect();
        let used = steps.iter().map(|step| step.usage).sum::<f64>() / cores;
        let busy = idle.busy(from, until).unwrap_or(used).max(used).clamp(0.0, 1.0);
        serial += count(steps, cores, busy) * until.since(from) as f64;
    }
    serial.round() as u64
}

/// For how much of one serial step's time an interval with these steps counts.
fn count(mut steps: Vec<&Step>, cores: f64, busy: f64) -> f64 {
    let all_busy = busy.powf(cores);
    steps.sort_by(|a, b| a.usage.total_cmp(&b.usage));
    // What others on the machine use is not there to share, but for a turn.
    let used = steps.iter().map(|step| step.usage).sum::<f64>();
    let others = (busy * cores - used).max(0.0);
    let (mut left, mut counted) = ((cores - others).max(TURN * cores), 0.0);
    for (taken, step) in steps.iter().enumerate() {
        let share = (left / (steps.len() - taken) as f64).min(1.0);
        left -= step.usage.min(left);
        // Alone, a parallel step would have all processors. (A little over
        // one is the coarseness of the CPU times of a short step.)
        let ran =
            if step.usage > PARALLEL { step.usage.min(cores) / cores } else { step.usage.min(1.0) };
        let short = if step.brief || step.usage >= SHORT * share {
            1.0
        } else {
            ((step.usage / share - EASY) / (SHORT - EASY)).clamp(0.0, 1.0)
        };
        counted += ran + (1.0 - ran) * (1.0 - short * all_busy);
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::files::Command;
    use crate::run::journal::Reader;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn run(journal: &str, until: u64, script_cpu: Option<u64>) -> Estimate {
        let mut reader = Reader::default();
        for line in journal.lines().filter(|line| !line.is_empty()) {
            reader.feed(format!("\x1e{line}\n").as_bytes());
        }
        let commands: HashMap<_, Command> = HashMap::new();
        estimate(&Subject {
            run: &reader.run,
            commands: &commands,
            until: Time(until * 1_000_000),
            live: true,
            script_cpu,
            cores: 2,
            torn: false,
            past: None,
        })
    }

    const SECOND: u64 = 1_000_000;

    #[test]
    fn no_tasks_is_no_speedup() {
        let estimate = run("\n1.0 run - owner=1 ownerstart=1.0", 11, Some(0));
        assert_eq!((estimate.elapsed, estimate.serial), (10 * SECOND, 10 * SECOND));
        assert!((estimate.speedup() - 1.0).abs() < 1e-9);
        assert!((run("", 0, None).speedup() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn sleeping_tasks_count_whole() {
        // Three tasks sleep 10 s each while the script blocks on them.
        let journal = "\n0.0 run - owner=1 ownerstart=0.0\n0.0 start a pid=2\n0.0 start b pid=3\
            \n0.0 start c pid=4\n0.0 wait a by=9\n10.0 end a code=0 cpu=0\
            \n10.0 end b code=0 cpu=0\n10.0 end c code=0 cpu=0\n10.0 woken - by=9";
        let estimate = run(journal, 10, Some(0));
        assert_eq!((estimate.serial, estimate.blocked), (30 * SECOND, 10 * SECOND));
    }

    #[test]
    fn contention_is_not_work() {
        // Four tasks on two cores, each at half speed for 10 s: 20 s of work.
        let mut journal = "\n0.0 run - owner=1 ownerstart=0.0\n0.0 wait - by=9".to_owned();
        for name in ["a", "b", "c", "d"] {
            journal += &format!("\n0.0 start {name} pid=2\n10.0 end {name} code=0 cpu=5000000");
        }
        journal += "\n10.0 woken - by=9";
        assert_eq!(run(&journal, 10, Some(20 * SECOND)).serial, 20 * SECOND);
    }

    #[test]
    fn a_sleeper_among_burners_still_counts_whole() {
        let mut journal = "\n0.0 run - owner=1 ownerstart=0.0\n0.0 wait - by=9".to_owned();
        for (name, cpu) in [("a", 10_000_000), ("b", 9_900_000), ("s", 100_000)] {
            journal += &format!("\n0.0 start {name} pid=2\n10.0 end {name} code=0 cpu={cpu}");
        }
        journal += "\n10.0 woken - by=9";
        let serial = run(&journal, 10, Some(20 * SECOND)).serial;
        assert!((29 * SECOND..=30 * SECOND).contains(&serial), "{serial}");
    }

    #[test]
    fn a_sleeper_on_a_machine_that_others_keep_busy_counts_whole() {
        // The machine is never idle, and the run is not what keeps it busy.
        let journal = |cpu: u64| {
            format!(
                "\n1.0 run - owner=1 ownerstart=1.0 cpus=2 idle=7.0\n1.0 start a pid=2 idle=7.0\
                 \n1.0 start b pid=3 idle=7.0\n1.0 wait - by=9 idle=7.0\
                 \n11.0 end a code=0 cpu={cpu} idle=7.0\n11.0 end b code=0 cpu={cpu} idle=7.0\
                 \n11.0 woken - by=9 idle=7.0"
            )
        };
        assert_eq!(run(&journal(30_000), 11, Some(60_000)).serial, 20 * SECOND);
        // Those that computed beside ten others waited for their turns.
        assert_eq!(run(&journal(2 * SECOND), 11, Some(4 * SECOND)).serial, 4 * SECOND);
    }

    #[test]
    fn serial_mode_is_what_it_took() {
        let journal = "\n0.0 run - owner=1 ownerstart=0.0 serial=1\n0.0 start a pid=2\
            \n5.0 end a code=0 cpu=0";
        assert_eq!(run(journal, 10, Some(0)).serial, 10 * SECOND);
    }

    #[test]
    fn absurd_figures_are_survived() {
        let most = u64::MAX / 1_000_000;
        let journal = format!(
            "\n1.0 run - owner=1 ownerstart=9.0\n0.0 start a pid=2\n0.0 start b pid=2\
             \n{most}.0 end a code=0 cpu={max}\n{most}.0 end b code=0 cpu={max}\
             \n1.0 wait a by=1\n2.0 woken - by=1",
            max = u64::MAX
        );
        assert_eq!(run(&journal, most, None).background, u64::MAX);
        assert_eq!(run(&journal, 3, None).elapsed, 0, "it began after it was over");
    }

    proptest! {
        /// Whatever ran, the estimate lies between what the script alone took
        /// and the sum of all times, and nothing panics.
        #[test]
        fn it_stays_in_bounds(
            tasks in proptest::collection::vec((0u64..50, 0u64..50, 0u64..100), 0..12),
            waits in proptest::collection::vec((0u64..50, 0u64..50), 0..6),
            script_cpu in proptest::option::of(0u64..100_000_000),
        ) {
            let mut journal = "\n0.0 run - owner=1 ownerstart=0.0".to_owned();
            for (n, (from, length, cpu)) in tasks.iter().enumerate() {
                journal += &format!("\n{from}.0 start t{n} pid=2\n{}.0 end t{n} code=0 cpu={}",
                    from + length, cpu * 1_000_000);
            }
            for (n, (from, length)) in waits.iter().enumerate() {
                journal += &format!("\n{from}.0 wait - by={n}\n{}.0 woken - by={n}", from + length);
            }
            let estimate = run(&journal, 60, script_cpu);
            prop_assert!(estimate.serial <= estimate.elapsed - estimate.blocked + estimate.background);
            prop_assert!(estimate.blocked <= estimate.elapsed);
        }
    }
}

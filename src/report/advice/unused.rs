//! Overlap that was not used: where the background did not help.
//!
//! A task that is waited for as soon as it was started could as well have run
//! in the foreground: nothing ran beside it that would not have without.
//! A task that ended long before it was collected is the other way round:
//! nothing waited for it, so it could have begun later, or taken longer.

use std::cmp::Reverse;
use std::fmt;

use super::candidates::{BETWEEN, NOTICED};
use super::model::Model;
use super::places::{Place, Places, Waited};
use super::retime::{Op, Plan};
use crate::report::Subject;
use crate::run::{Id, duration};

/// What nobody waited for so many microseconds, and for this part of the run, is told.
const LONG: u64 = 1_000_000;
const LONG_PART: u64 = 20;

/// A task, and what was not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unused {
    /// It was waited for at once.
    AtOnce {
        /// The task.
        task: Id,
        /// Where it was started.
        from: Place,
        /// What waited for it.
        waited: Waited,
    },
    /// It ended long before it was collected.
    Early {
        /// The task.
        task: Id,
        /// How long before, in microseconds.
        slack: u64,
        /// The line that collected it, if that is known.
        at: Option<String>,
    },
}

/// All of that, those first that were waited for at once, the longest first.
pub fn unused(subject: &Subject<'_>) -> Vec<Unused> {
    if subject.run.serial {
        return Vec::new();
    }
    let model = Model::new(subject);
    let plan = Plan::new(&model, subject);
    let places = Places::new(subject, &model);
    let mut at_once = Vec::new();
    for (by, program) in plan.programs.iter().enumerate() {
        let verbs = || program.iter().filter(|deed| !matches!(deed.op, Op::Work(0..BETWEEN)));
        for (start, wait) in verbs().zip(verbs().skip(1)) {
            let (Op::Start(task), Op::Wait(Some(on), _)) = (start.op, wait.op) else { continue };
            let blocks = &model.actors[by].blocks;
            let from = blocks.partition_point(|block| block.until < wait.when);
            let block = blocks[from..].iter().take_while(|block| block.until == wait.when);
            let block = block.into_iter().find(|block| block.on == task && on == task);
            let blocked = block.map_or(0, |block| block.until.since(block.from));
            let id = model.actors[task].task.map(|task| task.id.clone());
            if let Some(id) = id.filter(|_| blocked >= NOTICED) {
                let waited = places.waited(task, wait.at, blocked);
                at_once.push((blocked, id, places.of(start), waited));
            }
        }
    }
    at_once.sort_by_key(|(blocked, ..)| Reverse(*blocked));
    let least = LONG.max(model.until.since(model.since) / LONG_PART);
    let mut early: Vec<(u64, Unused)> = Vec::new();
    for task in subject.run.tasks() {
        let ended = task.end.filter(|_| !task.cancelled);
        let slack = ended.zip(task.collected).map_or(0, |((end, _), taken)| taken.since(end));
        if slack >= least {
            let at = task.collected_at.as_deref().map(str::to_owned);
            early.push((slack, Unused::Early { task: task.id.clone(), slack, at }));
        }
    }
    early.sort_by_key(|(slack, _)| Reverse(*slack));
    let at_once = at_once.into_iter();
    let at_once = at_once.map(|(_, task, from, waited)| Unused::AtOnce { task, from, waited });
    at_once.chain(early.into_iter().map(|(_, early)| early)).collect()
}

impl fmt::Display for Unused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtOnce { task, from, waited } => {
                if let Place::Line(at) = from {
                    write!(f, "{at} ")?;
                }
                let (blocked, at) = (duration::display(waited.blocked), waited.at.near(from));
                write!(f, "starts {task}, and {at} waits for it at once: blocked {blocked}")
            }
            Self::Early { task, slack, at } => {
                let at = at.as_ref().map_or(String::new(), |at| format!(" at {at}"));
                write!(
                    f,
                    "{task} had ended {} before it was collected{at}",
                    duration::display(*slack)
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::Sample;

    #[test]
    fn a_wait_at_once_and_a_task_that_nobody_missed() {
        let sample = Sample::new(
            "0.0 run - owner=1 ownerstart=0.0 script=s.sh
            0.0 start early pid=2 at=s.sh:1
            1.0 end early code=0
            1.0 start a pid=2 at=s.sh:2
            1.0 wait a by=8 at=s.sh:3
            4.0 end a code=0
            4.0 woken - by=8
            4.0 collected a code=0 at=s.sh:3
            4.0 start b pid=2 at=s.sh:4
            5.0 wait b by=8 at=s.sh:5
            6.0 end b code=0
            6.0 woken - by=8
            6.0 collected b code=0 at=s.sh:5
            6.0 collected early code=0 at=s.sh:6",
        );
        let told: Vec<String> = unused(&sample.until(6)).iter().map(ToString::to_string).collect();
        let at_once = "s.sh:2 starts a, and :3 waits for it at once: blocked 3.0s";
        assert_eq!(told, [at_once, "early had ended 5.0s before it was collected at s.sh:6"]);
    }
}

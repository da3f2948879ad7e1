//! Which processes are which task's: a group, by its first process, is that of
//! the guard that a journal names.
//!
//! A pid is used again. So it is the last process of that number that had been forked when the
//! record was written; and no group is two tasks'.

use std::collections::HashMap;

use super::{Gone, Input, Who};
use crate::run::Time;
use crate::run::footprint::{Blind, Group};
use crate::run::task::Task;

/// Shells cut the times of records: what they write down may have happened so much later,
/// microseconds.
const COARSE: u64 = 10_000;

/// Which groups are which tasks', and the tasks that have none.
pub fn owners<'a>(input: &Input<'a>) -> (HashMap<usize, (usize, &'a Task)>, Vec<Gone>) {
    let mut by_pid: HashMap<u32, Vec<(usize, &Group)>> = HashMap::new();
    for (number, group) in input.traced.groups.iter().enumerate().skip(1) {
        by_pid.entry(group.pid).or_default().push((number, group));
    }
    for same in by_pid.values_mut() {
        same.sort_by_key(|(number, group)| (group.born.0, *number));
    }
    let mut tasks: Vec<(Time, usize, &Task, u32)> = Vec::new();
    for (run, (_, journal)) in input.runs.iter().enumerate() {
        let guarded = journal.tasks().iter().filter_map(|task| Some((task, task.guard?)));
        tasks.extend(guarded.map(|(task, guard)| (guard.started, run, task, guard.pid)));
    }
    tasks.sort_by_key(|(time, run, ..)| (*time, *run));
    let (mut owners, mut untold) = (HashMap::new(), Vec::new());
    for (time, run, task, pid) in tasks {
        let same = by_pid.get(&pid);
        let group = same.and_then(|same| latest(same, time, |(_, group)| group.born.0));
        match group.filter(|(number, _)| !owners.contains_key(number)) {
            Some((number, _)) => {
                owners.insert(*number, (run, task));
            }
            None => untold.push(Gone {
                why: Blind::Untold,
                who: Who::Task { run, id: task.id.clone() },
                program: String::new(),
                count: 1,
            }),
        }
    }
    (owners, untold)
}

/// The last of them that was born when a record of `time` was written.
pub fn latest<T>(sorted: &[T], time: Time, born: impl Fn(&T) -> Time) -> Option<&T> {
    let until = Time(time.0.saturating_add(COARSE));
    let count = sorted.partition_point(|one| born(one) <= until);
    sorted[..count].last()
}

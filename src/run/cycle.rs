//! Tasks that wait for each other.
//!
//! A task waits for another if it is blocked in `async_wait` on it, if it is
//! queued after it, or if it is queued for a lock that the other holds. A
//! task that is found to wait for itself over such steps would never go on:
//! this is deadlock detection by a cycle in the wait-for graph (Coffman,
//! Elphick, Shoshani: System Deadlocks, 1971).

use std::collections::HashSet;

use super::{Id, Run, State, Task};

/// The tasks by which `from` waits for itself, in that order and with `from`
/// at both ends; `lives` tells whether a client is still there.
pub fn around(run: &Run, from: &Id, lives: &dyn Fn(u32) -> bool) -> Option<Vec<Id>> {
    // By depth, without recursion: a chain may be as long as a run. Each step
    // has what is still to be tried after it.
    let next = |id: &Id| run.task(id).map_or(Vec::new(), |task| waits_for(run, task, lives));
    let mut seen: HashSet<Id> = HashSet::new();
    let mut path = vec![(from.clone(), next(from))];
    while let Some((_, open)) = path.last_mut() {
        match open.pop() {
            Some(id) if id == *from => {
                return Some(path.into_iter().map(|(id, _)| id).chain([id]).collect());
            }
            Some(id) if seen.insert(id.clone()) => {
                let further = next(&id);
                path.push((id, further));
            }
            Some(_) => {}
            None => {
                path.pop();
            }
        }
    }
    None
}

/// The tasks that `task` cannot go on without.
fn waits_for(run: &Run, task: &Task, lives: &dyn Fn(u32) -> bool) -> Vec<Id> {
    let open = |id: &Id| run.task(id).is_some_and(|task| task.end.is_none());
    let mut found: Vec<Id> = Vec::new();
    if task.state() == State::Queued {
        found.extend(task.options.after.iter().filter(|id| open(id)).cloned());
        let holds = |other: &&Task| {
            let shared = |lock| other.options.locks.contains(lock);
            // What a task around it holds does not exclude it.
            other.state() == State::Running
                && !task.id.within(&other.id)
                && task.options.locks.iter().any(shared)
        };
        if !task.options.locks.is_empty() {
            found.extend(run.running().filter(holds).map(|other| other.id.clone()));
        }
    }
    let blocked = run.waits.iter().filter(|wait| {
        wait.until.is_none() && wait.scope.as_ref() == Some(&task.id) && lives(wait.by)
    });
    found.extend(blocked.filter_map(|wait| wait.id.clone()).filter(open));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Record;

    fn cycle(lines: &[&str], from: &str) -> Option<String> {
        let mut run = Run::default();
        for line in lines {
            run.apply(&Record::parse(line.as_bytes()).expect(line));
        }
        let path = around(&run, &Id::parse(from)?, &|pid| pid != 99)?;
        Some(path.iter().map(Id::as_str).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn tasks_that_wait_for_each_other_are_found() {
        let two =
            ["1 start a pid=1", "1 start b pid=2", "2 wait b by=7 in=a", "2 wait a by=8 in=b"];
        assert_eq!(cycle(&two, "a").as_deref(), Some("a b a"));
        assert_eq!(cycle(&two[..3], "a"), None);
        // One that has ended, or whose client is gone, holds nobody up.
        assert_eq!(cycle(&[&two[..], &["3 end b code=0"]].concat(), "a"), None);
        assert_eq!(cycle(&[&two[..], &["3 woken - by=8"]].concat(), "a"), None);
        let dead =
            ["1 start a pid=1", "1 start b pid=2", "2 wait b by=7 in=a", "2 wait a by=99 in=b"];
        assert_eq!(cycle(&dead, "a"), None);
    }

    #[test]
    fn also_by_way_of_a_dependency_or_a_lock() {
        let lines = [
            "1 start a pid=1 lock=l queued=1",
            "1 begin a",
            "1 start b pid=2 after=c queued=1",
            "1 start c pid=3 lock=l queued=1",
            "2 wait b by=7 in=a",
        ];
        assert_eq!(cycle(&lines, "a").as_deref(), Some("a b c a"));
        // A lock that the task around it holds does not exclude a task.
        let inner = [
            "1 start a pid=1 lock=l queued=1",
            "1 begin a",
            "1 start a/c pid=3 lock=l queued=1",
            "2 wait a/c by=7 in=a",
        ];
        assert_eq!(cycle(&inner, "a"), None);
    }
}

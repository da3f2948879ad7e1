//! Which processes belong to a task.
//!
//! Three marks, each of which catches what the others miss:
//!
//! - **descent** from the guard: everything, until a parent in between dies;
//! - the **process group** of the guard, where the shell could give it one
//!   (bash, mksh, ksh): also orphans, unless they left the group;
//! - the **log**: whoever has the task's log open as standard output or
//!   error, also a daemon that called `setsid`, unless it closed them.

use std::collections::HashMap;
use std::path::PathBuf;

use super::dir::RunDir;
use super::stat::Stat;
use crate::run::{Id, Task, files};

/// All processes at one moment.
#[derive(Debug)]
pub struct Snapshot {
    processes: Vec<Stat>,
    children: HashMap<u32, Vec<usize>>,
}

impl Snapshot {
    /// Takes it.
    pub fn take() -> Self {
        let processes = Stat::all();
        let mut children: HashMap<u32, Vec<usize>> = HashMap::new();
        for (at, process) in processes.iter().enumerate() {
            children.entry(process.ppid).or_default().push(at);
        }
        Self { processes, children }
    }

    /// The live processes of `task`, without its guard and without the caller.
    pub fn members(&self, dir: &RunDir, task: &Task) -> Vec<Stat> {
        let guard = task.guard.map_or(0, |guard| guard.pid);
        // The guard itself, if it is there; another process of that pid means
        // that the number went round, and with it the group's.
        let holder = self.processes.iter().find(|p| p.pid == guard);
        let is_guard = |p: &Stat| task.guard.is_some_and(|g| p.started.0 <= g.started.0 + 10_000);
        let recycled = holder.is_some_and(|p| !is_guard(p));
        let guard_lives = holder.is_some_and(|p| is_guard(p) && p.alive());
        let mut chosen = vec![false; self.processes.len()];
        if guard_lives {
            self.mark_descendants(guard, &mut chosen);
        }
        let log = dir.path().join(files::of_task(&task.id, files::LOG));
        let out = dir.path().join(files::of_task(&task.id, files::OUT));
        for (at, process) in self.processes.iter().enumerate() {
            let in_group = guard > 1 && !recycled && process.pgrp == guard;
            if (in_group || outputs(process.pid).any(|to| to == log || to == out)) && !chosen[at] {
                chosen[at] = true;
                self.mark_descendants(process.pid, &mut chosen);
            }
        }
        let me = std::process::id();
        let members = self.processes.iter().zip(chosen);
        members
            .filter(|(p, chosen)| *chosen && p.pid != guard && p.pid != me && p.alive())
            .map(|(process, _)| process.clone())
            .collect()
    }

    /// Every live process that writes to the log of a task of this run, by task.
    pub fn writers(&self, dir: &RunDir) -> Vec<(Id, Stat)> {
        let mut found = Vec::new();
        for process in self.processes.iter().filter(|p| p.alive()) {
            let id = outputs(process.pid).find_map(|to| {
                let file = to.strip_prefix(dir.path()).ok()?.to_str()?.to_owned();
                files::task_of(&file)
            });
            found.extend(id.map(|id| (id, process.clone())));
        }
        found
    }

    fn mark_descendants(&self, pid: u32, chosen: &mut [bool]) {
        let mut open = vec![pid];
        while let Some(pid) = open.pop() {
            for &at in self.children.get(&pid).into_iter().flatten() {
                if !chosen[at] {
                    chosen[at] = true;
                    open.push(self.processes[at].pid);
                }
            }
        }
    }
}

/// Where a process's standard output and error go, if that is a file.
fn outputs(pid: u32) -> impl Iterator<Item = PathBuf> {
    [1, 2].into_iter().filter_map(move |fd| std::fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok())
}

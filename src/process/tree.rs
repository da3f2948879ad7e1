//! Which processes belong to a task.
//!
//! Three marks, each of which catches what the others miss:
//!
//! - **descent** from the guard: everything, until a parent in between dies;
//! - the **process group** of the guard, where the shell could give it one
//!   (bash, mksh, ksh): also orphans, unless they left the group;
//! - the **log**: whoever has the task's log open as standard output or
//!   error, also a daemon that called `setsid`, unless it closed them.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use super::dir::RunDir;
use super::stat::Stat;
use crate::run::{Id, Task, files};

/// All processes at one moment.
#[derive(Debug)]
pub struct Snapshot {
    processes: Vec<Stat>,
    /// Places of processes by their parent's pid.
    children: HashMap<u32, Vec<usize>>,
    /// Places by process group.
    groups: HashMap<u32, Vec<usize>>,
    /// Places by the files that are their standard output or error.
    writers: HashMap<PathBuf, Vec<usize>>,
}

impl Snapshot {
    /// Takes it.
    pub fn take() -> Self {
        let processes = Stat::all();
        let mut children: HashMap<u32, Vec<usize>> = HashMap::new();
        let mut groups: HashMap<u32, Vec<usize>> = HashMap::new();
        let mut writers: HashMap<PathBuf, Vec<usize>> = HashMap::new();
        for (at, process) in processes.iter().enumerate() {
            children.entry(process.ppid).or_default().push(at);
            groups.entry(process.pgrp).or_default().push(at);
            for file in outputs(process.pid) {
                writers.entry(file).or_default().push(at);
            }
        }
        Self { processes, children, groups, writers }
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
        let mut chosen = HashSet::new();
        if guard_lives {
            self.mark_descendants(guard, &mut chosen);
        }
        let mut roots: Vec<usize> = Vec::new();
        for suffix in [files::LOG, files::OUT] {
            let file = dir.path().join(files::of_task(&task.id, suffix));
            roots.extend(self.writers.get(&file).into_iter().flatten());
        }
        if guard > 1 && !recycled {
            roots.extend(self.groups.get(&guard).into_iter().flatten());
        }
        for at in roots {
            if chosen.insert(at) {
                self.mark_descendants(self.processes[at].pid, &mut chosen);
            }
        }
        let me = std::process::id();
        let members = chosen.into_iter().map(|at| &self.processes[at]);
        members.filter(|p| p.pid != guard && p.pid != me && p.alive()).cloned().collect()
    }

    /// Every live process that writes to the log of a task of this run, by task.
    pub fn writers(&self, dir: &RunDir) -> Vec<(Id, Stat)> {
        let mut found = Vec::new();
        for (file, places) in &self.writers {
            let name = file.strip_prefix(dir.path()).ok().and_then(|file| file.to_str());
            if let Some(id) = name.and_then(files::task_of) {
                let live = places.iter().map(|at| &self.processes[*at]).filter(|p| p.alive());
                found.extend(live.map(|process| (id.clone(), process.clone())));
            }
        }
        found
    }

    fn mark_descendants(&self, pid: u32, chosen: &mut HashSet<usize>) {
        let mut open = vec![pid];
        while let Some(pid) = open.pop() {
            for &at in self.children.get(&pid).into_iter().flatten() {
                if chosen.insert(at) {
                    open.push(self.processes[at].pid);
                }
            }
        }
    }
}

/// Where a process's standard output and error go.
fn outputs(pid: u32) -> impl Iterator<Item = PathBuf> {
    let mut files = [1, 2].map(|fd| std::fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok());
    if files[0] == files[1] {
        files[1] = None;
    }
    files.into_iter().flatten().filter(|file| file.is_absolute())
}

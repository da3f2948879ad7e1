//! Which processes belong to a task.
//!
//! Five marks, each of which catches what the others miss:
//!
//! - **descent** from the guard: everything, until a parent in between dies;
//! - the **process group** of the guard, where the shell could give it one
//!   (bash, mksh, ksh): also orphans, unless they left the group;
//! - the **log**: whoever has the task's log open as standard output or
//!   error, also a daemon that called `setsid`, unless it closed them;
//! - the **environment**: every program that a task starts inherits
//!   `MEANWHILE_TASK`, which names the task's files; also a daemon that closed
//!   all it had, unless it was started with a clean environment;
//! - the **control group**, where the task got one: everything.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use memchr::memmem;

use super::cgroup;
use super::dir::RunDir;
use super::stat::Stat;
use crate::run::{Id, Task, Time, files};

/// The variable by which a process tells its task: the run directory, `/`,
/// and what the task's files begin with.
pub const MARK: &str = "MEANWHILE_TASK";

/// A task's process may have started so much earlier than the record of the
/// task, which is written after the fork, microseconds. What is older and has
/// the task's mark was left by an earlier run in this directory.
const EARLIER: u64 = 1_000_000;

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
    /// Places by the value of [`MARK`].
    marked: HashMap<PathBuf, Vec<usize>>,
}

impl Snapshot {
    /// Takes it.
    pub fn take() -> Self {
        let processes = Stat::all();
        let mut children: HashMap<u32, Vec<usize>> = HashMap::new();
        let mut groups: HashMap<u32, Vec<usize>> = HashMap::new();
        let mut writers: HashMap<PathBuf, Vec<usize>> = HashMap::new();
        let mut marked: HashMap<PathBuf, Vec<usize>> = HashMap::new();
        for (at, process) in processes.iter().enumerate() {
            children.entry(process.ppid).or_default().push(at);
            groups.entry(process.pgrp).or_default().push(at);
            for file in outputs(process.pid) {
                writers.entry(file).or_default().push(at);
            }
            if let Some(task) = mark(process.pid) {
                marked.entry(task).or_default().push(at);
            }
        }
        Self { processes, children, groups, writers, marked }
    }

    /// The live processes of `task`, without its guard and without the caller.
    pub fn members(&self, dir: &RunDir, task: &Task) -> Vec<Stat> {
        let guard = task.guard.map_or(0, |guard| guard.pid);
        // The guard itself, if it is there; another process of that pid means
        // that the number went round, and with it the group's.
        let holder = self.processes.iter().find(|p| p.pid == guard);
        let is_guard = |p: &Stat| {
            task.guard.is_some_and(|g| p.started.0 <= g.started.0.saturating_add(10_000))
        };
        let recycled = holder.is_some_and(|p| !is_guard(p));
        let guard_lives = holder.is_some_and(|p| is_guard(p) && p.alive());
        let mut chosen = HashSet::new();
        if guard_lives {
            self.mark_descendants(guard, &mut chosen);
        }
        let mut roots: Vec<usize> = Vec::new();
        for (file, places) in &self.writers {
            if task_of(dir, file).as_ref() == Some(&task.id) {
                roots.extend(places);
            }
        }
        let since = task.guard.map_or(0, |guard| guard.started.0.saturating_sub(EARLIER));
        let young = |at: &&usize| self.processes[**at].started.0 >= since;
        let marked = self.marked.get(&stem(dir, &task.id));
        roots.extend(marked.into_iter().flatten().filter(young));
        let grouped = task.cgroup.as_deref().map_or(Vec::new(), cgroup::members);
        let at = |pid: &u32| self.processes.iter().position(|p| p.pid == *pid);
        let grouped: Vec<usize> = grouped.iter().filter_map(at).collect();
        roots.extend(&grouped);
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

    /// Every live process that writes to the log of a task of this run, or
    /// bears its mark and has started since `opened`; by task.
    pub fn strays(&self, dir: &RunDir, opened: Time) -> Vec<(Id, Stat)> {
        let writers = self.writers.iter().map(|(file, at)| (task_of(dir, file), at, Time(0)));
        let marked = self.marked.iter().map(|(stem, at)| {
            let mut file = stem.clone().into_os_string();
            file.push(format!(".{}", files::LOG));
            (task_of(dir, Path::new(&file)), at, opened)
        });
        let mut found: Vec<(Id, Stat)> = Vec::new();
        for (id, places, since) in writers.chain(marked) {
            let Some(id) = id else { continue };
            let live = places.iter().map(|at| &self.processes[*at]);
            let live = live.filter(|p| p.alive() && p.started >= since);
            found.extend(live.map(|process| (id.clone(), process.clone())));
        }
        found.sort_by_key(|(_, stat)| stat.pid);
        found.dedup_by_key(|(_, stat)| stat.pid);
        found.retain(|(_, stat)| stat.pid != std::process::id());
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

/// The value of [`MARK`] in the environment that a process was started with.
fn mark(pid: u32) -> Option<PathBuf> {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let needle = format!("{MARK}=");
    let at = memmem::find_iter(&environment, needle.as_bytes())
        .find(|at| *at == 0 || environment[at - 1] == 0)?;
    let value = environment[at + needle.len()..].split(|b| *b == 0).next()?;
    Some(Path::new(OsStr::from_bytes(value)).to_owned())
}

/// The value of [`MARK`] for a task.
pub fn stem(dir: &RunDir, id: &Id) -> PathBuf {
    dir.path().join(id.as_str().replace('/', "%"))
}

/// The task of this run that this process is in, by its environment.
pub fn own_task(dir: &RunDir) -> Option<Id> {
    let mut file = std::env::var_os(MARK)?;
    file.push(format!(".{}", files::LOG));
    task_of(dir, Path::new(&file))
}

/// The task of this run whose file this is.
fn task_of(dir: &RunDir, file: &Path) -> Option<Id> {
    files::task_of(file.strip_prefix(dir.path()).ok()?.to_str()?)
}

/// Where a process's standard output and error go.
fn outputs(pid: u32) -> impl Iterator<Item = PathBuf> {
    let mut files = [1, 2].map(|fd| std::fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok());
    if files[0] == files[1] {
        files[1] = None;
    }
    files.into_iter().flatten().filter(|file| file.is_absolute())
}

//! What a task has left running: found when it is collected.

use std::collections::HashSet;
use std::os::fd::AsFd;

use super::replay::Log;
use crate::process::dir::RunDir;
use crate::process::kill;
use crate::process::pidfd::{Handle, wait_any};
use crate::run::task::Leak;
use crate::run::{Run, Task};

/// The processes that a task which has ended left behind. Looked for only if
/// somebody still has its log open, which one call tells.
pub fn of(dir: &RunDir, run: &Run, task: &Task, log: &Log) -> Vec<Leak> {
    if !log.has_writer() {
        return Vec::new();
    }
    // That may be the guard on its way out.
    if let Some(Ok(Some(guard))) = task.guard.map(Handle::open) {
        let _ = wait_any(&[guard.as_fd()], None);
    }
    if !log.has_writer() {
        return Vec::new();
    }
    // Those of its own tasks are theirs; and what shows a task goes by itself.
    let children: Vec<&Task> =
        run.running().filter(|other| other.id != task.id && other.id.within(&task.id)).collect();
    let guards = children.iter().filter_map(|child| Some(child.guard?.pid));
    let members = kill::members(dir, &children);
    let theirs: HashSet<u32> = members.iter().map(|(_, stat)| stat.pid).chain(guards).collect();
    kill::members(dir, &[task])
        .into_iter()
        .map(|(_, stat)| stat)
        .filter(|stat| !theirs.contains(&stat.pid) && !stat.is_this_program())
        .map(|stat| Leak { pid: stat.pid, comm: stat.comm })
        .collect()
}

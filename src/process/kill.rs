//! Ending tasks: TERM, a grace, KILL; never a process that is not theirs.
//!
//! Guards are spared, so that each can record how its task ended; one that
//! does not is killed last. Every process is signalled through a pidfd taken
//! after its start time was checked again.

use std::os::fd::AsFd;

use rustix::process::Signal;

use super::clock;
use super::dir::RunDir;
use super::pidfd::{Handle, wait_any};
use super::stat::Stat;
use super::tree::Snapshot;
use crate::run::state::Process;
use crate::run::{Run, State, Task};

/// How long a guard gets to record the end of a killed task, microseconds.
const GUARD_PATIENCE: u64 = 2_000_000;
/// How often a fork may outrun the killer before it gives up.
const ROUNDS: usize = 20;

/// A process that could not be ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survivor {
    /// Its pid.
    pub pid: u32,
    /// Its command name.
    pub comm: String,
    /// What the system said.
    pub why: String,
}

/// Ends all processes of these tasks within `grace` microseconds and a
/// little; returns what is still there.
pub fn end(dir: &RunDir, tasks: &[&Task], grace: u64) -> Vec<Survivor> {
    let guards: Vec<Handle> =
        tasks.iter().filter_map(|task| Handle::open(task.guard?).ok().flatten()).collect();
    for guard in &guards {
        // It outlives this, unless its task has not begun: then that never begins.
        let _ = guard.signal(Signal::TERM);
    }
    let mut polite = Vec::new();
    for stat in members(dir, tasks) {
        if let Ok(handle) = hold(&stat) {
            // A stopped process takes TERM only once it goes on.
            let _ = handle.signal(Signal::TERM);
            let _ = handle.signal(Signal::CONT);
            polite.push(handle);
        }
    }
    let deadline = clock::now().0 + grace;
    wait_all(guards.iter().chain(&polite), deadline);

    let mut survivors = Vec::new();
    for _ in 0..ROUNDS {
        let left = members(dir, tasks);
        survivors.clear();
        if left.is_empty() {
            break;
        }
        // Stop all before killing any: a parent must not fork while its
        // children die.
        let mut held = Vec::new();
        for stat in left {
            match hold(&stat).and_then(|handle| handle.signal(Signal::STOP).map(|()| handle)) {
                Ok(handle) => held.push(handle),
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                Err(error) => survivors.push(Survivor {
                    pid: stat.pid,
                    comm: stat.comm,
                    why: error.to_string(),
                }),
            }
        }
        if held.is_empty() {
            break;
        }
        for handle in &held {
            let _ = handle.signal(Signal::KILL);
        }
        wait_all(held.iter(), clock::now().0 + GUARD_PATIENCE);
    }
    wait_all(guards.iter(), clock::now().0 + GUARD_PATIENCE);
    for guard in &guards {
        let _ = guard.signal(Signal::KILL);
    }
    survivors
}

/// Ends what an aborted script has left besides its running tasks; returns
/// how many processes that were. These are the processes that write to the log
///
/// - of a task which the journal does not know: the script was killed
///   between the fork and the record;
/// - of a task which a signal ended: ^C reaches a task's shell, but not what
///   that shell had in the background. (What a task left that ended by itself
///   is a daemon, and none of our business.)
pub fn end_strays(dir: &RunDir, run: &Run, grace: u64) -> usize {
    let strays: Vec<Handle> = Snapshot::take()
        .writers(dir)
        .into_iter()
        .filter(|(id, _)| {
            let state = run.task(id).map(Task::state);
            matches!(state, None | Some(State::Signalled(_) | State::Cancelled | State::Lost))
        })
        .filter_map(|(_, stat)| hold(&stat).ok())
        .collect();
    for signal in [Signal::TERM, Signal::KILL] {
        for stray in &strays {
            let _ = stray.signal(signal);
        }
        wait_all(strays.iter(), clock::now().0 + grace);
    }
    strays.len()
}

/// The live processes of these tasks, without their guards.
pub fn members(dir: &RunDir, tasks: &[&Task]) -> Vec<Stat> {
    let snapshot = Snapshot::take();
    let mut all: Vec<Stat> = tasks.iter().flat_map(|task| snapshot.members(dir, task)).collect();
    all.sort_by_key(|stat| stat.pid);
    all.dedup();
    let guards: Vec<u32> = tasks.iter().filter_map(|t| Some(t.guard?.pid)).collect();
    all.retain(|stat| !guards.contains(&stat.pid));
    all
}

fn hold(stat: &Stat) -> std::io::Result<Handle> {
    Handle::open(Process { pid: stat.pid, started: stat.started })?
        .ok_or_else(|| std::io::Error::from_raw_os_error(libc::ESRCH))
}

fn wait_all<'a>(handles: impl Iterator<Item = &'a Handle>, deadline: u64) {
    for handle in handles {
        let left = deadline.saturating_sub(clock::now().0);
        let _ = wait_any(&[handle.as_fd()], Some(left));
    }
}

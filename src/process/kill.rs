//! Ending tasks: TERM, a grace, KILL; never a process that is not theirs.
//!
//! Guards are spared, so that each can record how its task ended; one that
//! does not is killed last. Every process is signalled through a pidfd taken
//! after its start time was checked again.

use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use rustix::process::Signal;

use super::clock;
use super::dir::RunDir;
use super::pidfd::{Handle, wait_any};
use super::stat::Stat;
use super::tree::Snapshot;
use crate::run::task::Process;
use crate::run::{Id, Run, State, Task, files};

/// How long a guard gets to record the end of a killed task, microseconds.
const GUARD_PATIENCE: u64 = 2_000_000;
/// How long after TERM the first look for processes that were forked
/// meanwhile is taken, microseconds; the next ones wait twice as long each.
const FIRST_PAUSE: u64 = 20_000;
/// How long a killed process may take to die, microseconds.
const DYING: u64 = 2_000_000;
/// How often a fork may outrun the killer before it gives up.
const ROUNDS: usize = 20;

/// A process that could not be ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survivor {
    /// Of which task, if that is known.
    pub task: Option<Id>,
    /// Its pid.
    pub pid: u32,
    /// Its command name.
    pub comm: String,
    /// What the system said.
    pub why: String,
}

/// Ends all processes of these tasks within `grace` microseconds and a
/// little; returns what is still there. It holds one process at a time: the
/// limit on descriptors must not save a thousand tasks.
pub fn end(dir: &RunDir, tasks: &[&Task], grace: u64) -> Vec<Survivor> {
    let guards: Vec<Process> = tasks.iter().filter_map(|task| task.guard).collect();
    let deadline = clock::now().0 + grace;
    // Also those that bear no mark any more, once their parents are gone.
    let mut known: Vec<(Id, Stat)> = Vec::new();
    let mut pause = FIRST_PAUSE;
    loop {
        let asked = look(dir, tasks, &mut known);
        for (_, stat) in &known[asked..] {
            // A stopped process takes TERM only once it goes on.
            let _ = signal(stat.process(), &[Signal::TERM, Signal::CONT]);
        }
        let left: Vec<Process> = known.iter().map(|(_, stat)| stat.process()).collect();
        if pause == FIRST_PAUSE {
            for guard in &guards {
                // It passes this on to a task that has begun since; before
                // that it dies of it, and the task never begins.
                let _ = signal(*guard, &[Signal::TERM]);
            }
        }
        // A shell that handles TERM late may fork between the look and the
        // signal, and nothing tells of that: so another look, ever later.
        let until = deadline.min(clock::now().0 + pause);
        wait_all(guards.iter().chain(&left), until);
        if clock::now().0 >= deadline || (clock::now().0 < until && left.is_empty()) {
            break;
        }
        pause *= 2;
    }

    let survivors = kill_all(|| {
        look(dir, tasks, &mut known);
        known.iter().map(|(task, stat)| (Some(task.clone()), stat.clone())).collect()
    });
    wait_all(guards.iter(), clock::now().0 + GUARD_PATIENCE);
    for guard in &guards {
        let _ = signal(*guard, &[Signal::KILL]);
    }
    survivors
}

/// Kills, in rounds, what each `look` finds: all are stopped before any is
/// killed, for a parent must not fork while its children die. Returns what is
/// still there.
pub fn kill_all(mut look: impl FnMut() -> Vec<(Option<Id>, Stat)>) -> Vec<Survivor> {
    let mut survivors = Vec::new();
    for _ in 0..ROUNDS {
        survivors.clear();
        let mut stopped = Vec::new();
        for (task, stat) in look() {
            match signal(stat.process(), &[Signal::STOP]) {
                Ok(()) => stopped.push(stat.process()),
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                Err(error) => {
                    let why = error.to_string();
                    survivors.push(Survivor { task, pid: stat.pid, comm: stat.comm, why });
                }
            }
        }
        if stopped.is_empty() {
            break;
        }
        for process in &stopped {
            let _ = signal(*process, &[Signal::KILL]);
        }
        wait_all(stopped.iter(), clock::now().0 + DYING);
    }
    survivors
}

/// Drops those that have ended from the known processes, and adds the other
/// ones of these tasks behind them; returns how many were left before that.
fn look(dir: &RunDir, tasks: &[&Task], known: &mut Vec<(Id, Stat)>) -> usize {
    let same = |stat: &Stat, other: &Stat| stat.pid == other.pid && stat.started == other.started;
    known.retain(|(_, stat)| Stat::of(stat.pid).is_some_and(|now| now.alive() && same(stat, &now)));
    let left = known.len();
    for (task, stat) in members(dir, tasks) {
        if !known[..left].iter().any(|(_, other)| same(&stat, other)) {
            known.push((task, stat));
        }
    }
    left
}

/// Ends what an aborted script has left besides its running tasks; returns
/// how many processes that were. These are the processes that write to the log, or bear the mark,
///
/// - of a task which the journal does not know: the script was killed
///   between the fork and the record;
/// - of a task which a signal ended: ^C reaches a task's shell, but not what
///   that shell had in the background. (What a task left that ended by itself
///   is a daemon, and none of our business.)
pub fn end_strays(dir: &RunDir, run: &Run, grace: u64) -> usize {
    let opened = run.opened.unwrap_or_default();
    let strays: Vec<Process> = Snapshot::take()
        .strays(dir, opened)
        .into_iter()
        .filter(|(id, _)| {
            let state = run.task(id).map(Task::state);
            matches!(
                state,
                None | Some(State::Signalled(_) | State::Cancelled | State::TimedOut | State::Lost)
            )
        })
        .map(|(_, stat)| stat.process())
        .collect();
    for how in [Signal::TERM, Signal::KILL] {
        for stray in &strays {
            let _ = signal(*stray, &[how]);
        }
        wait_all(strays.iter(), clock::now().0 + grace);
    }
    strays.len()
}

/// The live processes of these tasks, without their guards.
pub fn members(dir: &RunDir, tasks: &[&Task]) -> Vec<(Id, Stat)> {
    let snapshot = Snapshot::take();
    let of = |task: &&Task| {
        let id = task.id.clone();
        snapshot.members(dir, task).into_iter().map(move |stat| (id.clone(), stat))
    };
    let mut all: Vec<(Id, Stat)> = tasks.iter().flat_map(of).collect();
    all.sort_by_key(|(_, stat)| stat.pid);
    all.dedup_by_key(|(_, stat)| stat.pid);
    let guards: Vec<u32> = tasks.iter().filter_map(|t| Some(t.guard?.pid)).collect();
    all.retain(|(_, stat)| !guards.contains(&stat.pid) && !frees(stat, &guards));
    all
}

/// Whether this is the program that a guard puts its token back by: it is to
/// be spared as the guard is.
fn frees(stat: &Stat, guards: &[u32]) -> bool {
    let of = |name| format!("/proc/{}/{name}", stat.pid);
    let is_free = || {
        let words = std::fs::read(of("cmdline")).unwrap_or_default();
        words.split(|b| *b == 0).nth(1) == Some(files::FREE.as_bytes())
    };
    let own = || {
        let program = |path: &str| std::fs::metadata(path).ok().map(|m| (m.dev(), m.ino()));
        program(&of("exe")).is_some_and(|one| Some(one) == program("/proc/self/exe"))
    };
    guards.contains(&stat.ppid) && is_free() && own()
}

/// Sends `signals` to a process, if it is still that one.
pub fn signal(process: Process, signals: &[Signal]) -> std::io::Result<()> {
    let handle = Handle::open(process)?;
    let handle = handle.ok_or_else(|| std::io::Error::from_raw_os_error(libc::ESRCH))?;
    signals.iter().try_for_each(|signal| handle.signal(*signal))
}

/// Waits until these have ended, or until `deadline`.
pub fn wait_all<'a>(processes: impl Iterator<Item = &'a Process>, deadline: u64) {
    for process in processes {
        if let Ok(Some(handle)) = Handle::open(*process) {
            let left = deadline.saturating_sub(clock::now().0);
            let _ = wait_any(&[handle.as_fd()], Some(left));
        }
    }
}

//! `meanwhile run`: the ancestor of a script, which lets nothing escape.
//!
//! # Theory of operation
//!
//! This process starts the script and adopts every orphan below itself (it is
//! a subreaper); so all that the script and its tasks started stays below, in
//! whatever session or group, whatever it closed. Else it changes nothing: the
//! script has this process's files, environment, process group and signal
//! dispositions, and it opens its run by itself, with a watcher, as it does
//! without a wrapper. Killed, this process is missing and nothing else.
//!
//! It sleeps in one `poll`, of its signals (signalfd) and of the watchers that
//! settle a run. What wakes it:
//!
//! - a **signal** that is not about ending goes on to the script, unless its
//!   whole group has had it, or it came from below;
//! - the script was **stopped** at a terminal: this process stops as well, so
//!   that its shell takes the terminal back;
//! - the script **ended**: it stays a zombie until all is over, so that a
//!   watcher can see how it ended on any kernel. Runs whose script is gone are
//!   waited for; where a watcher is dead, another one is started. What is then
//!   still there is named, and lives on;
//! - a signal to **end**, or the script was ended by one: see `abort.rs`.
//!
//! Which runs there are is learnt from the [registry].

mod abort;

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use self::abort::Abort;
use crate::client::open;
use crate::process::dir::RunDir;
use crate::process::journal::Journal;
use crate::process::kill::Survivor;
use crate::process::pidfd::{self, Handle, wait_any};
use crate::process::registry::{self, Entry, Registry};
use crate::process::signals::{self, Arrived, Signals};
use crate::process::stat::Stat;
use crate::process::tree::Snapshot;
use crate::process::{below, clock, raw};
use crate::run::task::Leak;
use crate::run::{Id, Run, code};

/// Why a command could not be wrapped.
#[derive(Debug, thiserror::Error)]
pub enum WrapError {
    /// It cannot be run.
    #[error("cannot run {}: {error}", program.display())]
    Command {
        /// The program.
        program: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// Its signals cannot be waited for.
    #[error("cannot wait for signals: {0}")]
    Signals(std::io::Error),
}

impl WrapError {
    /// Its exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Command { error, .. } if error.kind() == std::io::ErrorKind::NotFound => {
                code::UNKNOWN
            }
            Self::Command { .. } => code::CANNOT_RUN,
            Self::Signals(_) => code::FAILED,
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With this exit code.
    Code(u8),
    /// By this signal.
    Signal(i32),
}

/// What came of a wrapped script.
pub struct Wrapped {
    /// How this process is to end.
    pub ending: Ending,
    /// The runs that were opened below.
    pub runs: Vec<Below>,
    /// What is still there, by task.
    pub left: Vec<Left>,
    /// What should have been ended and could not.
    pub survivors: Vec<Survivor>,
    /// Whether its time was up.
    pub late: bool,
    /// This process's signals, which are still taken.
    pub signals: Signals,
}

/// A run that was opened below.
#[derive(Debug)]
pub struct Below {
    /// Its directory.
    pub dir: RunDir,
    /// Its journal.
    pub journal: Journal,
    /// How many of its tasks had ended when its summary was last printed.
    pub told: Option<usize>,
}

/// Processes that are left.
#[derive(Debug)]
pub struct Left {
    /// The run, by its place, and the task that they belong to, if any does.
    pub task: Option<(usize, Id)>,
    /// They.
    pub processes: Vec<Leak>,
}

/// Runs `argv` and all that comes with it; `grace` is from TERM to KILL, in
/// microseconds. After the time `limit` it is ended as by TERM.
pub fn wrap(argv: &[OsString], grace: u64, limit: Option<u64>) -> Result<Wrapped, WrapError> {
    let mut command = Command::new(argv.first().map_or("".as_ref(), OsString::as_os_str));
    command.args(argv.iter().skip(1));
    let signals = Signals::take().map_err(WrapError::Signals)?;
    signals.pass_on(&mut command);
    // Refused, orphans escape; all else holds.
    let _ = below::adopt_orphans();
    let registry = Registry::new().ok();
    let program = PathBuf::from(command.get_program());
    let child = command.spawn().map_err(|error| WrapError::Command { program, error })?;
    let script = child.id();
    let mut supervisor = Supervisor {
        signals,
        registry,
        script,
        grace,
        limit: limit.map(|limit| clock::now().0.saturating_add(limit)),
        late: false,
        status: None,
        abort: None,
        watchers: HashMap::new(),
        revived: HashSet::new(),
    };
    let survivors = supervisor.keep();
    Ok(supervisor.wrapped(survivors))
}

struct Supervisor {
    signals: Signals,
    registry: Option<Registry>,
    /// Never reaped here: its pid stays its own.
    script: u32,
    grace: u64,
    /// When its time is up.
    limit: Option<u64>,
    late: bool,
    /// How the script ended.
    status: Option<Ending>,
    abort: Option<Abort>,
    /// The watchers that settle a run now, by its directory.
    watchers: HashMap<PathBuf, Handle>,
    /// Runs that were given another watcher.
    revived: HashSet<PathBuf>,
}

/// What to do next.
enum Next {
    /// Wait for a signal, for one of the watchers, or until then.
    Wait(Option<u64>),
    Done(Vec<Survivor>),
}

impl Supervisor {
    fn keep(&mut self) -> Vec<Survivor> {
        loop {
            while let Some(arrived) = self.signals.arrived() {
                self.take(arrived);
            }
            self.reap();
            if self.limit.is_some_and(|limit| limit <= clock::now().0) {
                (self.limit, self.late) = (None, true);
                self.interrupt(Arrived { signal: libc::SIGTERM, sender: None, group: false });
            }
            let until = match self.step() {
                Next::Wait(until) => [until, self.limit].into_iter().flatten().min(),
                Next::Done(survivors) => return survivors,
            };
            let mut fds = vec![self.signals.as_fd()];
            fds.extend(self.watchers.values().map(AsFd::as_fd));
            let _ = wait_any(&fds, until.map(|until| until.saturating_sub(clock::now().0)));
        }
    }

    fn take(&mut self, arrived: Arrived) {
        match arrived.signal {
            libc::SIGCHLD => {}
            // `kill 0` in a script is about the script, and has reached it.
            _ if arrived.sender.is_some_and(below::is_below) => {}
            libc::SIGHUP | libc::SIGINT | libc::SIGQUIT | libc::SIGTERM => self.interrupt(arrived),
            _ if arrived.group => {}
            signal => self.send(signal),
        }
    }

    /// Sends the script a signal, if it is still there.
    fn send(&self, signal: i32) {
        let script = Pid::from_raw(self.script as i32).filter(|_| self.status.is_none());
        if let (Some(script), Some(signal)) = (script, raw::signal(signal)) {
            let _ = kill_process(script, signal);
        }
    }

    fn reap(&mut self) {
        let Some(script) = Pid::from_raw(self.script as i32) else { return };
        let now = WaitIdOptions::NOHANG;
        if self.status.is_none() {
            let ended =
                waitid(WaitId::Pid(script), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | now);
            self.status = ended.ok().flatten().and_then(|status| {
                let signal = status.terminating_signal().map(Ending::Signal);
                signal.or_else(|| Some(Ending::Code(status.exit_status()? as u8)))
            });
        }
        below::reap_all_but(self.script);
        if self.status.is_none() {
            let stopped = waitid(WaitId::Pid(script), WaitIdOptions::STOPPED | now);
            let signal = stopped.ok().flatten().and_then(|status| status.stopping_signal());
            match signal.filter(|signal| signals::STOPS.contains(signal)) {
                // It was asked to end; nobody is there to continue it.
                Some(_) if self.abort.is_some() => self.send(libc::SIGCONT),
                Some(signal) => signals::stop_by(signal),
                None => {}
            }
        }
    }

    fn step(&mut self) -> Next {
        if let Some(Ending::Signal(signal)) = self.status {
            self.abort.get_or_insert_with(|| Abort::new(signal, true));
        }
        if let Some(mut abort) = self.abort.take() {
            let next = self.end_all(&mut abort);
            self.abort = Some(abort);
            return next;
        }
        // A watcher may be at work for long, and many tasks end meanwhile.
        let settled = self.watchers.is_empty() || self.watchers.values().any(Handle::ended);
        if self.status.is_some() && settled {
            let runs = self.runs();
            self.settle(&runs);
            if self.watchers.is_empty() {
                return Next::Done(Vec::new());
            }
        }
        Next::Wait(None)
    }

    /// The runs that were opened below, in that order.
    fn runs(&self) -> Vec<Below> {
        let mut told: Vec<(PathBuf, Option<usize>)> = Vec::new();
        for entry in self.registry.iter().flat_map(Registry::entries) {
            match entry {
                // One that began afresh in the same place is another one.
                Entry::Opened(path) => {
                    told.retain(|(known, _)| *known != path);
                    told.push((path, None));
                }
                Entry::Told(path, count) => {
                    if let Some(known) = told.iter_mut().find(|(known, _)| *known == path) {
                        known.1 = Some(count);
                    }
                }
            }
        }
        told.into_iter()
            .filter_map(|(path, told)| {
                let dir = RunDir::open(&path).ok()?;
                let journal = Journal::open(&dir).ok()?;
                Some(Below { dir, journal, told })
            })
            .collect()
    }

    /// Finds the watchers of runs whose script is gone: they settle them. One
    /// that is dead is replaced, once; one that is stopped goes on.
    fn settle(&mut self, runs: &[Below]) {
        self.watchers.clear();
        for run in runs.iter().filter(|run| is_orphan(run.journal.run())) {
            let mut watcher = open::watcher(&run.dir);
            let unsettled = run.journal.run().closed.is_none();
            if watcher.is_none() && unsettled && self.revived.insert(run.dir.path().to_owned()) {
                // Failing that, what is below is still known by descent.
                let _ = open::watch_again(&run.dir, run.journal.run().owner);
                watcher = open::watcher(&run.dir);
            }
            let handle = watcher.and_then(|watcher| Handle::open(watcher).ok().flatten());
            if let Some(handle) = handle {
                let _ = handle.signal(Signal::CONT);
                self.watchers.insert(run.dir.path().to_owned(), handle);
            }
        }
    }

    fn wrapped(self, survivors: Vec<Survivor>) -> Wrapped {
        // Nothing is left for init, which may be slow: the dead still have their pids.
        below::reap();
        let runs = self.runs();
        let ended = self.status.unwrap_or(Ending::Code(code::FAILED));
        // An aborted run is no success, whatever the script made of the signal.
        let (ending, left) = match self.abort {
            Some(abort) => (Ending::Signal(abort.signal), Vec::new()),
            None => (ended, left(&runs)),
        };
        Wrapped { ending, runs, left, survivors, late: self.late, signals: self.signals }
    }
}

/// Whether a run's script is gone.
fn is_orphan(run: &Run) -> bool {
    run.owner.is_some_and(|owner| !pidfd::alive(owner))
}

fn is_watcher(process: &Stat) -> bool {
    registry::words(process.pid).get(1).is_some_and(|word| word == "__watch")
}

/// What is still there, by task.
fn left(runs: &[Below]) -> Vec<Left> {
    let there: Vec<Stat> = below::all().into_iter().filter(|stat| !is_watcher(stat)).collect();
    if there.is_empty() {
        return Vec::new();
    }
    let snapshot = Snapshot::take();
    let mut owners: HashMap<u32, (usize, Id)> = HashMap::new();
    for (at, run) in runs.iter().enumerate() {
        for task in run.journal.run().tasks() {
            let members = snapshot.members(&run.dir, task).into_iter().map(|stat| stat.pid);
            let guard = task.guard.filter(|_| task.end.is_none()).map(|guard| guard.pid);
            for pid in members.chain(guard) {
                owners.entry(pid).or_insert_with(|| (at, task.id.clone()));
            }
        }
    }
    let mut left: Vec<Left> = Vec::new();
    for Stat { pid, comm, .. } in there {
        let task = owners.remove(&pid);
        match left.iter_mut().find(|known| known.task == task) {
            Some(known) => known.processes.push(Leak { pid, comm }),
            None => left.push(Left { task, processes: vec![Leak { pid, comm }] }),
        }
    }
    left
}

//! The loop: waits for a tracee to stop, looks, and lets it go on.
//!
//! What the kernel may do in any order, and what may be gone at any time:
//!
//! - a new process stops before or after its parent does for having made it.
//!   One that nobody has announced yet stays stopped until that is the case.
//!   A parent that is killed in between announces nothing; so when something has
//!   died, those who wait are adopted by what /proc says of them;
//! - a thread that is not the first of its process may begin a program; then it
//!   has the process's number, and its own is never heard of again;
//! - a tracee can be killed while it is stopped: all that is done to it may fail.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};

use super::contents::Contents;
use super::file::{program, stat};
use super::guards::is_guard;
use super::minds::{Minds, minds};
use super::raw::{self, Resume};
use super::resolve::Paths;
use super::sockets::Local;
use super::spawn::Spawned;
use super::table::{Held, Process, Table, Who};
use super::{Ended, Options, Outcome, TraceError, filter};
use crate::process::signals;
use crate::process::stat::Stat;
use crate::process::{clock, kill};
use crate::run::Time;
use crate::run::footprint::{Blind, FileId, Op, Recorder, Touch};
use crate::run::task::{Leak, Process as Known};

/// So many different accesses are kept: some hundred megabytes.
const MOST: usize = 1_000_000;
/// How long what is killed at the end may take to die, microseconds.
const DYING: u64 = 5_000_000;
/// How often what is left may fork before it is given up.
const ROUNDS: usize = 20;

/// Events of ptrace(2).
const FORK: i32 = 1;
const VFORK: i32 = 2;
const CLONE: i32 = 3;
const EXEC: i32 = 4;
const SECCOMP: i32 = 7;
const STOP: i32 = 128;
/// What a stop behind a call looks like (`PTRACE_O_TRACESYSGOOD`).
const CALL: i32 = libc::SIGTRAP | 0x80;

/// A traced command.
pub struct Tracer {
    pub(super) recorder: Recorder,
    pub(super) table: Table,
    pub(super) paths: Paths,
    /// Grows whenever working directories may have become others.
    pub(super) generation: u64,
    pub(super) light: bool,
    /// The path of this program.
    own: Vec<u8>,
    spawned: Spawned,
    /// Whether the first process is its program by now.
    started: bool,
    /// Whether set-user-ID programs lose their privileges.
    pub(super) unprivileged: bool,
    /// Which programs have capabilities, as far as has been asked.
    pub(super) capabilities: HashMap<FileId, bool>,
    pub(super) contents: Contents,
    pub(super) local: Local,
    /// The journals of the runs that were opened, in that order, each with its directory.
    pub(super) journals: Vec<(Vec<u8>, Option<File>)>,
    /// New tracees that nobody has announced yet.
    early: Vec<u32>,
    ended: Option<Ended>,
}

impl Tracer {
    /// To trace what was spawned.
    pub fn new(spawned: Spawned, program: &Path, options: &Options) -> Self {
        let born = clock::now();
        let pid = spawned.pid;
        let mut recorder = Recorder::new(options.light, pid, born, MOST);
        let own = std::fs::canonicalize(program).unwrap_or_else(|_| program.to_owned());
        let own = own.into_os_string().into_encoded_bytes();
        let mut table = Table::default();
        table.add(Process {
            pid,
            parent: std::process::id(),
            group: 0,
            leads: true,
            program: recorder.text(&String::from_utf8_lossy(&own)),
            own: true,
            born: (born, 0),
            at: None,
            held: Held::default(),
            cwd: None,
            elsewhere: false,
            minds: Minds::default(),
        });
        Self {
            recorder,
            table,
            paths: Paths::default(),
            generation: 0,
            light: options.light,
            own,
            spawned,
            started: false,
            unprivileged: false,
            capabilities: HashMap::new(),
            contents: Contents::default(),
            local: Local::default(),
            journals: Vec::new(),
            early: Vec::new(),
            ended: None,
        }
    }

    /// Traces until the first process has ended, and ends what is left then.
    pub fn run(mut self) -> Result<Outcome, TraceError> {
        while self.ended.is_none() {
            match wait(all(WaitOptions::empty())) {
                Ok(Some((tid, status))) => self.stopped(tid, status.as_raw())?,
                Ok(None) | Err(Errno::INTR) => {}
                Err(error) => return Err(TraceError::System(error.into())),
            }
        }
        self.start()?;
        let left = self.end_rest()?;
        self.final_contents();
        let ended = self.ended.unwrap_or(Ended::Code(0));
        Ok(Outcome { ended, traced: self.recorder.finish(), left, journals: self.journals })
    }

    /// What has ended already is seen to have ended.
    fn drain(&mut self) -> Result<(), TraceError> {
        while let Ok(Some((tid, status))) = wait(all(WaitOptions::NOHANG)) {
            self.stopped(tid, status.as_raw())?;
        }
        Ok(())
    }

    /// Names and kills what is still there.
    fn end_rest(&mut self) -> Result<Vec<Leak>, TraceError> {
        self.drain()?;
        let alive = |process: &&Process| !process.own;
        let left = self.table.processes.values().filter(alive).filter_map(|process| {
            let Stat { pid, comm, .. } = Stat::of(process.pid).filter(Stat::alive)?;
            Some(Leak { pid, comm })
        });
        let mut left: Vec<Leak> = left.collect();
        left.sort_by_key(|leak| leak.pid);
        for _ in 0..ROUNDS {
            self.adopt_early();
            let there = self.table.processes.keys().filter_map(|pid| Stat::of(*pid));
            let there: Vec<Known> = there.map(|stat| stat.process()).collect();
            if there.is_empty() {
                break;
            }
            for process in &there {
                if let Some(pid) = Pid::from_raw(process.pid as i32) {
                    let _ = kill_process(pid, Signal::KILL);
                }
            }
            kill::wait_all(there.iter(), clock::now().0 + DYING);
            self.drain()?;
        }
        Ok(left)
    }

    /// A tracee has stopped or ended.
    fn stopped(&mut self, tid: Pid, status: i32) -> Result<(), TraceError> {
        let tid = tid.as_raw_nonzero().get() as u32;
        if !libc::WIFSTOPPED(status) {
            self.gone(tid, status);
            return Ok(());
        }
        let (signal, event) = (libc::WSTOPSIG(status), status >> 16);
        if !self.table.threads.contains_key(&tid) {
            self.early.push(tid);
            return Ok(());
        }
        match (event, signal) {
            (SECCOMP, _) => {
                self.before(tid);
                return Ok(());
            }
            (0, CALL) => self.after(tid),
            (FORK | VFORK | CLONE, _) => self.made(tid, event),
            (EXEC, _) => {
                self.start()?;
                self.exec(tid);
            }
            (STOP, libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU) => {
                raw::resume(tid, Resume::Listen, 0);
                if tid == self.spawned.pid && signals::STOPS.contains(&signal) {
                    // So that whoever has started this process takes the terminal back.
                    signals::stop_by(signal);
                }
                return Ok(());
            }
            (0, signal) => {
                self.go_on(tid, signal);
                return Ok(());
            }
            _ => {}
        }
        self.go_on(tid, 0);
        Ok(())
    }

    /// Lets a tracee go on, to the end of its call if that is of interest.
    pub(super) fn go_on(&self, tid: u32, signal: i32) {
        let waits = self.table.threads.get(&tid).is_some_and(|thread| thread.pending.is_some());
        raw::resume(tid, if waits { Resume::ToExit } else { Resume::On }, signal);
    }

    /// The first process is its program, or never was.
    fn start(&mut self) -> Result<(), TraceError> {
        if !self.started {
            self.unprivileged = self.spawned.started()?;
            self.started = true;
        }
        Ok(())
    }

    /// A process or thread was made.
    fn made(&mut self, tid: u32, event: i32) {
        let (Some(new), Some(who)) = (raw::message(tid), self.table.who(tid)) else { return };
        self.adopt(who.pid, new, event == CLONE);
        let apart =
            self.table.threads.get_mut(&tid).map(|thread| std::mem::take(&mut thread.apart));
        if let (Some(true), Some(child)) = (apart, self.table.who(new)) {
            self.moved(child);
        }
    }

    fn adopt(&mut self, parent: u32, new: u32, may_be_thread: bool) {
        if self.table.threads.contains_key(&new) {
            return;
        }
        let thread = || Path::new(&format!("/proc/{parent}/task/{new}")).exists();
        if may_be_thread && thread() {
            self.table.thread(parent, new);
        } else {
            self.table.fork(parent, new, (clock::now(), self.recorder.moment()));
        }
        if let Some(at) = self.early.iter().position(|early| *early == new) {
            self.early.swap_remove(at);
            raw::resume(new, Resume::On, 0);
        }
    }

    /// Adopts those whom nobody will announce any more.
    fn adopt_early(&mut self) {
        for new in self.early.clone() {
            let leader = leader(new).filter(|leader| *leader != new && self.is_known(*leader));
            let parent = leader.or_else(|| Some(Stat::of(new)?.ppid));
            self.adopt(parent.unwrap_or(0), new, leader.is_some());
        }
    }

    fn is_known(&self, pid: u32) -> bool {
        self.table.processes.contains_key(&pid)
    }

    /// A tracee has ended.
    fn gone(&mut self, tid: u32, status: i32) {
        self.early.retain(|early| *early != tid);
        let process = self.table.gone(tid);
        if let Some(process) = process {
            self.process_gone(&process);
            self.holder_gone(tid, &process.held);
        }
        if tid == self.spawned.pid {
            self.ended = Some(if libc::WIFSIGNALED(status) {
                Ended::Signal(libc::WTERMSIG(status))
            } else {
                Ended::Code(libc::WEXITSTATUS(status) as u8)
            });
        }
        if !self.early.is_empty() {
            self.adopt_early();
        }
    }

    fn process_gone(&mut self, process: &Process) {
        let now = clock::now();
        let Process { pid, group, leads, own, born, .. } = *process;
        if leads {
            self.recorder.group_died(group, now);
        }
        if own {
            self.recorder.client(pid, group, born.0, now);
        }
        self.recorder.process_died(pid);
    }

    /// A process has begun a program.
    fn exec(&mut self, pid: u32) {
        let former = raw::message(pid).unwrap_or(pid);
        let Some(before) = self.table.who(pid) else { return };
        let asked = self.table.exec(pid, former);
        // One that may be run and not read is known by the name by which it was called, if at all.
        let told = self.had(before, program(pid));
        let named = || asked.as_ref().map(|(path, _)| path.clone());
        let Some(program) = told.or_else(named) else {
            // Least of all is it known to be this program.
            if let Some(process) = self.table.process(pid) {
                (process.own, process.minds) = (false, Minds::default());
            }
            return;
        };
        let own = program == self.own;
        let text = self.recorder.text(&String::from_utf8_lossy(&program));
        if let Some(process) = self.table.process(pid) {
            process.program = text;
            process.own = own;
            process.minds = minds(pid, &program);
        }
        let file = match asked {
            Some((asked, file)) if asked == program => Some(file),
            _ => {
                let file = stat(&program, true).ok();
                if !self.light {
                    // The interpreter of a script, or a program by its descriptor.
                    self.touch(before, Op::Exec, &program, file.map(|file| file.id));
                }
                file
            }
        };
        if let (Some(file), Some(who)) = (file, self.table.who(pid)) {
            self.ran(who, &program, file);
        }
        if raw::architecture(pid) != filter::ARCHITECTURE {
            self.recorder.gap(Blind::Foreign, before.group, text);
        }
        if own && is_guard(pid) {
            self.begin_group(pid);
        }
    }

    /// Records an access.
    pub(super) fn touch(&mut self, who: Who, op: Op, path: &[u8], file: Option<FileId>) {
        self.touch_at(clock::now(), who, op, path, file);
    }

    /// The same, at a time: what is done at once has the same one.
    pub(super) fn touch_at(
        &mut self,
        time: Time,
        who: Who,
        op: Op,
        path: &[u8],
        file: Option<FileId>,
    ) {
        let Who { pid, group, program, own, at, elsewhere, .. } = who;
        if !own && !elsewhere {
            let held = self.held(pid, op);
            self.recorder.touch(pid, &Touch { group, op, path, file, program, at, held, time });
        }
    }
}

fn all(options: WaitOptions) -> WaitOptions {
    options | WaitOptions::from_bits_retain(libc::__WALL as u32)
}

/// The process that a thread is of.
fn leader(tid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Tgid:"))?;
    line.trim().parse().ok()
}

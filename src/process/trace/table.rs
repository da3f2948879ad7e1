//! Who is traced: the processes and their threads, and what is known of each.

use std::collections::HashMap;
use std::rc::Rc;

use super::after::Pending;
use super::file::File;
use super::locks::Lock;
use super::minds::Minds;
use crate::run::Time;
use crate::run::footprint::{GroupNo, HeldNo, TextNo};

/// What a process holds locked.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// All of it.
    pub locks: Rc<[Lock]>,
    /// Its number, for what only reads.
    pub reading: HeldNo,
    /// The number of what it holds alone.
    pub changing: HeldNo,
}

/// A process, with all of its threads.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its pid.
    pub pid: u32,
    /// Which process forked it, or that one's, if that is gone.
    pub parent: u32,
    /// Whose it is.
    pub group: GroupNo,
    /// Whether it is the first of that group.
    pub leads: bool,
    /// Its program.
    pub program: TextNo,
    /// Whether that is this program: what it does is not the script's doing.
    pub own: bool,
    /// When it was forked.
    pub born: (Time, u32),
    /// The script's line that it is at.
    pub at: Option<TextNo>,
    /// What it holds locked.
    pub held: Held,
    /// Its working directory, as of the generation (see `Tracer::generation`).
    pub cwd: Option<(u64, Rc<[u8]>)>,
    /// Whether its paths are others than the tracer's.
    pub elsewhere: bool,
    /// What it is to its program that something is there already.
    pub minds: Minds,
}

/// A thread.
#[derive(Debug, Default)]
pub struct Thread {
    /// Of which process.
    pub pid: u32,
    /// What is to be done when the call that it is in returns.
    pub pending: Option<Pending>,
    /// The program that it was about to become, if it is not yet.
    pub running: Option<(Vec<u8>, File)>,
    /// Whether the child that it is about to make gets a mount namespace of its own.
    pub apart: bool,
}

/// What is needed of a process to record what it does.
#[derive(Debug, Clone, Copy)]
pub struct Who {
    /// The thread.
    pub tid: u32,
    /// The process.
    pub pid: u32,
    /// See [`Process::group`].
    pub group: GroupNo,
    /// See [`Process::program`].
    pub program: TextNo,
    /// See [`Process::own`].
    pub own: bool,
    /// See [`Process::at`].
    pub at: Option<TextNo>,
    /// See [`Process::elsewhere`].
    pub elsewhere: bool,
}

/// All that is traced.
#[derive(Debug, Default)]
pub struct Table {
    /// The processes, by pid.
    pub processes: HashMap<u32, Process>,
    /// The threads, by tid.
    pub threads: HashMap<u32, Thread>,
}

impl Table {
    /// Who a thread is.
    pub fn who(&self, tid: u32) -> Option<Who> {
        let process = self.processes.get(&self.threads.get(&tid)?.pid)?;
        let Process { pid, group, program, own, at, elsewhere, .. } = *process;
        Some(Who { tid, pid, group, program, own, at, elsewhere })
    }

    /// The process of a thread.
    pub fn process(&mut self, tid: u32) -> Option<&mut Process> {
        self.processes.get_mut(&self.threads.get(&tid)?.pid)
    }

    /// Adds a process and its first thread.
    pub fn add(&mut self, process: Process) {
        let pid = process.pid;
        self.threads.insert(pid, Thread { pid, ..Thread::default() });
        self.processes.insert(pid, process);
    }

    /// A process was forked by this one; one whose parent is gone is the script's.
    pub fn fork(&mut self, parent: u32, pid: u32, born: (Time, u32)) {
        let forker = self.processes.get(&parent).cloned();
        let script = Process {
            pid,
            parent,
            group: 0,
            leads: false,
            program: 0,
            own: false,
            born,
            at: None,
            held: Held::default(),
            cwd: None,
            elsewhere: false,
            minds: Minds::default(),
        };
        self.add(Process { pid, parent, born, leads: false, ..forker.unwrap_or(script) });
    }

    /// A thread was begun by this process.
    pub fn thread(&mut self, pid: u32, tid: u32) {
        self.threads.insert(tid, Thread { pid, ..Thread::default() });
    }

    /// A process has begun another program: all its threads but one are gone,
    /// and that has the process's number now.
    pub fn exec(&mut self, pid: u32, former: u32) -> Option<(Vec<u8>, File)> {
        let running = self.threads.get_mut(&former).and_then(|thread| thread.running.take());
        if former != pid {
            self.threads.retain(|_, thread| thread.pid != pid);
        }
        self.threads.insert(pid, Thread { pid, ..Thread::default() });
        running
    }

    /// A thread has ended; if it was the last one of its process, that has.
    pub fn gone(&mut self, tid: u32) -> Option<Process> {
        let thread = self.threads.remove(&tid)?;
        if thread.pid != tid {
            return None;
        }
        // The first one is said to have ended when all others have.
        let gone = self.processes.remove(&tid)?;
        for orphan in self.processes.values_mut().filter(|process| process.parent == tid) {
            orphan.parent = gone.parent;
        }
        Some(gone)
    }

    /// A process and all that comes of it.
    pub fn below(&self, pid: u32) -> Vec<u32> {
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        for process in self.processes.values() {
            children.entry(process.parent).or_default().push(process.pid);
        }
        let mut found = vec![pid];
        let mut next = 0;
        while let Some(parent) = found.get(next) {
            found.extend(children.remove(parent).unwrap_or_default());
            next += 1;
        }
        found
    }
}

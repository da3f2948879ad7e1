//! The watcher: the process beside a run that keeps its promises.
//!
//! # Theory of operation
//!
//! One process per run, in a session of its own, asleep in `epoll` unless
//! something happens. Four kinds of things do:
//!
//! - the **journal** grew (inotify): it takes hold of the guards of new tasks;
//! - a **guard** ended (pidfd): if the journal has no `end` of it, the task is
//!   `lost`: that is recorded, and what is left of the task is ended;
//! - the **time** of a task is up (the timeout of `epoll`): that is recorded,
//!   and the task is ended, by a thread, for that takes its grace;
//! - the **script** ended (pidfd): its tasks are waited for or ended, strays
//!   and leaks are named, the journal is closed.
//!
//! Nothing needs it: it may be killed at any moment, and every exit code
//! still reaches the script. Its standard output is a pidfd of the script,
//! taken while the script waited for it to be started.

mod script;
pub mod wrap;

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::event::epoll;

use crate::client::{Error, cancel, clean, history, lost, open, slots};
use crate::process::dir::RunDir;
use crate::process::jobserver::Pool;
use crate::process::journal::Journal;
use crate::process::notify::Notify;
use crate::process::pidfd::{self, Handle};
use crate::process::{cgroup, clock, kill};
use crate::run::{Id, Kind, Time, files};

const JOURNAL: u64 = u64::MAX;
const SCRIPT: u64 = u64::MAX - 1;

/// How often the watcher begins again after a failure.
const AGAIN: usize = 3;

/// Watches the run in `path` until it is over.
pub fn watch(path: &Path) -> Result<(), Error> {
    let _ = rustix::process::setsid();
    pidfd::raise_limit();
    // What fails may have been refused for a moment. It begins again with what
    // the journal says, as after any other end.
    for _ in 0..AGAIN {
        if begin(path).is_ok() {
            return Ok(());
        }
    }
    begin(path)
}

fn begin(path: &Path) -> Result<(), Error> {
    let dir = RunDir::open(path)?;
    if open::state_home().is_ok_and(|home| path.starts_with(home)) {
        // Housekeeping, off every script's path; its failure is not the run's.
        let _ = clean::prune(clean::Policy::default());
    }
    Watcher::begin(dir)?.keep()
}

struct Watcher {
    dir: RunDir,
    journal: Journal,
    notify: Option<Notify>,
    epoll: OwnedFd,
    script: Option<Handle>,
    /// Guards by the place of their task in the run.
    guards: HashMap<u64, Handle>,
    /// Tasks up to this place have been looked at.
    seen: usize,
    /// Tasks whose `start` was not yet there when they were looked at.
    unstarted: Vec<u64>,
    /// Tasks that may run only for so long.
    timed: Vec<u64>,
    /// Who ends the tasks whose time was up.
    enders: Vec<std::thread::JoinHandle<()>>,
    /// The pool of tokens, if the run is limited.
    pool: Option<Pool>,
}

impl Watcher {
    fn begin(dir: RunDir) -> Result<Self, Error> {
        let failed = || Error::journal("watch", dir.path());
        // Where the user's inotify instances are used up, it still sees the
        // script's end, and reads the journal then.
        let notify = Notify::new()
            .and_then(|notify| notify.file(&dir.path().join(files::JOURNAL)).map(|()| notify))
            .ok();
        let journal = Journal::watch(&dir).map_err(failed())?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|e| failed()(e.into()))?;
        let script = match journal.run().owner {
            Some(owner) => match Handle::inherited(owner) {
                Some(script) => Some(script),
                None => Handle::open(owner).map_err(failed())?,
            },
            None => None,
        };
        let add = |fd, key| {
            let data = epoll::EventData::new_u64(key);
            epoll::add(&epoll, fd, data, epoll::EventFlags::IN).map_err(|e| failed()(e.into()))
        };
        if let Some(notify) = &notify {
            add(notify.as_fd(), JOURNAL)?;
        }
        if let Some(script) = &script {
            add(script.as_fd(), SCRIPT)?;
        }
        let pool = Pool::open(&dir, journal.run()).ok().flatten();
        let this = Self {
            dir,
            journal,
            notify,
            epoll,
            script,
            guards: HashMap::new(),
            seen: 0,
            unstarted: Vec::new(),
            timed: Vec::new(),
            enders: Vec::new(),
            pool,
        };
        this.refill();
        Ok(this)
    }

    fn keep(&mut self) -> Result<(), Error> {
        let mut gone: Vec<u64> = Vec::new();
        let mut watched = false;
        loop {
            self.read()?;
            for place in gone.drain(..) {
                self.guard_ended(place);
            }
            self.hold_new();
            // One that somebody closed belongs to its successor.
            if self.journal.run().closed.is_some() {
                if watched {
                    self.remember();
                }
                return Ok(());
            }
            watched = true;
            let owned = self.journal.run().owner.is_some();
            if owned && self.script.as_ref().is_none_or(Handle::ended) {
                return self.script_ended();
            }
            // A run without a script is over, for now, when its tasks are.
            if !owned && self.journal.run().under_way().next().is_none() && self.leave()? {
                return Ok(());
            }
            gone = self.sleep()?;
        }
    }

    /// Blocks until something happens; returns the places of the tasks whose
    /// guards have ended.
    fn sleep(&mut self) -> Result<Vec<u64>, Error> {
        let next = self.expire().map(|micros| rustix::event::Timespec {
            tv_sec: (micros / 1_000_000) as i64,
            tv_nsec: (micros % 1_000_000 * 1_000) as i64,
        });
        let mut events = Vec::with_capacity(64);
        let buffer = rustix::buffer::spare_capacity(&mut events);
        match epoll::wait(&self.epoll, buffer, next.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Error::journal("watch", self.dir.path())(error.into())),
        }
        if let Some(notify) = &self.notify {
            notify.drain();
        }
        Ok(events.iter().map(|e| e.data.u64()).filter(|key| *key < SCRIPT).collect())
    }

    /// Ends the tasks whose time is up; returns in how many microseconds the
    /// next one's will be.
    fn expire(&mut self) -> Option<u64> {
        let now = clock::now();
        let run = self.journal.run();
        self.timed.retain(|place| run.tasks()[*place as usize].end.is_none());
        let timed = self.timed.iter().map(|place| &run.tasks()[*place as usize]);
        let deadlines: Vec<(Id, Time)> =
            timed.filter_map(|task| task.deadline().map(|at| (task.id.clone(), at))).collect();
        let mut next: Option<u64> = None;
        for (id, deadline) in deadlines {
            if deadline > now {
                let left = deadline.since(now);
                next = Some(next.map_or(left, |next| next.min(left)));
            } else {
                self.time_out(&id);
            }
        }
        next
    }

    /// Ends a task whose time is up, while others are watched on.
    fn time_out(&mut self, id: &Id) {
        // Where the record cannot be written, its code is that of the signal.
        let _ = self.journal.append(Kind::Timeout, Some(id), &[]);
        let _ = self.read();
        self.timed.retain(|place| self.journal.run().tasks()[*place as usize].id != *id);
        let running = self.journal.run().task(id).filter(|task| task.end.is_none());
        let Some(task) = running.cloned() else { return };
        let grace = cancel::grace(self.journal.run());
        let path = self.dir.path().to_owned();
        let end = move || {
            if let Ok(dir) = RunDir::open(&path) {
                kill::end(&dir, &[&task], grace);
            }
        };
        self.enders.retain(|thread| !thread.is_finished());
        // (What cannot be done beside is done here: it must be done.)
        match std::thread::Builder::new().spawn(end.clone()) {
            Ok(thread) => self.enders.push(thread),
            Err(_) => end(),
        }
    }

    /// Whether the watcher may go: under the run's lock, so that no task can
    /// start between this look and its end.
    fn leave(&mut self) -> Result<bool, Error> {
        self.join();
        let lock = open::lock(&self.dir, files::LOCK);
        self.read()?;
        let idle = self.journal.run().under_way().next().is_none();
        if idle {
            // It lives on for a moment when the kernel has taken the lock away:
            // whoever starts a task then needs another watcher.
            let _ = self.dir.remove(files::WATCHER);
            std::mem::forget(lock);
        }
        Ok(idle)
    }

    fn read(&mut self) -> Result<(), Error> {
        let failed = Error::journal("read the journal of", self.dir.path());
        self.journal.catch_up().map(drop).map_err(failed)
    }

    /// Takes hold of the guards of tasks not seen before.
    fn hold_new(&mut self) {
        let count = self.journal.run().tasks().len();
        let mut places = std::mem::take(&mut self.unstarted);
        places.extend(self.seen as u64..count as u64);
        self.seen = count;
        let mut gone = Vec::new();
        for place in places {
            let task = &self.journal.run().tasks()[place as usize];
            if task.end.is_some() {
                continue;
            }
            let Some(guard) = task.guard else {
                self.unstarted.push(place);
                continue;
            };
            if task.options.timeout.is_some() {
                self.timed.push(place);
            }
            match Handle::open(guard) {
                Ok(Some(handle)) => {
                    let data = epoll::EventData::new_u64(place);
                    let fd = handle.as_fd();
                    if epoll::add(&self.epoll, fd, data, epoll::EventFlags::IN).is_ok() {
                        self.guards.insert(place, handle);
                    }
                }
                Ok(None) => gone.push(place),
                // Out of descriptors: this one is not watched, only waited for.
                Err(_) => {}
            }
        }
        for place in gone {
            self.guard_ended(place);
        }
    }

    /// A guard is gone; without a record of its own its task is lost.
    fn guard_ended(&mut self, place: u64) {
        let handle = self.guards.remove(&place);
        // Its records are older than its end, but maybe not yet read.
        if self.read().is_err() {
            return;
        }
        let task = &self.journal.run().tasks()[place as usize];
        if task.end.is_none() || task.token.is_some() {
            let id = task.id.clone();
            let known = handle.and_then(|handle| handle.code());
            lost::settle(&self.dir, &mut self.journal, &id, known);
        }
        if let Some(group) = &self.journal.run().tasks()[place as usize].cgroup {
            cgroup::leave(group);
        }
        self.refill();
    }

    fn refill(&self) {
        if let Some(pool) = &self.pool {
            slots::refill(&self.dir, pool);
        }
    }

    /// Adds the run, which is over, to its script's history. Nobody waits for
    /// the history, and nothing else is lost where it cannot be written.
    fn remember(&self) {
        let _ = history::remember(&self.dir, self.journal.run());
    }

    fn under_way(&self) -> Vec<Id> {
        self.journal.run().under_way().map(|task| task.id.clone()).collect()
    }

    /// Waits until those have been ended whose time was up.
    fn join(&mut self) {
        for thread in self.enders.drain(..) {
            let _ = thread.join();
        }
    }
}

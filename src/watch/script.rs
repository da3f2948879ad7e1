//! What happens when the script has ended: no task outlives it unasked.

use std::collections::HashSet;
use std::os::fd::AsFd;

use rustix::event::epoll;

use super::Watcher;
use crate::client::{Error, cancel, lost};
use crate::process::pidfd::Handle;
use crate::process::{cgroup, kill, tree};
use crate::run::task::Leak;
use crate::run::{Id, Kind, State, Task, code};

/// What `MEANWHILE_ON_EXIT` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnExit {
    /// Let the tasks end by themselves.
    Wait,
    /// End them.
    Cancel,
    /// Let go of them.
    Leave,
}

/// A hangup ends the tasks with their script: then there is nothing left to end.
fn interrupted(task: &Task) -> bool {
    task.collected.is_none() && matches!(task.state(), State::Signalled(_) | State::Lost)
}

impl Watcher {
    /// Settles what is left, closes the journal.
    pub(super) fn script_ended(&mut self) -> Result<(), Error> {
        self.read()?;
        let _ = self.journal.append(Kind::Exit, None, &[]);
        // What a killed client of the script has lent is one too many for make.
        let lent = self.pool.iter().map(|pool| (pool, self.journal.run().lent));
        lent.for_each(|(pool, lent)| (0..lent).for_each(|_| drop(pool.take())));
        let mut how = "finished";
        match self.on_exit() {
            OnExit::Leave => {}
            OnExit::Wait => self.wait_for_all()?,
            OnExit::Cancel => {
                let grace = cancel::grace(self.journal.run());
                // Descriptors are for ending tasks now; see below for the lost.
                self.guards.clear();
                // A task that is being ended may have started another.
                let mut asked: HashSet<Id> = HashSet::new();
                loop {
                    let ids = self.under_way();
                    let ids: Vec<Id> = ids.into_iter().filter(|id| !asked.contains(id)).collect();
                    if ids.is_empty() {
                        break;
                    }
                    how = "aborted";
                    asked.extend(ids.iter().cloned());
                    cancel::cancel(&self.dir, &mut self.journal, &ids, grace)?;
                    for id in self.under_way().iter().filter(|id| ids.contains(id)) {
                        // Its guard was ended before it could record it.
                        lost::settle(&self.dir, &mut self.journal, id, None);
                    }
                }
                self.join();
                let strays = kill::end_strays(&self.dir, self.journal.run(), grace);
                if strays > 0 || self.journal.run().tasks().iter().any(interrupted) {
                    how = "aborted";
                }
            }
        }
        self.join();
        self.name_leaks();
        for task in self.journal.run().tasks() {
            task.cgroup.as_deref().into_iter().for_each(cgroup::leave);
        }
        let _ = self.journal.append(Kind::Close, None, &[("how", how.into())]);
        if self.read().is_ok() {
            self.remember();
        }
        Ok(())
    }

    /// Success waits, failure cancels; where the kernel does not tell how the
    /// script ended (before Linux 6.15), its tasks are not left to chance.
    fn on_exit(&self) -> OnExit {
        match self.journal.run().on_exit.as_deref() {
            Some("wait") => OnExit::Wait,
            Some("cancel") => OnExit::Cancel,
            Some("leave") => OnExit::Leave,
            _ if self.script.as_ref().and_then(Handle::code) == Some(code::OK) => OnExit::Wait,
            _ => OnExit::Cancel,
        }
    }

    /// Blocks until every task has ended or is known to be lost.
    fn wait_for_all(&mut self) -> Result<(), Error> {
        if let Some(script) = &self.script {
            // It has told what it had to tell, and would wake us for ever.
            let _ = epoll::delete(&self.epoll, script.as_fd());
        }
        loop {
            self.read()?;
            self.hold_new();
            if self.guards.is_empty() {
                return Ok(());
            }
            for place in self.sleep()? {
                self.guard_ended(place);
            }
        }
    }

    /// Names the processes that ended tasks have left running.
    fn name_leaks(&mut self) {
        let snapshot = tree::Snapshot::take();
        let mut found = Vec::new();
        let opened = self.journal.run().opened.unwrap_or_default();
        for (id, stat) in snapshot.strays(&self.dir, opened) {
            if stat.is_this_program() {
                continue; // what shows a task goes by itself
            }
            let leak = Leak { pid: stat.pid, comm: stat.comm };
            let known = self.journal.run().task(&id).is_some_and(|t| t.leaks.contains(&leak));
            if !known {
                found.push((id, leak));
            }
        }
        for (id, leak) in found {
            let fields = [("pid", leak.pid.to_string()), ("comm", leak.comm)];
            let _ = self.journal.append(Kind::Leak, Some(&id), &fields);
        }
    }
}

//! Room for another process: waited for before a shell forks, since a shell
//! that cannot fork gives up, and its script with it.

use std::os::fd::{AsFd, BorrowedFd};

use super::{Error, lost};
use crate::process::dir::RunDir;
use crate::process::headroom;
use crate::process::journal::Journal;
use crate::process::pidfd::{Handle, raise_limit, wait_any};
use crate::process::stat::{self, Stat};
use crate::run::{Id, Task};

/// What a task needs: its guard, its shell, and a few programs.
pub const NEEDED: u64 = 8;

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// There is room.
    Enough,
    /// There is none, and no task of this run could make any.
    None,
}

/// Blocks until there is room for another task, while tasks of this run could
/// still make it (not those around the caller, which wait for it); calls
/// `full` before it blocks for the first time. It is woken by the end of any
/// process that counts.
pub fn wait(dir: &RunDir, scope: Option<&Id>, full: &mut dyn FnMut()) -> Result<Room, Error> {
    let failed = || Error::journal("wait in", dir.path());
    let mut journal: Option<Journal> = None;
    loop {
        if headroom::left().is_none_or(|left| left >= NEEDED) {
            return Ok(Room::Enough);
        }
        let journal = match &mut journal {
            Some(journal) => journal,
            none => {
                full();
                raise_limit();
                none.insert(Journal::watch(dir).map_err(failed())?)
            }
        };
        journal.catch_up().map_err(failed())?;
        let around = |id: &Id| scope.is_some_and(|scope| scope.within(id));
        let others: Vec<Task> =
            journal.run().under_way().filter(|task| !around(&task.id)).cloned().collect();
        let mut held = Vec::new();
        let mut gone = false;
        for task in &others {
            let guard = task.guard.map(Handle::open).transpose().map_err(failed())?.flatten();
            gone |= guard.is_none();
            if guard.is_none() {
                lost::settle(dir, journal, &task.id, None);
            }
            held.extend(guard);
        }
        if gone {
            continue;
        }
        if held.is_empty() {
            return Ok(Room::None);
        }
        // Whatever ends makes room, not only a task; but what waits for this does not.
        let mine = stat::ancestors();
        let rest = Stat::all().into_iter().filter(|stat| stat.alive() && !mine.contains(&stat.pid));
        held.extend(rest.filter_map(|stat| Handle::open(stat.process()).ok().flatten()));
        let fds: Vec<BorrowedFd<'_>> = held.iter().map(AsFd::as_fd).collect();
        wait_any(&fds, None).map_err(failed())?;
    }
}

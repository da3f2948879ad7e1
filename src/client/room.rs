//! Room for another process: waited for before a shell forks, since a shell
//! that cannot fork gives up, and its script with it.

use std::os::fd::{AsFd, BorrowedFd};

use super::{Error, lost};
use crate::process::dir::RunDir;
use crate::process::headroom;
use crate::process::journal::Journal;
use crate::process::pidfd::{Handle, wait_any};

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
/// still make it; calls `full` before it blocks for the first time.
pub fn wait(dir: &RunDir, full: &mut dyn FnMut()) -> Result<Room, Error> {
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
                none.insert(Journal::watch(dir).map_err(failed())?)
            }
        };
        journal.catch_up().map_err(failed())?;
        let mut guards = Vec::new();
        let mut gone = Vec::new();
        for task in journal.run().running() {
            match task.guard.map(Handle::open).transpose().map_err(failed())?.flatten() {
                Some(guard) => guards.push(guard),
                None if task.guard.is_some() => gone.push(task.id.clone()),
                None => {}
            }
        }
        for id in gone {
            lost::settle(dir, journal, &id, None);
        }
        if guards.is_empty() {
            return Ok(Room::None);
        }
        let fds: Vec<BorrowedFd<'_>> = guards.iter().map(AsFd::as_fd).collect();
        wait_any(&fds, None).map_err(failed())?;
    }
}

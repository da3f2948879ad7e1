//! Old runs: which there are, and removing them.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::{Error, open};
use crate::process::dir::RunDir;
use crate::process::journal::Journal;
use crate::process::pidfd;
use crate::run::files;

/// What to keep of the runs under the state directory.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Runs without a change for longer than this go.
    pub age: Duration,
    /// Of the rest, the newest stay up to so many bytes.
    pub bytes: u64,
}

impl Default for Policy {
    /// Two weeks and 1 GiB.
    fn default() -> Self {
        Self { age: Duration::from_secs(14 * 24 * 3600), bytes: 1 << 30 }
    }
}

/// A run under the state directory.
#[derive(Debug)]
pub struct Kept {
    /// Its directory.
    pub path: PathBuf,
    /// When its journal last changed.
    pub changed: SystemTime,
    /// The size of its files.
    pub bytes: u64,
}

/// The runs under the state directory, the newest first.
pub fn runs() -> Result<Vec<Kept>, Error> {
    let Ok(entries) = std::fs::read_dir(open::state_home()?) else { return Ok(Vec::new()) };
    let mut runs: Vec<Kept> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let changed = std::fs::metadata(path.join(files::JOURNAL)).ok()?.modified().ok()?;
            let files = std::fs::read_dir(&path).ok()?;
            let bytes = files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len())).sum();
            Some(Kept { path, changed, bytes })
        })
        .collect();
    runs.sort_by_key(|run| std::cmp::Reverse(run.changed));
    Ok(runs)
}

/// Removes what the policy does not keep; returns what it removed. A run
/// that goes on is never removed, and of a directory only what is ours.
pub fn prune(policy: Policy) -> Result<Vec<Kept>, Error> {
    let mut kept = 0;
    let mut removed = Vec::new();
    for run in runs()? {
        let age = run.changed.elapsed().unwrap_or_default();
        if age <= policy.age && kept + run.bytes <= policy.bytes {
            kept += run.bytes;
        } else {
            // One that cannot be removed must not keep the older ones.
            match remove(&run.path) {
                Ok(true) => removed.push(run),
                Ok(false) | Err(_) => kept += run.bytes,
            }
        }
    }
    Ok(removed)
}

/// Removes one run, unless it goes on; returns whether it did.
pub fn remove(path: &std::path::Path) -> Result<bool, Error> {
    let dir = RunDir::open(path)?;
    let _lock = open::lock(&dir, files::LOCK).map_err(Error::journal("lock", path))?;
    if let Ok(journal) = Journal::read(&dir) {
        let run = journal.run();
        let owned = run.closed.is_none() && run.owner.is_some_and(pidfd::alive);
        if owned || run.running().filter_map(|task| task.guard).any(pidfd::alive) {
            return Ok(false);
        }
    }
    dir.clear()?;
    for name in [files::LOCK, files::WATCHER] {
        dir.remove(name).map_err(Error::journal("remove", path))?;
    }
    // Foreign files keep the directory; they are not ours to remove.
    let _ = std::fs::remove_dir(path);
    Ok(true)
}

//! The history of scripts: one small file each, in `history` of the state
//! directory, beside the runs and outliving them.
//!
//! The watcher adds a run when it is over, under one lock, by writing a new
//! file and renaming it: whoever reads sees the old one or the new one, and a
//! full disk leaves the old one. All of it may fail, and then only the history is
//! lost. The directory is held and its files are opened as those of a run are;
//! what they say is believed of nothing but times.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{AtFlags, OFlags, renameat, statat};

use super::open::{self, state_home};
use crate::process::dir::{DirError, RunDir};
use crate::run::past::{self, Past};
use crate::run::ran::{Ran, encode_path};
use crate::run::{Run, files};

/// Its directory, in the state directory.
const DIR: &str = "history";
/// What the file under way is called; whoever holds the lock writes it.
const NEW: &str = "new";

/// How long it may take to add a run. It takes milliseconds; but where it
/// does not, the end of a run does not depend on it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The runs before this one of the same script; none if there are none.
pub fn past_of(run: &Run) -> Option<Past> {
    let path = run.path.as_ref()?;
    let mut runs = past::parse(&read(&held().ok()?, &past::file_of(path)).ok()?);
    runs.retain(|ran| ran.path == *path && !ran.is(run) && Some(ran.wall) <= run.wall);
    (!runs.is_empty()).then(|| Past::new(runs, run.serial))
}

/// Set by a check, in what it has run.
const ODD: [&str; 2] = ["MEANWHILE_CHECK", "MEANWHILE_CONFIRM"];

/// Adds a run that is over to the history of its script, if it has one. In
/// another thread, which goes with this process if it takes too long: whoever
/// holds the lock may have been stopped, and a home may be on another machine.
///
/// # Errors
/// Whatever kept it from being written.
pub fn remember(dir: &RunDir, run: &Run) -> std::io::Result<()> {
    // What a task usually takes is not what it takes when it is traced, or put off.
    if ODD.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())) {
        return Ok(());
    }
    let at = encode_path(dir.path().as_os_str().as_bytes());
    let Some(ran) = Ran::of(run, at) else { return Ok(()) };
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::Builder::new().spawn(move || send.send(add(&ran)))?;
    receive.recv_timeout(PATIENCE).map_err(|_| std::io::ErrorKind::TimedOut)?
}

fn add(ran: &Ran) -> std::io::Result<()> {
    let home = state_home().map_err(std::io::Error::other)?.join(DIR);
    if of_another_user(&home) {
        return Err(std::io::ErrorKind::PermissionDenied.into());
    }
    let history = RunDir::create(&home).map_err(std::io::Error::other)?;
    let _lock = lock(&history)?;
    let name = past::file_of(&ran.path);
    let line = ran.line();
    let old = read(&history, &name);
    let first = old.is_err();
    let old = old.unwrap_or_default();
    // One that was left half written goes.
    history.remove(NEW)?;
    let written = write(&history, &past::kept(&old, line.len()), &line)
        .and_then(|()| Ok(renameat(&history, NEW, &history, &name)?));
    if written.is_err() {
        let _ = history.remove(NEW);
    } else if first {
        bound(&history);
    }
    written
}

/// Whether it would be made in the home of a user that this is not: of root,
/// in `sudo`, nothing is to be left there that keeps its owner out.
fn of_another_user(home: &Path) -> bool {
    let there = home.ancestors().find_map(|path| path.metadata().ok());
    let me = rustix::process::geteuid().as_raw();
    there.is_some_and(|meta| ![0, me].contains(&meta.uid()))
}

/// A script with a history.
#[derive(Debug)]
pub struct Script {
    /// Its path, encoded.
    pub path: String,
    /// Its runs, the oldest first; at least one.
    pub runs: Vec<Ran>,
}

/// The scripts that have a history, the one that ended last first.
pub fn scripts() -> Result<Vec<Script>, DirError> {
    let history = match held() {
        Ok(history) => history,
        Err(DirError::Missing(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let script = |name: &String| {
        let mut runs = past::parse(&read(&history, name).ok()?);
        // A file under the name of another script is none.
        runs.retain(|ran| past::file_of(&ran.path) == *name);
        Some(Script { path: runs.last()?.path.clone(), runs })
    };
    Ok(by_age(&history)?.iter().filter_map(script).collect())
}

/// Removes the history of all scripts; returns of how many.
pub fn forget() -> Result<usize, DirError> {
    let history = match held() {
        Ok(history) => history,
        Err(DirError::Missing(_)) => return Ok(0),
        Err(error) => return Err(error),
    };
    let io = |error| DirError::Io { path: history.path().to_owned(), error };
    let _lock = lock(&history).map_err(io)?;
    let names = by_age(&history)?;
    for name in names.iter().map(String::as_str).chain([NEW, files::LOCK]) {
        history.remove(name).map_err(io)?;
    }
    // Foreign files keep the directory.
    let _ = std::fs::remove_dir(history.path());
    Ok(names.len())
}

fn held() -> Result<RunDir, DirError> {
    let home = state_home().map_err(|_| DirError::Missing(DIR.into()))?;
    RunDir::open(&home.join(DIR))
}

/// The bytes of a history; of one that is larger than it could be, the end.
fn read(history: &RunDir, name: &str) -> std::io::Result<Vec<u8>> {
    // (A pipe that somebody has put there must not be waited for.)
    let mut file = history.file(name, OFlags::RDONLY | OFlags::NONBLOCK)?;
    let meta = file.metadata()?;
    if !meta.is_file() || meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    let most = past::BYTES as u64;
    file.seek(SeekFrom::Start(meta.len().saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn write(history: &RunDir, kept: &[&[u8]], line: &str) -> std::io::Result<()> {
    let file = history.file(NEW, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)?;
    let mut file = std::io::BufWriter::new(file);
    for old in kept {
        file.write_all(old)?;
        file.write_all(b"\n")?;
    }
    file.write_all(line.as_bytes())?;
    file.flush()
}

/// Takes the lock of the history.
fn lock(history: &RunDir) -> std::io::Result<File> {
    loop {
        let file = open::lock(history, files::LOCK)?;
        // One that was removed meanwhile keeps nobody out.
        if file.metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

/// Removes what was not added to for longest, beyond so many scripts.
fn bound(history: &RunDir) {
    let names = by_age(history).unwrap_or_default();
    names.iter().skip(past::SCRIPTS).for_each(|name| drop(history.remove(name)));
}

/// The files of the history, the latest first.
fn by_age(history: &RunDir) -> Result<Vec<String>, DirError> {
    let changed = |name: &String| {
        let stat = statat(history, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some((stat.st_mtime, stat.st_mtime_nsec))
    };
    let names = history.files()?.into_iter().filter_map(|name| name.into_string().ok());
    let mut names: Vec<String> = names.filter(|name| past::is_file(name)).collect();
    names.sort_by_cached_key(|name| std::cmp::Reverse(changed(name)));
    Ok(names)
}

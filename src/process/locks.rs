//! Locks by name: which tasks exclude each other, and who has a slot.
//!
//! A name stands for one byte of the run's file `locks`, of which the
//! kernel keeps who holds it. A task's guard has that file open, and the
//! program locks for it, through the guard's own open file description: the
//! lock is the guard's, for exactly as long as the guard lives, whatever ends
//! it. Which byte, the hash of the name tells: should two names ever meet in
//! one, they exclude each other without need, and that is all.

use std::fs::File;
use std::os::fd::AsFd;

use rustix::fs::OFlags;

use super::dir::RunDir;
use super::raw::{self, Lock};
use crate::run::files;

/// The byte that `name` stands for: its hash, cut to what a file offset can be.
pub fn byte(name: &str) -> u64 {
    files::hash(name) >> 2
}

/// The run's file of locks, opened for this process alone.
///
/// # Errors
/// What openat(2) says.
pub fn open(dir: &RunDir) -> std::io::Result<File> {
    dir.file(files::LOCKS, OFlags::RDWR | OFlags::CREATE)
}

/// Takes the locks of these names for the holder of `file`. Whoever waits for
/// one of them holds none of the others meanwhile: nobody waits in a circle.
///
/// # Errors
/// What fcntl(2) says.
pub fn take(file: impl AsFd, names: &[String]) -> std::io::Result<()> {
    let mut bytes: Vec<u64> = names.iter().map(|name| byte(name)).collect();
    bytes.sort_unstable();
    bytes.dedup();
    let Some(mut first) = bytes.first().copied() else { return Ok(()) };
    loop {
        raw::lock_byte(file.as_fd(), first, Lock::Exclusive, true)?;
        let mut busy = None;
        for at in bytes.iter().copied().filter(|at| *at != first) {
            if !raw::lock_byte(file.as_fd(), at, Lock::Exclusive, false)? {
                busy = Some(at);
                break;
            }
        }
        let Some(busy) = busy else { return Ok(()) };
        for at in &bytes {
            raw::unlock_byte(file.as_fd(), *at)?;
        }
        first = busy;
    }
}

/// Takes the lock of one name beside others who share it.
///
/// # Errors
/// What fcntl(2) says.
pub fn share(file: impl AsFd, name: &str) -> std::io::Result<()> {
    raw::lock_byte(file, byte(name), Lock::Shared, true).map(drop)
}

/// Takes the lock of one name if nobody else holds or shares it.
///
/// # Errors
/// What fcntl(2) says.
pub fn try_take(file: impl AsFd, name: &str) -> std::io::Result<bool> {
    raw::lock_byte(file, byte(name), Lock::Exclusive, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_lock_is_its_descriptions_and_goes_with_it() {
        let temp = tempfile::tempdir().unwrap();
        let dir = RunDir::create(&temp.path().join("run")).unwrap();
        let (one, two) = (open(&dir).unwrap(), open(&dir).unwrap());
        take(&one, &["apt".into(), "db".into(), "apt".into()]).unwrap();
        assert!(!try_take(&two, "apt").unwrap() && !try_take(&two, "db").unwrap());
        assert!(try_take(&two, "other").unwrap());
        let copy = one.try_clone().unwrap();
        drop(one);
        assert!(!try_take(&two, "apt").unwrap(), "the copy is the same description");
        drop(copy);
        assert!(try_take(&two, "apt").unwrap());
        let three = open(&dir).unwrap();
        share(&two, "shared").unwrap();
        share(&three, "shared").unwrap();
        assert!(!try_take(&three, "shared").unwrap());
        drop(two);
        assert!(try_take(&three, "shared").unwrap());
    }
}

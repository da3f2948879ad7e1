//! How a wrapper learns of the runs below it.
//!
//! `meanwhile run` (and `meanwhile check`, where it runs a script once more) keeps
//! an anonymous file in memory. Whoever opens a run looks along its ancestors
//! for a process that has such a file open, and appends the run's path to it, through `/proc/PID/fd`. An orphan's parent is
//! the wrapper, since that is a subreaper; so the way up never misses it, and
//! nothing has to be put into the script's environment, which its children,
//! and daemons, would inherit.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{MemfdFlags, memfd_create};

use super::stat::Stat;

/// The file's name, as `/proc/PID/fd` shows it.
const NAME: &str = "meanwhile-run";
/// More generations than a process has.
const GENERATIONS: usize = 1000;

/// What a wrapper is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A run was opened in this directory.
    Opened(PathBuf),
    /// Its summary was printed when so many of its tasks had ended.
    Told(PathBuf, usize),
}

/// A wrapper's file.
#[derive(Debug)]
pub struct Registry(File);

impl Registry {
    /// Makes it; it goes with the process.
    ///
    /// # Errors
    /// When there is no memory or no descriptor left.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self(memfd_create(NAME, MemfdFlags::CLOEXEC)?.into()))
    }

    /// What it was told, in that order.
    pub fn entries(&self) -> Vec<Entry> {
        let length = self.0.metadata().map_or(0, |meta| meta.len());
        let mut bytes = vec![0; length as usize];
        if self.0.read_exact_at(&mut bytes, 0).is_err() {
            return Vec::new();
        }
        bytes.split(|b| *b == 0).filter_map(Entry::parse).collect()
    }
}

impl Entry {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut words = bytes.splitn(3, |b| *b == b' ');
        let (what, count, path) = (words.next()?, words.next()?, words.next()?);
        let path = PathBuf::from(OsString::from_vec(path.to_vec()));
        match what {
            b"opened" => Some(Self::Opened(path)),
            b"told" => Some(Self::Told(path, std::str::from_utf8(count).ok()?.parse().ok()?)),
            _ => None,
        }
    }

    fn encode(&self) -> Vec<u8> {
        let (what, path) = match self {
            Self::Opened(path) => ("opened 0 ".to_owned(), path),
            Self::Told(path, count) => (format!("told {count} "), path),
        };
        [what.as_bytes(), path.as_os_str().as_bytes(), b"\0"].concat()
    }
}

/// Tells the wrapper that this process runs below, if it does.
pub fn tell(entry: &Entry) {
    let Some(file) = find() else { return };
    // Nobody depends on it: the wrapper then says less.
    let _ = OpenOptions::new()
        .append(true)
        .open(file)
        .and_then(|mut file| file.write_all(&entry.encode()));
}

/// The file of the nearest wrapper.
fn find() -> Option<PathBuf> {
    let mut pid = std::process::id();
    for _ in 0..GENERATIONS {
        pid = Stat::of(pid)?.ppid;
        if pid == 0 {
            return None;
        }
        // The command line first: it costs less than the list of descriptors.
        if words(pid).get(1).is_some_and(|word| word == "run" || word == "check")
            && let Some(file) = registry_of(pid)
        {
            return Some(file);
        }
    }
    None
}

fn registry_of(pid: u32) -> Option<PathBuf> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let expected = format!("/memfd:{NAME} (deleted)");
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| fs::read_link(path).is_ok_and(|to| to == Path::new(&expected)))
}

/// The words of a process's command line.
pub fn words(pid: u32) -> Vec<OsString> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    line.split(|b| *b == 0).map(|word| OsStr::from_bytes(word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read() {
        let registry = Registry::new().unwrap();
        let odd = PathBuf::from(OsString::from_vec(b"/a b\n\xff/".to_vec()));
        let entries = [Entry::Opened(odd.clone()), Entry::Told(odd, 3)];
        let file = registry_of(std::process::id()).unwrap();
        for entry in &entries {
            let mut file = OpenOptions::new().append(true).open(&file).unwrap();
            file.write_all(&entry.encode()).unwrap();
        }
        assert_eq!(registry.entries(), entries);
    }

    #[test]
    fn any_bytes_are_read() {
        for bytes in [&b""[..], b"told", b"told x /a", b"opened 0", b"told 99999999999999999999 /"]
        {
            assert_eq!(Entry::parse(bytes), None, "{bytes:?}");
        }
    }
}

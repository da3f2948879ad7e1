//! What groups have written, where more than one writes the same: if that is
//! the same twice over, no harm is done.
//!
//! Most files are written by one group only, and are never read here. What a
//! file holds is asked when another group is about to open it for writing, to
//! remove it or to rename something onto it: then it still holds what the first
//! one has written, if that has it open no more. What the last group has written
//! is asked at the end.

use std::collections::{HashMap, HashSet};
use std::io::Read;

use rustix::fs::{FileType, Mode, OFlags};
use sha2::{Digest, Sha256};

use super::file::{File, stat};
use super::table::Who;
use super::tracer::Tracer;
use crate::run::footprint::{FileId, GroupNo, Op};

/// Longer files are not compared.
const LONGEST: u64 = 1 << 20;
/// So many written files are remembered.
const MOST: usize = 200_000;

/// Who has written a file.
#[derive(Debug)]
struct Written {
    group: GroupNo,
    /// Which processes; they may have it open still.
    by: HashSet<u32>,
    /// Where it is.
    path: Vec<u8>,
    /// Whether other groups write this, too: by this name or another.
    contested: bool,
    /// Whether what is in there may be another group's.
    mixed: bool,
}

/// The files that were written.
#[derive(Debug, Default)]
pub struct Contents {
    files: HashMap<FileId, Written>,
    /// Who wrote what has this name: it need not have been the same file.
    names: HashMap<Vec<u8>, GroupNo>,
}

impl Contents {
    /// A group has written what has this name now; whether another one had before.
    fn names(&mut self, path: &[u8], group: GroupNo) -> bool {
        match self.names.get_mut(path) {
            Some(known) => std::mem::replace(known, group) != group,
            None => self.names.insert(path.to_vec(), group).is_some(),
        }
    }

    /// Nothing is known any more of what was written long ago.
    fn keep_short(&mut self) {
        if self.files.len() > MOST || self.names.len() > MOST {
            self.files.retain(|_, written| written.contested);
            self.names.clear();
            if self.files.len() > MOST / 2 {
                self.files.clear();
            }
        }
    }
}

impl Tracer {
    /// A group is about to change, replace or remove a file: what another one
    /// has written there can be read for the last time.
    pub(super) fn last_look(&mut self, who: Who, file: Option<File>) {
        let Some(file) = file.filter(File::is_regular) else { return };
        let Some(written) = self.contents.files.get_mut(&file.id) else { return };
        if written.group == who.group {
            return;
        }
        written.contested = true;
        let done = !written.mixed && !written.by.iter().any(|pid| has_open(*pid, file.id));
        let (group, digest) =
            (written.group, done.then(|| digest(&written.path, file.id)).flatten());
        self.recorder.content(group, file.id, digest);
    }

    /// A process has opened a file for writing.
    pub(super) fn wrote(&mut self, who: Who, path: &[u8], file: FileId, op: Op) {
        if who.own || who.elsewhere {
            return;
        }
        let contested = self.contents.names(path, who.group);
        let written = self.contents.files.entry(file).or_insert_with(|| Written {
            group: who.group,
            by: HashSet::new(),
            path: path.to_vec(),
            contested: false,
            mixed: false,
        });
        written.contested |= contested;
        if written.group != who.group {
            // The others may write on, with it open; and what is appended is not all.
            let open = || written.by.iter().any(|pid| has_open(*pid, file));
            written.mixed = op == Op::Append || open();
            written.contested = true;
            written.group = who.group;
            written.by.clear();
        }
        written.by.insert(who.pid);
        self.contents.keep_short();
    }

    /// A process has made a link, which leads there for good.
    pub(super) fn linked(&mut self, who: Who, path: &[u8], link: FileId) {
        if !who.own && !who.elsewhere {
            self.recorder.content(who.group, link, digest(path, link));
        }
    }

    /// A file was given another name.
    pub(super) fn renamed_file(&mut self, file: FileId, path: &[u8]) {
        let Some(group) = self.contents.files.get(&file).map(|written| written.group) else {
            return;
        };
        let contested = self.contents.names(path, group);
        if let Some(written) = self.contents.files.get_mut(&file) {
            written.path = path.to_vec();
            written.contested |= contested;
        }
    }

    /// What was written last stays.
    pub(super) fn final_contents(&mut self) {
        for (file, written) in std::mem::take(&mut self.contents.files) {
            if written.contested
                && !written.mixed
                && let Some(digest) = digest(&written.path, file)
            {
                self.recorder.content(written.group, file, Some(digest));
            }
        }
    }
}

/// Whether a process has a file open.
fn has_open(pid: u32, file: FileId) -> bool {
    let dir = format!("/proc/{pid}/fd");
    let Ok(entries) = std::fs::read_dir(&dir) else { return false };
    entries.flatten().any(|entry| {
        let link = [dir.as_bytes(), b"/", entry.file_name().as_encoded_bytes()].concat();
        stat(&link, true).is_ok_and(|found| found.id == file)
    })
}

/// What is in a file, or where a link leads, if it is that one, and not too long.
fn digest(path: &[u8], file: FileId) -> Option<u64> {
    let found = stat(path, false).ok()?;
    if found.id != file || found.size > LONGEST {
        return None;
    }
    if found.kind == FileType::Symlink {
        let target = rustix::fs::readlink(path, Vec::new()).ok()?;
        return first(&Sha256::digest(target.as_bytes()));
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = rustix::fs::open(path, flags, Mode::empty()).ok()?;
    let mut bytes = Vec::new();
    std::fs::File::from(fd).take(LONGEST + 1).read_to_end(&mut bytes).ok()?;
    first(&Sha256::digest(&bytes)).filter(|_| bytes.len() as u64 <= LONGEST)
}

fn first(digest: &[u8]) -> Option<u64> {
    digest.first_chunk().copied().map(u64::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_of_this_file_and_of_what_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| dir.path().join(name));
        std::fs::write(&a, "same").unwrap();
        std::fs::write(&b, "same").unwrap();
        let of = |path: &std::path::Path, like: &std::path::Path| {
            let id = stat(like.as_os_str().as_encoded_bytes(), false).unwrap().id;
            digest(path.as_os_str().as_encoded_bytes(), id)
        };
        assert!(of(&a, &a).is_some() && of(&a, &a) == of(&b, &b));
        assert_eq!(of(&a, &b), None, "another file by now");
        std::fs::write(&b, "other").unwrap();
        assert_ne!(of(&a, &a), of(&b, &b));
        std::fs::write(&b, vec![0; LONGEST as usize + 1]).unwrap();
        assert_eq!(of(&b, &b), None, "too long");
    }

    #[test]
    fn what_is_open_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let open = std::fs::File::create(&path).unwrap();
        let id = stat(path.as_os_str().as_encoded_bytes(), false).unwrap().id;
        assert!(has_open(std::process::id(), id));
        drop(open);
        assert!(!has_open(std::process::id(), id));
    }
}

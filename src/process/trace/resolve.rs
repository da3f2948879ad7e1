//! What a path means: the one name that it has without links, and the file
//! that is there.
//!
//! The part before the last name is asked for once and remembered, since most
//! paths of a run have few directories among them: see [`Paths::forget`]. The
//! last name is looked up each time, by one statx(2).

use std::collections::{HashMap, HashSet};
use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::file::{File, file, read_proc_link, stat};
use crate::process::clock;
use crate::run::Time;
use crate::run::footprint::FileId;

/// So many directories are remembered.
const MOST: usize = 1 << 16;
/// So long those that are missing are, microseconds.
const MISSING: u64 = 100_000;

/// A link that was passed.
pub type Link = (Vec<u8>, FileId);

/// A directory.
#[derive(Debug, Default)]
pub struct Directory {
    /// Its path without links; empty: the root.
    pub path: Vec<u8>,
    /// The links on the way to it.
    pub links: Vec<Link>,
}

/// What a path means.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The path without links before its last name; without any, if the last was followed.
    pub path: Vec<u8>,
    /// What is there.
    pub file: Option<File>,
    /// The directory's links were passed.
    pub through: Rc<Directory>,
    /// And this one, if the last name is one and was followed.
    pub link: Option<Link>,
}

fn open(path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC | flags, Mode::empty())
}

/// The path of what is open; none, if that was removed meanwhile.
fn name_of(fd: &OwnedFd) -> Result<Vec<u8>, Errno> {
    use std::os::fd::AsRawFd;
    let path = read_proc_link(std::process::id(), &format!("fd/{}", fd.as_raw_fd()))?;
    path.ok_or(Errno::NOENT)
}

/// A path from there on, if it is relative.
pub fn join(base: &[u8], path: &[u8]) -> Vec<u8> {
    if path.first() == Some(&b'/') {
        return path.to_vec();
    }
    let mut joined = Vec::with_capacity(base.len() + 1 + path.len());
    joined.extend_from_slice(base);
    if base != b"/" {
        joined.push(b'/');
    }
    joined.extend_from_slice(path);
    joined
}

/// What is before the last name, and the last name.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memrchr(b'/', path) {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

fn below(directory: &Directory, name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(directory.path.len() + 1 + name.len());
    path.extend_from_slice(&directory.path);
    path.push(b'/');
    path.extend_from_slice(name);
    path
}

/// The directories that are known by now.
#[derive(Debug, Default)]
pub struct Paths {
    directories: HashMap<Vec<u8>, Rc<Directory>>,
    /// Those that are known not to be there: searches ask for them again and again.
    missing: HashSet<Vec<u8>>,
    /// Since when: somebody who is not traced may make them.
    missing_since: Time,
    root: Rc<Directory>,
}

impl Paths {
    /// Something that paths lead through is another one now: a directory or a
    /// link was renamed or removed, or a file system mounted.
    pub fn forget(&mut self) {
        self.directories.clear();
        self.missing.clear();
    }

    /// Paths lead on where they did not: a directory or a link was made.
    pub fn forget_missing(&mut self) {
        self.missing.clear();
    }

    fn misses(&mut self, path: &[u8]) {
        let now = clock::now();
        if now.since(self.missing_since) >= MISSING || self.missing.len() >= MOST {
            self.missing.clear();
            self.missing_since = now;
        }
        self.missing.insert(path.to_vec());
    }

    /// What an absolute path means.
    ///
    /// # Errors
    /// Where it cannot be told: none says that it is not there.
    pub fn look(&mut self, path: &[u8], follow: bool) -> Result<Seen, Errno> {
        let (parent, name) = split(path);
        if matches!(name, b"" | b"." | b"..") {
            return self.look_whole(path);
        }
        let through = match self.directory(parent) {
            Ok(directory) => directory,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(self.nowhere(path)),
            Err(error) => return Err(error),
        };
        let seen = |path, file, link| Seen { path, file, through: through.clone(), link };
        let path = below(&through, name);
        match stat(&path, false) {
            Ok(found) if follow && found.kind == FileType::Symlink => {
                let link = Some((path.clone(), found.id));
                match open(&path, OFlags::empty()) {
                    Ok(fd) => {
                        let file = file(&fd, b"", AtFlags::EMPTY_PATH)?;
                        Ok(seen(name_of(&fd)?, Some(file), link))
                    }
                    Err(Errno::NOENT | Errno::NOTDIR) => {
                        let to = rustix::fs::readlinkat(CWD, &path, Vec::new())?;
                        let to = plain(&join(&through.path, to.as_bytes()));
                        Ok(seen(to, None, link))
                    }
                    Err(error) => Err(error),
                }
            }
            Ok(found) => Ok(seen(path, Some(found), None)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(seen(path, None, None)),
            Err(error) => Err(error),
        }
    }

    /// A path that ends in no name, and so means a directory.
    fn look_whole(&mut self, path: &[u8]) -> Result<Seen, Errno> {
        match self.directory(path) {
            Ok(through) => {
                let path =
                    if through.path.is_empty() { b"/".to_vec() } else { through.path.clone() };
                let file = stat(&path, false).ok();
                Ok(Seen { path, file, through, link: None })
            }
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(self.nowhere(path)),
            Err(error) => Err(error),
        }
    }

    /// A path whose directory is not there: it goes on as it is written from
    /// where it is lost.
    fn nowhere(&mut self, path: &[u8]) -> Seen {
        let mut known = split(path).0;
        loop {
            let (parent, _) = split(known);
            if known.is_empty() {
                return Seen {
                    path: plain(path),
                    file: None,
                    through: self.root.clone(),
                    link: None,
                };
            }
            known = parent;
            if let Ok(through) = self.directory(known) {
                let rest = path[known.len()..].strip_prefix(b"/").unwrap_or_default();
                return Seen {
                    path: plain(&below(&through, rest)),
                    file: None,
                    through,
                    link: None,
                };
            }
        }
    }

    /// The directory that a path means, whatever is at its end.
    pub fn directory(&mut self, path: &[u8]) -> Result<Rc<Directory>, Errno> {
        if path.is_empty() {
            return Ok(self.root.clone());
        }
        if let Some(known) = self.directories.get(path) {
            return Ok(known.clone());
        }
        if self.missing.contains(path) && clock::now().since(self.missing_since) < MISSING {
            return Err(Errno::NOENT);
        }
        let fd = match open(path, OFlags::DIRECTORY) {
            Err(Errno::NOENT) => {
                self.misses(path);
                return Err(Errno::NOENT);
            }
            opened => opened?,
        };
        let mut real = name_of(&fd)?;
        let links = if real == path { Vec::new() } else { links(path) };
        if real == b"/" {
            real.clear();
        }
        let directory = Rc::new(Directory { path: real, links });
        if self.directories.len() >= MOST {
            self.directories.clear();
        }
        self.directories.insert(path.to_vec(), directory.clone());
        Ok(directory)
    }
}

/// The links on the way along a path.
fn links(path: &[u8]) -> Vec<Link> {
    let mut links = Vec::new();
    let mut here = Vec::new();
    for name in path.split(|b| *b == b'/') {
        match name {
            b"" | b"." => continue,
            b".." => {
                here.truncate(split(&here).0.len());
                continue;
            }
            _ => {}
        }
        here.push(b'/');
        here.extend_from_slice(name);
        match stat(&here, false) {
            Ok(found) if found.kind == FileType::Symlink => {
                let real = open(&here, OFlags::empty()).and_then(|fd| name_of(&fd)).ok();
                links.push((here, found.id));
                match real {
                    Some(real) => here = if real == b"/" { Vec::new() } else { real },
                    None => return links,
                }
            }
            Ok(_) => {}
            Err(_) => return links,
        }
    }
    links
}

/// A path without `.`, `..` and empty names, as if there were no links.
fn plain(path: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(path.len());
    for name in path.split(|b| *b == b'/') {
        match name {
            b"" | b"." => {}
            b".." => plain.truncate(split(&plain).0.len()),
            _ => {
                plain.push(b'/');
                plain.extend_from_slice(name);
            }
        }
    }
    if plain.is_empty() { b"/".to_vec() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let real = std::fs::canonicalize(dir.path()).unwrap();
        let bytes = real.into_os_string().into_encoded_bytes();
        (dir, bytes)
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn links_are_passed_and_named() {
        let (dir, base) = place();
        std::fs::create_dir(dir.path().join("v1")).unwrap();
        std::fs::write(dir.path().join("v1/conf"), "").unwrap();
        std::os::unix::fs::symlink("v1", dir.path().join("now")).unwrap();
        std::os::unix::fs::symlink("now/conf", dir.path().join("short")).unwrap();
        let mut paths = Paths::default();
        let base = text(&base);
        let seen = paths.look(format!("{base}/./now//conf").as_bytes(), true).unwrap();
        assert_eq!(text(&seen.path), format!("{base}/v1/conf"));
        let passed: Vec<_> = seen.through.links.iter().map(|(path, _)| text(path)).collect();
        assert_eq!(passed, [format!("{base}/now")]);
        let seen = paths.look(format!("{base}/short").as_bytes(), true).unwrap();
        assert_eq!(text(&seen.path), format!("{base}/v1/conf"));
        assert_eq!(text(&seen.link.unwrap().0), format!("{base}/short"));
        let seen = paths.look(format!("{base}/short").as_bytes(), false).unwrap();
        assert_eq!(seen.file.unwrap().kind, FileType::Symlink);
    }

    #[test]
    fn what_is_not_there_has_a_name_as_well() {
        let (dir, base) = place();
        std::os::unix::fs::symlink("gone/x", dir.path().join("dangling")).unwrap();
        let mut paths = Paths::default();
        let base = text(&base);
        for (asked, told) in [
            ("conf", "/conf"),
            ("a/b/../c", "/a/c"),
            ("dangling", "/gone/x"),
            ("dangling/y", "/dangling/y"),
            ("a/", "/a"),
        ] {
            let seen = paths.look(format!("{base}/{asked}").as_bytes(), true).unwrap();
            assert_eq!((text(&seen.path), seen.file.is_none()), (format!("{base}{told}"), true));
        }
    }

    #[test]
    fn directories_are_found_again_until_forgotten() {
        let (dir, base) = place();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        let mut paths = Paths::default();
        let asked = format!("{}/now", text(&base));
        std::os::unix::fs::symlink("a", dir.path().join("now")).unwrap();
        assert!(paths.directory(asked.as_bytes()).unwrap().path.ends_with(b"/a"));
        std::fs::remove_file(dir.path().join("now")).unwrap();
        assert!(paths.directory(asked.as_bytes()).is_ok());
        paths.forget();
        assert!(paths.directory(asked.as_bytes()).is_err());
        std::fs::create_dir(dir.path().join("now")).unwrap();
        assert!(paths.directory(asked.as_bytes()).is_err());
        paths.forget_missing();
        assert!(paths.directory(asked.as_bytes()).is_ok());
    }

    #[test]
    fn the_root_and_what_ends_in_no_name() {
        let mut paths = Paths::default();
        for asked in ["/", "//", "/.", "/usr/.."] {
            assert_eq!(text(&paths.look(asked.as_bytes(), true).unwrap().path), "/");
        }
        assert_eq!(text(&paths.look(b"/usr/", true).unwrap().path), "/usr");
        assert_eq!(text(&paths.look(b"/./usr", true).unwrap().path), "/usr");
    }
}

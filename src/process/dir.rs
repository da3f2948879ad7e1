//! Run directories: private to their owner, verified before every use.
//!
//! A run directory holds logs and command lines, which may hold secrets, and
//! its journal says which processes to signal. So it must belong to the
//! caller, be closed to all others (0700), and not be reached through a
//! symbolic link that somebody else could plant. Files in it are opened
//! relative to the verified directory and never through a link.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawMode, fchmod, fstat, openat, unlinkat};

use crate::run::files;

/// Why a directory cannot hold a run, or is not one.
#[derive(Debug, thiserror::Error)]
pub enum DirError {
    /// There is no such directory.
    #[error("there is no run directory {}", .0.display())]
    Missing(PathBuf),
    /// The path ends in a symbolic link, or is no directory.
    #[error("{} is a symbolic link or no directory", .0.display())]
    NotADirectory(PathBuf),
    /// Somebody else owns it.
    #[error("{} belongs to uid {owner}, not to you (uid {me})", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// The caller.
        me: u32,
    },
    /// Others may enter it.
    #[error("{} is open to other users (mode {mode:o})", path.display())]
    Open {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: RawMode,
    },
    /// Anything else that the system says.
    #[error("{}: {error}", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What it says.
        error: std::io::Error,
    },
}

/// A verified run directory.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    fd: OwnedFd,
}

impl RunDir {
    /// Opens and verifies an existing run directory.
    pub fn open(path: &Path) -> Result<Self, DirError> {
        Self::open_of(path, rustix::process::geteuid().as_raw())
    }

    /// The same of a directory that belongs to this user: root looks at a run
    /// that it has had somebody else make.
    pub fn open_of(path: &Path, owner: u32) -> Result<Self, DirError> {
        let dir = Self::hold(path, owner)?;
        let mode = dir.mode()?;
        if mode & 0o077 != 0 {
            return Err(DirError::Open { path: dir.path, mode });
        }
        Ok(dir)
    }

    /// Makes the directory, or takes an existing one of the caller's, and
    /// closes it to others. One that holds foreign files is taken only if it
    /// is closed already: it may be somewhere it should not be. One that
    /// others could write to must be empty: its journal may be a trap.
    pub fn create(path: &Path) -> Result<Self, DirError> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        if let Err(error) = builder.create(path) {
            if path.symlink_metadata().is_ok_and(|meta| !meta.is_dir()) {
                return Err(DirError::NotADirectory(path.to_owned()));
            }
            return Err(DirError::Io { path: path.to_owned(), error });
        }
        let dir = Self::hold(path, rustix::process::geteuid().as_raw())?;
        let mode = dir.mode()?;
        if mode & 0o077 != 0 {
            let writable = mode & 0o022 != 0;
            let ours = |name: &OsString| !writable && name.to_str().is_some_and(files::is_ours);
            let set = |mode| fchmod(&dir.fd, Mode::from_raw_mode(mode));
            // Looked at again once nobody can come in any more.
            for closed in [false, true] {
                if !dir.files()?.iter().all(ours) {
                    if closed {
                        set(mode).map_err(|e| dir.io(e.into()))?;
                    }
                    return Err(DirError::Open { path: dir.path, mode });
                }
                set(0o700).map_err(|e| dir.io(e.into()))?;
            }
        }
        Ok(dir)
    }

    fn hold(path: &Path, me: u32) -> Result<Self, DirError> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(CWD, path, flags, Mode::empty()).map_err(|error| match error {
            rustix::io::Errno::NOENT => DirError::Missing(path.to_owned()),
            rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP => {
                DirError::NotADirectory(path.to_owned())
            }
            error => Self::foreign(path)
                .unwrap_or_else(|| DirError::Io { path: path.to_owned(), error: error.into() }),
        })?;
        // The path without links or dots, as /proc shows it of files in use.
        let real = std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()));
        let dir = Self { path: real.unwrap_or_else(|_| path.to_owned()), fd };
        let owner = fstat(&dir.fd).map_err(|e| dir.io(e.into()))?.st_uid;
        if owner != me {
            return Err(DirError::Foreign { path: dir.path, owner, me });
        }
        Ok(dir)
    }

    /// That the directory is somebody else's, who does not let us in.
    fn foreign(path: &Path) -> Option<DirError> {
        let owner = path.symlink_metadata().ok()?.uid();
        let me = rustix::process::geteuid().as_raw();
        (owner != me).then(|| DirError::Foreign { path: path.to_owned(), owner, me })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens one of its files with these flags; a new one is private.
    ///
    /// # Errors
    /// What openat(2) says.
    pub fn file(&self, name: &str, flags: OFlags) -> std::io::Result<File> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.fd, name, flags, Mode::from_raw_mode(0o600))?.into())
    }

    /// The bytes of one of its files.
    ///
    /// # Errors
    /// What openat(2) or read(2) says.
    pub fn read(&self, name: &str) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file(name, OFlags::RDONLY)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Removes one of its files, if it is there.
    ///
    /// # Errors
    /// What unlinkat(2) says, except that the file is not there.
    pub fn remove(&self, name: impl AsRef<OsStr>) -> std::io::Result<()> {
        match unlinkat(&self.fd, name.as_ref(), AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The names of its files.
    pub fn files(&self) -> Result<Vec<OsString>, DirError> {
        // By the descriptor: the path may lead elsewhere by now.
        let entries = rustix::fs::Dir::read_from(&self.fd).map_err(|e| self.io(e.into()))?;
        let names = entries.filter_map(|entry| Some(entry.ok()?.file_name().to_bytes().to_vec()));
        Ok(names.filter(|name| name != b"." && name != b"..").map(OsString::from_vec).collect())
    }

    /// Removes what a run has left in it, and nothing else.
    pub fn clear(&self) -> Result<(), DirError> {
        for name in self.files()? {
            // The lock stays: whoever clears a directory holds it.
            if name != files::LOCK && name.to_str().is_some_and(files::is_ours) {
                self.remove(&name).map_err(|e| self.io(e))?;
            }
        }
        Ok(())
    }

    /// Whether its file system has no room left (for an unprivileged writer).
    pub fn full(&self) -> bool {
        rustix::fs::fstatvfs(&self.fd).is_ok_and(|fs| fs.f_blocks > 0 && fs.f_bavail == 0)
    }

    fn mode(&self) -> Result<RawMode, DirError> {
        Ok(fstat(&self.fd).map_err(|e| self.io(e.into()))?.st_mode & 0o7777)
    }

    fn io(&self, error: std::io::Error) -> DirError {
        DirError::Io { path: self.path.clone(), error }
    }
}

/// For calls that make entries in it.
impl AsFd for RunDir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn only_a_private_directory_of_ones_own_is_a_run_directory() {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        assert!(matches!(RunDir::open(&at("none")), Err(DirError::Missing(_))));

        RunDir::create(&at("deep/er")).unwrap();
        assert_eq!(std::fs::metadata(at("deep/er")).unwrap().permissions().mode() & 0o777, 0o700);
        RunDir::open(&at("deep/er")).unwrap();

        symlink(at("deep/er"), at("link")).unwrap();
        assert!(matches!(RunDir::open(&at("link")), Err(DirError::NotADirectory(_))));
        assert!(matches!(RunDir::create(&at("link")), Err(DirError::NotADirectory(_))));
        std::fs::write(at("file"), "").unwrap();
        assert!(matches!(RunDir::create(&at("file")), Err(DirError::NotADirectory(_))));

        mode(&at("deep/er"), 0o755);
        assert!(matches!(RunDir::open(&at("deep/er")), Err(DirError::Open { mode: 0o755, .. })));
        RunDir::create(&at("deep/er")).unwrap();
        RunDir::open(&at("deep/er")).unwrap();
        std::fs::write(at("deep/er/thesis.tex"), "").unwrap();
        mode(&at("deep/er"), 0o755);
        assert!(matches!(RunDir::create(&at("deep/er")), Err(DirError::Open { .. })));
    }

    #[test]
    fn a_planted_link_is_not_followed_and_foreign_files_are_not_removed() {
        let temp = tempfile::tempdir().unwrap();
        let dir = RunDir::create(&temp.path().join("run")).unwrap();
        std::fs::write(temp.path().join("victim"), "precious").unwrap();
        symlink("../victim", temp.path().join("run/a.log")).unwrap();
        std::fs::write(temp.path().join("run/notes.txt"), "").unwrap();
        assert!(dir.read("a.log").is_err());
        assert!(dir.file("a.log", OFlags::WRONLY | OFlags::CREATE).is_err());
        dir.clear().unwrap();
        assert_eq!(dir.files().unwrap(), ["notes.txt"]);
        assert_eq!(std::fs::read_to_string(temp.path().join("victim")).unwrap(), "precious");
    }
}

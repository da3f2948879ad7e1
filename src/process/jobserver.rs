//! The pool of tokens that limits how many tasks run at once: GNU make's
//! jobserver (GNU make manual, "POSIX Jobserver Interaction"), so that `make`,
//! `cargo` and other clients that tasks start share it.
//!
//! A pipe holds a byte for each job that may still begin. A task takes one
//! and gives it back when it ends; that byte is also the slot that a `make`
//! in the task has without asking. The run's own pool is a named pipe in the
//! run directory, held open by the watcher and by every task that could use
//! it; the pool of a `make` around the script is reached through the
//! descriptors that the script has inherited from it.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, fstat, mknodat, open as open_path};
use rustix::io::{FdFlags, fcntl_setfd};

use super::dir::RunDir;
use crate::run::jobs::Jobs;
use crate::run::{Run, files};

/// What the tokens of our own are: what GNU make writes.
pub const TOKEN: u8 = b'+';

/// An open pool.
#[derive(Debug)]
pub struct Pool {
    read: File,
    write: File,
    /// How many tokens there are in all; none: it is not the run's own.
    size: Option<u32>,
}

impl Pool {
    /// Makes the run's own pool, with all of its tokens; they are there as
    /// long as somebody has it open.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(dir: &RunDir, size: u32) -> std::io::Result<Self> {
        mknodat(dir, files::JOBS, FileType::Fifo, Mode::from_raw_mode(0o600), 0)?;
        let pool = Self::own(dir, size)?;
        pool.put(TOKEN, size as usize)?;
        Ok(pool)
    }

    /// Opens the pool of this run; none if it has none.
    ///
    /// # Errors
    /// When it should be there and cannot be opened.
    pub fn open(dir: &RunDir, run: &Run) -> std::io::Result<Option<Self>> {
        let ends = match run.jobs.as_ref() {
            None | Some(Jobs::Lazy) => return Ok(None),
            Some(Jobs::Own(size)) => return Self::own(dir, *size).map(Some),
            Some(Jobs::Fifo(path)) => [path.into(), path.into()],
            Some(Jobs::Pipe(read, write)) => {
                let script = run.owner.map_or(0, |owner| owner.pid);
                [read, write].map(|fd| PathBuf::from(format!("/proc/{script}/fd/{fd}")))
            }
        };
        let [read, write] = ends;
        Ok(Some(Self {
            read: pipe(&read, OFlags::RDONLY)?,
            write: pipe(&write, OFlags::WRONLY)?,
            size: None,
        }))
    }

    fn own(dir: &RunDir, size: u32) -> std::io::Result<Self> {
        let file = dir.file(files::JOBS, OFlags::RDWR | OFlags::NONBLOCK)?;
        check(&file)?;
        Ok(Self { write: file.try_clone()?, read: file, size: Some(size) })
    }

    /// Takes a token; none if there is none now.
    ///
    /// # Errors
    /// When the pool is gone.
    pub fn take(&self) -> std::io::Result<Option<u8>> {
        let mut token = [0];
        loop {
            match (&self.read).read(&mut token) {
                Ok(1) => return Ok(Some(token[0])),
                Ok(_) => return Err(ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives a token back.
    ///
    /// # Errors
    /// When the pool is gone.
    pub fn give(&self, token: u8) -> std::io::Result<()> {
        self.put(token, 1)
    }

    /// Puts right how many tokens of the run's own pool there are, which
    /// holds at a moment when no task has one: killed processes take theirs along.
    ///
    /// # Errors
    /// What the system says.
    pub fn refill(&self) -> std::io::Result<()> {
        let Some(size) = self.size else { return Ok(()) };
        let there = rustix::io::ioctl_fionread(&self.read)?;
        for _ in u64::from(size)..there {
            self.take()?;
        }
        self.put(TOKEN, u64::from(size).saturating_sub(there) as usize)
    }

    /// A descriptor that holds it open.
    ///
    /// # Errors
    /// When there are none left.
    pub fn held(&self) -> std::io::Result<OwnedFd> {
        self.read.as_fd().try_clone_to_owned()
    }

    fn put(&self, token: u8, count: usize) -> std::io::Result<()> {
        (&self.write).write_all(&vec![token; count])
    }
}

/// Opens the run's own pool for programs that this process starts, and
/// returns the `MAKEFLAGS` by which they find it. By descriptors: GNU make
/// before 4.4 knows no other way, and all later ones still know this one.
///
/// # Errors
/// What the system says.
pub fn share(dir: &RunDir) -> std::io::Result<String> {
    let open = || {
        let file = dir.file(files::JOBS, OFlags::RDWR)?;
        check(&file)?;
        fcntl_setfd(&file, FdFlags::empty())?;
        Ok::<_, std::io::Error>(file.into_raw_fd())
    };
    let (read, write) = (open()?, open()?);
    let flags = std::env::var_os("MAKEFLAGS").unwrap_or_default();
    Ok(format!("{} -j --jobserver-auth={read},{write}", flags.to_string_lossy()))
}

/// Readable when there is a token.
impl AsFd for Pool {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}

/// Whether the pool that `make` speaks of can be reached: it closes its
/// descriptors to programs that it does not take for a `make`.
pub fn reachable(jobs: &Jobs, script: u32) -> bool {
    let is_pipe = |path: &Path| pipe(path, OFlags::RDONLY).is_ok();
    match jobs {
        Jobs::Own(_) | Jobs::Lazy => true,
        Jobs::Fifo(path) => is_pipe(Path::new(path)),
        Jobs::Pipe(read, write) => {
            [read, write]
                .iter()
                .all(|fd| std::fs::exists(format!("/proc/{script}/fd/{fd}")).unwrap_or(false))
                && is_pipe(Path::new(&format!("/proc/{script}/fd/{read}")))
        }
    }
}

/// Opens one end of a pipe anew: it must block nobody, and that it does not
/// is a mark of the open file description, which others share.
fn pipe(path: &Path, access: OFlags) -> std::io::Result<File> {
    let flags = access | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(open_path(path, flags, Mode::empty())?);
    check(&file)?;
    Ok(file)
}

fn check(file: &File) -> std::io::Result<()> {
    match FileType::from_raw_mode(fstat(file)?.st_mode) {
        FileType::Fifo => Ok(()),
        _ => Err(std::io::Error::other("the jobserver's pipe is no pipe")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_hands_out_what_it_has_and_is_put_right() {
        let temp = tempfile::tempdir().unwrap();
        let dir = RunDir::create(&temp.path().join("run")).unwrap();
        let pool = Pool::create(&dir, 2).unwrap();
        let mut run = Run::default();
        run.jobs = Some(Jobs::Own(2));
        let other = Pool::open(&dir, &run).unwrap().unwrap();
        assert_eq!((other.take().unwrap(), pool.take().unwrap()), (Some(b'+'), Some(b'+')));
        assert_eq!(other.take().unwrap(), None);
        pool.give(b'+').unwrap();
        other.refill().unwrap();
        pool.give(b'+').unwrap();
        pool.refill().unwrap();
        let left = std::iter::from_fn(|| pool.take().unwrap()).count();
        assert_eq!(left, 2);
        std::fs::remove_file(dir.path().join("jobs")).unwrap();
        std::fs::write(dir.path().join("jobs"), "++++").unwrap();
        assert!(Pool::open(&dir, &run).is_err(), "a planted file is no pool");
    }
}

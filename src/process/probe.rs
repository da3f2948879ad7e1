//! Trying what meanwhile stands on, for `meanwhile doctor`: each thing is
//! done, not concluded from a version, and undone.

use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::dir::{DirError, RunDir};
use super::notify::Notify;
use super::{below, cgroup, clock, headroom, jobserver, pidfd, raw, trace};
use crate::run::jobs::Jobs;
use crate::run::machine::{Kind, Machine, Place, Works};

/// What other programs may take together, in microseconds: it is much, but a
/// machine that is busy is not one that lacks anything.
pub const PATIENCE: u64 = 5_000_000;

/// What this machine can do, but for shells and make. Runs are kept in `place`.
pub fn machine(place: PathBuf) -> Machine {
    let (pidfd, exit_info) = match hold_a_child() {
        Ok(told) => (Ok(()), told),
        Err(error) => (Err(error.to_string()), false),
    };
    let flags = std::env::var("MAKEFLAGS").unwrap_or_default();
    Machine {
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        pidfd: Some(pidfd),
        exit_info,
        inotify: Some(works(Notify::new().and_then(|notify| notify.file(Path::new("/"))))),
        inotify_instances: number("/proc/sys/fs/inotify/max_user_instances"),
        memfd: Some(works(memfd_create("meanwhile-doctor", MemfdFlags::CLOEXEC))),
        subreaper: Some(works(below::try_to_adopt())),
        proc: Some(works(fs::read("/proc/self/stat"))),
        proc_hides: hides(),
        skew: clock::skew(),
        cgroup: Some(cgroup::try_one()),
        trace: Some(trace::try_one()),
        processes_left: headroom::left(),
        processes: headroom::ceiling(),
        place: self::place(place),
        outer_make: Jobs::of_makeflags(&flags)
            .map(|jobs| (jobs.to_string(), jobserver::reachable(&jobs, std::process::id()))),
        terminal: fs::File::open("/dev/tty").is_ok(),
        ..Machine::default()
    }
}

fn works<T, E: std::fmt::Display>(result: Result<T, E>) -> Works {
    result.map(drop).map_err(|error| error.to_string())
}

fn number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Holds a process by a descriptor until it has ended and is reaped; whether
/// its code is told even then.
fn hold_a_child() -> std::io::Result<bool> {
    let mut child = Command::new("/proc/self/exe")
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let held =
        pid.ok_or(rustix::io::Errno::SRCH).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()));
    let ended = held.as_ref().map(|held| pidfd::wait_any(&[held.as_fd()], Some(PATIENCE)));
    let told = matches!(ended, Ok(Ok(Some(_))));
    if !told {
        let _ = child.kill();
    }
    child.wait()?;
    let held = held?;
    if !told {
        return Err(std::io::Error::other("it does not tell that a process has ended"));
    }
    Ok(raw::exit_status(&held).is_some())
}

/// Whether `/proc` hides the processes of others: of the first there always is one.
fn hides() -> bool {
    fs::read("/proc/self/stat").is_ok() && fs::read("/proc/1/stat").is_err()
}

/// A place for runs: what is there of it, for nothing is made.
fn place(path: PathBuf) -> Place {
    let path = std::path::absolute(&path).unwrap_or(path);
    let there =
        path.ancestors().find(|path| path.is_dir()).map_or_else(|| path.clone(), Path::to_owned);
    let mut place = Place { path, ..Place::default() };
    if let Ok(system) = rustix::fs::statvfs(&there) {
        place.free = system.f_bavail.saturating_mul(system.f_frsize);
    }
    if let Ok(system) = rustix::fs::statfs(&there) {
        place.kind = match system.f_type as u64 & 0xffff_ffff {
            0x0102_1994 | 0x8584_58f6 => Kind::Memory, // tmpfs, ramfs
            // NFS, SMB (two), CIFS, 9p, Ceph, AFS, FUSE's sshfs and the like are not told apart
            0x6969 | 0x517b | 0xfe53_4d42 | 0xff53_4d42 | 0x0102_1997 | 0x00c3_6400
            | 0x5346_414f => Kind::Network,
            _ => Kind::Disk,
        };
    }
    if let Err(error @ (DirError::Foreign { .. } | DirError::NotADirectory(_))) =
        RunDir::open(&place.path)
    {
        place.writable = Some(Err(error.to_string()));
        return place;
    }
    // The file has no name, or none for longer than a moment.
    let file = match tempfile::tempfile_in(&there) {
        Ok(file) => file,
        Err(error) => {
            place.writable = Some(Err(error.to_string()));
            return place;
        }
    };
    place.writable = Some(Ok(()));
    place.locks = Some(works(locks(&file)));
    place.leases = Some(leases(&file));
    place
}

/// Opens an open file a second time.
fn again(file: &fs::File, write: bool) -> std::io::Result<fs::File> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    fs::OpenOptions::new().read(true).write(write).custom_flags(libc::O_CLOEXEC).open(path)
}

fn locks(file: &fs::File) -> std::io::Result<()> {
    let other = again(file, true)?;
    raw::lock_byte(file, 0, raw::Lock::Exclusive, false)?;
    if raw::lock_byte(&other, 0, raw::Lock::Exclusive, false)? {
        return Err(std::io::Error::other("a lock keeps nobody out"));
    }
    Ok(())
}

fn leases(file: &fs::File) -> Works {
    let reader = again(file, false).map_err(|error| error.to_string())?;
    // This process itself has it open for writing.
    if raw::has_writer(&reader) { Ok(()) } else { Err("the file system has no leases".into()) }
}

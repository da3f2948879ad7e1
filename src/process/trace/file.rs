//! What the kernel tells of files: what is there by a path (statx), and which path something of a
//! process has (the links of /proc/PID).

use rustix::fs::{AtFlags, CWD, FileType, StatxFlags};
use rustix::io::Errno;

use crate::run::footprint::FileId;

/// A file, as far as statx(2) tells.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// Which.
    pub id: FileId,
    /// What it is.
    pub kind: FileType,
    /// Its mode, without the kind.
    pub mode: u32,
    /// Whose it is.
    pub owner: u32,
    /// How long it is.
    pub size: u64,
}

impl File {
    /// Whether what is read from it is what was written to it.
    pub fn is_regular(&self) -> bool {
        self.kind == FileType::RegularFile
    }

    /// Whether paths lead through it.
    pub fn leads_on(&self) -> bool {
        matches!(self.kind, FileType::Directory | FileType::Symlink)
    }
}

/// What is there by a path, itself or what it links to.
pub fn stat(path: &[u8], follow: bool) -> Result<File, Errno> {
    let nofollow = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
    file(CWD, path, nofollow | AtFlags::NO_AUTOMOUNT)
}

/// The same from a directory on, or of what is open.
pub fn file(at: impl std::os::fd::AsFd, path: &[u8], flags: AtFlags) -> Result<File, Errno> {
    let wanted = StatxFlags::TYPE
        | StatxFlags::MODE
        | StatxFlags::INO
        | StatxFlags::UID
        | StatxFlags::SIZE
        | StatxFlags::BTIME;
    let found = rustix::fs::statx(at, path, flags, wanted)?;
    let made = StatxFlags::from_bits_retain(found.stx_mask).contains(StatxFlags::BTIME);
    let made = if made {
        // (A file system may say what it likes.)
        let seconds = found.stx_btime.tv_sec.wrapping_mul(1_000_000_000);
        seconds.wrapping_add(found.stx_btime.tv_nsec.into())
    } else {
        0
    };
    let dev = rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor);
    Ok(File {
        id: FileId { dev, ino: found.stx_ino, made },
        kind: FileType::from_raw_mode(u32::from(found.stx_mode)),
        mode: u32::from(found.stx_mode) & 0o7777,
        owner: found.stx_uid,
        size: found.stx_size,
    })
}

/// What the kernel adds to the path of what has none any more.
const DELETED: &[u8] = b" (deleted)";

/// Where a link of /proc/PID leads: a path, if it is a file's.
pub fn proc_link(pid: u32, name: &str) -> Option<Vec<u8>> {
    read_proc_link(pid, name).ok()?
}

/// The same, or why that cannot be told.
pub fn read_proc_link(pid: u32, name: &str) -> Result<Option<Vec<u8>>, Errno> {
    let to = read_raw(pid, name)?;
    Ok((to.first() == Some(&b'/') && !to.ends_with(DELETED)).then_some(to))
}

/// The program that a process runs, or ran from.
pub fn program(pid: u32) -> Result<Vec<u8>, Errno> {
    let mut path = read_raw(pid, "exe")?;
    if path.ends_with(DELETED) {
        path.truncate(path.len() - DELETED.len());
    }
    Ok(path)
}

fn read_raw(pid: u32, name: &str) -> Result<Vec<u8>, Errno> {
    let link = format!("/proc/{pid}/{name}");
    Ok(rustix::fs::readlinkat(CWD, link, Vec::with_capacity(256))?.into_bytes())
}

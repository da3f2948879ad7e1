//! What is locked, and by whom: flock(2) and the locks of fcntl(2).
//!
//! A lock of flock belongs to an open file, which processes share: `flock 9`,
//! run by a shell that has the descriptor 9, locks for that shell. So the
//! holder is the topmost process that has the same file under the same
//! number. What runs below the holder counts as holding the lock as well, since
//! it works for it: `flock FILE COMMAND`, or dpkg below apt. A lock is held until
//! it is given back, its holder has ended, or has the file open no more;
//! nothing tells of the last, so it is looked up at each access by one that holds.
//!
//! Who holds a lock together with others (shared) may read under it; for what
//! it changes, it holds nothing. A lock on a part of a file is taken for one on
//! all of it.

use super::after::{Came, Pending};
use super::before::Arguments;
use super::raw;
use super::resolve::{proc_link, stat};
use super::table::{Held, Who};
use super::tracer::Tracer;
use crate::run::footprint::{FileId, HeldNo, Op};

/// A lock that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    file: FileId,
    /// By which process.
    holder: u32,
    /// Under which descriptor.
    fd: i32,
    /// Whether others may hold it at the same time.
    shared: bool,
}

/// What a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// To keep all others out.
    Exclusive,
    /// To keep those out who keep others out.
    Shared,
    /// To give it back.
    Nothing,
}

impl Tracer {
    pub(super) fn flock(who: Who, a: &Arguments) -> Option<Pending> {
        let wanted = match a[1] as i32 & !libc::LOCK_NB {
            libc::LOCK_EX => Wanted::Exclusive,
            libc::LOCK_SH => Wanted::Shared,
            libc::LOCK_UN => Wanted::Nothing,
            _ => return None,
        };
        (!who.own).then_some(Pending::Lock { fd: a[0] as i32, wanted, inherited: true })
    }

    pub(super) fn fcntl_lock(who: Who, a: &Arguments) -> Option<Pending> {
        // `struct flock` begins with l_type, a short.
        let mut kind = [0; 2];
        if who.own || raw::read_memory(who.tid, a[2], &mut kind).ok()? != kind.len() {
            return None;
        }
        let wanted = match i32::from(u16::from_ne_bytes(kind)) {
            libc::F_WRLCK => Wanted::Exclusive,
            libc::F_RDLCK => Wanted::Shared,
            libc::F_UNLCK => Wanted::Nothing,
            _ => return None,
        };
        let inherited = matches!(a[1] as i32, libc::F_OFD_SETLK | libc::F_OFD_SETLKW);
        Some(Pending::Lock { fd: a[0] as i32, wanted, inherited })
    }

    /// A lock was taken, given back or not to be had.
    pub(super) fn locked(
        &mut self,
        who: Who,
        fd: i32,
        wanted: Wanted,
        inherited: bool,
        came: &Came,
    ) {
        let Some(file) = file_of(who.pid, fd) else { return };
        let holder = if inherited { self.holder(who.pid, fd, file) } else { who.pid };
        if wanted != Wanted::Nothing
            && !matches!(came, Came::Again)
            && let Some(path) = proc_link(who.pid, &format!("fd/{fd}"))
        {
            self.touch(who, Op::Lock, &path, Some(file));
        }
        if matches!(came, Came::Of(_)) {
            self.release(|lock| lock.file == file && lock.holder == holder);
            if wanted != Wanted::Nothing {
                self.hold(Lock { file, holder, fd, shared: wanted == Wanted::Shared });
            }
        }
    }

    /// The topmost process that has the same file under the same number.
    fn holder(&self, pid: u32, fd: i32, file: FileId) -> u32 {
        let mut holder = pid;
        while let Some(process) = self.table.processes.get(&holder) {
            let parent = process.parent;
            let shares = self.table.processes.contains_key(&parent);
            if !shares || file_of(parent, fd) != Some(file) {
                break;
            }
            holder = parent;
        }
        holder
    }

    fn hold(&mut self, lock: Lock) {
        for pid in self.table.below(lock.holder) {
            self.set_locks(pid, |locks| locks.push(lock));
        }
    }

    /// Those locks are held no more.
    fn release(&mut self, which: impl Fn(&Lock) -> bool) {
        let holds = |held: &Held| held.locks.iter().any(&which);
        let processes = self.table.processes.values().filter(|process| holds(&process.held));
        let pids: Vec<u32> = processes.map(|process| process.pid).collect();
        for pid in pids {
            self.set_locks(pid, |locks| locks.retain(|lock| !which(lock)));
        }
    }

    fn set_locks(&mut self, pid: u32, change: impl Fn(&mut Vec<Lock>)) {
        let Some(process) = self.table.processes.get_mut(&pid) else { return };
        let mut locks = process.held.locks.to_vec();
        change(&mut locks);
        let files = |shared: bool| -> Vec<FileId> {
            let counts = |lock: &&Lock| shared || !lock.shared;
            locks.iter().filter(counts).map(|lock| lock.file).collect()
        };
        process.held = Held {
            reading: self.recorder.held(&files(true)),
            changing: self.recorder.held(&files(false)),
            locks: locks.into(),
        };
    }

    /// A process has ended.
    pub(super) fn holder_gone(&mut self, pid: u32, held: &Held) {
        if held.locks.iter().any(|lock| lock.holder == pid) {
            self.release(|lock| lock.holder == pid);
        }
    }

    /// What a process holds now, for what it does.
    pub(super) fn held(&mut self, pid: u32, op: Op) -> HeldNo {
        let Some(process) = self.table.processes.get(&pid) else { return 0 };
        if process.held.locks.is_empty() {
            return 0;
        }
        let locks = process.held.locks.clone();
        for gone in locks.iter().filter(|lock| file_of(lock.holder, lock.fd) != Some(lock.file)) {
            self.release(|lock| lock == gone);
        }
        let held = self.table.processes.get(&pid).map(|process| &process.held);
        held.map_or(0, |held| if reads(op) { held.reading } else { held.changing })
    }
}

fn reads(op: Op) -> bool {
    matches!(op, Op::Look | Op::Miss | Op::Read | Op::Exec | Op::List | Op::Connect)
}

fn file_of(pid: u32, fd: i32) -> Option<FileId> {
    stat(format!("/proc/{pid}/fd/{fd}").as_bytes(), true).ok().map(|file| file.id)
}

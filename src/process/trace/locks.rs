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
//! it changes, it holds nothing. Of a file, parts can be locked and given back
//! (sqlite does); who holds a part counts as holding the file.

use super::after::{Came, Pending};
use super::before::Arguments;
use super::file::{proc_link, stat};
use super::raw;
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
    /// Which part of the file.
    part: Part,
}

/// The bytes from the one to before the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part(i64, i64);

impl Part {
    const ALL: Self = Self(0, i64::MAX);

    /// As `struct flock` has it.
    fn of(whence: i16, start: i64, length: i64) -> Self {
        match (i32::from(whence), length) {
            (libc::SEEK_SET, 0) => Self(start, i64::MAX),
            (libc::SEEK_SET, 1..) => Self(start, start.saturating_add(length)),
            (libc::SEEK_SET, _) => Self(start.saturating_add(length), start),
            // Where the file's offset is, nothing tells.
            _ => Self::ALL,
        }
    }

    /// What is left of it.
    fn without(self, other: Self) -> impl Iterator<Item = Self> {
        let parts = [Self(self.0, self.1.min(other.0)), Self(self.0.max(other.1), self.1)];
        parts.into_iter().filter(|part| part.0 < part.1)
    }
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
        (!who.own).then_some(Pending::Lock {
            fd: a[0] as i32,
            wanted,
            inherited: true,
            part: Part::ALL,
        })
    }

    pub(super) fn fcntl_lock(&mut self, who: Who, a: &Arguments) -> Option<Pending> {
        // `struct flock`: l_type and l_whence, shorts; l_start and l_len, of eight bytes.
        let mut asked = [0; 24];
        if who.own || self.had(who, raw::read_memory(who.tid, a[2], &mut asked))? != asked.len() {
            return None;
        }
        let short = |at: usize| i16::from_ne_bytes([asked[at], asked[at + 1]]);
        let long = |at: usize| {
            asked[at..at + 8].first_chunk().map_or(0, |bytes| i64::from_ne_bytes(*bytes))
        };
        let part = Part::of(short(2), long(8), long(16));
        let wanted = match i32::from(short(0)) {
            libc::F_WRLCK => Wanted::Exclusive,
            libc::F_RDLCK => Wanted::Shared,
            libc::F_UNLCK => Wanted::Nothing,
            _ => return None,
        };
        let inherited = matches!(a[1] as i32, libc::F_OFD_SETLK | libc::F_OFD_SETLKW);
        Some(Pending::Lock { fd: a[0] as i32, wanted, inherited, part })
    }

    /// A lock was taken, given back or not to be had.
    pub(super) fn locked(
        &mut self,
        who: Who,
        fd: i32,
        wanted: Wanted,
        inherited: bool,
        part: Part,
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
            self.give_back(file, holder, part);
            if wanted != Wanted::Nothing {
                self.hold(Lock { file, holder, fd, shared: wanted == Wanted::Shared, part });
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
        for pid in self.holding(&which) {
            self.set_locks(pid, |locks| locks.retain(|lock| !which(lock)));
        }
    }

    /// That part of a file is held no more.
    fn give_back(&mut self, file: FileId, holder: u32, part: Part) {
        let which = |lock: &Lock| lock.file == file && lock.holder == holder;
        for pid in self.holding(which) {
            self.set_locks(pid, |locks| {
                let (cut, mut rest): (Vec<Lock>, Vec<Lock>) = locks.iter().partition(|l| which(l));
                for lock in cut {
                    rest.extend(lock.part.without(part).map(|part| Lock { part, ..lock }));
                }
                *locks = rest;
            });
        }
    }

    /// The processes that hold one of those locks.
    fn holding(&self, which: impl Fn(&Lock) -> bool) -> Vec<u32> {
        let holds = |held: &Held| held.locks.iter().any(&which);
        let processes = self.table.processes.values().filter(|process| holds(&process.held));
        processes.map(|process| process.pid).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_file_parts_are_given_back() {
        let start = |whence, from, length| Part::of(whence as i16, from, length);
        let left = |one: Part, other: Part| one.without(other).collect::<Vec<_>>();
        let all = start(libc::SEEK_SET, 0, 0);
        assert_eq!(all, Part::ALL);
        assert_eq!(left(all, start(libc::SEEK_SET, 7, 2)), [Part(0, 7), Part(9, i64::MAX)]);
        assert_eq!(left(Part(5, 9), start(libc::SEEK_SET, 9, -4)), []);
        assert_eq!(left(Part(5, 9), Part(9, 10)), [Part(5, 9)]);
        assert_eq!(left(Part(5, 9), start(libc::SEEK_END, -1, 1)), []);
    }
}

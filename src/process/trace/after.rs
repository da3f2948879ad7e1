//! What a call has done, now that it returns.

use rustix::fs::FileType;

use super::calls::{LARGEFILE, TMPFILE};
use super::file::{File, proc_link, stat};
use super::locks::{Part, Wanted};
use super::raw::{self, Stopped};
use super::resolve::Seen;
use super::table::Who;
use super::tracer::Tracer;
use crate::process::clock;
use crate::run::footprint::Op;

/// What remains to be done when a call returns.
#[derive(Debug)]
pub enum Pending {
    /// It opens something to change it.
    Open {
        /// What was there before; none if only the tracee can tell.
        seen: Option<Seen>,
        /// The flags.
        flags: u32,
    },
    /// It changes one thing.
    Change(Change),
    /// It renames.
    Rename {
        /// The old name.
        from: Seen,
        /// The new one.
        to: Seen,
        /// Whether each gets the other's.
        exchange: bool,
    },
    /// It changes the working directory.
    Chdir,
    /// It changes root, mounts or mount namespace.
    Root,
    /// It locks or unlocks.
    Lock {
        /// The file.
        fd: i32,
        /// What it asks for.
        wanted: Wanted,
        /// Whether processes that share the open file share the lock.
        inherited: bool,
        /// Which part of the file.
        part: Part,
    },
}

/// A change of one thing.
#[derive(Debug)]
pub struct Change {
    /// Its path.
    pub path: Vec<u8>,
    /// What was there before.
    pub file: Option<File>,
    /// What it is if it succeeds.
    pub done: Op,
    /// What it is if something was there that it would have made.
    pub taken: Op,
    /// Whether it makes something.
    pub new: bool,
}

/// What came of a call.
pub enum Came {
    /// It succeeded.
    Of(i64),
    /// There was something.
    Exists,
    /// There was something in it.
    Full,
    /// There was nothing.
    Missing,
    /// It will be made again: a signal has interrupted it.
    Again,
    /// It failed in some other way.
    Failed,
}

fn came(result: i64) -> Came {
    /// The kernel's own: ERESTARTSYS to ERESTART_RESTARTBLOCK.
    const RESTART: std::ops::RangeInclusive<i64> = -516..=-512;
    match result {
        0.. => Came::Of(result),
        _ if RESTART.contains(&result) => Came::Again,
        _ => match i32::try_from(-result) {
            Ok(libc::EEXIST | libc::EADDRINUSE) => Came::Exists,
            Ok(libc::ENOTEMPTY) => Came::Full,
            Ok(libc::ENOENT | libc::ENOTDIR) => Came::Missing,
            _ => Came::Failed,
        },
    }
}

impl Tracer {
    /// A tracee's call has returned.
    pub(super) fn after(&mut self, tid: u32) {
        let pending = self.table.threads.get_mut(&tid).and_then(|thread| thread.pending.take());
        let (Some(pending), Some(who)) = (pending, self.table.who(tid)) else { return };
        let Some(Stopped::After { result }) = raw::stopped(tid) else { return };
        let came = came(result);
        match pending {
            Pending::Open { seen, flags } => self.opened(who, seen, flags, &came),
            Pending::Change(change) => self.changed(who, &change, &came),
            Pending::Rename { from, to, exchange } => {
                self.renamed(who, &from, &to, exchange, &came);
            }
            Pending::Chdir => self.generation += 1,
            Pending::Root if matches!(came, Came::Of(_)) => self.moved(who),
            Pending::Root => {}
            Pending::Lock { fd, wanted, inherited, part } => {
                self.locked(who, fd, wanted, inherited, part, &came);
            }
        }
    }

    fn changed(&mut self, who: Who, change: &Change, came: &Came) {
        let Change { path, file, done, taken, new } = change;
        let was = file.map(|file| file.id);
        // (Who does with a directory that is there makes those around it, too.)
        let needs = *new && *done != Op::MakeDir;
        match came {
            Came::Of(_) if *new => {
                self.paths.forget_missing();
                let is = stat(path, false).ok();
                self.touch(who, *done, path, is.map(|file| file.id));
                if let Some(link) = is.filter(|file| file.kind == FileType::Symlink) {
                    self.linked(who, path, link.id);
                }
                if needs {
                    self.filled(who, Op::Fill, path);
                }
            }
            Came::Of(_) => {
                if *done == Op::Remove && file.is_some_and(|file| file.leads_on()) {
                    self.forget();
                }
                self.touch(who, *done, path, was);
            }
            // (It may have come in between. A port is no file.)
            Came::Exists if *taken != Op::Look => {
                let is = || stat(path, false).ok().filter(|_| *new).map(|file| file.id);
                self.touch(who, *taken, path, was.or_else(is));
                if needs {
                    self.filled(who, Op::Fill, path);
                }
            }
            Came::Missing => {
                self.touch(who, Op::Miss, path, None);
                if needs {
                    self.filled(who, Op::Miss, path);
                }
            }
            // (Somebody has put something there, or else it would be gone.)
            Came::Full if *taken == Op::Remove => self.touch(who, Op::Remove, path, was),
            Came::Failed | Came::Exists | Came::Full if file.is_some() => {
                self.touch(who, Op::Look, path, was);
            }
            _ => {}
        }
    }

    fn renamed(&mut self, who: Who, from: &Seen, to: &Seen, exchange: bool, came: &Came) {
        let [old, new] = [from, to].map(|seen| seen.file.map(|file| file.id));
        match came {
            Came::Of(_) => {
                let leads = |seen: &Seen| seen.file.is_some_and(|file| file.leads_on());
                if leads(from) || leads(to) {
                    self.forget();
                }
                if exchange {
                    self.touch(who, Op::Look, &from.path, old);
                    self.touch(who, Op::RenameOnto, &from.path, new);
                } else {
                    self.touch(who, Op::RenameFrom, &from.path, old);
                }
                // There was one: who reads it meanwhile does not miss it.
                if new.is_some() {
                    self.touch(who, Op::Look, &to.path, new);
                }
                self.touch(who, Op::RenameOnto, &to.path, old);
                self.filled(who, Op::Fill, &to.path);
                if let Some(file) = old {
                    self.renamed_file(file, &to.path);
                }
            }
            Came::Exists => self.touch(who, Op::Taken, &to.path, new),
            Came::Missing if from.file.is_none() => self.touch(who, Op::Miss, &from.path, None),
            Came::Missing => self.filled(who, Op::Miss, &to.path),
            _ => {}
        }
    }

    /// Whoever makes something, or would if it were not there, needs the directory around it, and
    /// has missed that if there was nothing.
    pub(super) fn filled(&mut self, who: Who, op: Op, path: &[u8]) {
        match memchr::memrchr(b'/', path) {
            None | Some(0) => {}
            Some(at) => self.touch(who, op, &path[..at], None),
        }
    }

    fn opened(&mut self, who: Who, seen: Option<Seen>, flags: u32, came: &Came) {
        let was = seen.as_ref().and_then(|seen| seen.file);
        let id = was.map(|file| file.id);
        let creates = flags & libc::O_CREAT as u32 != 0;
        match (came, seen) {
            (Came::Of(fd), seen) if flags & TMPFILE == 0 => {
                let fd = format!("fd/{fd}");
                let file = stat(format!("/proc/{}/{fd}", who.tid).as_bytes(), true);
                let Some(file) = self.had(who, file) else { return };
                if !file.is_regular() {
                    // Devices, pipes: what goes in there is not kept there.
                    if let Some(seen) = seen {
                        self.touch(who, Op::Look, &seen.path, id);
                    }
                    return;
                }
                let existed = was.is_some() || seen.is_none();
                let named = seen.filter(|seen| seen.link.is_none() || seen.file.is_some());
                let path = named.map(|seen| seen.path).or_else(|| proc_link(who.tid, &fd));
                if let Some(path) = path {
                    let op = operation(flags, existed);
                    let now = clock::now();
                    self.touch_at(now, who, op, &path, Some(file.id));
                    // Whether it would have kept what was there.
                    let kept = operation(flags, true);
                    if op == Op::Create && matches!(kept, Op::Append | Op::Read | Op::Touch) {
                        self.touch_at(now, who, kept, &path, Some(file.id));
                    }
                    if creates {
                        self.filled(who, Op::Fill, &path);
                    }
                    if !matches!(op, Op::Read | Op::Touch) {
                        self.wrote(who, &path, file.id, op);
                    }
                }
            }
            (Came::Exists, Some(seen)) => {
                self.touch(who, Op::Taken, &seen.path, id);
                self.filled(who, Op::Fill, &seen.path);
            }
            (Came::Missing, Some(seen)) => {
                self.touch(who, Op::Miss, &seen.path, None);
                // (Else it would have been made.)
                if creates {
                    self.filled(who, Op::Miss, &seen.path);
                }
            }
            (Came::Failed, Some(seen)) if was.is_some() => {
                self.touch(who, Op::Look, &seen.path, id);
            }
            _ => {}
        }
    }

    /// Paths may mean something else now.
    pub(super) fn forget(&mut self) {
        self.paths.forget();
        self.generation += 1;
    }
}

/// What an open does that succeeds.
fn operation(flags: u32, existed: bool) -> Op {
    /// With just these touch(1) opens what it only sets the times of.
    const TOUCH: u32 = (libc::O_WRONLY | libc::O_CREAT | libc::O_NOCTTY | libc::O_NONBLOCK) as u32;
    let has = |flag: i32| flags & flag as u32 != 0;
    let creates = has(libc::O_CREAT);
    let for_what = flags & libc::O_ACCMODE as u32;
    if creates && has(libc::O_EXCL) {
        Op::CreateNew
    } else if creates && !existed {
        Op::Create
    } else if has(libc::O_TRUNC) {
        Op::Truncate
    } else if flags & !LARGEFILE == TOUCH {
        Op::Touch
    } else if for_what == libc::O_RDONLY as u32 {
        Op::Read
    } else if has(libc::O_APPEND) {
        Op::Append
    } else {
        Op::Write
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_open_does_depends_on_what_was_there() {
        let of = |flags: i32, existed| operation(flags as u32, existed);
        let write = libc::O_WRONLY | libc::O_CREAT;
        assert_eq!(of(write | libc::O_TRUNC, false), Op::Create);
        assert_eq!(of(write | libc::O_TRUNC, true), Op::Truncate);
        assert_eq!(of(write | libc::O_APPEND, false), Op::Create);
        assert_eq!(of(write | libc::O_APPEND, true), Op::Append);
        assert_eq!(of(write | libc::O_EXCL, false), Op::CreateNew);
        assert_eq!(of(write, true), Op::Write);
        assert_eq!(of(libc::O_RDWR, true), Op::Write);
        assert_eq!(of(libc::O_RDONLY | libc::O_CREAT, true), Op::Read);
        assert_eq!(of(libc::O_RDONLY | libc::O_CREAT, false), Op::Create);
    }

    #[test]
    fn touch_sets_times_of_what_is_there() {
        let touch = libc::O_WRONLY | libc::O_CREAT | libc::O_NOCTTY | libc::O_NONBLOCK;
        assert_eq!(operation(touch as u32, true), Op::Touch);
        assert_eq!(operation(touch as u32 | LARGEFILE, true), Op::Touch);
        assert_eq!(operation(touch as u32, false), Op::Create);
    }
}

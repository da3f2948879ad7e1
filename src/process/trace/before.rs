//! What a call is about to do. Most of it is recorded at once; what changes
//! something is looked at again when the call returns (see `after`).

use std::rc::Rc;

use rustix::io::Errno;

use super::after::{Change, Pending};
use super::calls::{At, CHANGES, Call, Flags, Follow, Row, TABLE};
use super::file::read_proc_link;
use super::lines::lines;
use super::minds::Minds;
use super::raw::{self, Stopped};
use super::resolve::{Seen, join};
use super::table::Who;
use super::tracer::Tracer;
use crate::run::footprint::{Blind, Op};

/// A look-up of a name below this one says which line the script is at.
const LINE: &[u8] = b"/.meanwhile-at/";
/// The longest path.
const PATH_MAX: usize = 4096;
/// Most paths are shorter.
const SHORT: usize = 256;
const PAGE: u64 = 4096;

/// What a call is given.
pub type Arguments = [u64; 6];

impl Tracer {
    /// A tracee is about to make a call that the filter has picked.
    pub(super) fn before(&mut self, tid: u32) {
        let pending = self.look_at(tid);
        if let Some(thread) = self.table.threads.get_mut(&tid) {
            thread.pending = pending;
        }
        self.go_on(tid, 0);
    }

    fn look_at(&mut self, tid: u32) -> Option<Pending> {
        let Some(Stopped::Before { number, arguments, data }) = raw::stopped(tid) else {
            return None;
        };
        let who = self.table.who(tid)?;
        let row = row(number, data)?;
        let a = &arguments;
        match row.call {
            Call::Open(at, flags) => self.open(who, a, at, flags),
            Call::Look(at, follow) => self.look(who, a, at, follow),
            Call::List => self.list(who, a),
            Call::Exec(at, follow) => self.exec_of(who, a, at, follow),
            Call::Chdir(at) => {
                if let Some(seen) = self.seen(who, a, at, true) {
                    self.found(who, &seen, Op::Look);
                }
                Some(Pending::Chdir)
            }
            Call::Fchdir => Some(Pending::Chdir),
            Call::MakeDir(at) => {
                let (done, taken) = match self.table.process(tid)?.minds {
                    Minds::NewDirs => (Op::NewDir, Op::DirTaken),
                    _ => (Op::MakeDir, Op::HaveDir),
                };
                self.make(who, a, at, done, taken)
            }
            Call::Make(at) => self.make_new(who, a, at),
            Call::Remove(at) => {
                let emptied = self.table.process(tid)?.minds == Minds::Empties;
                let full = if emptied { Op::Remove } else { Op::Look };
                self.change(who, a, at, false, (Op::Remove, full))
            }
            Call::Meta(at, follow) => {
                self.change(who, a, at, follows(follow, a), (Op::Meta, Op::Look))
            }
            Call::Truncate => {
                let at = At { dir: None, path: 0 };
                self.change(who, a, at, true, (Op::Truncate, Op::Look))
            }
            Call::Link(from, to, follow) => {
                // (What has no name yet is named by its descriptor.)
                if let Some(seen) = self.seen(who, a, from, follows(follow, a)) {
                    self.found(who, &seen, Op::Look);
                }
                self.make_new(who, a, to)
            }
            Call::Rename(from, to, flags) => {
                let from = self.seen(who, a, from, false)?;
                let to = self.seen(who, a, to, false)?;
                let flags = flags.map_or(0, |at| a[at as usize] as u32);
                let exchange = flags & libc::RENAME_EXCHANGE != 0;
                self.last_look(who, to.file);
                Some(Pending::Rename { from, to, exchange })
            }
            Call::Bind => self.bind(who, a),
            Call::Connect => {
                self.connect(who, a);
                None
            }
            Call::Flock => Self::flock(who, a),
            Call::FcntlLock => self.fcntl_lock(who, a),
            Call::Root => Some(Pending::Root),
            Call::IoUring => {
                raw::refuse(tid);
                self.gap(Blind::IoUring, who);
                None
            }
            Call::Ptrace => {
                self.traces(who, a[1] as u32, a[0] == 0);
                None
            }
            Call::Listener => {
                self.gap(Blind::Filtered, who);
                None
            }
            Call::Foreign => {
                self.gap(Blind::Foreign, who);
                None
            }
            Call::Clone => {
                raw::set_first_argument(tid, a[0] & !(libc::CLONE_UNTRACED as u64));
                if let Some(thread) = self.table.threads.get_mut(&tid) {
                    thread.apart = a[0] & libc::CLONE_NEWNS as u64 != 0;
                }
                None
            }
        }
    }

    /// The path that a call names, made absolute. None if it is not there or empty.
    fn path(&mut self, who: Who, a: &Arguments, at: At) -> Option<Vec<u8>> {
        // (Another address than the caller's own is the caller's mistake.)
        let path = self.had(who, read_path(who.tid, a[at.path as usize]))?;
        if *path.first()? == b'/' {
            return Some(path);
        }
        let dir = at.dir.map_or(libc::AT_FDCWD, |dir| a[dir as usize] as i32);
        let path = join(&self.base(who, dir)?, &path);
        if path.len() >= PATH_MAX {
            // The caller gets there from its directory; this process does not.
            self.gap(Blind::Unreadable, who);
            return None;
        }
        Some(path)
    }

    /// Where a relative path begins.
    pub(super) fn base(&mut self, who: Who, dir: i32) -> Option<Rc<[u8]>> {
        if dir != libc::AT_FDCWD {
            return self.directory(who, &format!("fd/{dir}"));
        }
        // (Where only changes are looked at, nobody tells of another directory.)
        let generation = self.generation;
        let known = self.table.process(who.tid).and_then(|process| process.cwd.clone());
        if let Some((_, path)) = known.filter(|(of, _)| *of == generation && !self.light) {
            return Some(path);
        }
        let path = self.directory(who, "cwd")?;
        if let Some(process) = self.table.process(who.tid) {
            process.cwd = Some((generation, path.clone()));
        }
        Some(path)
    }

    fn directory(&mut self, who: Who, link: &str) -> Option<Rc<[u8]>> {
        let path = read_proc_link(who.tid, link);
        if path == Err(Errno::NAMETOOLONG) {
            self.gap(Blind::Unreadable, who);
        }
        // (A descriptor that is not open is the caller's mistake.)
        self.had(who, path)?.map(Rc::from)
    }

    /// What a path means, with the links on the way recorded. None also where
    /// it means nothing of interest.
    fn seen(&mut self, who: Who, a: &Arguments, at: At, follow: bool) -> Option<Seen> {
        let path = self.path(who, a, at)?;
        self.see(who, &path, follow)
    }

    pub(super) fn see(&mut self, who: Who, path: &[u8], follow: bool) -> Option<Seen> {
        if who.elsewhere || is_systems(path) {
            return None;
        }
        let seen = match self.paths.look(path, follow) {
            Ok(seen) => seen,
            Err(error) => {
                // What the caller itself may not, or what leads nowhere, is no gap.
                if matches!(error, Errno::MFILE | Errno::NFILE | Errno::NOMEM) {
                    self.gap(Blind::Unreadable, who);
                }
                return None;
            }
        };
        for (link, id) in seen.through.links.iter().chain(&seen.link) {
            self.touch(who, Op::Read, link, Some(*id));
        }
        Some(seen)
    }

    /// Records that this was found, or missed.
    fn found(&mut self, who: Who, seen: &Seen, op: Op) {
        let op = if seen.file.is_some() { op } else { Op::Miss };
        self.touch(who, op, &seen.path, seen.file.map(|file| file.id));
    }

    fn look(&mut self, who: Who, a: &Arguments, at: At, follow: Follow) -> Option<Pending> {
        if who.own {
            return None;
        }
        let path = self.path(who, a, at)?;
        if let Some(line) = path.strip_prefix(LINE) {
            let line = self.recorder.text(&lines(&String::from_utf8_lossy(line)));
            if let Some(process) = self.table.process(who.tid) {
                process.at = Some(line);
            }
            return None;
        }
        let seen = self.see(who, &path, follows(follow, a))?;
        self.found(who, &seen, Op::Look);
        None
    }

    fn list(&mut self, who: Who, a: &Arguments) -> Option<Pending> {
        if who.own {
            return None;
        }
        let path = self.directory(who, &format!("fd/{}", a[0] as i32))?;
        let seen = self.see(who, &path, false)?;
        self.found(who, &seen, Op::List);
        None
    }

    fn exec_of(&mut self, who: Who, a: &Arguments, at: At, follow: Follow) -> Option<Pending> {
        let seen = self.seen(who, a, at, follows(follow, a))?;
        self.found(who, &seen, Op::Exec);
        if let Some(thread) = self.table.threads.get_mut(&who.tid) {
            thread.running = seen.file.map(|file| (seen.path, file));
        }
        None
    }

    fn change(
        &mut self,
        who: Who,
        a: &Arguments,
        at: At,
        follow: bool,
        (done, taken): (Op, Op),
    ) -> Option<Pending> {
        let Seen { path, file, .. } = self.seen(who, a, at, follow)?;
        if done != Op::Meta {
            self.last_look(who, file);
        }
        Some(Pending::Change(Change { path, file, done, taken, new: false }))
    }

    fn make_new(&mut self, who: Who, a: &Arguments, at: At) -> Option<Pending> {
        let (done, taken) = match self.table.process(who.tid)?.minds {
            Minds::Replaces => (Op::RenameOnto, Op::Look),
            _ => (Op::CreateNew, Op::Taken),
        };
        self.make(who, a, at, done, taken)
    }

    fn make(&mut self, who: Who, a: &Arguments, at: At, done: Op, taken: Op) -> Option<Pending> {
        let Seen { path, file, .. } = self.seen(who, a, at, false)?;
        Some(Pending::Change(Change { path, file, done, taken, new: true }))
    }

    fn open(&mut self, who: Who, a: &Arguments, at: At, flags: Flags) -> Option<Pending> {
        let flags = match flags {
            Flags::Argument(at) => a[at as usize] as u32,
            #[cfg(target_arch = "x86_64")]
            Flags::Creat => (libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC) as u32,
            Flags::Structure(at) => {
                let mut bytes = [0; 8];
                let read = raw::read_memory(who.tid, a[at as usize], &mut bytes);
                let read = self.had(who, read)?;
                (read == bytes.len()).then(|| u64::from_ne_bytes(bytes) as u32)?
            }
        };
        let has = |flag: i32| flags & flag as u32 != 0;
        if who.own && !has(libc::O_APPEND) {
            return None;
        }
        let path = self.path(who, a, at)?;
        self.heed(who, &path, flags);
        if who.own {
            return None;
        }
        let changes = flags & CHANGES != 0 && !has(libc::O_PATH);
        if changes && (path.starts_with(b"/proc/") || is_descriptor(&path)) {
            // What this is to the tracee, it is not to this process.
            return Some(Pending::Open { seen: None, flags });
        }
        let exclusive = has(libc::O_CREAT) && has(libc::O_EXCL);
        let seen = self.see(who, &path, !has(libc::O_NOFOLLOW) && !exclusive)?;
        if changes {
            // (What is appended to is no rewrite.)
            if !has(libc::O_APPEND) {
                self.last_look(who, seen.file);
            }
            return Some(Pending::Open { seen: Some(seen), flags });
        }
        let reads = seen.file.is_some_and(|file| file.is_regular()) && !has(libc::O_PATH);
        self.found(who, &seen, if reads { Op::Read } else { Op::Look });
        None
    }
}

/// The row of a call. (Another filter may have said its own along with it.)
fn row(number: u64, data: u16) -> Option<&'static Row> {
    let is = |row: &&Row| row.number as u64 == number || row.call == Call::Foreign;
    let told = TABLE.get(data as usize).filter(is);
    told.or_else(|| TABLE.iter().find(|row| row.number as u64 == number))
}

fn follows(follow: Follow, a: &Arguments) -> bool {
    match follow {
        Follow::Yes => true,
        #[cfg(target_arch = "x86_64")]
        Follow::No => false,
        Follow::Unless(at) => a[at as usize] & libc::AT_SYMLINK_NOFOLLOW as u64 == 0,
        Follow::If(at) => a[at as usize] & libc::AT_SYMLINK_FOLLOW as u64 != 0,
    }
}

/// Whether it is the kernel's; to look it up would tell of this process.
fn is_systems(path: &[u8]) -> bool {
    let devices = path.starts_with(b"/dev/") && !path.starts_with(b"/dev/shm/");
    devices || path.starts_with(b"/proc/") || path.starts_with(b"/sys/")
}

/// Whether it names a descriptor of the caller's.
fn is_descriptor(path: &[u8]) -> bool {
    path.starts_with(b"/dev/fd/") || path.starts_with(b"/dev/std")
}

/// A string of a tracee's, up to its end.
fn read_path(tid: u32, at: u64) -> Result<Vec<u8>, Errno> {
    let mut path = Vec::with_capacity(SHORT);
    let mut buffer = [0; PAGE as usize];
    while path.len() < PATH_MAX {
        let from = at.saturating_add(path.len() as u64);
        // What is behind the page's end may not be there.
        let page = (PAGE - from % PAGE) as usize;
        let wanted = if path.is_empty() { page.min(SHORT) } else { page };
        let read = raw::read_memory(tid, from, &mut buffer[..wanted])?;
        match memchr::memchr(0, &buffer[..read]) {
            Some(end) => {
                path.extend_from_slice(&buffer[..end]);
                return Ok(path);
            }
            None if read < wanted => break,
            None => path.extend_from_slice(&buffer[..read]),
        }
    }
    Err(Errno::NAMETOOLONG)
}

//! What a traced run touched: the common ground of the tracer (`process::trace`),
//! which fills it in, and of those that judge it.
//!
//! An *access* says that somebody did something to a path. Somebody is a
//! *group*: a task's guard with all processes below it; group 0 is the script
//! itself. A group is begun online, by what the guard does (it writes its
//! `.argv`); which task it is, the journal tells afterwards, by the guard's pid.
//!
//! Accesses of one group to one thing are summed up, or a long run would need
//! memory without end. But what happened before a task was started and what
//! happened after it must stay apart. So there is a count, the *moment*, which
//! grows whenever a start or a collection can have happened: when a journal is
//! opened for appending, and when a process of this program ends. What one
//! group did within one moment is one access with a number.

mod recorder;

use std::collections::HashMap;

use super::Time;
pub use recorder::{Recorder, Touch};

/// A group's number: its place in [`Traced::groups`].
pub type GroupNo = u32;
/// A path's number: its place in [`Traced::paths`].
pub type PathNo = u32;
/// A file's number: its place in [`Traced::files`].
pub type FileNo = u32;
/// A text's number: its place in [`Traced::texts`].
pub type TextNo = u32;
/// A set of locks: its place in [`Traced::held`]; 0 is the empty one.
pub type HeldNo = u32;

/// A file, whatever it is called: two names may mean one, and one name two in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// The device.
    pub dev: u64,
    /// The inode's number, which is used again when a file is gone.
    pub ino: u64,
    /// When it was made, nanoseconds since 1970, where the file system knows: tells the two apart.
    pub made: i64,
}

/// What was done to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Op {
    /// Looked up and found: stat, access, chdir.
    Look,
    /// Looked up, opened or run, and not there.
    Miss,
    /// Opened to be read. Of a link: followed.
    Read,
    /// Run, or read as the interpreter of what was run.
    Exec,
    /// Opened to be written in place.
    Write,
    /// Opened to be appended to.
    Append,
    /// Emptied, by open or truncate, though it was there.
    Truncate,
    /// The task began with a descriptor open by which it can write.
    Inherit,
    /// Made, where a file that was there would have done as well. If that had been kept, there is
    /// another access at the same time, which says what would have been done to it: `Append`,
    /// `Read` or `Touch`.
    Create,
    /// Made, and had to be new: `O_EXCL`, link, symlink, mknod.
    CreateNew,
    /// To be made new, but there was one.
    Taken,
    /// A directory was made, where one that was there would have done as well.
    MakeDir,
    /// A directory was to be made, but there was one.
    HaveDir,
    /// A directory was made, and had to be new: `mkdir` without `-p`.
    NewDir,
    /// A directory was to be made new, but there was something.
    DirTaken,
    /// Removed: unlink, rmdir. Or `rm -r` had emptied it, and somebody has put something in since.
    Remove,
    /// Renamed: the old name.
    RenameFrom,
    /// Renamed: the new name; or a link that `ln -f` has put there. If there was something, the same
    /// has looked at it just before.
    RenameOnto,
    /// Its mode, owner or times were set.
    Meta,
    /// Its times were set, and it would have been made, empty, if it had not been there: touch(1).
    Touch,
    /// Something was made in this directory, or would have been if it had not been there. (But no
    /// directory for which one that is there will do: who makes one so makes those around it.)
    Fill,
    /// A directory's entries were read.
    List,
    /// A socket was bound to this address.
    Bind,
    /// A socket was connected to this address, or could not be.
    Connect,
    /// Locked, by flock or fcntl; or a lock was tried for.
    Lock,
}

impl Op {
    /// Its word in what programs read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Miss => "miss",
            Self::Read => "read",
            Self::Exec => "exec",
            Self::Write => "write",
            Self::Append => "append",
            Self::Truncate => "truncate",
            Self::Inherit => "inherit",
            Self::Create => "create",
            Self::CreateNew => "create-new",
            Self::Taken => "taken",
            Self::MakeDir => "make-dir",
            Self::HaveDir => "have-dir",
            Self::NewDir => "new-dir",
            Self::DirTaken => "dir-taken",
            Self::Remove => "remove",
            Self::RenameFrom => "rename-from",
            Self::RenameOnto => "rename-onto",
            Self::Meta => "meta",
            Self::Touch => "touch",
            Self::Fill => "fill",
            Self::List => "list",
            Self::Bind => "bind",
            Self::Connect => "connect",
            Self::Lock => "lock",
        }
    }
}

/// One group's accesses of one kind to one thing within one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Who.
    pub group: GroupNo,
    /// When, in moments.
    pub moment: u32,
    /// What.
    pub op: Op,
    /// To which path: absolute, without links in the part before its last name. Of sockets:
    /// `unix:NAME` for abstract ones, `tcp:PORT`, `udp:PORT` (unix sockets with a path are paths).
    pub path: PathNo,
    /// To which file, where there is one.
    pub file: Option<FileNo>,
    /// By which program (its path).
    pub program: TextNo,
    /// At which of the script's lines (`FILE:LINE`), where that is known; in functions with those
    /// that called them, as far as the script or the task goes: `FILE:LINE<FILE:LINE<…`.
    pub at: Option<TextNo>,
    /// Which locks were held meanwhile.
    pub held: HeldNo,
    /// How often.
    pub count: u32,
    /// How many of these were steps of a search along a path that found its file elsewhere ([`Op::Miss`]).
    pub searched: u32,
    /// The first time.
    pub first: Time,
    /// The last time.
    pub last: Time,
}

/// A group of processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Which group forked it; none: it is the script's.
    pub parent: Option<GroupNo>,
    /// The pid of its first process, a task's guard.
    pub pid: u32,
    /// When that was forked.
    pub born: (Time, u32),
    /// When that ended. What the group does later is done by processes that it left behind.
    pub died: Option<(Time, u32)>,
}

/// A process of this program: it may have collected tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its pid.
    pub pid: u32,
    /// Whose it was.
    pub group: GroupNo,
    /// When it was forked.
    pub born: Time,
    /// When it ended; what its group did in later moments came after that.
    pub died: Option<(Time, u32)>,
}

/// Why something was not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Blind {
    /// It asked for an io_uring, whose operations are not seen, and was refused.
    IoUring,
    /// It wanted to trace others, and was refused.
    Ptrace,
    /// It is of another architecture (32 bits).
    Foreign,
    /// It is in another root or mount namespace: its paths are others.
    Elsewhere,
    /// It ran without the privileges of its set-user-ID bit.
    Setuid,
    /// There was no room to record more.
    Full,
    /// Its memory could not be read.
    Unreadable,
    /// Another filter came first and decided about a call (seccomp).
    Filtered,
    /// It is a task whose processes were not told from those of whoever started it. (The tracer
    /// does not say this: the judgement does, where a journal has tasks that the trace has not.)
    Untold,
}

/// Something that was not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Why.
    pub why: Blind,
    /// Whose.
    pub group: GroupNo,
    /// The program (its path).
    pub program: TextNo,
    /// How often.
    pub count: u32,
}

/// What a traced run touched.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Traced {
    /// Whether only changes were traced (`--light`).
    pub light: bool,
    /// The groups; the first is the script's.
    pub groups: Vec<Group>,
    /// The processes of this program.
    pub clients: Vec<Client>,
    /// The directories of the runs that were opened.
    pub runs: Vec<Vec<u8>>,
    /// The accesses, in the order of their first time.
    pub accesses: Vec<Access>,
    /// What was not seen.
    pub gaps: Vec<Gap>,
    /// Paths and sockets' addresses.
    pub paths: Vec<Vec<u8>>,
    /// Files.
    pub files: Vec<FileId>,
    /// Programs and lines.
    pub texts: Vec<String>,
    /// Sets of locked files.
    pub held: Vec<Vec<FileNo>>,
    /// What is in a file that a group has written, as a digest: when the group
    /// was done with it, if nobody else had written to it meanwhile.
    pub contents: HashMap<(GroupNo, FileNo), u64>,
    /// Of how many accesses this is the sum.
    pub total: u64,
}

impl Traced {
    /// A path, as people read it.
    pub fn path(&self, path: PathNo) -> String {
        self.paths
            .get(path as usize)
            .map_or_else(String::new, |p| String::from_utf8_lossy(p).into())
    }

    /// A program or a line.
    pub fn text(&self, text: TextNo) -> &str {
        self.texts.get(text as usize).map_or("", String::as_str)
    }
}

//! What the check finds: conflicts, each with both its sides and a way out.

use crate::run::footprint::{Blind, Op};
use crate::run::{Id, Time};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Known to be harmless, or not about contents; shown when asked for.
    Note,
    /// It may matter.
    Warning,
    /// What comes out depends on who is first.
    Error,
}

impl Level {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What the two do to each other. The words are those of the suppressions
/// file and of the JSON form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Both write the same file.
    WriteWrite,
    /// One writes a file that the other reads or runs.
    WriteRead,
    /// Both make an entry, or rename onto it.
    CreateCreate,
    /// One makes what the other looked for and did not find.
    CreateMissing,
    /// One removes or renames away what the other finds.
    RemoveUse,
    /// One renames onto what the other opens: it gets the old or the new.
    ReplaceRead,
    /// One makes or removes an entry of a directory that the other lists.
    ChangeList,
    /// One binds the address that the other connects to.
    BindConnect,
    /// One sets the mode, owner or times of what the other uses.
    Metadata,
    /// Both take the lock of a package manager, which may fail rather than wait.
    Contention,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::WriteWrite,
        Self::WriteRead,
        Self::CreateCreate,
        Self::CreateMissing,
        Self::RemoveUse,
        Self::ReplaceRead,
        Self::ChangeList,
        Self::BindConnect,
        Self::Metadata,
        Self::Contention,
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::WriteWrite => "write-write",
            Self::WriteRead => "write-read",
            Self::CreateCreate => "create-create",
            Self::CreateMissing => "create-missing",
            Self::RemoveUse => "remove-use",
            Self::ReplaceRead => "replace-read",
            Self::ChangeList => "change-list",
            Self::BindConnect => "bind-connect",
            Self::Metadata => "metadata",
            Self::Contention => "contention",
        }
    }

    /// The class with that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.word() == word)
    }
}

/// Why a conflict does no harm, or less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Harmless {
    /// Both append.
    Appends,
    /// Both write the same.
    SameContent,
    /// Both make the directory if it is not there.
    MakeDirs,
    /// It is made anew from its source by whoever finds it old (bytecode).
    Cache,
    /// Both hold a lock meanwhile: serialised, but in which order is open.
    Locked,
    /// Both write through one open file, which keeps one offset.
    SharedDescriptor,
    /// The name is that of one of the two alone, which removed it again.
    Private,
    /// It was looked for in several places, and found in another.
    Search,
    /// Both remove it, and mind not if it is gone.
    Removes,
    /// The user says so; with the line of the suppressions file.
    Suppressed,
    /// It was there before: it stands in the baseline.
    Known,
}

impl Harmless {
    /// Whether the user has settled it.
    pub fn settles(self) -> bool {
        matches!(self, Self::Suppressed | Self::Known)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Appends => "appends",
            Self::SameContent => "same-content",
            Self::MakeDirs => "make-dirs",
            Self::Cache => "cache",
            Self::Locked => "locked",
            Self::SharedDescriptor => "shared-descriptor",
            Self::Private => "private",
            Self::Search => "search",
            Self::Removes => "removes",
            Self::Suppressed => "suppressed",
            Self::Known => "known",
        }
    }
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// The script (or what it called).
    Script,
    /// A task.
    Task {
        /// Of which run, by its place in the input.
        run: usize,
        /// Which.
        id: Id,
    },
    /// What a task left behind when it ended.
    Left {
        /// As above.
        run: usize,
        /// As above.
        id: Id,
    },
}

/// One side of a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Who.
    pub who: Who,
    /// What it did.
    pub op: Op,
    /// To which path; the two may differ: links, or a directory and what is in it.
    pub path: String,
    /// The program (its path).
    pub program: String,
    /// The script's line, where that is known.
    pub at: Option<String>,
    /// Of the script itself or a task that starts others: between which two verbs; lines of the
    /// script (`FILE:LINE`). For a task: the lines that started and collected it.
    pub from: Option<String>,
    /// As above.
    pub until: Option<String>,
    /// Of a task: whether somebody collected it. (The line may be unknown all the same.)
    pub collected: bool,
    /// How often.
    pub count: u32,
    /// When first.
    pub first: Time,
}

/// A way out, in the user's own lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fix {
    /// Collect `task` before this line of the script (or of the task that does).
    WaitBefore {
        /// The task's name as the user writes it.
        task: String,
        /// The line, `FILE:LINE`, if one is known.
        before: Option<String>,
        /// Where it is collected now, if it is.
        now: Option<String>,
    },
    /// Start `task` only after `other`: `--after other`, or where `task` is started, wait first.
    After {
        /// The one to come later.
        task: String,
        /// The one to come first.
        other: String,
        /// Where the later one is started.
        at: Option<String>,
    },
    /// Give both tasks `--lock lock`.
    Lock {
        /// A name for the lock, from the path.
        lock: String,
        /// The two.
        tasks: [String; 2],
    },
    /// Make the directory with `mkdir -p`.
    Parents {
        /// The lines that do it without, as far as they are known.
        lines: Vec<String>,
    },
    /// Start the task only behind this line.
    StartAfter {
        /// The task.
        task: String,
        /// The line.
        line: String,
    },
}

/// A conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What the two do to each other.
    pub class: Class,
    /// How bad it is, with `harmless` taken into account.
    pub level: Level,
    /// Why it is less bad than its class.
    pub harmless: Option<Harmless>,
    /// What it is about: a path or an address.
    pub path: String,
    /// Both sides; the one that changes first.
    pub sides: [Side; 2],
    /// Ways out, best first.
    pub fixes: Vec<Fix>,
    /// More paths with the same conflict between the same two (one of a directory stands for all
    /// of them).
    pub more: Vec<String>,
    /// More pairs with the same conflict at the same path.
    pub others: Vec<Pair>,
}

/// Who has the same conflict as those that a finding shows: by the same programs; of an error, also
/// at the same lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Both sides; the one that changes first.
    pub sides: [Side; 2],
    /// More paths with the same conflict between these two.
    pub more: Vec<String>,
}

impl Finding {
    /// All the pairs that it is about, each with its paths besides the finding's.
    pub fn pairs(&self) -> impl Iterator<Item = (&[Side; 2], &[String])> {
        let others = self.others.iter().map(|pair| (&pair.sides, &*pair.more));
        std::iter::once((&self.sides, &*self.more)).chain(others)
    }
}

/// A line of the suppressions file that no finding was met by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unused {
    /// Its number, from 1.
    pub line: usize,
    /// Its text.
    pub text: String,
}

/// Something that was not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// Why.
    pub why: Blind,
    /// Whose.
    pub who: Who,
    /// The program.
    pub program: String,
    /// How often.
    pub count: u32,
}

/// What came of a check.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether only changes were looked at.
    pub light: bool,
    /// The conflicts, worst first.
    pub findings: Vec<Finding>,
    /// What was not seen.
    pub gaps: Vec<Gone>,
    /// Suppressions that nothing needs any more.
    pub unused: Vec<Unused>,
    /// How many tasks there were.
    pub tasks: usize,
    /// How many different accesses were compared, and how many there were.
    pub accesses: (usize, u64),
}

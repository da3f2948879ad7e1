//! Which two deeds conflict if nothing orders them: the table.
//!
//! | one | other | class | level |
//! |---|---|---|---|
//! | writes, empties | writes, appends | write-write | error |
//! | writes, empties, appends | reads, runs | write-read | error |
//! | creates, makes, renames onto | creates, makes, renames onto, found it taken | create-create | error |
//! | makes a directory that has to be new | makes it, found it taken | create-create | warning |
//! | renames onto | writes by name (it is lost) | write-write | error |
//! | creates, makes, renames onto, writes | missed it | create-missing | error |
//! | creates, makes, renames to a new name | found it (it might have missed it) | create-missing | error |
//! | makes a directory | makes something in it | create-missing | error |
//! | removes, renames away | anything | remove-use | error |
//! | renames onto what is there | reads, runs, lists | replace-read | warning |
//! | makes, removes, renames an entry | lists the directory | change-list | warning |
//! | binds | connects | bind-connect | warning |
//! | sets mode, owner, times; writes, renames onto | uses; looks | metadata | note |
//!
//! Two writes, or a write and a read, conflict if the paths are the same (another run
//! may have another file there) and if the files are (links).
//!
//! The table does not ask who came first. What was found may have been made by the other: then it
//! might as well have been missed. So that a file was found does not help, unless the
//! actor itself had seen to it that there is one.
//!
//! An append against a read is an error as other writes: `>>` is how scripts write
//! configuration, and who reads too early gets a part. A log is the exception (see
//! [`super::places::is_log`]): it is read while it grows, by people and by loops that wait for
//! a line. That is a warning.
//!
//! What comes and goes while somebody goes through a directory, whose names he has from its list,
//! is part of the change of that list.

use super::deeds::{Deed, How};
use super::finding::{Class, Harmless, Level};
use crate::run::footprint::Op;

/// What two deeds do to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clash {
    /// In which class.
    pub class: Class,
    /// How bad.
    pub level: Level,
    /// Why it is not worse.
    pub harmless: Option<Harmless>,
}

impl Clash {
    /// Of a class, with nothing to be said for it.
    pub fn new(class: Class, level: Level) -> Self {
        Self { class, level, harmless: None }
    }

    fn harmless(class: Class, why: Harmless) -> Self {
        Self { class, level: Level::Note, harmless: Some(why) }
    }

    /// Who goes through a directory finds a name or not, as it comes: that is part of the change
    /// of the list.
    fn for_listed(self, other: Deed) -> Self {
        let comes_and_goes = matches!(self.class, Class::CreateMissing | Class::RemoveUse);
        if other.how != How::Listed || !comes_and_goes {
            return self;
        }
        Self { class: Class::ChangeList, level: self.level.min(Level::Warning), ..self }
    }

    /// Greater is worse; of the same level, what tells more.
    pub fn rank(self) -> (Level, u8, Option<Harmless>) {
        let telling = match self.class {
            Class::WriteWrite => 9,
            Class::WriteRead => 8,
            Class::RemoveUse => 7,
            Class::CreateCreate => 6,
            Class::CreateMissing => 5,
            Class::Contention => 4,
            Class::BindConnect => 3,
            Class::ReplaceRead => 2,
            Class::ChangeList => 1,
            Class::Metadata => 0,
        };
        (self.level, telling, self.harmless)
    }
}

/// How a deed writes the file that is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// What is there is kept.
    Append,
    Over,
}

fn writes(deed: Deed) -> Option<Way> {
    match (deed.op, deed.how) {
        (Op::Append, _) | (Op::Create, How::Keeping) => Some(Way::Append),
        (Op::Create, How::Touching) => None,
        (Op::Write | Op::Truncate | Op::Create, _) => Some(Way::Over),
        _ => None,
    }
}

/// Whether it would make an entry that is not there.
fn makes(op: Op) -> bool {
    matches!(
        op,
        Op::Create
            | Op::CreateNew
            | Op::Taken
            | Op::MakeDir
            | Op::HaveDir
            | Op::NewDir
            | Op::DirTaken
            | Op::RenameOnto
            | Op::Bind
            | Op::Write
            | Op::Append
            | Op::Truncate
            | Op::Touch
    )
}

/// Whether it would make a directory.
pub fn makes_dir(op: Op) -> bool {
    matches!(op, Op::MakeDir | Op::HaveDir | Op::NewDir | Op::DirTaken)
}

fn reads(op: Op) -> bool {
    matches!(op, Op::Read | Op::Exec)
}

/// What `one`, which changes, does to `other` at the same path.
pub fn at_path(one: Deed, other: Deed) -> Option<Clash> {
    entry(one, other).map(|clash| clash.for_listed(other))
}

fn entry(one: Deed, other: Deed) -> Option<Clash> {
    use Class::{BindConnect, CreateCreate, CreateMissing, Metadata, RemoveUse, ReplaceRead};
    use Level::{Error, Note, Warning};
    let ensured = other.how == How::Ensured;
    if one.how == How::Placing || other.how == How::Placing {
        return None;
    }
    match (one.op, other.op) {
        (Op::Inherit, _) | (_, Op::Inherit) => inherited(one, other),
        (Op::Remove | Op::RenameFrom, Op::Miss) if other.how == How::Gone => None,
        (Op::Remove | Op::RenameFrom, Op::Miss) if other.how == How::Removing => {
            Some(Clash::harmless(RemoveUse, Harmless::Removes))
        }
        (Op::Remove | Op::RenameFrom, Op::Miss) if other.how == How::Searched => {
            Some(Clash::harmless(RemoveUse, Harmless::Search))
        }
        (Op::Remove | Op::RenameFrom, _) => Some(Clash::new(RemoveUse, Error)),
        (_, Op::Remove | Op::RenameFrom) => None,

        (Op::Bind, Op::Connect) => Some(Clash::new(BindConnect, Warning)),
        (_, Op::Connect) => None,

        // It would have removed it.
        (Op::Miss, Op::Look | Op::Read | Op::Exec | Op::List | Op::Meta | Op::Fill | Op::Lock)
            if one.how == How::Removing =>
        {
            Some(Clash::new(RemoveUse, Error))
        }
        // (What writes, or finds a name taken, would have made it.)
        (one, Op::Miss) if makes(one) => match other.how {
            How::Searched => Some(Clash::harmless(CreateMissing, Harmless::Search)),
            How::Making if makes_dir(one) => {
                Some(Clash::harmless(CreateMissing, Harmless::MakeDirs))
            }
            _ => Some(Clash::new(CreateMissing, Error)),
        },
        (_, Op::Miss) => None,
        (Op::MakeDir | Op::NewDir, Op::Look | Op::Fill) if other.how == How::Making => {
            Some(Clash::harmless(CreateMissing, Harmless::MakeDirs))
        }

        (Op::MakeDir, Op::MakeDir | Op::HaveDir) => {
            Some(Clash::harmless(CreateCreate, Harmless::MakeDirs))
        }
        // There is one all the time.
        (_, Op::Taken | Op::DirTaken) if ensured || one.how == How::Replacing => None,
        // One of the two fails; but so it would if they came one after the other.
        (Op::MakeDir, Op::NewDir | Op::DirTaken) => Some(Clash::new(CreateCreate, Warning)),
        (Op::NewDir, other) if makes_dir(other) => Some(Clash::new(CreateCreate, Warning)),
        (
            Op::Create | Op::CreateNew | Op::MakeDir | Op::NewDir | Op::RenameOnto | Op::Bind,
            Op::CreateNew
            | Op::MakeDir
            | Op::NewDir
            | Op::RenameOnto
            | Op::Bind
            | Op::Taken
            | Op::HaveDir
            | Op::DirTaken,
        ) => Some(Clash::new(CreateCreate, Error)),
        // (What is renamed away from the name is lost for who writes to it by that name.)
        (Op::RenameOnto, Op::Write | Op::Append | Op::Truncate) => {
            Some(Clash::new(Class::WriteWrite, Error))
        }
        (Op::RenameOnto | Op::CreateNew | Op::MakeDir | Op::NewDir | Op::Bind, Op::Create)
        | (
            Op::CreateNew | Op::MakeDir | Op::NewDir | Op::Bind,
            Op::Write | Op::Append | Op::Truncate | Op::Touch,
        ) => Some(Clash::new(CreateCreate, Error)),
        // (If it comes first, it makes a file, which the other one replaces.)
        (Op::RenameOnto, Op::Touch) if !ensured && one.how != How::Replacing => {
            Some(Clash::new(CreateCreate, Error))
        }

        (
            Op::RenameOnto,
            Op::Look | Op::Read | Op::Exec | Op::List | Op::Meta | Op::Fill | Op::Lock,
        ) if !ensured && one.how != How::Replacing => Some(Clash::new(CreateMissing, Error)),
        // There is one all the time.
        (Op::RenameOnto, Op::Meta | Op::Touch | Op::Look) => Some(Clash::new(Metadata, Note)),
        (Op::RenameOnto, Op::Read | Op::Exec | Op::List | Op::Fill | Op::Lock) => {
            Some(Clash::new(ReplaceRead, Warning))
        }
        (
            Op::CreateNew | Op::MakeDir | Op::NewDir | Op::Bind,
            Op::Read | Op::Exec | Op::Look | Op::List | Op::Fill,
        )
        | (Op::CreateNew | Op::MakeDir | Op::NewDir | Op::Bind | Op::Create, Op::Meta | Op::Lock)
        | (Op::Create, Op::Look | Op::List)
            if !ensured =>
        {
            Some(Clash::new(CreateMissing, Error))
        }
        (Op::Create, Op::Read | Op::Exec) if one.how == How::Touching && !ensured => {
            Some(Clash::new(CreateMissing, Error))
        }
        _ => in_file(one, other).or_else(|| {
            let used = matches!(other.op, Op::Look | Op::Meta | Op::Touch);
            (used && writes(one).is_some()).then(|| Clash::new(Metadata, Note))
        }),
    }
}

/// What `one`, which changes, does to `other` in the same file, whatever its names are.
pub fn in_file(one: Deed, other: Deed) -> Option<Clash> {
    use Class::{Metadata, WriteRead, WriteWrite};
    use Level::{Error, Note};
    if one.op == Op::Inherit || other.op == Op::Inherit {
        return inherited(one, other);
    }
    match (writes(one), writes(other)) {
        (Some(Way::Append), Some(Way::Append)) => {
            Some(Clash::harmless(WriteWrite, Harmless::Appends))
        }
        (Some(_), Some(_)) => Some(Clash::new(WriteWrite, Error)),
        (Some(_), None) if reads(other.op) => Some(Clash::new(WriteRead, Error)),
        _ if matches!(one.op, Op::Meta | Op::Touch) => {
            let used = matches!(
                other.op,
                Op::Meta
                    | Op::Touch
                    | Op::Look
                    | Op::Read
                    | Op::Exec
                    | Op::List
                    | Op::Write
                    | Op::Append
                    | Op::Truncate
            );
            used.then(|| Clash::new(Metadata, Note))
        }
        _ => None,
    }
}

/// Whether somebody ever writes through a descriptor that he began with is not known; most never do.
fn inherited(one: Deed, other: Deed) -> Option<Clash> {
    match (one.op, other.op) {
        (Op::Inherit, op) if reads(op) => Some(Clash::new(Class::WriteRead, Level::Warning)),
        (Op::Inherit, _) if writes(other).is_some() => {
            Some(Clash::harmless(Class::WriteWrite, Harmless::SharedDescriptor))
        }
        _ => None,
    }
}

/// Whether it takes or gives the directory an entry.
pub fn changes_list(op: Op) -> bool {
    matches!(
        op,
        Op::Create
            | Op::CreateNew
            | Op::MakeDir
            | Op::NewDir
            | Op::Remove
            | Op::RenameFrom
            | Op::RenameOnto
            | Op::Bind
    )
}

/// What `one`, which removes or renames a directory, or makes a link to one, does to `other`
/// below it.
pub fn below(one: Deed, other: Deed) -> Option<Clash> {
    tree(one, other).map(|clash| clash.for_listed(other))
}

fn tree(one: Deed, other: Deed) -> Option<Clash> {
    use Class::{CreateMissing, RemoveUse, ReplaceRead};
    use Level::{Error, Warning};
    let how = if other.how == How::Searched { Some(Harmless::Search) } else { None };
    match (one.op, other.op) {
        (_, Op::Inherit | Op::Connect) => None,
        // (A link that leads to a directory.)
        (Op::RenameOnto | Op::CreateNew, Op::Miss) => match how {
            Some(why) => Some(Clash::harmless(CreateMissing, why)),
            None => Some(Clash::new(CreateMissing, Error)),
        },
        // (Only an empty directory can be renamed onto, or two can change places.)
        (Op::RenameOnto, _) if other.how == How::Ensured || one.how == How::Replacing => {
            Some(Clash::new(ReplaceRead, Warning))
        }
        (Op::RenameOnto, _) => Some(Clash::new(CreateMissing, Error)),
        // (Perhaps it was never there. But in another order it might be.)
        (Op::RenameFrom, Op::Miss) => match how {
            Some(why) => Some(Clash::harmless(RemoveUse, why)),
            None => Some(Clash::new(RemoveUse, Error)),
        },
        (Op::Remove | Op::RenameFrom, _) => Some(Clash::new(RemoveUse, Error)),
        _ => None,
    }
}

//! What an access means, by what the same actor did before and after it, in the
//! order of its own program: whether there was something because it had made
//! it, whether it missed what it meant to remove, and so on ([`How`]).

use std::collections::{HashMap, HashSet};

use super::deeds::{Deed, Facts, How, changes};
use super::pairs::parent;
use super::segments::Segments;
use crate::run::Time;
use crate::run::footprint::{Access, Op, TextNo, Traced};

/// Programs that go through trees.
const WALKERS: [&str; 17] = [
    "find", "fd", "bfs", "ls", "tree", "du", "rm", "cp", "mv", "tar", "cpio", "rsync", "grep",
    "rg", "chmod", "chown", "chgrp",
];

/// Programs that make what is missing around the files that they make, but only then.
const MAKERS: [&str; 3] = ["bsdtar", "cpio", "git"];

/// Reads the accesses of one actor to one path after the other.
#[derive(Debug)]
pub struct Reader<'a> {
    traced: &'a Traced,
    /// Programs that remove: what they miss they would have removed.
    removers: HashSet<TextNo>,
    /// Programs that go through trees: what is in a directory that they have listed, they know from
    /// there. (Others list a directory, too, and then look for a name of their own, as make does.)
    walkers: HashSet<TextNo>,
    /// See [`MAKERS`].
    makers: HashSet<TextNo>,
    /// When a directory was listed first.
    listed: HashMap<(&'a [u8], Doer), (u32, Time)>,
    /// When a directory was made last in another.
    filled: HashMap<(&'a [u8], Doer), (u32, Time)>,
}

/// An actor's program, at a line.
type Doer = (u32, TextNo, Option<TextNo>);

/// What was read.
#[derive(Debug)]
pub struct Read {
    /// Of each access.
    pub hows: Vec<How>,
    /// Of all together.
    pub facts: Facts,
}

/// How it stands with a path, as far as the actor knows.
#[derive(Debug, Default, Clone, Copy)]
struct Known {
    /// It saw to it that there is something.
    there: bool,
    /// It found something, or saw to it.
    found: bool,
    /// It has read it.
    read: bool,
    /// It saw to it that there is nothing.
    gone: bool,
}

impl<'a> Reader<'a> {
    /// One for a traced run.
    pub fn new(traced: &'a Traced, segments: &Segments<'_>) -> Self {
        let named = |names: &[&str]| -> HashSet<TextNo> {
            let name = |text: &str| names.contains(&text.rsplit('/').next().unwrap_or_default());
            traced.texts.iter().zip(0..).filter(|(text, _)| name(text)).map(|(_, at)| at).collect()
        };
        let (mut listed, mut filled) = (HashMap::new(), HashMap::new());
        for access in &traced.accesses {
            let Some(path) = traced.paths.get(access.path as usize) else { continue };
            let doer = (segments.actor_of(access.group) as u32, access.program, access.at);
            let when = (access.moment, access.first);
            match (access.op, parent(path)) {
                (Op::List, _) => {
                    listed.entry((path.as_slice(), doer)).or_insert(when);
                }
                (Op::MakeDir | Op::HaveDir, Some(dir)) => {
                    filled.insert((dir, doer), when);
                }
                _ => {}
            }
        }
        Self {
            traced,
            removers: named(&["rm", "rmdir", "unlink"]),
            walkers: named(&WALKERS),
            makers: named(&MAKERS),
            listed,
            filled,
        }
    }

    /// What the accesses of an actor to a path mean; they are in order.
    pub fn read(&self, accesses: &[&Access], actor: u32) -> Read {
        let made = |access: &&Access| matches!(access.op, Op::MakeDir | Op::HaveDir);
        let last_made = accesses.iter().rposition(made);
        let mut known = Known::default();
        let mut facts = Facts::default();
        let mut hows = Vec::with_capacity(accesses.len());
        for (at, access) in accesses.iter().enumerate() {
            let op = access.op;
            let how = match op {
                Op::Miss if access.searched >= access.count => How::Searched,
                Op::Miss if self.removers.contains(&access.program) => How::Removing,
                Op::Miss | Op::Look | Op::Taken if is_placed(access, &accesses[at..]) => {
                    How::Placing
                }
                Op::Miss | Op::Look if last_made.is_some_and(|made| made > at) => How::Making,
                Op::Fill if self.makers.contains(&access.program) => How::Making,
                Op::Look if self.is_filled(access, actor) => How::Making,
                Op::Miss if known.gone => How::Gone,
                Op::Create if also(access, accesses, &[Op::Touch]) => How::Touching,
                Op::Create if also(access, accesses, &[Op::Append, Op::Read]) => How::Keeping,
                Op::RenameOnto if known.found => How::Replacing,
                _ if known.there && (uses(op) || matches!(op, Op::Taken | Op::DirTaken)) => {
                    How::Ensured
                }
                _ if (uses(op) || op == Op::Miss) && self.is_listed(access, actor) => How::Listed,
                _ => How::Plain,
            };
            let over = match op {
                Op::Truncate | Op::RenameOnto => !known.read,
                Op::Create => how == How::Plain && !known.read,
                _ => false,
            };
            facts.set(Facts::OVERWRITTEN, over);
            facts.set(Facts::CHANGED, changes(Deed { op, how, held: access.held }));
            known.learn(op, how);
            hows.push(how);
        }
        let any = |op: Op| accesses.iter().any(|access| access.op == op);
        let made = any(Op::Create)
            || any(Op::CreateNew)
            || any(Op::MakeDir)
            || any(Op::NewDir)
            || any(Op::Bind);
        let withdrawn = any(Op::Remove) || any(Op::RenameFrom);
        let last = accesses.iter().rfind(|access| access.op != Op::Miss);
        let gone = last.is_some_and(|last| matches!(last.op, Op::Remove | Op::RenameFrom));
        facts.set(Facts::LOCKED, any(Op::Lock));
        facts.set(Facts::PROTOCOL, self.is_lock(accesses));
        facts.set(Facts::PUBLISHED, made || any(Op::RenameOnto));
        facts.set(Facts::WITHDRAWN, withdrawn);
        facts.set(Facts::PRIVATE, made && gone);
        Read { hows, facts }
    }

    /// Whether the same program had listed the directory before, at the same line, to go through it.
    fn is_listed(&self, access: &Access, actor: u32) -> bool {
        if !self.walkers.contains(&access.program) {
            return false;
        }
        let path = self.traced.paths.get(access.path as usize);
        let Some(dir) = path.and_then(|path| parent(path)) else { return false };
        let first = self.listed.get(&(dir, (actor, access.program, access.at)));
        first.is_some_and(|first| *first <= (access.moment, access.first))
    }

    /// Whether the same program makes a directory in there afterwards, at the same line: so look
    /// those that make all that is missing on the way (Python's `makedirs`).
    fn is_filled(&self, access: &Access, actor: u32) -> bool {
        let Some(path) = self.traced.paths.get(access.path as usize) else { return false };
        let last = self.filled.get(&(path.as_slice(), (actor, access.program, access.at)));
        last.is_some_and(|last| *last >= (access.moment, access.first))
    }

    /// Whether somebody uses a name as a lock: makes what has to be new, and removes what he made,
    /// and nothing else. (Who only found it taken had to do without: then it matters who comes
    /// first.)
    fn is_lock(&self, accesses: &[&Access]) -> bool {
        let (mut holds, mut held) = (false, false);
        for access in accesses {
            match access.op {
                Op::CreateNew | Op::MakeDir | Op::NewDir => (holds, held) = (true, true),
                Op::Remove | Op::RenameFrom if holds => holds = false,
                Op::Remove | Op::RenameFrom => return false,
                Op::Miss if !held && self.removers.contains(&access.program) => return false,
                _ => {}
            }
        }
        held && !holds
    }
}

impl Known {
    fn learn(&mut self, op: Op, how: How) {
        match op {
            Op::Remove | Op::RenameFrom => *self = Self { gone: true, ..Self::default() },
            Op::Miss => {
                (self.there, self.found) = (false, false);
                self.gone |= how == How::Removing;
            }
            Op::Look | Op::Read | Op::Exec | Op::List | Op::Meta | Op::Fill => {
                self.found = true;
                // It would have made it.
                self.there |= how == How::Making;
            }
            // A shell that writes makes the file if there is none.
            Op::Create
            | Op::CreateNew
            | Op::Taken
            | Op::MakeDir
            | Op::HaveDir
            | Op::NewDir
            | Op::DirTaken
            | Op::Bind
            | Op::RenameOnto
            | Op::Write
            | Op::Append
            | Op::Truncate
            | Op::Touch => (self.there, self.found, self.gone) = (true, true, false),
            Op::Inherit | Op::Connect | Op::Lock => {}
        }
        self.read |= op == Op::Read;
    }
}

/// Whether its program renames another onto it afterwards, at the same line: `mv` and `ln -f` look
/// at what is there.
fn is_placed(access: &Access, later: &[&Access]) -> bool {
    let own = |other: &&Access| (other.program, other.at) == (access.program, access.at);
    later.iter().any(|other| other.op == Op::RenameOnto && own(other))
}

/// Whether it needs something to be there.
fn uses(op: Op) -> bool {
    matches!(op, Op::Look | Op::Read | Op::Exec | Op::List | Op::Meta | Op::Fill | Op::Lock)
}

/// Whether there is one of these accesses at the same time: what would have been done to a file
/// that was there (see [`Op::Create`]).
fn also(create: &Access, accesses: &[&Access], ops: &[Op]) -> bool {
    let when = (create.moment, create.first);
    accesses.iter().any(|a| ops.contains(&a.op) && (a.moment, a.first) == when)
}

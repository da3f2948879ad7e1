//! What each segment did to each path, without what says nothing new.
//!
//! Of the accesses of one segment to one path that mean the same, one stands for all: the first,
//! or the first with a line. What they mean, [`super::meaning`] tells.

use std::collections::HashMap;

use super::meaning::Reader;
use super::segments::Segments;
use crate::run::Time;
use crate::run::footprint::{Access, FileNo, HeldNo, Op, PathNo, Traced};

/// What more is known of an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum How {
    /// Nothing.
    Plain,
    /// A miss that was a step of a search, which found its file elsewhere.
    Searched,
    /// A miss by somebody who wanted to remove it.
    Removing,
    /// A miss of what the actor itself had removed.
    Gone,
    /// A look after which the actor makes the directory itself, if it is not there.
    Making,
    /// A look by a program that then puts another in its place: what that does, this does.
    Placing,
    /// Found where the actor itself had seen to it that there is one.
    Ensured,
    /// Found, or not, by who knew the name from listing the directory.
    Listed,
    /// Created to be appended to, or as an empty file: what is there is kept.
    Keeping,
    /// Created by touch(1), which writes nothing.
    Touching,
    /// Renamed onto a name that the actor had found: it was there before.
    Replacing,
}

/// What was done, as far as conflicts go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Deed {
    /// What.
    pub op: Op,
    /// See there.
    pub how: How,
    /// Under which locks.
    pub held: HeldNo,
}

/// A deed of a segment.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    /// To which path.
    pub path: PathNo,
    /// By which segment.
    pub node: u32,
    /// What.
    pub deed: Deed,
    /// The access that stands for it, by its place in the trace.
    pub shown: u32,
}

/// What an actor did to a path, in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts(u8);

impl Facts {
    /// It locked it.
    pub const LOCKED: Self = Self(1);
    /// It made it anew, and removed it: a lock file.
    pub const PROTOCOL: Self = Self(1 << 1);
    /// It made the name, or put another file there.
    pub const PUBLISHED: Self = Self(1 << 2);
    /// It removed the name, or renamed it away.
    pub const WITHDRAWN: Self = Self(1 << 3);
    /// It changed it.
    pub const CHANGED: Self = Self(1 << 4);
    /// It wrote over it without having read it.
    pub const OVERWRITTEN: Self = Self(1 << 5);
    /// Nobody else had to do with it, and in the end it was gone.
    pub const PRIVATE: Self = Self(1 << 6);

    /// Whether it has all of those.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Adds those.
    pub fn set(&mut self, other: Self, whether: bool) {
        if whether {
            self.0 |= other.0;
        }
    }
}

/// All deeds, and what they come to.
#[derive(Debug, Default)]
pub struct Deeds {
    /// Sorted by path, then by segment.
    pub items: Vec<Item>,
    /// What was done to the contents of files that have several paths. Sorted by file, then by
    /// segment.
    pub linked: Vec<(FileNo, Item)>,
    facts: HashMap<(PathNo, u32), Facts>,
}

impl Deeds {
    /// Those of a traced run, but for paths of which `skip` says so.
    pub fn new(traced: &Traced, segments: &Segments<'_>, skip: &[bool]) -> Self {
        let skipped = |path: PathNo| skip.get(path as usize).copied().unwrap_or(true);
        let accesses = traced.accesses.iter().zip(0u32..);
        let mut order: Vec<(PathNo, u32, u32, Time, u32)> = accesses
            .filter(|(access, _)| !skipped(access.path))
            .map(|(a, at)| (a.path, segments.actor_of(a.group) as u32, a.moment, a.first, at))
            .collect();
        order.sort_unstable();
        let mut this = Self::default();
        let reader = Reader::new(traced, segments);
        for same_path in order.chunk_by(|a, b| a.0 == b.0) {
            let mut actors = 0;
            let mut facts = Facts::default();
            for own in same_path.chunk_by(|a, b| a.1 == b.1) {
                let accesses: Vec<&Access> =
                    own.iter().map(|key| &traced.accesses[key.4 as usize]).collect();
                let read = reader.read(&accesses, own[0].1);
                let shown = own.iter().zip(&accesses).zip(&read.hows);
                this.items.extend(shown.map(|((key, access), how)| Item {
                    path: access.path,
                    node: segments.node(access),
                    deed: Deed { op: access.op, how: *how, held: access.held },
                    shown: key.4,
                }));
                facts = read.facts;
                actors += 1;
                if facts != Facts::default() {
                    this.facts.insert((own[0].0, own[0].1), facts);
                }
            }
            if actors == 1 && facts.has(Facts::PRIVATE) {
                continue;
            }
            for own in same_path.chunk_by(|a, b| a.1 == b.1) {
                if let Some(facts) = this.facts.get_mut(&(own[0].0, own[0].1)) {
                    facts.0 &= !Facts::PRIVATE.0;
                }
            }
        }
        // Of those that mean the same, the first is what tells most.
        let telling = |item: &Item| {
            let access = &traced.accesses[item.shown as usize];
            (access.at.is_none(), access.first, item.shown)
        };
        this.linked = linked(traced, &this.items);
        this.linked.sort_unstable_by_key(|(file, item)| {
            (*file, item.node, item.path, item.deed, telling(item))
        });
        this.linked.dedup_by_key(|(file, item)| (*file, item.node, item.path, item.deed));
        this.items.sort_unstable_by_key(|i| (i.path, i.node, i.deed, telling(i)));
        this.items.dedup_by_key(|item| (item.path, item.node, item.deed));
        this
    }

    /// What an actor did to a path.
    pub fn facts(&self, path: PathNo, actor: u32) -> Facts {
        self.facts.get(&(path, actor)).copied().unwrap_or_default()
    }

    /// All paths and actors of which there is something to know.
    pub fn known(&self) -> impl Iterator<Item = (PathNo, u32, Facts)> + '_ {
        self.facts.iter().map(|((path, actor), facts)| (*path, *actor, *facts))
    }
}

/// What was done to the contents of files that have several paths.
fn linked(traced: &Traced, items: &[Item]) -> Vec<(FileNo, Item)> {
    let file = |item: &Item| traced.accesses[item.shown as usize].file;
    // Of each file, one of its paths, and whether there are others.
    let mut named: HashMap<FileNo, (PathNo, bool)> = HashMap::new();
    let contents = items.iter().filter(|item| is_of_contents(item.deed.op));
    for (item, file) in contents.clone().filter_map(|item| Some((item, file(item)?))) {
        let known = named.entry(file).or_insert((item.path, false));
        known.1 |= known.0 != item.path;
    }
    let several = |file: &FileNo| named.get(file).is_some_and(|(_, several)| *several);
    contents.filter_map(|item| Some((file(item).filter(several)?, *item))).collect()
}

/// Whether it reaches the file itself, whatever the path by which it was found.
fn is_of_contents(op: Op) -> bool {
    matches!(
        op,
        Op::Write
            | Op::Append
            | Op::Truncate
            | Op::Create
            | Op::Read
            | Op::Exec
            | Op::Inherit
            | Op::Meta
            | Op::Touch
    )
}

/// Whether it changes what others use, or would if somebody had not been first.
pub fn changes(deed: Deed) -> bool {
    match deed.op {
        Op::Write
        | Op::Append
        | Op::Truncate
        | Op::Inherit
        | Op::Create
        | Op::CreateNew
        | Op::MakeDir
        | Op::NewDir
        | Op::Remove
        | Op::RenameFrom
        | Op::RenameOnto
        | Op::Meta
        | Op::Touch
        | Op::Taken
        | Op::HaveDir
        | Op::DirTaken
        | Op::Bind => true,
        Op::Miss => deed.how == How::Removing,
        Op::Look | Op::Read | Op::Exec | Op::Fill | Op::List | Op::Connect | Op::Lock => false,
    }
}

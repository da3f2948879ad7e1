//! Finds the pairs that conflict: which deeds meet at an object, which of
//! their segments nothing orders, and what the table says of them.
//!
//! Objects are paths; files, where they have several names; directories, of whose
//! entries some change while others list them; and directories that are removed or renamed, with
//! all that is below. Of each object only segments are compared of which one changes
//! something; so what everybody reads costs nothing.
//!
//! Of two, at one path, one conflict of each class is kept: the worst. At one object, at most
//! [`MOST`] pairs of actors are told: who reads about so many knows enough. Where there are [`ALL`]
//! by then, it is [`FEW`] at each further one: so nothing is left out altogether, and neither time
//! nor room is without bounds.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::conflict::{self, Clash};
use super::deeds::{Deeds, Facts, Item};
use super::finding::{Class, Level};
use super::harmless::{Knowledge, One};
use super::meet::{Meeting, Met, meetings, unordered};
use super::order::Order;
use super::segments::{Segments, Whose};
use crate::run::Time;
use crate::run::footprint::{Op, PathNo, Traced};

/// So many pairs of actors are told of one object.
const MOST: usize = 5_000;
/// So many conflicts there may be before only a few are told of each further one.
const ALL: usize = 1_000_000;
/// So many then.
const FEW: usize = 100;

/// A conflict of two.
#[derive(Debug, Clone)]
pub struct Conflict {
    /// What it is.
    pub clash: Clash,
    /// What it is about.
    pub path: PathNo,
    /// Both, the one that changes first: the segment and the access, by its place.
    pub sides: [(u32, u32); 2],
}

/// Where, between whom, and what.
pub type Key = (PathNo, Whose, Whose, Class);

/// Looks for conflicts.
pub struct Finder<'a, 'b> {
    pub(super) traced: &'a Traced,
    pub(super) segments: &'b Segments<'a>,
    pub(super) deeds: &'b Deeds,
    knowledge: &'b Knowledge<'a>,
    order: Order,
    /// The numbers of paths.
    pub(super) paths: HashMap<&'a [u8], PathNo>,
    /// Where each path's items begin; there is one more.
    starts: Vec<usize>,
    found: HashMap<Key, Conflict>,
    /// See [`ALL`].
    all: usize,
}

/// At what they meet.
#[derive(Clone, Copy)]
pub(super) enum At {
    /// One path.
    Path,
    /// One file, by several paths.
    File,
    /// A directory: some change its entries, others list them.
    List(PathNo),
    /// A directory, and a path below it.
    Below(PathNo),
}

impl<'a, 'b> Finder<'a, 'b> {
    /// Gets ready.
    pub fn new(
        traced: &'a Traced,
        segments: &'b Segments<'a>,
        deeds: &'b Deeds,
        knowledge: &'b Knowledge<'a>,
        order: Order,
    ) -> Self {
        let paths = traced.paths.iter().map(Vec::as_slice).zip(0..).collect();
        let mut starts = vec![0; traced.paths.len() + 1];
        for item in &deeds.items {
            starts[item.path as usize + 1] += 1;
        }
        for at in 0..traced.paths.len() {
            starts[at + 1] += starts[at];
        }
        let found = HashMap::new();
        Self { traced, segments, deeds, knowledge, order, paths, starts, found, all: ALL }
    }

    /// All conflicts; and the order back.
    pub fn find(mut self) -> (HashMap<Key, Conflict>, Order) {
        self.at_paths();
        self.in_files();
        self.in_directories();
        self.below();
        (self.found, self.order)
    }

    /// What was done to a path.
    pub(super) fn items(&self, path: PathNo) -> &'b [Item] {
        let path = path as usize;
        &self.deeds.items[self.starts[path]..self.starts[path + 1]]
    }

    /// Compares the items at one object, which are sorted by their segments.
    pub(super) fn meet(&mut self, items: &[Item], at: At) {
        let actor = |item: &Item| self.segments.whose(item.node).actor;
        if items.iter().all(|item| actor(item) == actor(&items[0])) {
            return;
        }
        let here = meetings(items);
        let before = self.found.len();
        let most = if before < self.all { MOST } else { FEW };
        let mut met: Option<Met> = None;
        let (segments, traced) = (self.segments, self.traced);
        let mut order = std::mem::take(&mut self.order);
        unordered(&here, &mut order, |one, other| {
            let met = met.get_or_insert_with(|| Met::new(&here, segments, traced));
            if met.is_new(one, other) {
                self.compare(here[one], here[other], at);
            }
            self.found.len() - before < most
        });
        self.order = order;
    }

    /// Compares all that two segments, which nothing orders, do at one object.
    fn compare(&mut self, one: Meeting<'_>, other: Meeting<'_>, at: At) {
        for a in one.items {
            for b in other.items {
                let (there, back) = (self.clash(a, b, at), self.clash(b, a, at));
                let path = |a: &Item, b: &Item| match at {
                    At::List(dir) | At::Below(dir) => dir,
                    At::Path => a.path,
                    // Both write: by one of its names, whichever is first.
                    At::File if there.is_some() && back.is_some() => {
                        let name = |path: PathNo| &self.traced.paths[path as usize];
                        if name(a.path) < name(b.path) { a.path } else { b.path }
                    }
                    At::File => a.path,
                };
                let (one, other) = (path(a, b), path(b, a));
                if let Some(clash) = there {
                    self.add(clash, a, b, one);
                }
                if let Some(clash) = back {
                    self.add(clash, b, a, other);
                }
            }
        }
    }

    /// What `a`, which changes, does to `b`.
    fn clash(&self, a: &Item, b: &Item, at: At) -> Option<Clash> {
        match at {
            At::Path => conflict::at_path(a.deed, b.deed),
            At::File if a.path == b.path || self.published(a, b) => None,
            At::File => conflict::in_file(a.deed, b.deed),
            At::List(dir) => {
                let lists = b.deed.op == Op::List && a.path != b.path && a.path != dir;
                if !lists || !conflict::changes_list(a.deed.op) {
                    return None;
                }
                let clash = Clash::new(Class::ChangeList, Level::Warning);
                Some(match self.mild(a) {
                    Some(why) => Clash { level: Level::Note, harmless: Some(why), ..clash },
                    None => clash,
                })
            }
            At::Below(dir) if a.path != dir || b.path == dir => None,
            // What it removed there is told there.
            At::Below(_) if a.deed.op == Op::Remove && self.withdrew(a, b.path) => None,
            // A link that is removed takes along what is below; a directory is empty then.
            At::Below(dir) if a.deed.op == Op::Remove && b.deed.op == Op::Miss => {
                let link = self.items(dir).iter().any(|item| item.deed.op == Op::CreateNew);
                conflict::at_path(a.deed, b.deed).filter(|_| link)
            }
            At::Below(_) => conflict::below(a.deed, b.deed),
        }
    }

    fn withdrew(&self, item: &Item, path: PathNo) -> bool {
        let actor = self.segments.whose(item.node).actor;
        self.deeds.facts(path, actor).has(Facts::WITHDRAWN)
    }

    /// What the actor of an item did to its path.
    pub(super) fn facts(&self, item: &Item) -> Facts {
        self.deeds.facts(item.path, self.segments.whose(item.node).actor)
    }

    fn one(&self, item: &Item) -> One {
        let whose = self.segments.whose(item.node);
        One { whose, access: item.shown, deed: item.deed, facts: self.facts(item) }
    }

    fn add(&mut self, clash: Clash, a: &Item, b: &Item, path: PathNo) {
        let clash = self.knowledge.demoted(clash, a.path, self.one(a), self.one(b));
        let (one, other) = (self.segments.whose(a.node), self.segments.whose(b.node));
        let key = (path, one.min(other), one.max(other), clash.class);
        let conflict = Conflict { clash, path, sides: [(a.node, a.shown), (b.node, b.shown)] };
        let worth = |conflict: &Conflict| (conflict.clash.rank(), Reverse(self.example(conflict)));
        if self.found.get(&key).is_none_or(|known| worth(&conflict) > worth(known)) {
            self.found.insert(key, conflict);
        }
    }

    /// Least of those that are good examples: with lines; who changes is who is named first; early.
    fn example(&self, conflict: &Conflict) -> (u8, bool, [Time; 2], [(u32, u32); 2]) {
        let [a, b] = conflict.sides.map(|(_, access)| &self.traced.accesses[access as usize]);
        let [one, other] = conflict.sides.map(|(node, _)| self.segments.whose(node));
        let lines = u8::from(a.at.is_none()) + u8::from(b.at.is_none());
        (lines, !self.segments.precedes(one, other), [a.first, b.first], conflict.sides)
    }

    /// Whether the writer gave the file, when it was done with it, the name by which the other
    /// used it: by renaming it, or a directory around it, or by a link. Then what matters is
    /// what that does to the name.
    fn published(&self, writer: &Item, other: &Item) -> bool {
        let actor = self.segments.whose(writer.node).actor;
        let above = |path: PathNo, fact: Facts| {
            let path = self.traced.paths[path as usize].as_slice();
            std::iter::successors(Some(path), |path| parent(path)).any(|path| {
                let number = self.paths.get(path).copied();
                number.is_some_and(|number| self.deeds.facts(number, actor).has(fact))
            })
        };
        above(writer.path, Facts::WITHDRAWN) && above(other.path, Facts::PUBLISHED)
    }
}

/// The directory that a path is in.
pub(super) fn parent(path: &[u8]) -> Option<&[u8]> {
    let at = path.iter().rposition(|b| *b == b'/')?;
    match at {
        0 if path.len() == 1 => None,
        0 => Some(&path[..1]),
        _ => Some(&path[..at]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Input;
    use crate::check::sample::{Program, in_turn};

    #[test]
    fn where_there_are_very_many_each_path_is_told_all_the_same() {
        const TASKS: usize = 110;
        let starts: Vec<String> = (0..TASKS).map(|n| format!("start t{n}")).collect();
        let mut lines = vec![format!("script: {}", starts.join("; "))];
        lines.extend((0..TASKS).map(|n| format!("t{n}: write /x; write /y; write /z")));
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let (traced, runs) = Program::new(&lines).run(&mut in_turn());
        let input = Input { traced: &traced, runs: &runs, suppressions: None, baseline: None };
        let segments = Segments::new(&input);
        let deeds = Deeds::new(&traced, &segments, &crate::check::own(&input));
        let knowledge = Knowledge::new(&traced, &segments, &deeds);
        let order = Order::new(segments.len(), &segments.arrows);
        let mut finder = Finder::new(&traced, &segments, &deeds, &knowledge, order);
        finder.all = MOST + 1;
        let (found, _) = finder.find();
        let mut counts: Vec<usize> = (0..traced.paths.len() as PathNo)
            .map(|path| found.keys().filter(|key| key.0 == path).count())
            .filter(|count| *count > 0)
            .collect();
        counts.sort_unstable();
        assert_eq!(counts, [FEW, MOST, MOST]);
    }
}

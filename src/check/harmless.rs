//! Conflicts that do no harm, or less: what is known beyond the two deeds
//! themselves. The table has those that the deeds alone decide.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::conflict::Clash;
use super::deeds::{Deeds, Facts};
use super::finding::{Class, Harmless, Level};
use super::places::{self, Manager};
use super::segments::{SCRIPT, Segments, Whose};
use crate::run::footprint::{Access, FileNo, HeldNo, Op, PathNo, Traced};

/// What demotions ask.
#[derive(Debug)]
pub struct Knowledge<'a> {
    traced: &'a Traced,
    /// By actor: the locks that its task holds from its begin to its end, each with its run.
    locks: Vec<BTreeSet<(usize, &'a str)>>,
    /// Which actors change what a manager keeps.
    managing: HashSet<(Manager, u32)>,
    /// Of each set of held files, those that are not a manager's.
    held: Vec<Vec<FileNo>>,
    /// What was in files, at one time or another.
    contents: HashSet<(FileNo, u64)>,
}

/// One side of a conflict, as demotions see it.
#[derive(Debug, Clone, Copy)]
pub struct One {
    /// Whose.
    pub whose: Whose,
    /// The access, by its place.
    pub access: u32,
    /// Its locks.
    pub held: HeldNo,
    /// What its actor did there in all.
    pub facts: Facts,
}

impl<'a> Knowledge<'a> {
    /// Gathers it.
    pub fn new(traced: &'a Traced, segments: &Segments<'a>, deeds: &Deeds) -> Self {
        let mut managing = HashSet::new();
        for (path, actor, facts) in deeds.known() {
            if facts.has(Facts::CHANGED) || facts.has(Facts::LOCKED) {
                managing.extend(places::manager(&traced.path(path)).map(|m| (m, actor)));
            }
        }
        // A manager's own lock does not make its users wait for each other: they fail.
        let mut kept: HashMap<FileNo, bool> = HashMap::new();
        for access in traced.accesses.iter().filter(|access| access.op == Op::Lock) {
            if let Some(file) = access.file {
                let is = kept.entry(file).or_default();
                *is |= places::manager(&traced.path(access.path)).is_some();
            }
        }
        let own = |set: &Vec<FileNo>| {
            set.iter().copied().filter(|file| kept.get(file) != Some(&true)).collect()
        };
        let held = traced.held.iter().map(own).collect();
        let contents = traced.contents.iter().map(|((_, file), digest)| (*file, *digest)).collect();
        Self { traced, locks: locks(segments), managing, held, contents }
    }

    /// The manager over whose state two contend, if both change it.
    pub fn contended(&self, path: PathNo, actors: [u32; 2]) -> Option<Manager> {
        let manager = places::manager(&self.traced.path(path))?;
        actors.iter().all(|actor| self.managing.contains(&(manager, *actor))).then_some(manager)
    }

    /// Whether the two exclude each other by a lock that makes one wait.
    pub fn locked(&self, one: One, other: One) -> bool {
        let locks = |one: One| self.locks.get(one.whose.actor as usize).filter(|_| !one.whose.left);
        let tasks = match (locks(one), locks(other)) {
            (Some(a), Some(b)) => !a.is_disjoint(b),
            _ => false,
        };
        let held = |one: One| self.held.get(one.held as usize).map_or(&[][..], Vec::as_slice);
        tasks || held(one).iter().any(|file| held(other).contains(file))
    }

    /// What becomes of a conflict at `path`.
    pub fn demoted(&self, clash: Clash, path: PathNo, one: One, other: One) -> Clash {
        let note = |why| Clash { level: Level::Note, harmless: Some(why), ..clash };
        if clash.level == Level::Note && clash.harmless.is_some() {
            return clash;
        }
        if self.locked(one, other) {
            return note(Harmless::Locked);
        }
        let both = |facts: Facts| one.facts.has(facts) && other.facts.has(facts);
        // Who makes a name that has to be new, and removes it, makes a lock of it; so does who
        // locks the file. Only that a locked file is removed is no part of it.
        let removed = clash.class == Class::RemoveUse;
        if both(Facts::PROTOCOL) || both(Facts::LOCKED) && !removed {
            return note(Harmless::Locked);
        }
        if clash.level == Level::Note {
            return clash;
        }
        let name = self.traced.path(path);
        // Who removes a cache, or finds it gone, has it made anew.
        if places::is_cache(&name) {
            return note(Harmless::Cache);
        }
        if self.same(clash.class, one, other) {
            return note(Harmless::SameContent);
        }
        // Where the other had been there before, its entry is; only the time of the file changes.
        let [a, b] = [one, other].map(|one| &self.traced.accesses[one.access as usize]);
        let looked = clash.class == Class::ReplaceRead && b.op == Op::Look;
        if looked && one.facts.has(Facts::REPLACED) {
            return Clash { class: Class::Metadata, level: Level::Note, harmless: None };
        }
        let grows = a.op == Op::Append && clash.class == Class::WriteRead;
        if grows && places::is_log(&name) {
            return Clash { level: Level::Warning, ..clash };
        }
        clash
    }

    /// Whether both leave the same in the file. (While one writes, another reads a part: so it
    /// helps two writers, and who reads what is renamed into place.)
    fn same(&self, class: Class, one: One, other: One) -> bool {
        let traced = self.traced;
        let [a, b] = [one, other].map(|one| &traced.accesses[one.access as usize]);
        let own = |access: &Access| traced.contents.get(&(access.group, access.file?)).copied();
        let whole = |op: Op| matches!(op, Op::Create | Op::Truncate | Op::RenameOnto);
        match class {
            Class::WriteWrite | Class::CreateCreate if whole(a.op) && whole(b.op) => {
                own(a).is_some() && own(a) == own(b)
            }
            Class::ReplaceRead if a.file != b.file => {
                let pair = b.file.zip(own(a));
                pair.is_some_and(|pair| self.contents.contains(&pair))
            }
            _ => false,
        }
    }
}

/// The locks that each actor is under: its task's, and those of the tasks around
/// it, as far as these wait for it before they end.
fn locks<'a>(segments: &Segments<'a>) -> Vec<BTreeSet<(usize, &'a str)>> {
    let mut found: Vec<BTreeSet<(usize, &str)>> = Vec::with_capacity(segments.actors.len());
    for (at, actor) in segments.actors.iter().enumerate() {
        let mut own = BTreeSet::new();
        if let Some((run, task)) = actor.task {
            own.extend(task.options.locks.iter().map(|lock| (run, lock.as_str())));
            let parent = actor.parent;
            if parent != SCRIPT && segments.awaited(at) {
                own.extend(found[parent].iter().copied());
            }
        }
        found.push(own);
    }
    found
}

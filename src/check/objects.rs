//! Where deeds can meet: at a path, in a file with several names, in a
//! directory that is listed, and below one that is removed or renamed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::conflict;
use super::deeds::{Facts, How, Item};
use super::finding::Harmless;
use super::pairs::{At, Finder, parent};
use super::places;
use crate::run::Time;
use crate::run::footprint::{FileNo, Op, PathNo};

impl Finder<'_, '_> {
    /// Paths.
    pub(super) fn at_paths(&mut self) {
        let deeds = self.deeds;
        for same in deeds.items.chunk_by(|a, b| a.path == b.path) {
            self.meet(same, At::Path);
        }
    }

    /// Files with several names.
    pub(super) fn in_files(&mut self) {
        let deeds = self.deeds;
        for same in deeds.linked.chunk_by(|a, b| a.0 == b.0) {
            if self.lasting(same) {
                let items: Vec<Item> = same.iter().map(|(_, item)| *item).collect();
                self.meet(&items, At::File);
            }
        }
    }

    /// Whether it is one file all the time: where the file system does not tell when a file was
    /// made, its number may have been used again.
    fn lasting(&self, same: &[(FileNo, Item)]) -> bool {
        let made = self.traced.files.get(same[0].0 as usize).map_or(0, |file| file.made);
        let comes_or_goes =
            |op: Op| matches!(op, Op::Create | Op::CreateNew | Op::Remove | Op::RenameFrom);
        made != 0
            || !same.iter().any(|(_, item)| {
                self.items(item.path).iter().any(|item| comes_or_goes(item.deed.op))
            })
    }

    /// Directories that are listed.
    pub(super) fn in_directories(&mut self) {
        // By its path and by other names of it: who lists it.
        let mut files: HashMap<FileNo, Vec<PathNo>> = HashMap::new();
        let mut listed: HashMap<PathNo, Vec<Item>> = HashMap::new();
        for item in self.deeds.items.iter().filter(|item| item.deed.op == Op::List) {
            listed.entry(item.path).or_default().push(*item);
            if let Some(file) = self.traced.accesses[item.shown as usize].file {
                files.entry(file).or_default().push(item.path);
            }
        }
        if listed.is_empty() {
            return;
        }
        let mut changed: HashMap<PathNo, Vec<Item>> = HashMap::new();
        for item in self.deeds.items.iter().filter(|item| conflict::changes_list(item.deed.op)) {
            let path = self.traced.paths[item.path as usize].as_slice();
            let Some(dir) = parent(path).and_then(|dir| self.paths.get(dir)).copied() else {
                continue;
            };
            changed.entry(dir).or_default().push(*item);
        }
        let mut dirs: Vec<PathNo> = changed.keys().copied().collect();
        dirs.sort_unstable();
        for dir in dirs {
            let mut lists: Vec<Item> = listed.get(&dir).cloned().unwrap_or_default();
            let own = self
                .items(dir)
                .iter()
                .filter_map(|item| self.traced.accesses[item.shown as usize].file);
            let aliases = own.flat_map(|file| files.get(&file).into_iter().flatten());
            let mut aliases: Vec<PathNo> = aliases.copied().filter(|alias| *alias != dir).collect();
            aliases.sort_unstable();
            aliases.dedup();
            lists.extend(aliases.iter().flat_map(|alias| &listed[alias]));
            if lists.is_empty() {
                continue;
            }
            let mut items = self.telling(&changed[&dir]);
            items.extend(lists);
            items.sort_by_key(|item| (item.node, item.path, item.deed));
            self.meet(&items, At::List(dir));
        }
    }

    /// Of each segment's changes to a directory one that tells most.
    fn telling(&self, changes: &[Item]) -> Vec<Item> {
        let mut best: HashMap<u32, ((bool, Time, PathNo), Item)> = HashMap::new();
        for item in changes {
            // It was there before: the list is the same.
            if item.deed.how == How::Replacing {
                continue;
            }
            let mild = self.mild(item).is_some();
            let key = (mild, self.traced.accesses[item.shown as usize].first, item.path);
            match best.entry(item.node) {
                Entry::Occupied(mut known) if key < known.get().0 => {
                    known.insert((key, *item));
                }
                Entry::Occupied(_) => {}
                Entry::Vacant(none) => {
                    none.insert((key, *item));
                }
            }
        }
        best.into_values().map(|(_, item)| item).collect()
    }

    /// Why a change to a directory does not matter to who lists it.
    pub(super) fn mild(&self, item: &Item) -> Option<Harmless> {
        if self.facts(item).has(Facts::PRIVATE) {
            return Some(Harmless::Private);
        }
        let path = self.traced.path(item.path);
        places::is_cache(&path).then_some(Harmless::Cache)
    }

    /// Directories that are removed or renamed, and what is below.
    pub(super) fn below(&mut self) {
        let mut sorted: Vec<PathNo> = (0..self.traced.paths.len() as PathNo)
            .filter(|path| !self.items(*path).is_empty())
            .collect();
        sorted.sort_unstable_by_key(|path| &self.traced.paths[*path as usize]);
        let moves = |item: &&Item| {
            matches!(item.deed.op, Op::Remove | Op::RenameFrom | Op::RenameOnto | Op::CreateNew)
        };
        for at in 0..sorted.len() {
            let dir = sorted[at];
            let tree: Vec<Item> = self.items(dir).iter().filter(moves).copied().collect();
            if tree.is_empty() {
                continue;
            }
            let mut begin = self.traced.paths[dir as usize].clone();
            begin.push(b'/');
            let path = |path: &PathNo| self.traced.paths[*path as usize].as_slice();
            let from = at + sorted[at..].partition_point(|p| path(p) < begin.as_slice());
            let count = sorted[from..].partition_point(|p| path(p).starts_with(&begin));
            let rest: Vec<PathNo> = sorted[from..from + count].to_vec();
            let actor = |item: &Item| self.segments.whose(item.node).actor;
            let own = tree.iter().all(|item| actor(item) == actor(&tree[0]));
            let only = own.then(|| actor(&tree[0]));
            for inner in rest {
                if self.items(inner).iter().all(|item| Some(actor(item)) == only) {
                    continue;
                }
                let mut items = tree.clone();
                items.extend(self.items(inner));
                items.sort_by_key(|item| (item.node, item.path, item.deed));
                self.meet(&items, At::Below(dir));
            }
        }
    }
}

//! From conflicts to findings: what is settled is marked, what is the same
//! is put together, and all is in an order that does not depend on who came first.
//!
//! Put together are, of one pair, the paths in one place; then, where the first of these is the
//! same, the pairs who do the same by the same programs: where ten tasks fill a directory and ten
//! list it, that is told once and not a hundred times. What is an error is to be mended line by
//! line; so there the lines have to be the same, too.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::mem::{Discriminant, discriminant};

use super::conflict::Clash;
use super::deeds::Deeds;
use super::finding::{Class, Finding, Harmless, Level, Pair, Side, Who};
use super::fix::Fixer;
use super::harmless::Knowledge;
use super::lines::innermost;
use super::order::Order;
use super::pairs::{Conflict, Key, parent};
use super::places::Manager;
use super::segments::{Segments, Whose};
use super::suppress::Suppressions;
use super::waits::Waits;
use super::{Input, Unused};

/// What findings are made of.
pub struct Folder<'a, 'b> {
    /// What is judged.
    pub input: &'b Input<'a>,
    /// The segments.
    pub segments: &'b Segments<'a>,
    /// What they did.
    pub deeds: &'b Deeds,
    /// What demotions know.
    pub knowledge: &'b Knowledge<'a>,
}

impl Folder<'_, '_> {
    /// The findings, worst first, and the suppressions that nothing needed.
    pub fn fold(
        &self,
        found: HashMap<Key, Conflict>,
        order: &mut Order,
    ) -> (Vec<Finding>, Vec<Unused>) {
        let mut used = BTreeSet::new();
        let mut alike: BTreeMap<Alike, Vec<Conflict>> = BTreeMap::new();
        for conflict in self.contended(found) {
            let clash = self.settled(&conflict, &mut used);
            let [one, other] = conflict.sides.map(|(node, _)| self.segments.whose(node));
            let who = (one.min(other), one.max(other));
            let key = (clash.level, clash.class, clash.harmless, who);
            alike.entry(key).or_default().push(Conflict { clash, ..conflict });
        }
        let together = alike.into_values().flat_map(|same| self.by_place(same));
        let mut findings: Vec<(Finding, Conflict)> =
            together.filter_map(|same| self.finding(same)).collect();
        let place = |(finding, _): &(Finding, Conflict)| {
            let [one, other] = [&finding.sides[0].who, &finding.sides[1].who];
            let who = [one.min(other).clone(), one.max(other).clone()];
            (Reverse(finding.level), finding.class, finding.path.clone(), who)
        };
        findings.sort_by_cached_key(place);
        let unused = self.input.suppressions.map(|all| all.unused(&used));
        (self.by_code(findings, order), unused.unwrap_or_default())
    }

    /// Puts together what differs only in the pair; and finds the ways out, of the first of each.
    fn by_code(&self, findings: Vec<(Finding, Conflict)>, order: &mut Order) -> Vec<Finding> {
        let traced = self.input.traced;
        let waits = Waits::new(traced, self.segments);
        let fixer = Fixer { segments: self.segments, deeds: self.deeds, traced, waits };
        let mut known: HashMap<Same, usize> = HashMap::new();
        let mut told: Vec<Finding> = Vec::new();
        for (mut finding, conflict) in findings {
            match known.entry(same(&finding)) {
                Entry::Occupied(first) => {
                    let Finding { sides, more, .. } = finding;
                    told[*first.get()].others.push(Pair { sides, more });
                }
                Entry::Vacant(none) => {
                    none.insert(told.len());
                    if finding.level > Level::Note {
                        finding.fixes = fixer.fixes(&conflict, order);
                    }
                    told.push(finding);
                }
            }
        }
        told
    }

    /// Puts together what is in one directory, and what is below another that is told of.
    fn by_place(&self, mut same: Vec<Conflict>) -> impl Iterator<Item = Vec<Conflict>> + use<> {
        let paths = &self.input.traced.paths;
        let path = |conflict: &Conflict| paths[conflict.path as usize].as_slice();
        same.sort_by(|a, b| path(a).cmp(path(b)));
        let told: HashSet<&[u8]> = same.iter().map(path).collect();
        let mut places: BTreeMap<&[u8], Vec<Conflict>> = BTreeMap::new();
        for conflict in same {
            let around = std::iter::successors(Some(path(&conflict)), |path| parent(path));
            let top = around.filter(|path| told.contains(path)).last().unwrap_or_default();
            places.entry(parent(top).unwrap_or(top)).or_default().push(conflict);
        }
        places.into_values().collect::<Vec<_>>().into_iter()
    }

    /// Of all conflicts of two over what one package manager keeps, one stays.
    fn contended(&self, found: HashMap<Key, Conflict>) -> Vec<Conflict> {
        let mut rest = Vec::with_capacity(found.len());
        let mut contended: BTreeMap<(Manager, Whose, Whose), Vec<Conflict>> = BTreeMap::new();
        for ((path, one, other, _), conflict) in found {
            let open = !self.excluded(&conflict);
            let manager = self.knowledge.contended(path, [one.actor, other.actor]);
            match manager.filter(|_| open) {
                Some(manager) => {
                    contended.entry((manager, one, other)).or_default().push(conflict);
                }
                None => rest.push(conflict),
            }
        }
        for same in contended.into_values() {
            let lock = |conflict: &Conflict| {
                let actors = conflict.sides.map(|(node, _)| self.segments.whose(node).actor);
                !actors.iter().all(|actor| {
                    self.deeds.facts(conflict.path, *actor).has(super::deeds::Facts::LOCKED)
                })
            };
            let path = |conflict: &Conflict| &self.input.traced.paths[conflict.path as usize];
            let least = |c: &Conflict| (lock(c), path(c).clone(), Reverse(c.clash.rank()));
            let first = same.into_iter().min_by_key(least);
            rest.extend(first.map(|conflict| {
                let clash =
                    Clash { class: Class::Contention, level: Level::Warning, harmless: None };
                Conflict { clash, ..conflict }
            }));
        }
        rest
    }

    /// Whether both sides wait for one lock of the user's.
    fn excluded(&self, conflict: &Conflict) -> bool {
        let [one, other] = conflict.sides.map(|(node, access)| {
            (self.segments.whose(node), self.input.traced.accesses[access as usize].held)
        });
        self.knowledge.locked(one, other)
    }

    /// With what the user says of it.
    fn settled(&self, conflict: &Conflict, used: &mut BTreeSet<usize>) -> Clash {
        let mut clash = conflict.clash;
        let traced = self.input.traced;
        let who = conflict.sides.map(|(node, _)| self.segments.who(self.segments.whose(node)));
        let own = conflict.sides.map(|(_, access)| traced.accesses[access as usize].path);
        let mut paths = vec![traced.path(conflict.path)];
        paths.extend(own.iter().filter(|p| **p != conflict.path).map(|p| traced.path(*p)));
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let covered = |rules: Option<&Suppressions>| {
            rules.map_or_else(BTreeSet::new, |r| r.covering(clash.class, &paths, who.each_ref()))
        };
        let known = !covered(self.input.baseline).is_empty();
        let suppressed = covered(self.input.suppressions);
        // What is a note anyway needs no word of the user's; it is not useless either.
        if clash.level > Level::Note {
            let why = match (suppressed.is_empty(), known) {
                (false, _) => Some(Harmless::Suppressed),
                (true, true) => Some(Harmless::Known),
                (true, false) => None,
            };
            if why.is_some() {
                clash = Clash { level: Level::Note, harmless: why, ..clash };
            }
        }
        used.extend(suppressed);
        clash
    }

    /// What one pair does in one place, by the first of it.
    fn finding(&self, together: Vec<Conflict>) -> Option<(Finding, Conflict)> {
        let mut paths = together.iter().map(|conflict| self.input.traced.path(conflict.path));
        let (path, more) = (paths.next()?, paths.collect());
        let first = together.into_iter().next()?;
        let Clash { class, level, harmless } = first.clash;
        let finding = Finding {
            class,
            level,
            harmless,
            path,
            sides: first.sides.map(|side| self.side(side)),
            fixes: Vec::new(),
            more,
            others: Vec::new(),
        };
        Some((finding, first))
    }

    fn side(&self, (node, access): (u32, u32)) -> Side {
        let traced = self.input.traced;
        let access = &traced.accesses[access as usize];
        let [from, until] = self.segments.between(node);
        Side {
            who: self.segments.who(self.segments.whose(node)),
            op: access.op,
            path: traced.path(access.path),
            program: traced.text(access.program).to_owned(),
            at: access.at.map(|at| innermost(traced.text(at)).to_owned()),
            from,
            until,
            collected: self.segments.is_collected(node),
            count: access.count,
            first: access.first,
        }
    }
}

/// What conflicts of one pair that may be put together have in common.
type Alike = (Level, Class, Option<Harmless>, (Whose, Whose));

/// What findings have in common that differ only in the pair: the path, and of each side what kind
/// of actor it is, its program, and of an error its line.
type Same = (Level, Class, Option<Harmless>, String, [(Kind, String, Option<String>); 2]);
type Kind = Discriminant<Who>;

fn same(finding: &Finding) -> Same {
    let Finding { level, class, harmless, .. } = *finding;
    let line = |side: &Side| side.at.clone().filter(|_| level == Level::Error);
    let code = |side: &Side| (discriminant(&side.who), side.program.clone(), line(side));
    let code = finding.sides.each_ref().map(code);
    (level, class, harmless, finding.path.clone(), code)
}

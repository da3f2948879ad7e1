//! The race check: which accesses of a traced run nothing orders. Pure: from
//! what was touched ([`Traced`]) and what the journals tell to findings.
//!
//! # Theory of operation
//!
//! What happens in the script between two starts or collections is a
//! *segment*, and so is what a task does (between its own). A start orders what the
//! starter did before it with the task; a collection orders the task with what
//! the collector does after it; `--after` orders two tasks. Two accesses whose
//! segments are not ordered so, in either direction, are concurrent, whatever
//! the clock said this time. Of those, some pairs conflict (see [`Class`]), and
//! of these, some are harmless.
//!
//! # Where it is
//!
//! In the order in which it happens ([`judge`]):
//!
//! 1. `owners`, `segments`, `order`: which processes are whose, and what comes before what;
//! 2. `deeds`, `meaning`: what each segment did to each path, and what that means;
//! 3. `objects`, `pairs`, `meet`: which deeds meet at something, with nothing to order them;
//! 4. `conflict`, the table: what the two do to each other; `harmless`, `places`: what does no harm;
//! 5. `suppress`, `fold`, `fix`, `lines`: what the user has settled, what is the same, ways out.
//!
//! Beside that stand `script`, which finds the lines of verbs in the text of a script, and
//! `confirm`, which compares what came of two orders. Tests run small programs (`sample`), over
//! files that come and go in every order (`simulated`), and hold damaged traces against it (`hostile`).

pub mod confirm;
mod conflict;
mod deeds;
pub mod finding;
mod fix;
mod fold;
mod harmless;
#[cfg(test)]
mod hostile;
mod lines;
mod meaning;
mod meet;
mod objects;
mod order;
mod owners;
mod pairs;
mod places;
#[cfg(test)]
mod sample;
mod segments;
#[cfg(test)]
mod simulated;
mod suppress;
#[cfg(test)]
mod tests;
mod waits;

pub use finding::{Class, Finding, Fix, Gone, Harmless, Level, Pair, Side, Unused, Verdict, Who};
pub use suppress::{SuppressError, Suppressions, baseline, line};

use std::collections::{BTreeMap, HashSet};

use deeds::Deeds;
use fold::Folder;
use harmless::Knowledge;
use order::Order;
use pairs::{Finder, parent};
use segments::{Segments, Whose};

use crate::run::Run;
use crate::run::footprint::{Blind, Traced};

/// What is judged.
#[derive(Debug)]
pub struct Input<'a> {
    /// What was touched.
    pub traced: &'a Traced,
    /// The runs that were opened, each with its directory.
    pub runs: &'a [(Vec<u8>, Run)],
    /// What the user says is harmless.
    pub suppressions: Option<&'a Suppressions>,
    /// What was there before.
    pub baseline: Option<&'a Suppressions>,
}

/// Judges a traced run.
pub fn judge(input: &Input<'_>) -> Verdict {
    let traced = input.traced;
    let segments = Segments::new(input);
    let deeds = Deeds::new(traced, &segments, &own(input));
    let knowledge = Knowledge::new(traced, &segments, &deeds);
    let order = Order::new(segments.len(), &segments.arrows);
    let (found, mut order) = Finder::new(traced, &segments, &deeds, &knowledge, order).find();
    let folder = Folder { input, segments: &segments, deeds: &deeds, knowledge: &knowledge };
    let (findings, unused) = folder.fold(found, &mut order);
    let gaps = gaps(traced, segments);
    let guarded =
        |(_, run): &(Vec<u8>, Run)| run.tasks().iter().filter(|t| t.guard.is_some()).count();
    Verdict {
        light: traced.light,
        findings,
        gaps,
        unused,
        tasks: input.runs.iter().map(guarded).sum(),
        accesses: (traced.accesses.len(), traced.total),
    }
}

/// What was not seen, of each program of each actor once.
fn gaps(traced: &Traced, segments: Segments<'_>) -> Vec<Gone> {
    let mut counts: BTreeMap<(Blind, Who, String), u32> = BTreeMap::new();
    for gap in &traced.gaps {
        let whose = Whose { actor: segments.actor_of(gap.group) as u32, left: false };
        let key = (gap.why, segments.who(whose), traced.text(gap.program).to_owned());
        let count = counts.entry(key).or_default();
        *count = count.saturating_add(gap.count);
    }
    let seen = counts.into_iter();
    let seen = seen.map(|((why, who, program), count)| Gone { why, who, program, count });
    seen.chain(segments.untold).collect()
}

/// Of each path, whether it is in a run's directory: what this program and its glue do there is
/// not the script's.
fn own(input: &Input<'_>) -> Vec<bool> {
    let dirs = input.traced.runs.iter().chain(input.runs.iter().map(|(dir, _)| dir));
    let dirs: HashSet<&[u8]> = dirs.map(Vec::as_slice).collect();
    let within = |path: &Vec<u8>| {
        let mut around = std::iter::successors(Some(path.as_slice()), |path| parent(path));
        around.any(|path| dirs.contains(path))
    };
    input.traced.paths.iter().map(within).collect()
}

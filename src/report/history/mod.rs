//! The history of a script: its last runs, what is usual for each task, and
//! what was slower than that in the latest run. And the list of the scripts
//! that have a history. As text, and as JSON.

pub mod json;
pub mod text;

use std::collections::{HashMap, HashSet};

use super::estimate::Estimate;
use super::text::SHORT;
use crate::run::past::{Past, Slower, Usual};
use crate::run::ran::{Ran, Step};
use crate::run::state::Close;

/// The tasks in so many last runs are told: older ones may be renamed by now.
const RECENT: usize = 10;

/// What one script's history is told of.
#[derive(Debug)]
pub struct History<'a> {
    /// The script's path.
    pub script: &'a str,
    /// Its runs, the oldest first.
    pub runs: &'a [Ran],
    /// The run directories of the runs to be told, the newest first, with
    /// what they say, where they are still there.
    pub told: Vec<(String, Option<Estimate>)>,
}

/// A task in all of the runs.
struct Line<'a> {
    name: &'a str,
    usual: Option<Usual>,
    /// Its slowest start in the latest run.
    latest: Option<&'a Step>,
    slower: Option<&'a Slower>,
    starts: u64,
    failed: u64,
}

impl History<'_> {
    /// What was slower than usual in the latest run.
    fn slower(&self) -> Vec<Slower> {
        let Some((latest, before)) = self.runs.split_last() else { return Vec::new() };
        Past::new(before.to_vec(), latest.serial).slower(latest.steps.iter().cloned())
    }

    /// The tasks, those first that usually take longest.
    fn lines<'a>(&'a self, slower: &'a [Slower]) -> Vec<Line<'a>> {
        let Some(latest) = self.runs.last() else { return Vec::new() };
        let past = Past::new(self.runs.to_vec(), latest.serial);
        let recent = self.runs.iter().rev().take(RECENT).flat_map(|run| &run.steps);
        let recent: HashSet<&str> = recent.map(|step| &*step.name).collect();
        let mut found: HashMap<&str, Line<'a>> = HashMap::new();
        for step in self.runs.iter().flat_map(|run| &run.steps) {
            let name = &*step.name;
            if recent.contains(name) {
                let none = || Line {
                    name,
                    usual: past.usual(name),
                    latest: None,
                    slower: slower.iter().find(|slower| *slower.step.name == *name),
                    starts: 0,
                    failed: 0,
                };
                let line = found.entry(name).or_insert_with(none);
                line.starts += 1;
                line.failed += u64::from(step.failed());
            }
        }
        for step in &latest.steps {
            if let Some(line) = found.get_mut(&*step.name) {
                line.latest = line.latest.filter(|other| other.took >= step.took).or(Some(step));
            }
        }
        let mut lines: Vec<Line<'a>> = found.into_values().collect();
        let length = |line: &Line<'_>| line.usual.map_or(0, |usual| usual.median);
        lines.sort_by(|a, b| length(b).cmp(&length(a)).then(a.name.cmp(b.name)));
        lines
    }
}

fn ending(how: Close) -> &'static str {
    match how {
        Close::Finished => "finished",
        Close::Aborted => "aborted",
    }
}

/// What a run would have taken serially, where that means something.
fn serial<'a>(run: &Ran, told: &'a (String, Option<Estimate>)) -> Option<&'a Estimate> {
    let means = !run.serial && run.how == Close::Finished && run.took >= SHORT;
    told.1.as_ref().filter(|_| means)
}

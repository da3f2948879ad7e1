//! What a race check found, as text, as JSON, and as what the page draws.

pub mod json;
mod limit;
pub mod page;
mod parts;
#[cfg(test)]
mod sample;
mod summary;
pub mod text;
mod words;

use crate::check::confirm::{Confirmed, Difference};
use crate::check::{Finding, Harmless, Level, Side, Verdict, Who, confirm};
use crate::run::task::Leak;
use crate::run::{Time, code};

/// So many differences between two orders are told of each finding.
const DIFFERENCES: usize = 3;

/// A checked script, as reports see it.
pub struct Checked<'a> {
    /// What was found.
    pub verdict: &'a Verdict,
    /// The runs that it opened, by their numbers.
    pub runs: &'a [Opened],
    /// Its command line.
    pub command: &'a [String],
    /// When it was started.
    pub since: Time,
    /// Its exit code; after a signal 128 and its number.
    pub code: u8,
    /// What it left running, which was ended.
    pub left: &'a [Leak],
    /// The file of suppressions, as the user calls it.
    pub suppressions: Option<&'a str>,
    /// Why not all of its tasks are known: what cannot be read, in words.
    pub unread: &'a [String],
    /// Of each finding what two orders say of it; empty if that was not asked for.
    pub confirmed: &'a [Option<Confirmed>],
    /// A line of the script, by `FILE:LINE`, if it can be read.
    pub source: &'a dyn Fn(&str) -> Option<String>,
}

/// A run that the script opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opened {
    /// Its directory.
    pub dir: String,
    /// The name of the script that did.
    pub script: Option<String>,
    /// Whether lines of verbs were found by the script's text, as its shell tells none.
    pub by_text: bool,
}

impl std::fmt::Debug for Checked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checked").field("verdict", &self.verdict).finish_non_exhaustive()
    }
}

/// How many findings there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// What counts.
    pub errors: usize,
    /// What may.
    pub warnings: usize,
    /// What does no harm.
    pub notes: usize,
    /// What the user says does none.
    pub suppressed: usize,
    /// What was there before.
    pub known: usize,
}

impl Counts {
    /// Of a verdict.
    pub fn of(verdict: &Verdict) -> Self {
        let mut counts = Self::default();
        for finding in &verdict.findings {
            *match (finding.harmless, finding.level) {
                (Some(Harmless::Suppressed), _) => &mut counts.suppressed,
                (Some(Harmless::Known), _) => &mut counts.known,
                (_, Level::Error) => &mut counts.errors,
                (_, Level::Warning) => &mut counts.warnings,
                (_, Level::Note) => &mut counts.notes,
            } += 1;
        }
        counts
    }
}

/// Whether a finding is told where notes are not asked for.
pub fn counts(finding: &Finding) -> bool {
    confirm::is_open(finding)
}

impl Checked<'_> {
    /// Whether the script was seen to its end, with all of its tasks.
    pub fn whole(&self) -> bool {
        self.code == code::OK && self.unread.is_empty() && !self.runs.is_empty()
    }

    /// What two orders say of a finding: the word and the reasons.
    fn confirmed(&self, finding: usize) -> Option<(&'static str, String)> {
        let confirmed = self.confirmed.get(finding)?.as_ref()?;
        let several = self.verdict.findings.get(finding).is_some_and(|all| !all.others.is_empty());
        let list = |all: &[Difference]| {
            let told = all
                .iter()
                .take(DIFFERENCES)
                .map(|one| words::difference(one, &|who| self.who(who)));
            let mut told: Vec<String> = told.collect();
            if all.len() > DIFFERENCES {
                told.push(format!("and {} more", all.len() - DIFFERENCES));
            }
            told.join("; ")
        };
        Some(match confirmed {
            Confirmed::Harmful(all) => ("harmful", list(all)),
            Confirmed::Alike => ("not confirmed", "both orders came to the same".to_owned()),
            Confirmed::Untried => {
                let who = if several { "some of the pairs" } else { "the two" };
                ("not confirmed", format!("{who} came in the same order both times"))
            }
            Confirmed::Unclear(all) => {
                ("unclear", format!("{}; but so it does without another order", list(all)))
            }
        })
    }

    /// Somebody, by name; of several runs, with whose run it is.
    fn who(&self, who: &Who) -> String {
        let (run, id, left) = match who {
            Who::Script => return "the script".to_owned(),
            Who::Task { run, id } => (run, id, ""),
            Who::Left { run, id } => (run, id, "what was left running by "),
        };
        let script = self.runs.get(*run).and_then(|run| run.script.as_deref());
        match script.filter(|_| self.runs.len() > 1) {
            Some(script) => format!("{left}{id} of {script}"),
            None => format!("{left}{id}"),
        }
    }

    /// When a side was, where no line is known: in which script, and how long after its start.
    fn moment(&self, side: &Side) -> String {
        let run = match (&side.who, self.runs) {
            (Who::Script, [run]) => Some(run),
            (Who::Script, _) => None,
            (Who::Task { run, .. } | Who::Left { run, .. }, runs) => runs.get(*run),
        };
        let time = format!("after {:.2}s", side.first.since(self.since) as f64 / 1e6);
        match run.and_then(|run| run.script.as_deref()) {
            Some(script) => format!("in {}, {time}", words::clean(script)),
            None => time,
        }
    }
}

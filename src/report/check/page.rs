//! What a check found, as the page of one of the runs shows it.

use super::parts::{besides, deed, place, quoted};
use super::summary::summary;
use super::words::{self, clean};
use super::{Checked, counts};
use crate::check::{Finding, Who};
use crate::report::html::races::{Conflict, Lane, Races, Side};

/// For the page of run number `run`.
pub fn races(checked: &Checked<'_>, run: usize, notes: bool) -> Races {
    let findings = checked.verdict.findings.iter().enumerate();
    let findings = findings.filter(|(_, finding)| notes || counts(finding));
    let gaps = checked.verdict.gaps.iter();
    let summary = summary(checked, notes);
    Races {
        summary: summary.trim_end().trim_start_matches("meanwhile: check: ").to_owned(),
        conflicts: findings.map(|(at, finding)| conflict(checked, at, finding, run)).collect(),
        gaps: gaps
            .map(|gap| {
                let (what, advice) = words::blind(gap.why);
                let who = checked.who(&gap.who);
                format!("{} ({who}) {what}: {advice}", clean(&gap.program))
            })
            .collect(),
    }
}

fn conflict(checked: &Checked<'_>, at: usize, finding: &Finding, run: usize) -> Conflict {
    let who = finding.sides.each_ref().map(|side| checked.who(&side.who));
    let side = |at: usize| {
        let side = &finding.sides[at];
        Side {
            lane: match &side.who {
                Who::Script => Lane::Script,
                Who::Task { run: theirs, id } | Who::Left { run: theirs, id } if *theirs == run => {
                    Lane::Task(id.clone())
                }
                Who::Task { .. } | Who::Left { .. } => Lane::None,
            },
            time: side.first,
            place: place(checked, side),
            text: format!("{}: {}", words::label(side, &who[at]), deed(side, &finding.path)),
            source: quoted(checked, side),
        }
    };
    let confirmed = checked.confirmed(at).map(|(word, why)| format!("{word}: {why}"));
    let harmless = finding.harmless.map(|why| format!("harmless: {}", words::harmless(why)));
    let besides = besides(checked, finding);
    Conflict {
        level: finding.level.word(),
        class: finding.class.word(),
        heading: words::heading(finding, [&who[0], &who[1]]),
        sides: [side(0), side(1)],
        notes: besides.into_iter().chain(harmless).chain(confirmed).collect(),
        hints: words::ways(finding, &|side| checked.moment(side)),
    }
}

//! The history as text: tables for people.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{History, ending, serial};
use crate::run::past::Usual;
use crate::run::ran::Ran;
use crate::run::{State, duration};

/// So many tasks are told.
const TASKS: usize = 20;

/// A script's history as text.
pub fn text(history: &History<'_>, zone: &TimeZone) -> String {
    let count = history.runs.len();
    let mut text = format!("{}: {}\n", history.script, counted(count, "run"));
    let mut rows = vec![["when", "took", "serially", "tasks", "failed", "ended"].map(String::from)];
    for (run, told) in history.runs.iter().rev().zip(&history.told) {
        let estimate = serial(run, told).map(|estimate| {
            format!("{} ({:.2}x)", duration::display(estimate.serial), estimate.speedup())
        });
        rows.push([
            when(run.wall, zone),
            duration::display(run.took),
            estimate.unwrap_or_else(|| if run.serial { "run so" } else { "-" }.into()),
            run.tasks.to_string(),
            some(run.failed),
            ending(run.how).into(),
        ]);
    }
    table(&mut text, &rows, &[0, 2, 5]);
    let slower = history.slower();
    let lines = history.lines(&slower);
    text.push('\n');
    let head = ["task", "latest", "median", "spread", "least", "most", "times", "failed", ""];
    let mut rows = vec![head.map(String::from)];
    for line in lines.iter().take(TASKS) {
        let time = |of: fn(&Usual) -> u64| {
            line.usual.map_or("-".into(), |usual| duration::display(of(&usual)))
        };
        let latest = line.latest.map(|step| match step.state {
            State::Succeeded => duration::display(step.took),
            state => state.word().into(),
        });
        let failed = (line.failed > 0).then(|| format!("{} of {}", line.failed, line.starts));
        rows.push([
            line.name.into(),
            latest.unwrap_or_else(|| "-".into()),
            time(|usual| usual.median),
            time(|usual| usual.spread),
            time(|usual| usual.least),
            time(|usual| usual.most),
            line.usual.map_or(String::new(), |usual| usual.runs.to_string()),
            failed.unwrap_or_else(|| "-".into()),
            if line.slower.is_some() { "slower" } else { "" }.into(),
        ]);
    }
    table(&mut text, &rows, &[0, 8]);
    if lines.len() > TASKS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  and {} more: see --json", lines.len() - TASKS);
    }
    if !slower.is_empty() {
        text.push_str("\nslower than usual in the latest run\n");
        for slower in &slower {
            text.push_str(&format!("  {slower}\n"));
        }
    }
    text
}

/// The scripts that have a history, with their runs, the latest first.
pub fn list(scripts: &[(String, &[Ran])], zone: &TimeZone) -> String {
    if scripts.is_empty() {
        return "no script has a history yet\n".into();
    }
    let mut rows = vec![["latest", "took", "ended", "runs", "script"].map(String::from)];
    for (script, runs) in scripts {
        let Some(latest) = runs.last() else { continue };
        rows.push([
            when(latest.wall, zone),
            duration::display(latest.took),
            ending(latest.how).into(),
            runs.len().to_string(),
            script.clone(),
        ]);
    }
    let mut text = String::new();
    table(&mut text, &rows, &[0, 2, 4]);
    text
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn some(count: u64) -> String {
    if count == 0 { "-".into() } else { count.to_string() }
}

fn when(wall: i64, zone: &TimeZone) -> String {
    Timestamp::from_microsecond(wall).map_or_else(
        |_| "?".into(),
        |time| time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

/// Rows in columns; these begin at the left, the others end at the right.
fn table<const N: usize>(text: &mut String, rows: &[[String; N]], left: &[usize]) {
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    for row in rows {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            line.push_str("  ");
            // Writing to a String cannot fail.
            let _ = if left.contains(&at) {
                write!(line, "{cell:<width$}")
            } else {
                write!(line, "{cell:>width$}")
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::estimate::Estimate;
    use crate::run::past;

    /// A run of that many seconds, with a task that took the same.
    fn run(n: i64, seconds: u64, how: &str, serial: u8, task: &str) -> String {
        let (wall, took) = (1_700_000_000_000_000 + n * 60_000_000, seconds * 1_000_000);
        format!(
            "\x1e1 {wall} 7 1.0 how={how} took={took} serial={serial} tasks=2 failed=1 path=/x dir=/r \
             | a={task},{took},1 b=f3,0,1\n"
        )
    }

    #[test]
    fn a_history_is_told_the_newest_first() {
        let lines = [
            run(0, 90, "finished", 1, "s"),
            run(1, 8, "finished", 0, "s"),
            run(2, 8, "finished", 0, "s"),
            run(3, 9, "aborted", 0, "s"),
            run(4, 30, "finished", 0, "s"),
        ];
        let runs = past::parse(lines.concat().as_bytes());
        let figures = Estimate { elapsed: 1_000_000, serial: 2_000_000, ..Estimate::default() };
        let told = |_| ("/r".to_owned(), Some(figures));
        let history = History { script: "/x", runs: &runs, told: (0..5).map(told).collect() };
        assert_eq!(
            text(&history, &TimeZone::UTC),
            "/x: 5 runs\n\
             \x20 when                     took  serially      tasks  failed  ended\n\
             \x20 2023-11-14 22:17:20     30.0s  2.0s (2.00x)      2       1  finished\n\
             \x20 2023-11-14 22:16:20      9.0s  -                 2       1  aborted\n\
             \x20 2023-11-14 22:15:20      8.0s  2.0s (2.00x)      2       1  finished\n\
             \x20 2023-11-14 22:14:20      8.0s  2.0s (2.00x)      2       1  finished\n\
             \x20 2023-11-14 22:13:20  1m 30.0s  run so            2       1  finished\n\
             \n\
             \x20 task  latest  median  spread  least   most  times  failed\n\
             \x20 a      30.0s    8.5s    0.5s   8.0s  30.0s      4       -  slower\n\
             \x20 b     failed       -       -      -      -         5 of 5\n\
             \n\
             slower than usual in the latest run\n\
             \x20 a: 30.0s, usually 8.0s (3 runs)\n"
        );
    }

    #[test]
    fn scripts_are_listed_with_their_latest_run() {
        let runs = past::parse(run(0, 61, "aborted", 0, "c").as_bytes());
        let scripts = [("/a/b c.sh".to_owned(), &*runs), ("/none".to_owned(), &[][..])];
        assert_eq!(
            list(&scripts, &TimeZone::UTC),
            "\x20 latest                  took  ended    runs  script\n\
             \x20 2023-11-14 22:13:20  1m 1.0s  aborted     1  /a/b c.sh\n"
        );
        assert_eq!(list(&[], &TimeZone::UTC), "no script has a history yet\n");
    }

    #[test]
    fn what_is_no_date_is_none() {
        assert_eq!(when(i64::MAX, &TimeZone::UTC), "?");
    }
}

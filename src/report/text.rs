//! The summary as text.

use std::fmt::Write as _;

use super::Subject;
use super::advice::advice;
use super::damage::damage;
use super::estimate::estimate;
use crate::run::state::Close;
use crate::run::task::Cause;
use crate::run::{State, Task, code, duration, ran};

/// What is over sooner, in microseconds, tells nothing: times come in 10 ms.
pub const SHORT: u64 = 200_000;

/// So many tasks are named in one line at most.
const NAMED: usize = 20;

/// So many tasks that did not succeed have a line each: the whole is to stay
/// short where hundreds fail for one reason.
const FAILED: usize = 20;

/// So many tasks that were slower than usual are told at most.
const SLOWER: usize = 5;

/// The summary of a run.
pub fn summary(subject: &Subject<'_>) -> String {
    let run = subject.run;
    let figures = estimate(subject);
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = if run.serial {
        writeln!(
            text,
            "meanwhile: {}; run serially (MEANWHILE_PARALLEL=0)",
            duration::display(figures.elapsed)
        )
    } else if figures.elapsed < SHORT {
        writeln!(
            text,
            "meanwhile: {}; too short for an estimate",
            duration::display(figures.elapsed)
        )
    } else if matches!(run.closed, Some((_, Close::Aborted))) {
        // What it would have taken to the end nobody knows.
        writeln!(text, "meanwhile: {}; ended before its time", duration::display(figures.elapsed))
    } else {
        writeln!(
            text,
            "meanwhile: {}; {} if run serially: {:.2}x",
            duration::display(figures.elapsed),
            duration::display(figures.serial),
            figures.speedup()
        )
    };
    let failed: Vec<&Task> =
        run.tasks().iter().filter(|task| task.code().is_some_and(|c| c != code::OK)).collect();
    let (queued, running): (Vec<&Task>, Vec<&Task>) =
        run.running().partition(|task| task.state() == State::Queued);
    let uncollected: Vec<&Task> =
        run.tasks().iter().filter(|t| t.collected.is_none() && t.end.is_some()).collect();
    let mut line = |label: &str, value: String| {
        let _ = writeln!(text, "  {label:<12}{value}");
    };
    line(
        "tasks",
        format!(
            "{}: {} in the background, {} blocked waiting for them",
            run.tasks().len(),
            duration::display(figures.background),
            duration::display(figures.blocked)
        ),
    );
    if figures.elapsed >= SHORT && !run.serial {
        for (label, value) in advice(subject) {
            line(label, value);
        }
    }
    for task in failed.iter().take(FAILED) {
        line(task.state().word(), format!("{}: {}", task.id, ending(task)));
    }
    if failed.len() > FAILED {
        line(
            "failed",
            format!("and {} more; all of them: meanwhile status", failed.len() - FAILED),
        );
    }
    for slower in slower(subject) {
        line("slower", slower);
    }
    // In a run that is over nothing goes on: of these no end is recorded.
    let open = |word| if subject.live { word } else { "unfinished" };
    if !running.is_empty() {
        line(open("running"), names(&running));
    }
    if !queued.is_empty() {
        line(open("queued"), names(&queued));
    }
    if !uncollected.is_empty() {
        line("uncollected", names(&uncollected));
    }
    for task in run.tasks().iter().filter(|t| t.failures > 0 && t.code() == Some(code::OK)) {
        line("retried", format!("{}: {}", task.id, ending(task)));
    }
    for task in run.tasks() {
        for leak in &task.leaks {
            line("left behind", format!("{}: pid {} ({})", task.id, leak.pid, leak.comm));
        }
    }
    for note in notes(subject) {
        line("note", note);
    }
    text
}

/// What a reader of a report must know besides.
pub fn notes(subject: &Subject<'_>) -> Vec<String> {
    let run = subject.run;
    let mut notes: Vec<String> = Vec::new();
    if run.unwatched {
        notes.push(
            "the watcher died; every exit code is true, but tasks could outlive the script".into(),
        );
    }
    match run.closed {
        _ if subject.live => {}
        Some((_, Close::Aborted)) => {
            notes.push("the script ended before its tasks, which were ended".into());
        }
        None if run.owner.is_some() => {
            notes.push("the run was cut short: nothing closed its journal".into());
        }
        _ => {}
    }
    if let Some(damage) = damage(subject) {
        notes.push(format!("{damage}; this is what can be read of it"));
    }
    notes
}

/// Where a task stands. In a run that is over, one without an end is not running.
pub fn word(task: &Task, live: bool) -> &'static str {
    match task.state() {
        State::Running | State::Queued if !live => "unfinished",
        state => state.word(),
    }
}

/// How a task that has no word of its state in front ended: see [`ending`].
pub fn outcome(task: &Task) -> String {
    let state = match task.state() {
        State::Cancelled => "cancelled, ",
        State::Skipped => "skipped, ",
        _ => "",
    };
    format!("{state}{}", ending(task))
}

/// How a task ended, where, and after how long.
pub fn ending(task: &Task) -> String {
    let code = u32::from(task.code().unwrap_or_default());
    let how = match task.state() {
        State::Queued => "still queued".to_owned(),
        State::Running => "still running".to_owned(),
        State::Succeeded => "succeeded".to_owned(),
        State::Failed(code) => format!("exit code {code}"),
        State::Cancelled => format!("exit code {code}"),
        State::TimedOut => format!("its time was up (exit code {code})"),
        State::Skipped => match task.skipped.as_deref() {
            Some(Cause { root, code: theirs }) => {
                format!("since {root} failed with {theirs} (exit code {code})")
            }
            None => format!("exit code {code}"),
        },
        State::Lost => format!("exit code {code}; its guard was killed"),
        State::Signalled(signal) => match code::signal_name(signal) {
            Some(name) => format!("exit code {code} (SIG{name})"),
            None => format!("exit code {code} (signal {signal})"),
        },
    };
    let began = task.end.filter(|_| task.began().is_some());
    let after = began.map(|(end, _)| format!(" after {}", duration::display(task.elapsed(end))));
    let tries = match task.failures {
        0 => String::new(),
        failures => format!(", attempt {} of {}", failures + 1, task.options.retries + 1),
    };
    let at = task.at.as_ref().map(|at| format!(", started at {at}"));
    how + &after.unwrap_or_default() + &tries + &at.unwrap_or_default()
}

/// What was slower than usual, if there is something to compare it with.
pub(super) fn slower(subject: &Subject<'_>) -> Vec<String> {
    let Some(past) = subject.past else { return Vec::new() };
    let ended = subject.run.tasks().iter().filter(|task| task.end.is_some());
    let all = past.slower(ended.map(|task| ran::Step::of(task, subject.until)));
    let mut told: Vec<String> = all.iter().take(SLOWER).map(ToString::to_string).collect();
    if all.len() > SLOWER {
        told.push(format!("and {} more", all.len() - SLOWER));
    }
    told
}

/// Some tasks by name and line; of many, the first.
pub fn names(tasks: &[&Task]) -> String {
    let mut shown: Vec<String> = tasks
        .iter()
        .take(NAMED)
        .map(|task| match &task.at {
            Some(at) => format!("{} ({at})", task.id),
            None => task.id.to_string(),
        })
        .collect();
    if tasks.len() > NAMED {
        shown.push(format!("and {} more", tasks.len() - NAMED));
    }
    shown.join(", ")
}

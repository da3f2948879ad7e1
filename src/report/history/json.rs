//! The history as JSON. The form is documented in `docs/json.md`; `format`
//! counts its incompatible changes.

use serde::Serialize;

use super::{History, Line, ending, serial};
use crate::report::estimate::Estimate;
use crate::run::past::Usual;
use crate::run::ran::{Ran, Step};

/// The version of the form.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct HistoryJson<'a> {
    format: u32,
    script: &'a str,
    /// The newest first.
    runs: Vec<RunJson<'a>>,
    tasks: Vec<TaskJson<'a>>,
}

#[derive(Serialize)]
struct RunJson<'a> {
    opened: Option<String>,
    /// `finished` or `aborted`.
    state: &'static str,
    serial: bool,
    elapsed_seconds: f64,
    serial_seconds: Option<f64>,
    speedup: Option<f64>,
    directory: Option<&'a str>,
    task_count: u64,
    failed_count: u64,
    tasks: Vec<StepJson<'a>>,
}

#[derive(Serialize)]
struct StepJson<'a> {
    name: &'a str,
    state: &'static str,
    elapsed_seconds: f64,
    attempts: u32,
}

#[derive(Serialize)]
struct TaskJson<'a> {
    name: &'a str,
    median_seconds: Option<f64>,
    spread_seconds: Option<f64>,
    least_seconds: Option<f64>,
    most_seconds: Option<f64>,
    samples: usize,
    starts: u64,
    failed: u64,
    latest_seconds: Option<f64>,
    slower_than_seconds: Option<f64>,
}

#[derive(Serialize)]
struct ListJson<'a> {
    format: u32,
    scripts: Vec<ScriptJson<'a>>,
}

#[derive(Serialize)]
struct ScriptJson<'a> {
    script: &'a str,
    runs: usize,
    opened: Option<String>,
    state: &'static str,
    elapsed_seconds: f64,
}

/// A script's history as one JSON document; the form is in `docs/json.md`.
///
/// # Errors
/// None that is known; serialising such plain data does not fail.
pub fn document(history: &History<'_>) -> serde_json::Result<String> {
    let slower = history.slower();
    let runs = history.runs.iter().rev().zip(&history.told);
    serde_json::to_string_pretty(&HistoryJson {
        format: FORMAT,
        script: history.script,
        runs: runs.map(|(run, told)| run_json(run, told)).collect(),
        tasks: history.lines(&slower).iter().map(task_json).collect(),
    })
}

fn run_json<'a>(run: &'a Ran, told: &'a (String, Option<Estimate>)) -> RunJson<'a> {
    let estimate = serial(run, told);
    RunJson {
        opened: rfc3339(run.wall),
        state: ending(run.how),
        serial: run.serial,
        elapsed_seconds: seconds(run.took),
        serial_seconds: estimate.map(|estimate| seconds(estimate.serial)),
        speedup: estimate.map(Estimate::speedup),
        directory: told.1.as_ref().map(|_| told.0.as_str()),
        task_count: run.tasks,
        failed_count: run.failed,
        tasks: run.steps.iter().map(step_json).collect(),
    }
}

fn step_json(step: &Step) -> StepJson<'_> {
    StepJson {
        name: &step.name,
        state: step.state.word(),
        elapsed_seconds: seconds(step.took),
        attempts: step.attempts,
    }
}

fn task_json<'a>(line: &Line<'a>) -> TaskJson<'a> {
    let time = |of: fn(&Usual) -> u64| line.usual.as_ref().map(|usual| seconds(of(usual)));
    TaskJson {
        name: line.name,
        median_seconds: time(|usual| usual.median),
        spread_seconds: time(|usual| usual.spread),
        least_seconds: time(|usual| usual.least),
        most_seconds: time(|usual| usual.most),
        samples: line.usual.map_or(0, |usual| usual.runs),
        starts: line.starts,
        failed: line.failed,
        latest_seconds: line.latest.map(|step| seconds(step.took)),
        slower_than_seconds: line.slower.map(|slower| seconds(slower.usual.median)),
    }
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

fn rfc3339(wall: i64) -> Option<String> {
    Some(jiff::Timestamp::from_microsecond(wall).ok()?.to_string())
}

/// The list of scripts as one JSON document.
///
/// # Errors
/// As [`document`].
pub fn list<'a>(scripts: &'a [(String, &[Ran])]) -> serde_json::Result<String> {
    let script = |(script, runs): &'a (String, &[Ran])| {
        let latest = runs.last()?;
        Some(ScriptJson {
            script,
            runs: runs.len(),
            opened: rfc3339(latest.wall),
            state: ending(latest.how),
            elapsed_seconds: seconds(latest.took),
        })
    };
    let scripts = scripts.iter().filter_map(script).collect();
    serde_json::to_string_pretty(&ListJson { format: FORMAT, scripts })
}

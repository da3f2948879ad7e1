//! A run as JSON. The form is documented in `docs/json.md`; `format` counts
//! its incompatible changes.

use serde::Serialize;

use super::Subject;
use super::estimate::{Estimate, estimate};
use crate::run::Task;

/// The version of the form.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct RunJson<'a> {
    format: u32,
    script: Option<&'a str>,
    /// `running`, `finished`, `aborted` or `crashed`.
    state: &'static str,
    serial: bool,
    /// Wall clock, RFC 3339.
    opened: Option<String>,
    elapsed_seconds: f64,
    serial_seconds: f64,
    speedup: f64,
    blocked_seconds: f64,
    background_seconds: f64,
    damaged: bool,
    tasks: Vec<TaskJson<'a>>,
}

#[derive(Serialize)]
struct TaskJson<'a> {
    id: &'a str,
    name: &'a str,
    state: &'static str,
    code: Option<u8>,
    pid: Option<u32>,
    started_at: Option<&'a str>,
    collected_at: Option<&'a str>,
    collected: bool,
    started: Option<String>,
    queued_seconds: f64,
    attempts: u32,
    skipped_because_of: Option<&'a str>,
    elapsed_seconds: f64,
    cpu_seconds: Option<f64>,
    leaked_pids: Vec<u32>,
}

/// The run as one JSON document. Command lines are left out: they may hold secrets.
///
/// # Errors
/// None that is known; serialising such plain data does not fail.
pub fn document(subject: &Subject<'_>) -> serde_json::Result<String> {
    let run = subject.run;
    let Estimate { elapsed, serial, blocked, background } = estimate(subject);
    let json = RunJson {
        format: FORMAT,
        script: run.script.as_deref(),
        state: subject.state(),
        serial: run.serial,
        opened: run.opened.and_then(|time| subject.rfc3339(time)),
        elapsed_seconds: seconds(elapsed),
        serial_seconds: seconds(serial),
        speedup: estimate(subject).speedup(),
        blocked_seconds: seconds(blocked),
        background_seconds: seconds(background),
        damaged: subject.torn || run.damaged > 0,
        tasks: run.tasks().iter().map(|task| task_json(subject, task)).collect(),
    };
    serde_json::to_string_pretty(&json)
}

fn task_json<'a>(subject: &Subject<'_>, task: &'a Task) -> TaskJson<'a> {
    TaskJson {
        id: task.id.as_str(),
        name: task.id.name(),
        state: task.state().word(),
        code: task.code(),
        pid: task.guard.map(|guard| guard.pid),
        started_at: task.at.as_deref(),
        collected_at: task.collected_at.as_deref(),
        collected: task.collected.is_some(),
        started: task.guard.and_then(|guard| subject.rfc3339(guard.started)),
        queued_seconds: seconds(task.queued(subject.until)),
        attempts: task.failures + 1,
        skipped_because_of: task.skipped.as_ref().map(|cause| cause.root.as_str()),
        elapsed_seconds: seconds(task.elapsed(subject.until)),
        cpu_seconds: subject.cpu(&task.id).map(seconds),
        leaked_pids: task.leaks.iter().map(|leak| leak.pid).collect(),
    }
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

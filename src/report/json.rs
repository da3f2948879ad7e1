//! A run as JSON. The form is documented in `docs/json.md`; `format` counts
//! its incompatible changes.

use serde::Serialize;

use super::Subject;
use super::advice::chain::{Step, chain};
use super::advice::moves::moves;
use super::advice::unused::unused;
use super::damage::damage;
use super::estimate::{Estimate, estimate};
use super::text;
use crate::run::files::Command;
use crate::run::state::Wait;
use crate::run::{Task, Time};

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
    began: Moment,
    until: Moment,
    owner_pid: Option<u32>,
    jobs: Option<String>,
    processors: Option<u32>,
    elapsed_seconds: f64,
    serial_seconds: f64,
    speedup: f64,
    blocked_seconds: f64,
    background_seconds: f64,
    damaged: bool,
    damage: Option<String>,
    tasks: Vec<TaskJson<'a>>,
    waits: Vec<WaitJson<'a>>,
    critical_chain: Vec<LinkJson>,
    moves: Vec<MoveJson>,
    unused: Vec<String>,
    slower: Vec<String>,
}

#[derive(Serialize)]
struct TaskJson<'a> {
    id: &'a str,
    name: &'a str,
    parent: Option<String>,
    state: &'static str,
    code: Option<u8>,
    pid: Option<u32>,
    started_at: Option<&'a str>,
    started_line: Option<Place<'a>>,
    collected_at: Option<&'a str>,
    collected_line: Option<Place<'a>>,
    collected: bool,
    started: Option<String>,
    times: Times,
    options: OptionsJson<'a>,
    queued_seconds: f64,
    attempts: u32,
    failed_attempts: Vec<AttemptJson>,
    skipped_because_of: Option<&'a str>,
    elapsed_seconds: f64,
    usual_seconds: Option<f64>,
    cpu_seconds: Option<f64>,
    leaked_pids: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Times {
    started: Option<Moment>,
    began: Option<Moment>,
    ended: Option<Moment>,
    collected: Option<Moment>,
}

#[derive(Serialize)]
struct OptionsJson<'a> {
    after: Vec<&'a str>,
    lock: &'a [String],
    timeout_seconds: Option<f64>,
    retries: u32,
    capture: bool,
}

#[derive(Serialize)]
struct AttemptJson {
    code: u8,
    ended: Moment,
}

#[derive(Serialize)]
struct WaitJson<'a> {
    /// On which task; none: on any.
    on: Option<&'a str>,
    /// Inside which task; none: in the script itself.
    #[serde(rename = "in")]
    scope: Option<&'a str>,
    at: Option<&'a str>,
    line: Option<Place<'a>>,
    pid: u32,
    from: Moment,
    until: Option<Moment>,
}

#[derive(Serialize)]
struct LinkJson {
    /// None: the script itself.
    task: Option<String>,
    at: Option<String>,
    from: Moment,
    until: Moment,
}

#[derive(Serialize)]
struct MoveJson {
    saves_seconds: f64,
    text: String,
}

#[derive(Serialize)]
struct Place<'a> {
    file: &'a str,
    line: u64,
}

#[derive(Serialize)]
struct Moment {
    /// Wall clock, RFC 3339.
    time: Option<String>,
    /// Since the run began.
    seconds: f64,
}

/// The run as one JSON document. Command lines are left out unless `commands`
/// asks for them: they may hold secrets.
///
/// # Errors
/// None that is known; serialising such plain data does not fail.
pub fn document(subject: &Subject<'_>, commands: bool) -> serde_json::Result<String> {
    let run = subject.run;
    let figures = estimate(subject);
    let Estimate { elapsed, serial, blocked, background } = figures;
    let damage = damage(subject);
    let json = RunJson {
        format: FORMAT,
        script: run.script.as_deref(),
        state: subject.state(),
        serial: run.serial,
        opened: run.opened.and_then(|time| rfc3339(subject, time)),
        began: moment(subject, subject.since()),
        until: moment(subject, subject.until),
        owner_pid: run.owner.map(|owner| owner.pid),
        jobs: run.jobs.as_ref().map(ToString::to_string),
        processors: run.processors,
        elapsed_seconds: seconds(elapsed),
        serial_seconds: seconds(serial),
        speedup: figures.speedup(),
        blocked_seconds: seconds(blocked),
        background_seconds: seconds(background),
        damaged: damage.is_some(),
        damage,
        tasks: run.tasks().iter().map(|task| task_json(subject, task, commands)).collect(),
        waits: run.waits.iter().map(|wait| wait_json(subject, wait)).collect(),
        critical_chain: links(subject),
        moves: moves(subject)
            .iter()
            .map(|next| MoveJson { saves_seconds: seconds(next.saves), text: next.to_string() })
            .collect(),
        unused: unused(subject).iter().map(ToString::to_string).collect(),
        slower: text::slower(subject),
    };
    serde_json::to_string_pretty(&json)
}

fn task_json<'a>(subject: &Subject<'_>, task: &'a Task, commands: bool) -> TaskJson<'a> {
    let at = |time| moment(subject, time);
    let options = &task.options;
    TaskJson {
        id: task.id.as_str(),
        name: task.id.name(),
        parent: task.id.parent().map(|parent| parent.to_string()),
        state: task.state().word(),
        code: task.code(),
        pid: task.guard.map(|guard| guard.pid),
        started_at: task.at.as_deref(),
        started_line: place(task.at.as_deref()),
        collected_at: task.collected_at.as_deref(),
        collected_line: place(task.collected_at.as_deref()),
        collected: task.collected.is_some(),
        started: task.guard.and_then(|guard| rfc3339(subject, guard.started)),
        times: Times {
            started: task.guard.map(|guard| at(guard.started)),
            began: task.began().map(at),
            ended: task.end.map(|(end, _)| at(end)),
            collected: task.collected.map(at),
        },
        options: OptionsJson {
            after: options.after.iter().map(crate::run::Id::as_str).collect(),
            lock: &options.locks,
            timeout_seconds: options.timeout.map(seconds),
            retries: options.retries,
            capture: options.capture,
        },
        queued_seconds: seconds(task.queued(subject.until)),
        attempts: task.failures.saturating_add(1),
        failed_attempts: task
            .tries
            .iter()
            .map(|(time, code)| AttemptJson { code: *code, ended: at(*time) })
            .collect(),
        skipped_because_of: task.skipped.as_ref().map(|cause| cause.root.as_str()),
        elapsed_seconds: seconds(task.elapsed(subject.until)),
        usual_seconds: subject.past.and_then(|past| past.expected(task.id.name())).map(seconds),
        cpu_seconds: subject.cpu(&task.id).map(seconds),
        leaked_pids: task.leaks.iter().map(|leak| leak.pid).collect(),
        command: subject.commands.get(&task.id).filter(|_| commands).map(words),
    }
}

fn words(command: &Command) -> Vec<String> {
    command.argv.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

fn wait_json<'a>(subject: &Subject<'_>, wait: &'a Wait) -> WaitJson<'a> {
    WaitJson {
        on: wait.id.as_ref().map(crate::run::Id::as_str),
        scope: wait.scope.as_ref().map(crate::run::Id::as_str),
        at: wait.at.as_deref(),
        line: place(wait.at.as_deref()),
        pid: wait.by,
        from: moment(subject, wait.from),
        until: wait.until.map(|until| moment(subject, until)),
    }
}

fn links(subject: &Subject<'_>) -> Vec<LinkJson> {
    let link = |link: super::advice::chain::Link| LinkJson {
        task: match link.step {
            Step::Script => None,
            Step::Task(id) => Some(id.to_string()),
        },
        at: link.at,
        from: moment(subject, link.from),
        until: moment(subject, link.until),
    };
    chain(subject).into_iter().map(link).collect()
}

/// `file:line`, apart; a file's name may hold colons as well.
fn place(at: Option<&str>) -> Option<Place<'_>> {
    let (file, line) = at?.rsplit_once(':')?;
    Some(Place { file, line: line.parse().ok()? })
}

fn moment(subject: &Subject<'_>, time: Time) -> Moment {
    // Shells note the time less exactly, so one may seem to be before the begin.
    let (time_before, since) = (subject.since().since(time), time.since(subject.since()));
    Moment { time: rfc3339(subject, time), seconds: seconds(since) - seconds(time_before) }
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

fn rfc3339(subject: &Subject<'_>, time: Time) -> Option<String> {
    Some(subject.timestamp(time)?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use serde_json::{Value, json};

    const JOURNAL: &str = "1.000000 run - owner=1 ownerstart=1.0 wall=1700000000000000 cpus=2\n\
        2.000000 start a pid=2 at=x:y.sh:7 queued=1 after=b lock=apt timeout=90000000 retries=2\n\
        2.500000 begin a\n3.000000 attempt a code=4\n3.000000 wait a by=9 at=x.sh:8\n\
        3.500000 end a code=0 cpu=1000\n3.500000 woken - by=9\n3.600000 collected a code=0 at=x.sh:8\n";

    fn read(commands: bool) -> Value {
        let sample = sample(JOURNAL, &[("a", b"curl\0secret\0")]);
        serde_json::from_str(&document(&sample.subject(), commands).unwrap()).unwrap()
    }

    #[test]
    fn a_task_has_its_options_its_places_and_its_times() {
        let json = read(false);
        let task = &json["tasks"][0];
        assert_eq!(
            task["options"],
            json!({"after": ["b"], "lock": ["apt"], "timeout_seconds": 90.0, "retries": 2, "capture": false})
        );
        assert_eq!(task["started_line"], json!({"file": "x:y.sh", "line": 7}));
        assert_eq!(
            task["times"]["began"],
            json!({"time": "2023-11-14T22:13:21.5Z", "seconds": 1.5})
        );
        assert_eq!(
            (&task["failed_attempts"][0]["code"], &task["attempts"]),
            (&json!(4), &json!(2))
        );
        let wait = &json["waits"][0];
        assert_eq!((&wait["on"], &wait["in"]), (&json!("a"), &Value::Null));
        assert_eq!(
            (&wait["from"]["seconds"], &wait["until"]["seconds"]),
            (&json!(2.0), &json!(2.5))
        );
        assert_eq!((&json["state"], &json["damage"]), (&json!("crashed"), &Value::Null));
    }

    #[test]
    fn commands_are_there_only_if_asked_for() {
        assert_eq!(read(true)["tasks"][0]["command"], json!(["curl", "secret"]));
        assert!(!read(false).to_string().contains("secret"));
    }
}

//! What the page's script draws, as JSON. Nobody else reads it, so it has no
//! promised form; what is not there is left out, for there may be ten
//! thousand tasks. Times are microseconds since the run began.

use std::collections::HashMap;

use serde::Serialize;

use super::Input;
use super::logs::{self, Shown};
use super::races::{self, RaceData};
use super::visible::visible;
use crate::report::advice::chain::{Link, Step};
use crate::report::text::{ending, word};
use crate::run::state::Wait;
use crate::run::{Id, State, Task, Time, files};

#[derive(Serialize)]
struct Data<'a> {
    /// From the beginning to the moment until which it is told.
    span: u64,
    /// When the script ended, if it has.
    exited: Option<u64>,
    cores: usize,
    /// Whether it still ran.
    live: bool,
    /// Where the whole logs are.
    dir: &'a str,
    waits: Vec<WaitData<'a>>,
    chain: Vec<LinkData<'a>>,
    tasks: Vec<TaskData<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    races: Vec<RaceData>,
}

#[derive(Serialize)]
struct WaitData<'a> {
    /// Who waited: a task's number; else the script.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<usize>,
    /// For whom; else for any.
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<usize>,
    from: u64,
    until: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'a str>,
}

#[derive(Serialize)]
struct LinkData<'a> {
    /// A task's number; else the script.
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<usize>,
    from: u64,
    until: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TaskData<'a> {
    id: &'a str,
    /// The state's word.
    state: &'static str,
    /// How it ended, in words, if not with 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    how: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u8>,
    /// When it was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<u64>,
    /// When its command began.
    #[serde(skip_serializing_if = "Option::is_none")]
    began: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    collected: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    collected_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    after: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locks: Vec<&'a str>,
    /// What it left running.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left: Vec<String>,
    /// How long it usually takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    usual: Option<u64>,
    /// How long it took in the run to compare with.
    #[serde(skip_serializing_if = "Option::is_none")]
    earlier: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<LogData>,
}

#[derive(Serialize)]
struct LogData {
    head: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    tail: String,
    #[serde(skip_serializing_if = "is_zero")]
    cut: u64,
    size: u64,
    /// The file that has it all.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The data, as it may stand inside of a `script` element.
///
/// # Errors
/// None that is known; serialising such plain data does not fail.
pub fn json(input: &Input<'_>) -> serde_json::Result<String> {
    let subject = input.subject;
    let clock = Clock { since: subject.since(), until: subject.until.max(subject.since()) };
    let numbers: HashMap<&Id, usize> =
        subject.run.tasks().iter().enumerate().map(|(n, task)| (&task.id, n)).collect();
    let dir = visible(input.dir);
    let data = Data {
        span: clock.of(clock.until),
        exited: subject.run.exited.map(|time| clock.of(time)),
        cores: subject.cores,
        live: subject.live,
        dir: &dir,
        waits: subject.run.waits.iter().map(|wait| wait_data(wait, &clock, &numbers)).collect(),
        chain: input.chain.iter().map(|link| link_data(link, &clock, &numbers)).collect(),
        tasks: task_data(input, &clock),
        races: input.races.map_or_else(Vec::new, |found| {
            races::data(found, &clock, |id| numbers.get(id).copied())
        }),
    };
    // In JSON these stand in strings alone. The first could end the element,
    // the others are line ends to some that read scripts.
    Ok(serde_json::to_string(&data)?
        .replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029"))
}

/// Moments of the run, as the page counts them.
pub struct Clock {
    since: Time,
    until: Time,
}

impl Clock {
    /// A moment.
    pub fn of(&self, time: Time) -> u64 {
        time.min(self.until).since(self.since)
    }
}

fn wait_data<'a>(wait: &'a Wait, clock: &Clock, numbers: &HashMap<&Id, usize>) -> WaitData<'a> {
    WaitData {
        by: wait.scope.as_ref().and_then(|id| numbers.get(id).copied()),
        on: wait.id.as_ref().and_then(|id| numbers.get(id).copied()),
        from: clock.of(wait.from),
        until: clock.of(wait.until.unwrap_or(clock.until)),
        at: wait.at.as_deref(),
    }
}

fn link_data<'a>(link: &'a Link, clock: &Clock, numbers: &HashMap<&Id, usize>) -> LinkData<'a> {
    LinkData {
        task: match &link.step {
            Step::Script => None,
            Step::Task(id) => numbers.get(id).copied(),
        },
        from: clock.of(link.from),
        until: clock.of(link.until),
        at: link.at.as_deref(),
    }
}

fn task_data<'a>(input: &'a Input<'_>, clock: &Clock) -> Vec<TaskData<'a>> {
    let tasks = input.subject.run.tasks();
    let excerpt = |task: &Task| input.logs?.get(&task.id);
    let mut shown: Vec<Option<Shown>> =
        tasks.iter().map(|task| Some(Shown::new(excerpt(task)?))).collect();
    logs::fit(&mut shown);
    let data = tasks.iter().zip(shown).map(|(task, log)| {
        let log = log.zip(excerpt(task)).map(|(shown, excerpt)| LogData {
            file: (shown.cut > 0)
                .then(|| files::of_attempt(&task.id, task.failures.saturating_add(1), files::LOG)),
            head: shown.head,
            tail: shown.tail,
            cut: shown.cut,
            size: excerpt.bytes,
        });
        TaskData { log, ..one_task(input, clock, task) }
    });
    data.collect()
}

fn one_task<'a>(input: &'a Input<'_>, clock: &Clock, task: &'a Task) -> TaskData<'a> {
    let subject = input.subject;
    let command = subject.commands.get(&task.id).filter(|command| !command.argv.is_empty());
    TaskData {
        id: task.id.as_str(),
        state: word(task, subject.live),
        how: (task.state() != State::Succeeded || task.failures > 0)
            .then(|| how(task, subject.live)),
        code: task.code(),
        started: task.guard.map(|guard| clock.of(guard.started)),
        began: task.began().map(|time| clock.of(time)),
        ended: task.end.map(|(time, _)| clock.of(time)),
        collected: task.collected.map(|time| clock.of(time)),
        cpu: subject.cpu(&task.id),
        at: task.at.as_deref(),
        collected_at: task.collected_at.as_deref(),
        command: command
            .filter(|_| input.commands)
            .map(|command| shortened(&visible(&command.display()), subject.run.tasks().len())),
        after: task.options.after.iter().map(Id::as_str).collect(),
        locks: task.options.locks.iter().map(String::as_str).collect(),
        left: task.leaks.iter().map(|leak| format!("{} ({})", leak.pid, leak.comm)).collect(),
        usual: subject.past.and_then(|past| past.expected(task.id.name())),
        earlier: input.earlier.and_then(|earlier| earlier.took(&task.id)),
        log: None,
    }
}

/// How a task ended, or that nobody saw it.
pub fn how(task: &Task, live: bool) -> String {
    match task.state() {
        State::Running | State::Queued if !live => {
            let at = task.at.as_ref().map(|at| format!(", started at {at}"));
            format!("no end is recorded{}", at.unwrap_or_default())
        }
        _ => ending(task),
    }
}

/// A longer command is cut, bytes, for some have a whole script as an argument;
/// earlier if all of them come to so much.
const COMMAND: usize = 2000;
const COMMANDS: usize = 4_000_000;

fn shortened(command: &str, tasks: usize) -> String {
    let most = COMMAND.min(COMMANDS / tasks.max(1));
    if command.len() <= most {
        return command.to_owned();
    }
    let end = (0..=most).rev().find(|at| command.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", &command[..end])
}

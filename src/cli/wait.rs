//! `meanwhile wait`: collects tasks. `async_wait` runs it, once per call.

use std::io::Write;

use clap::ValueEnum;
use rustix::fs::OFlags;

use super::groups::{Grouped, Groups};
use super::progress::{Settings, Shown};
use super::{Failure, checked, message, run_dir};
use crate::client::Error;
use crate::client::collect::collect;
use crate::client::replay::flush;
use crate::client::request::{Note, Outcome, Output, Request, Teller, Which};
use crate::process::dir::RunDir;
use crate::process::tree;
use crate::run::{Id, Name, code, duration};

/// Wait for tasks, print the log of each whole and in order, return the first failure's code.
///
/// All named tasks are collected, also after a failure. Waiting again for a
/// collected task returns its code and prints nothing.
#[derive(Debug, clap::Args)]
pub struct Wait {
    /// The tasks, collected in this order.
    #[arg(required_unless_present_any = ["all", "any"])]
    names: Vec<String>,
    /// Every task that is not collected yet.
    #[arg(long, conflicts_with_all = ["names", "any"])]
    all: bool,
    /// The first of the named (or of all uncollected) tasks to end. In a
    /// script its name is then in ASYNC_NAME.
    #[arg(long)]
    any: bool,
    /// Give up after this time, with code 124; the tasks go on.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<u64>,
    /// A task that was never started is no error.
    #[arg(long)]
    if_started: bool,
    /// Print no logs.
    #[arg(long)]
    quiet: bool,
    /// Return as soon as one of the tasks fails.
    #[arg(long, conflicts_with = "any")]
    fail_fast: bool,
    /// Which logs to print: replay (all), failed (of tasks that failed), quiet
    /// (none), live (of tasks that did not show it while they ran).
    #[arg(long, default_value = "replay", env = "MEANWHILE_OUTPUT", hide_env_values = true,
          value_parser = parse_output, overrides_with = "output")]
    output: Output,
    #[command(flatten)]
    groups: Groups,
    /// Say of each task that the script never collected it.
    #[arg(long, hide = true)]
    uncollected: bool,
    #[command(flatten)]
    caller: Caller,
}

/// Who asks: what the glue adds to the options.
#[derive(Debug, clap::Args)]
pub struct Caller {
    #[command(flatten)]
    dir: run_dir::Dir,
    /// The script's line.
    #[arg(long, hide = true)]
    at: Option<String>,
    /// The task that asks.
    #[arg(long = "in", hide = true, value_parser = parse_id)]
    scope: Option<Id>,
    /// Leave the shell of this pid (by default the parent) an answer where an
    /// exit code alone is ambiguous.
    #[arg(long, hide = true, value_name = "PID", num_args = 0..=1, require_equals = true,
          default_missing_value = "0")]
    answer: Option<i32>,
    /// The number of this call, which the answer repeats.
    #[arg(long, hide = true, default_value_t = 0)]
    call: u64,
    /// Speak as devstack's inc/async does.
    #[arg(long, hide = true)]
    devstack: bool,
    #[command(flatten)]
    settings: Settings,
}

/// Reads what `--output` says.
pub fn parse_output(text: &str) -> Result<Output, String> {
    // An empty variable is as none.
    let text = if text.is_empty() { "replay" } else { text };
    Output::from_str(text, false).map_err(|_| "it is replay, failed, quiet or live".to_owned())
}

fn parse_id(text: &str) -> Result<Id, String> {
    Id::parse(text).ok_or_else(|| "not a task".to_owned())
}

impl Wait {
    pub fn run(self) -> Result<u8, Failure> {
        let names = parse_names(&self.names)?;
        let which = match (self.all, self.any) {
            (true, _) => Which::All,
            (_, true) => Which::Any(names),
            _ => Which::Named(names),
        };
        let dir = self.caller.dir.named()?;
        let request = Request {
            which,
            scope: self.caller.scope.clone(),
            waiter: self.caller.waiter(&dir),
            at: self.caller.at.clone(),
            timeout: self.timeout,
            if_started: self.if_started,
            once: self.caller.devstack,
            with_script: self.caller.answer.is_some(),
            fail_fast: self.fail_fast,
            checked: checked::traced(),
            output: if self.quiet { Output::Quiet } else { self.output },
        };
        let teller: Box<dyn Teller> = if self.caller.devstack {
            let mut devstack = message::Devstack::new(self.caller.dir.named()?);
            devstack.uncollected = self.uncollected;
            Box::new(devstack)
        } else {
            Box::new(message::Plain { uncollected: self.uncollected })
        };
        let answer = self.caller.prepare_answer(&dir);
        let mut teller = Answering { teller, answer: answer.as_ref(), failed: false };
        let mut teller = self.caller.shown(&dir, &mut teller);
        let mut output = Grouped::new(message::raw_stdout()?, &self.groups);
        let outcome = collect(&dir, &request, &mut output, &mut teller);
        output.close(request.at.as_deref());
        flush(&mut output).map_err(|error| Failure::output(&error))?;
        finish(answer, self.any, self.caller.scope(), outcome)
    }
}

/// Leaves the first failure's code as an answer before its task counts as
/// collected: should this process be killed, the next one will not see it.
struct Answering<'a> {
    teller: Box<dyn Teller>,
    answer: Option<&'a Answer<'a>>,
    failed: bool,
}

impl Teller for Answering<'_> {
    fn tell(&mut self, note: &Note<'_>) {
        self.teller.tell(note);
        if let (Note::Before(task, _), false, Some(answer)) = (note, self.failed, self.answer) {
            let code = task.code().unwrap_or(code::OK);
            if code != code::OK {
                self.failed = true;
                answer.give(&format!("partial {code}"));
            }
        }
    }
}

/// Gives the outcome as an exit code, and as an answer where the shell needs one.
pub fn finish(
    answer: Option<Answer<'_>>,
    any: bool,
    scope: Option<&Id>,
    outcome: Result<Outcome, Error>,
) -> Result<u8, Failure> {
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            // A usage error stands; for the rest the shell may know better.
            if let Some(answer) = answer.filter(|_| !error.is_breakdown()) {
                answer.give(&format!("{0} {0} -", error.code()));
            }
            return Err(error.into());
        }
    };
    // Codes up to 123 can only be a task's; 124 may mean that the time to wait was up, the
    // others also that this program was not found, failed, or was killed.
    let task_timed_out = outcome.code == code::TIMED_OUT && !outcome.gave_up;
    let ambiguous =
        outcome.code >= code::FAILED || task_timed_out || any || !outcome.lost.is_empty();
    if let Some(answer) = answer.filter(|_| ambiguous) {
        let first = outcome.ended.first().map_or("-", Id::name);
        // The name as the task that asks has given it.
        let inner = scope.and_then(|scope| first.strip_prefix(scope.as_str())?.strip_prefix('/'));
        let first = inner.unwrap_or(first);
        let lost: Vec<&str> = outcome.lost.iter().map(Id::as_str).collect();
        let (code, rest) = (outcome.code, outcome.code_without_lost);
        answer.give(&format!("{code} {rest} {first} {}", lost.join(" ")));
    }
    Ok(outcome.code)
}

/// Checks names from a command line.
pub fn parse_names(names: &[String]) -> Result<Vec<Name>, Failure> {
    names.iter().map(|name| Name::nested(name).map_err(Failure::from)).collect()
}

/// The file in which the calling shell, this process's parent, looks for the
/// meaning of an ambiguous exit code: `CALL CODE CODE-WITHOUT-LOST FIRST LOST…`.
#[derive(Debug)]
pub struct Answer<'a> {
    dir: &'a RunDir,
    name: String,
    call: u64,
}

impl Answer<'_> {
    /// Answers. Where the disk is full the shell gets none, and asks its own `wait`.
    fn give(&self, text: &str) {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
        if let Ok(mut file) = self.dir.file(&self.name, flags) {
            let _ = file.write_all(format!("{} {text}\n", self.call).as_bytes());
        }
    }
}

/// The pid of this process's parent.
pub fn parent() -> i32 {
    rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get())
}

impl Caller {
    /// The run, and the request's part that the caller adds.
    pub fn open(&self) -> Result<RunDir, Failure> {
        self.dir.named()
    }

    /// The answer that the shell wants, if it wants one.
    pub fn prepare_answer<'a>(&self, dir: &'a RunDir) -> Option<Answer<'a>> {
        let shell = self.answer.map(|pid| if pid == 0 { parent() } else { pid })?;
        Some(Answer { dir, name: format!("answer.{shell}"), call: self.call })
    }

    /// The task that waits: a program in a task is told by its environment.
    pub fn waiter(&self, dir: &RunDir) -> Option<Id> {
        self.scope.clone().or_else(|| tree::own_task(dir))
    }

    /// Tells what `teller` does, and shows what the caller is blocked on.
    pub fn shown<'a>(&self, dir: &RunDir, teller: &'a mut dyn Teller) -> Shown<'a> {
        // What a script has set was looked at when its run was opened.
        if self.answer.is_none() {
            self.settings.tell_errors();
        }
        Shown::new(self.settings.clone(), self.waiter(dir).is_some(), teller)
    }

    /// The task that asks.
    pub fn scope(&self) -> Option<&Id> {
        self.scope.as_ref()
    }

    /// The script's line.
    pub fn at(&self) -> Option<&String> {
        self.at.as_ref()
    }
}

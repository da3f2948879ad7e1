//! `meanwhile report`: what a run bought.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::ValueEnum;

use super::groups::{self, Groups};
use super::{Failure, html, message, run_dir, step_summary};
use crate::client::Error;
use crate::client::excerpt::excerpt;
use crate::process::dir::RunDir;
use crate::process::file;
use crate::process::registry::{self, Entry};
use crate::report::damage::damage;
use crate::report::{Subject, devstack, joblog, json, junit, text, trace};

/// Report on a run: finished, still running, or crashed.
#[derive(Debug, clap::Args)]
pub struct Report {
    /// The run's directory; by default MEANWHILE_DIR, else the latest run.
    run: Option<PathBuf>,
    /// The form.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// With the command lines of the tasks, which may hold secrets (json,
    /// trace, joblog).
    #[arg(long)]
    commands: bool,
    /// Write to this file, whole or not at all; only its owner may read it.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Compare with this earlier run, task by task (html).
    #[arg(long, value_name = "RUN")]
    compare: Option<PathBuf>,
    /// Leave this out, to give the page to others (html).
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT")]
    without: Vec<html::Part>,
    #[command(flatten)]
    groups: Groups,
    #[command(flatten)]
    dir: run_dir::Dir,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// The summary.
    #[default]
    Text,
    /// One page that needs nothing else, with commands and logs (docs/html.md).
    Html,
    /// All of it, for programs (docs/json.md).
    Json,
    /// Chrome's trace format: open it at ui.perfetto.dev.
    Trace,
    /// A test case for each task, with its log.
    Junit,
    /// GNU parallel's --joblog.
    Joblog,
    #[value(hide = true)]
    Devstack,
}

/// So many bytes of all logs together are embedded, and of one log at most
/// and at least so many.
const LOGS: u64 = 16 << 20;
const LOG_MOST: u64 = 64 << 10;
const LOG_LEAST: u64 = 1 << 10;

impl Report {
    pub fn run(self) -> Result<u8, Failure> {
        let dir = match &self.run {
            Some(path) => RunDir::open(path).map_err(Error::from)?,
            None => self.dir.named_or_latest()?,
        };
        self.check()?;
        let loaded = run_dir::Loaded::settled(&dir)?.with_script();
        let subject = loaded.subject();
        let text = self.document(&dir, &subject)?;
        // What is for programs is told to the person as well.
        if let Some(damage) = damage(&subject).filter(|_| !self.is_summary()) {
            message::say(format!("{damage}; this is what can be read of it"), None);
        }
        match &self.output {
            None => {
                message::print_bytes(&text)?;
                self.tell_wrapper(&dir, &subject);
                self.tell_ci(&dir, &subject)?;
            }
            Some(path) => file::replace(path, &text).map_err(|error| {
                Failure::other(&format!("cannot write {}", path.display()), &error)
            })?,
        }
        Ok(0)
    }

    fn document(&self, dir: &RunDir, subject: &Subject<'_>) -> Result<Vec<u8>, Failure> {
        let failed = |what| move |error| Failure::other(&format!("cannot write {what}"), &error);
        let text = match self.format {
            Format::Text => text::summary(subject),
            Format::Devstack => devstack::summary(subject),
            Format::Html => html::document(dir, subject, self.compare.as_deref(), &self.without)?,
            Format::Json => {
                let text = json::document(subject, self.commands);
                text.map_err(std::io::Error::from).map_err(failed("JSON"))? + "\n"
            }
            Format::Trace => trace::document(subject, self.commands),
            Format::Joblog => {
                let mut sizes = |id: &_, attempt| excerpt(dir, id, attempt, 0);
                joblog::table(subject, self.commands, &mut sizes)
            }
            Format::Junit => {
                let logs: u64 =
                    subject.run.tasks().iter().map(|task| 1 + task.tries.len() as u64).sum();
                let limit = (LOGS / logs.max(1)).clamp(LOG_LEAST, LOG_MOST);
                let mut log = |id: &_, attempt| excerpt(dir, id, attempt, limit);
                return junit::document(subject, &mut log).map_err(failed("JUnit's XML"));
            }
        };
        Ok(text.into_bytes())
    }

    /// Refuses what can only be a mistake.
    fn check(&self) -> Result<(), Failure> {
        let html = matches!(self.format, Format::Html);
        if !html && (self.compare.is_some() || !self.without.is_empty()) {
            let message = "--compare and --without are for --format html";
            return Err(Failure::usage(message, "add --format html"));
        }
        if html && self.output.is_none() && std::io::stdout().is_terminal() {
            let message = "an HTML page is nothing for a terminal";
            return Err(Failure::usage(message, "write it to a file: -o report.html"));
        }
        Ok(())
    }

    fn is_summary(&self) -> bool {
        matches!(self.format, Format::Text | Format::Devstack)
    }

    /// In CI the failures come last, and the summary goes on the step's page.
    fn tell_ci(&self, dir: &RunDir, subject: &Subject<'_>) -> Result<(), Failure> {
        if !self.is_summary() {
            return Ok(());
        }
        let setting = self.groups.setting();
        step_summary::tell(setting, subject);
        match groups::reader(setting, subject.run) {
            Some(ci) => message::print_bytes(&groups::failures(ci, dir, subject.run)),
            None => Ok(()),
        }
    }

    /// `meanwhile run` prints the summary of a script that has not done so.
    fn tell_wrapper(&self, dir: &RunDir, subject: &Subject<'_>) {
        if self.is_summary() {
            let ended = subject.run.tasks().iter().filter(|task| task.end.is_some()).count();
            registry::tell(&Entry::Told(dir.path().to_owned(), ended));
        }
    }
}

//! `meanwhile status`: the tasks of a run, now.

use std::fmt::Write as _;

use super::{Failure, message, progress, run_dir};
use crate::report::json;
use crate::report::text::ending;
use crate::run::{State, duration};

/// Show the tasks of a run and the state of each.
#[derive(Debug, clap::Args)]
pub struct Status {
    /// As one JSON document (see docs/json.md).
    #[arg(long)]
    json: bool,
    /// Show them until the run is over: live on a terminal, elsewhere a line
    /// for each change.
    #[arg(long, conflicts_with = "json")]
    watch: bool,
    #[command(flatten)]
    settings: progress::Settings,
    #[command(flatten)]
    dir: run_dir::Dir,
}

impl Status {
    pub fn run(self) -> Result<u8, Failure> {
        let dir = self.dir.named_or_latest()?;
        if self.watch {
            self.settings.tell_errors();
            // What was drawn is gone; the lines tell all by themselves.
            if !progress::watch(&dir, &self.settings)? {
                return Ok(0);
            }
        }
        let loaded = run_dir::Loaded::read(&dir)?;
        if self.json {
            let loaded = loaded.with_script();
            let text = json::document(&loaded.subject(), false)
                .map_err(|error| Failure::other("cannot write JSON", &error.into()))?;
            message::print(&(text + "\n"))?;
            return Ok(0);
        }
        let subject = loaded.subject();
        let tasks = subject.run.tasks();
        let width = tasks.iter().map(|task| task.id.as_str().len()).max().unwrap_or(0).min(40);
        let mut text = String::new();
        for task in tasks {
            let what = match task.state() {
                State::Queued => format!("for {}", duration::display(task.queued(subject.until))),
                State::Running => format!("for {}", duration::display(task.elapsed(subject.until))),
                State::Succeeded if task.failures == 0 => {
                    format!("after {}", duration::display(task.elapsed(subject.until)))
                }
                _ => ending(task),
            };
            let mark = if task.collected.is_some() { "collected" } else { "" };
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{:<width$}  {:<9}  {mark:<9}  {what}",
                task.id.as_str(),
                task.state().word()
            );
        }
        if tasks.is_empty() {
            text.push_str("no tasks\n");
        }
        message::print(&text)?;
        Ok(0)
    }
}

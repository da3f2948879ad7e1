//! `meanwhile log`: prints a task's log, also while it runs.

use super::wait::parse_names;
use super::{Failure, message, run_dir};
use crate::client::Error;
use crate::client::follow::follow;
use crate::client::replay::Log as Replay;
use crate::process::journal::Journal;
use crate::process::pidfd::Handle;
use crate::run::name::did_you_mean;
use crate::run::{Id, code, files};

/// Print a task's log.
#[derive(Debug, clap::Args)]
pub struct Log {
    /// The task.
    name: String,
    /// Go on printing until the task has ended.
    #[arg(short, long)]
    follow: bool,
    /// Its Nth attempt, if it was started with --retries; by default the last.
    #[arg(long, value_name = "N", conflicts_with = "follow")]
    attempt: Option<u32>,
    /// The task that asks.
    #[arg(long = "in", hide = true)]
    scope: Option<String>,
    #[command(flatten)]
    dir: run_dir::Dir,
}

impl Log {
    pub fn run(self) -> Result<u8, Failure> {
        let names = parse_names(std::slice::from_ref(&self.name))?;
        let dir = self.dir.named_or_latest()?;
        let failed = Error::journal("read the journal of", dir.path());
        let mut journal = Journal::read(&dir).map_err(failed)?;
        let scope = self.scope.as_deref().and_then(Id::parse);
        let run = journal.run();
        let mut found = names.iter().flat_map(|name| name.lookup(scope.as_ref()));
        let Some(task) = found.find_map(|name| run.latest(&name)) else {
            return Err(unknown(&self.name, run.tasks().iter().map(|task| task.id.name())));
        };
        let (id, last) = (task.id.clone(), task.failures + 1);
        let failed = |error| Error::Replay { id: id.clone(), error };
        let guard = task.guard.filter(|_| task.end.is_none());
        let mut stdout = message::raw_stdout()?;
        if self.follow {
            let guard = guard.map(Handle::open).transpose().map_err(failed)?.flatten();
            follow(&dir, &mut journal, &id, guard.as_ref(), &mut stdout).map_err(failed)?;
            return Ok(code::OK);
        }
        let attempt = self.attempt.unwrap_or(last);
        if attempt == 0 || attempt > last {
            return Err(Failure::usage(
                format!("{id}: there is no attempt {attempt}"),
                format!("there were {last}"),
            ));
        }
        let Some(mut log) = Replay::open(&dir, &id, attempt, files::LOG).map_err(failed)? else {
            let gone = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(Failure::other(&format!("{id}: its log is gone"), &gone));
        };
        log.replay(&mut stdout).map_err(failed)?;
        Ok(code::OK)
    }
}

/// The failure of a command that was given a name which no task has.
pub fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let hint = match did_you_mean(name, known) {
        Some(near) => format!("did you mean {near}?"),
        None => "what there is: meanwhile status".to_owned(),
    };
    Failure::unknown(format!("{name}: no such task"), hint)
}

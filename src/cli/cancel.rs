//! `meanwhile cancel`: ends tasks.

use super::wait::parse_names;
use super::{Failure, checked, log, message, run_dir};
use crate::client::{Error, cancel};
use crate::process::journal::Journal;
use crate::run::{Id, code, duration};

/// End tasks with all their processes: TERM, and KILL after a grace.
///
/// They stay to be collected, with the code of the signal. A task that has
/// ended already is left as it is.
#[derive(Debug, clap::Args)]
pub struct Cancel {
    /// The tasks.
    #[arg(required_unless_present = "all")]
    names: Vec<String>,
    /// Every running task.
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// The time from TERM to KILL.
    #[arg(long, value_name = "DURATION", env = "MEANWHILE_GRACE", hide_env_values = true)]
    grace: Option<String>,
    /// The task that asks.
    #[arg(long = "in", hide = true)]
    scope: Option<String>,
    #[command(flatten)]
    dir: run_dir::Dir,
}

impl Cancel {
    pub fn run(self) -> Result<u8, Failure> {
        let names = parse_names(&self.names)?;
        let dir = self.dir.named()?;
        let mut journal =
            Journal::open(&dir).map_err(Error::journal("open the journal of", dir.path()))?;
        let scope = self.scope.as_deref().and_then(Id::parse);
        let run = journal.run();
        let mut ids: Vec<Id> = Vec::new();
        if self.all {
            // Not the task that asks, nor those that it runs in.
            let around = |id: &Id| scope.as_ref().is_some_and(|scope| scope.within(id));
            ids.extend(run.running().map(|t| t.id.clone()).filter(|id| !around(id)));
        }
        for name in &names {
            let found = name.lookup(scope.as_ref()).iter().find_map(|name| run.latest(name));
            let Some(task) = found else {
                let known = run.tasks().iter().map(|task| task.id.name());
                return Err(log::unknown(name.as_str(), known));
            };
            ids.push(task.id.clone());
        }
        let grace = match self.grace.as_deref() {
            // An empty variable is as none.
            None | Some("") => cancel::grace(run),
            Some(text) => duration::parse(text)
                .map_err(|rule| Failure::usage(format!("grace {text:?}"), rule))?,
        };
        let survivors = cancel::cancel(&dir, &mut journal, &ids, grace)?;
        if checked::traced() {
            cancel::note_seen(&mut journal, &ids);
        }
        survivors.iter().for_each(message::say_survivor);
        Ok(if survivors.is_empty() { code::OK } else { code::FAILED })
    }
}

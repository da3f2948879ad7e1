//! What a run bought: pure functions from a run (and the commands of its
//! tasks) to text, JSON, or devstack's summary.

pub mod devstack;
pub mod estimate;
pub mod history;
pub mod json;
pub mod text;

use std::collections::HashMap;

use crate::run::files::Command;
use crate::run::past::Past;
use crate::run::{Id, Run, Time};

/// A run as reports see it.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The run.
    pub run: &'a Run,
    /// The commands of its tasks, where they could be read.
    pub commands: &'a HashMap<Id, Command>,
    /// Until when it is told: now, or when the run ended.
    pub until: Time,
    /// Whether its script still runs.
    pub live: bool,
    /// The script's CPU time with all its waited-for children, microseconds, if known.
    pub script_cpu: Option<u64>,
    /// Processors that it could use.
    pub cores: usize,
    /// Whether the journal ends in the middle of a record.
    pub torn: bool,
    /// The runs of its script before it, where they are asked for and known.
    pub past: Option<&'a Past>,
}

impl Subject<'_> {
    /// When it began: with its script, or when it was opened.
    pub fn since(&self) -> Time {
        let script = self.run.owner.map(|owner| owner.started);
        script.filter(|time| time.0 > 0).or(self.run.opened).unwrap_or(self.until)
    }

    /// A task's CPU time, microseconds, if known.
    pub fn cpu(&self, id: &Id) -> Option<u64> {
        let own = self.run.task(id).and_then(|task| task.cpu);
        own.or_else(|| self.commands.get(id).and_then(|command| command.cpu))
    }
}

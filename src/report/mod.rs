//! What a run bought: pure functions from a run (and the commands of its
//! tasks) to text, JSON, or devstack's summary; and to what a CI system reads.

pub mod again;
pub mod devstack;
pub mod estimate;
pub mod groups;
pub mod json;
pub mod markdown;
pub mod neutral;
pub mod text;

use std::collections::HashMap;

use crate::run::files::Command;
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

//! What a run bought: pure functions from a run (and the commands of its
//! tasks) to text, JSON and other forms; and to what a CI system reads.

pub mod advice;
pub mod again;
pub mod check;
pub mod clean;
pub mod damage;
pub mod devstack;
pub mod doctor;
pub mod estimate;
pub mod groups;
pub mod history;
pub mod html;
mod idle;
pub mod joblog;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod neutral;
#[cfg(test)]
mod sample;
mod spans;
pub mod text;
pub mod trace;

use std::collections::HashMap;

use crate::run::excerpt::Excerpt;
use crate::run::files::Command;
use crate::run::past::Past;
use crate::run::state::Close;
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

/// Where a report gets a task's log from: of which attempt, counted from 1.
pub type Logs<'a> = &'a mut dyn FnMut(&Id, u32) -> Option<Excerpt>;

impl Subject<'_> {
    /// `running`, `finished`, `aborted` or `crashed`.
    pub fn state(&self) -> &'static str {
        match self.run.closed {
            _ if self.live => "running",
            Some((_, Close::Finished)) => "finished",
            Some((_, Close::Aborted)) => "aborted",
            None if self.run.owner.is_some() => "crashed",
            None => "finished",
        }
    }

    /// A moment in microseconds since it began.
    pub fn offset(&self, time: Time) -> u64 {
        time.since(self.since())
    }

    /// A moment on the wall clock.
    pub fn timestamp(&self, time: Time) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_microsecond(self.run.wall_clock(time)?).ok()
    }

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

/// A run for tests, from the lines of its journal and the `.argv` files.
#[cfg(test)]
pub(crate) struct Sample {
    reader: crate::run::journal::Reader,
    commands: HashMap<Id, Command>,
    /// Whether its script still runs.
    pub live: bool,
}

#[cfg(test)]
pub(crate) fn sample(journal: &str, commands: &[(&str, &[u8])]) -> Sample {
    let mut reader = crate::run::journal::Reader::default();
    for line in journal.lines().filter(|line| !line.is_empty()) {
        reader.feed(format!("\x1e{line}\n").as_bytes());
    }
    let commands =
        commands.iter().filter_map(|(id, argv)| Some((Id::parse(id)?, Command::parse(argv))));
    Sample { reader, commands: commands.collect(), live: false }
}

#[cfg(test)]
impl Sample {
    /// As reports see it, until its last record.
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            run: &self.reader.run,
            commands: &self.commands,
            until: self.reader.run.last,
            live: self.live,
            script_cpu: None,
            cores: 2,
            torn: self.reader.torn(),
            past: None,
        }
    }
}

//! Runs for tests: from the text of a journal, one record a line.

use std::collections::HashMap;

use super::Subject;
use crate::run::files::Command;
use crate::run::journal::Reader;
use crate::run::{Id, Run, Time};

/// A run, and what a subject borrows from.
pub struct Sample {
    run: Run,
    commands: HashMap<Id, Command>,
}

impl Sample {
    pub fn new(journal: &str) -> Self {
        let mut reader = Reader::default();
        for line in journal.lines().map(str::trim).filter(|line| !line.is_empty()) {
            reader.feed(format!("\x1e{line}\n").as_bytes());
        }
        assert_eq!(reader.run.damaged, 0, "{journal}");
        Self { run: reader.run, commands: HashMap::new() }
    }

    /// Told until so many seconds, by the script at its end.
    pub fn until(&self, seconds: u64) -> Subject<'_> {
        Subject {
            run: &self.run,
            commands: &self.commands,
            until: Time(seconds.saturating_mul(1_000_000)),
            live: true,
            script_cpu: Some(0),
            cores: 2,
            torn: false,
            past: None,
        }
    }
}

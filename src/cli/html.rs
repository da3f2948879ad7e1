//! `meanwhile report --format html`: gathers what the page tells. Of the logs
//! only as much is read as the page has room for.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::{Failure, run_dir};
use crate::client::Error;
use crate::client::excerpt::excerpt;
use crate::process::dir::RunDir;
use crate::report::Subject;
use crate::report::advice::{chain, moves};
use crate::report::estimate::estimate;
use crate::report::html::races::Races;
use crate::report::html::{self, Earlier, Input, logs};
use crate::run::excerpt::Excerpt;
use crate::run::{Id, Task, code};

/// What can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// What the tasks printed.
    Logs,
    /// What the tasks were.
    Commands,
}

/// The page of the run in `dir`.
pub fn document(
    dir: &RunDir,
    subject: &Subject<'_>,
    earlier: Option<&Path>,
    without: &[Part],
) -> Result<String, Failure> {
    let earlier = earlier.map(|path| -> Result<_, Failure> {
        let dir = RunDir::open(path).map_err(Error::from)?;
        Ok((dir.path().to_string_lossy().into_owned(), run_dir::Loaded::read(&dir)?))
    });
    let earlier = earlier.transpose()?;
    let earlier = earlier.as_ref().map(|(dir, loaded)| (dir, loaded.subject()));
    let logs = (!without.contains(&Part::Logs)).then(|| read_logs(dir, subject.run.tasks()));
    let earlier = earlier.as_ref().map(|(dir, subject)| Earlier {
        run: subject.run,
        elapsed: estimate(subject).elapsed,
        dir,
    });
    let chain = chain::chain(subject);
    let moves = moves::moves(subject);
    write(&Input {
        subject,
        chain: &chain,
        moves: &moves,
        earlier,
        logs: logs.as_ref(),
        commands: !without.contains(&Part::Commands),
        dir: &dir.path().to_string_lossy(),
        races: None,
    })
}

/// A checked run as it is on disk, for its page: that may be made when another
/// run has taken its place.
#[derive(Debug)]
pub struct Checked {
    loaded: run_dir::Loaded,
    logs: HashMap<Id, Excerpt>,
    dir: String,
}

impl Checked {
    /// Reads the run.
    pub fn read(dir: &RunDir) -> Result<Self, Failure> {
        let loaded = run_dir::Loaded::read(dir)?.with_script();
        let logs = read_logs(dir, loaded.subject().run.tasks());
        Ok(Self { loaded, logs, dir: dir.path().to_string_lossy().into_owned() })
    }

    /// The page, with what was found.
    pub fn page(&self, races: &Races) -> Result<String, Failure> {
        let subject = self.loaded.subject();
        let chain = chain::chain(&subject);
        let moves = moves::moves(&subject);
        write(&Input {
            subject: &subject,
            chain: &chain,
            moves: &moves,
            earlier: None,
            logs: Some(&self.logs),
            commands: true,
            dir: &self.dir,
            races: Some(races),
        })
    }
}

fn write(input: &Input<'_>) -> Result<String, Failure> {
    html::document(input)
        .map_err(|error| Failure::other("cannot write HTML", &io::Error::other(error)))
}

/// The log of each task's last attempt, as far as there is room for it. One
/// that is gone, or cannot be read, is none.
fn read_logs(dir: &RunDir, tasks: &[Task]) -> HashMap<Id, Excerpt> {
    let read = |task: &Task, limit| excerpt(dir, &task.id, task.failures.saturating_add(1), limit);
    let failed = |task: &Task| task.code().is_some_and(|code| code != code::OK);
    let (mut there, mut sizes) = (Vec::new(), Vec::new());
    for task in tasks {
        if let Some(log) = read(task, 0) {
            there.push(task);
            sizes.push((log.bytes, failed(task)));
        }
    }
    let shares = logs::shares(&sizes);
    let logs = there.into_iter().zip(shares);
    logs.filter_map(|(task, share)| Some((task.id.clone(), read(task, share)?))).collect()
}

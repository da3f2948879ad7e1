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
    races: Option<&Races>,
) -> Result<String, Failure> {
    let earlier = earlier.map(|path| -> Result<_, Failure> {
        let dir = RunDir::open(path).map_err(Error::from)?;
        Ok((dir.path().to_string_lossy().into_owned(), run_dir::Loaded::read(&dir)?))
    });
    let earlier = earlier.transpose()?;
    let earlier = earlier.as_ref().map(|(dir, loaded)| (dir, loaded.subject()));
    let logs = (!without.contains(&Part::Logs)).then(|| read_logs(dir, subject.run.tasks()));
    let input = Input {
        subject,
        chain: &chain::chain(subject),
        moves: &moves::moves(subject),
        earlier: earlier.as_ref().map(|(dir, subject)| Earlier {
            run: subject.run,
            elapsed: estimate(subject).elapsed,
            dir,
        }),
        logs: logs.as_ref(),
        commands: !without.contains(&Part::Commands),
        dir: &dir.path().to_string_lossy(),
        races,
    };
    html::document(&input)
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

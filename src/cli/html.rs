//! `meanwhile report --format html`: gathers what the page tells. Of the logs
//! only as much is read as the page has room for.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::OFlags;

use super::Failure;
use super::run_dir::Loaded;
use crate::client::history;
use crate::process::dir::RunDir;
use crate::report::estimate::estimate;
use crate::report::html::logs::{self, Excerpt};
use crate::report::html::{self, Earlier, Input};
use crate::report::{chain, moves};
use crate::run::{Id, Task, code, files};

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
    loaded: &Loaded,
    earlier: Option<&(RunDir, Loaded)>,
    without: &[Part],
) -> Result<String, Failure> {
    let subject = loaded.subject();
    let past = history::past_of(subject.run);
    let logs = (!without.contains(&Part::Logs)).then(|| read_logs(dir, subject.run.tasks()));
    let path = dir.path().to_string_lossy();
    let earlier_path = earlier.map(|(dir, _)| dir.path().to_string_lossy());
    let input = Input {
        subject: &subject,
        chain: &chain::chain(&subject),
        moves: &moves::moves(&subject),
        usual: &|name| past.as_ref()?.expected(name),
        earlier: earlier.zip(earlier_path.as_deref()).map(|((_, loaded), dir)| {
            let subject = loaded.subject();
            Earlier { run: subject.run, elapsed: estimate(&subject).elapsed, dir }
        }),
        logs: logs.as_ref(),
        commands: !without.contains(&Part::Commands),
        dir: &path,
    };
    html::document(&input)
        .map_err(|error| Failure::other("cannot write HTML", &io::Error::other(error)))
}

/// The log of each task's last attempt, as far as it is wanted. One that is
/// gone, or cannot be read, is none.
fn read_logs(dir: &RunDir, tasks: &[Task]) -> HashMap<Id, Excerpt> {
    let name = |task: &Task| files::of_attempt(&task.id, task.failures + 1, files::LOG);
    let open = |task| dir.file(&name(task), OFlags::RDONLY | OFlags::NONBLOCK).ok();
    // They are opened twice: ten thousand descriptors are not to be had.
    let size = |task| open(task)?.metadata().ok().filter(std::fs::Metadata::is_file);
    let there: Vec<(&Task, u64)> =
        tasks.iter().filter_map(|task| Some((task, size(task)?.len()))).collect();
    let failed = |task: &Task| task.code().is_some_and(|code| code != code::OK);
    let sizes: Vec<_> = there.iter().map(|(task, size)| (*size, failed(task))).collect();
    let excerpts = there.iter().zip(logs::shares(&sizes)).filter_map(|((task, size), share)| {
        let (head, tail) = logs::split(*size, share);
        let file = if *size > 0 { Some(open(task)?) } else { None };
        let part = |from, length| match &file {
            Some(file) => read_at(file, from, length),
            None => Ok(Vec::new()),
        };
        let (head, tail) = (part(0, head).ok()?, part(size - tail, tail).ok()?);
        Some((task.id.clone(), Excerpt { head, tail, size: *size }))
    });
    excerpts.collect()
}

/// What stands there, or less if the file has become shorter.
fn read_at(file: &std::fs::File, from: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length as usize];
    let mut read = 0;
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], from + read as u64)? {
            0 => break,
            more => read += more,
        }
    }
    bytes.truncate(read);
    Ok(bytes)
}

//! The runs that a checked script has opened.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::cli::script;
use crate::client::Error;
use crate::process::dir::RunDir;
use crate::process::journal::Journal;
use crate::report::check;
use crate::run::Run;

/// They, as far as they can be read.
#[derive(Debug, Default)]
pub struct Opened {
    /// Their journals, for the judgement.
    pub journals: Vec<(Vec<u8>, Run)>,
    /// The same for the reports, in that order.
    pub runs: Vec<check::Opened>,
    /// Why others cannot be read.
    pub failed: Vec<String>,
    /// The directories of those that are still there.
    dirs: Vec<Option<RunDir>>,
}

impl Opened {
    /// Reads the journals, each of which was begun in that directory. The directories belong to
    /// `owner`, or else to this process's user.
    pub fn read(journals: Vec<(Vec<u8>, Option<File>)>, owner: Option<u32>) -> Self {
        let mut all = Self::default();
        // Files are called as by somebody who is where the check was started.
        let here = std::env::current_dir().unwrap_or_default();
        let name =
            |path: &Path| path.strip_prefix(&here).unwrap_or(path).to_string_lossy().into_owned();
        // Of several in one place, the last one is still there.
        let last = journals.iter().enumerate().map(|(at, (dir, _))| (dir.clone(), at));
        let last: HashMap<Vec<u8>, usize> = last.collect();
        for (at, (path, journal)) in journals.into_iter().enumerate() {
            let last = last.get(&path) == Some(&at);
            let place = Path::new(OsStr::from_bytes(&path));
            let dir = match owner {
                Some(owner) => RunDir::open_of(place, owner),
                None => RunDir::open(place),
            };
            let dir = if last { Some(dir) } else { None };
            match read(place, journal, dir.as_ref().and_then(|dir| dir.as_ref().ok())) {
                // Its steps ran one after the other, each as a part of the script.
                Ok(run) if run.opened.is_none() => {
                    all.failed.push(format!("no run was begun in {}", place.display()));
                }
                Ok(mut run) => {
                    let by_text = script::place(&mut run, name);
                    let shown = place.to_string_lossy().into_owned();
                    let script = run.script.clone();
                    all.runs.push(check::Opened { dir: shown, script, by_text });
                    all.journals.push((path, run));
                    all.dirs.push(dir.and_then(Result::ok));
                }
                Err(error) => all.failed.push(error.to_string()),
            }
        }
        all
    }

    /// The run with the most tasks that is still there; of several, the first.
    pub fn largest(&self) -> Option<(usize, &RunDir)> {
        let sizes = self.journals.iter().map(|(_, run)| run.tasks().len());
        let there = self.dirs.iter().zip(sizes).enumerate().rev();
        let there = there.filter_map(|(number, (dir, tasks))| Some((number, dir.as_ref()?, tasks)));
        let (number, dir, _) = there.max_by_key(|(.., tasks)| *tasks)?;
        Some((number, dir))
    }
}

/// By the file that was kept open; else by that which is there.
fn read(path: &Path, journal: Option<File>, dir: Option<&RunDir>) -> Result<Run, Error> {
    let journal = match (journal, dir) {
        (Some(journal), _) => Journal::of(journal),
        (None, Some(dir)) => Journal::read(dir),
        (None, None) => return Err(Error::NoRun(path.to_owned())),
    };
    journal.map(Journal::into_run).map_err(Error::journal("read the journal of", path))
}

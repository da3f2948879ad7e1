//! The runs that a checked script has opened.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

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
    dirs: Vec<RunDir>,
}

impl Opened {
    /// Reads the journals in these directories, which belong to `owner`, or
    /// else to this process's user.
    pub fn read(dirs: &[Vec<u8>], owner: Option<u32>) -> Self {
        let mut all = Self::default();
        for path in dirs {
            match read(Path::new(OsStr::from_bytes(path)), owner) {
                Ok((dir, run)) => {
                    let script = run.script.clone();
                    let shown = dir.path().to_string_lossy().into_owned();
                    all.runs.push(check::Opened { dir: shown, script });
                    all.journals.push((path.clone(), run));
                    all.dirs.push(dir);
                }
                Err(error) => all.failed.push(error.to_string()),
            }
        }
        all
    }

    /// The run with the most tasks; of several, the first.
    pub fn largest(&self) -> Option<(usize, &RunDir)> {
        let sizes = self.journals.iter().map(|(_, run)| run.tasks().len()).enumerate();
        let (number, _) = sizes.rev().max_by_key(|(_, tasks)| *tasks)?;
        Some((number, self.dirs.get(number)?))
    }
}

fn read(path: &Path, owner: Option<u32>) -> Result<(RunDir, Run), Error> {
    let dir = match owner {
        Some(owner) => RunDir::open_of(path, owner)?,
        None => RunDir::open(path)?,
    };
    let failed = Error::journal("read the journal of", dir.path());
    let run = Journal::read(&dir).map_err(failed)?.into_run();
    Ok((dir, run))
}

//! Which run a command is about, and loading it for a report.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Failure, script};
use crate::client::{Error, clean, history, open};
use crate::process::dir::{DirError, RunDir};
use crate::process::journal::Journal;
use crate::process::stat::Stat;
use crate::process::{clock, pidfd};
use crate::report::Subject;
use crate::run::files::{self, Command};
use crate::run::past::Past;
use crate::run::{Id, Run, Time};

/// The option that names a run.
#[derive(Debug, clap::Args)]
pub struct Dir {
    /// The run directory.
    #[arg(long, value_name = "DIR", env = "MEANWHILE_DIR", hide_env_values = true)]
    pub dir: Option<OsString>,
}

impl Dir {
    /// Opens the named run; there must be one.
    pub fn named(&self) -> Result<RunDir, Failure> {
        match self.given() {
            Some(path) => Ok(RunDir::open(&path).map_err(Error::from)?),
            None => Err(Failure::usage(
                "no run is named",
                "MEANWHILE_DIR=DIR in the environment, or --dir DIR; a new one: \
                 export MEANWHILE_DIR=\"$(mktemp -d)\"",
            )),
        }
    }

    /// Opens the named run, else the latest under the state directory.
    pub fn named_or_latest(&self) -> Result<RunDir, Failure> {
        if self.given().is_some() {
            return self.named();
        }
        match clean::runs()?.into_iter().next() {
            Some(run) => Ok(RunDir::open(&run.path).map_err(Error::from)?),
            None => Err(Error::Dir(DirError::Missing(open::state_home()?)).into()),
        }
    }

    /// The path, if one is given; an empty variable counts as none.
    pub fn given(&self) -> Option<PathBuf> {
        self.dir.clone().filter(|dir| !dir.is_empty()).map(PathBuf::from)
    }
}

/// A run with all that a report needs.
#[derive(Debug)]
pub struct Loaded {
    run: Run,
    torn: bool,
    commands: HashMap<Id, Command>,
    until: Time,
    live: bool,
    script_cpu: Option<u64>,
    past: Option<Past>,
}

impl Loaded {
    /// Reads the run in `dir`.
    pub fn read(dir: &RunDir) -> Result<Self, Failure> {
        let failed = Error::journal("read the journal of", dir.path());
        let journal = Journal::read(dir).map_err(failed)?;
        let run = journal.run();
        let commands =
            run.tasks().iter().map(|task| (task.id.clone(), command(dir, &task.id))).collect();
        let owner = run.owner.filter(|owner| pidfd::alive(*owner));
        let busy = || run.running().filter_map(|task| task.guard).any(pidfd::alive);
        // With the script gone, the watcher still settles its tasks.
        let live =
            run.closed.is_none() && (owner.is_some() || busy() || open::watcher(dir).is_some());
        let until = match run.closed {
            _ if live => clock::now(),
            Some((time, _)) => time,
            None => run.last,
        };
        let measured = owner.and_then(|owner| Stat::of(owner.pid)).map(|stat| stat.cpu);
        let script_cpu = measured.or(run.script_cpu);
        let torn = journal.torn();
        let run = journal.into_run();
        Ok(Self { run, torn, commands, until, live, script_cpu, past: None })
    }

    /// The same of a run whose script is gone, once its watcher has settled it:
    /// who asks right behind a script means the run as it ended. If its tasks
    /// go on, it is told as it is.
    pub fn settled(dir: &RunDir) -> Result<Self, Failure> {
        let loaded = Self::read(dir)?;
        let gone = loaded.run.owner.is_some_and(|owner| !pidfd::alive(owner));
        match open::watcher(dir) {
            Some(watcher) if loaded.live && gone => {
                open::outlived(watcher, open::PATIENCE);
                Self::read(dir)
            }
            _ => Ok(loaded),
        }
    }

    /// The same with what there is to know of its script: how it ran before, and, where its shell
    /// tells no lines, those that are found by its text.
    #[must_use]
    pub fn with_script(mut self) -> Self {
        self.past = history::past_of(&self.run);
        let name = |path: &Path| {
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        };
        script::place(&mut self.run, name);
        self
    }

    /// The run as reports see it.
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            run: &self.run,
            commands: &self.commands,
            until: self.until,
            live: self.live,
            script_cpu: self.script_cpu,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            torn: self.torn,
            past: self.past.as_ref(),
        }
    }
}

/// The command of a task; empty if it cannot be read.
pub fn command(dir: &RunDir, id: &Id) -> Command {
    Command::parse(&dir.read(&files::of_task(id, files::ARGV)).unwrap_or_default())
}

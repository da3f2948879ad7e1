//! What can go wrong with a run, in words for people.

use std::path::{Path, PathBuf};

use crate::process::dir::DirError;
use crate::run::name::{self, NameError};
use crate::run::{Id, Name, code};

/// Whose use of a directory keeps its own script from beginning afresh.
pub const OWN_TASKS: &str = "this script's own tasks, which still run";

/// Why a call on a run failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory is missing, foreign, or open to others.
    #[error(transparent)]
    Dir(#[from] DirError),
    /// The name breaks the rule.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The journal cannot be read or written.
    #[error("cannot {doing} {}: {error}", path.display())]
    Journal {
        /// Read, write, …
        doing: &'static str,
        /// The run directory.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The directory holds no run.
    #[error("there is no run in {}", .0.display())]
    NoRun(PathBuf),
    /// The directory holds a run that still goes on.
    #[error("{} is in use by {whose}", path.display())]
    InUse {
        /// The run directory.
        path: PathBuf,
        /// Who uses it.
        whose: String,
    },
    /// The name's task still runs, or nobody has collected it.
    #[error("{id}: a task of this name {}", if *running { "still runs" } else { "has ended and is not collected yet" })]
    Taken {
        /// The task.
        id: Id,
        /// Whether it still runs.
        running: bool,
    },
    /// A task would wait for itself.
    #[error("{id}: a task cannot wait for itself or for the task that it runs in")]
    Itself {
        /// The task.
        id: Id,
    },
    /// A task would wait for itself by way of others.
    #[error("{}: it would wait for itself: {}", .chain[0], chained(.chain))]
    Cycle {
        /// The tasks, each of which waits for the next; the last is the first.
        chain: Vec<Id>,
    },
    /// A task depends on one that was not started.
    #[error("{id}: there is no task {name} to come after")]
    UnknownDependency {
        /// The task.
        id: Id,
        /// What it depends on.
        name: Name,
        /// The name that may be meant.
        near: Option<String>,
    },
    /// More options than a record holds.
    #[error("{id}: its --after and --lock are too long ({bytes} bytes)")]
    ManyOptions {
        /// The task.
        id: Id,
        /// How long they are.
        bytes: usize,
    },
    /// The script that asked is gone.
    #[error("the script that waited is gone")]
    Orphaned,
    /// Nothing is left for `--any`.
    #[error("no task is left to wait for")]
    NoneLeft,
    /// A process could not be started.
    #[error("cannot start {what}: {error}")]
    Spawn {
        /// What.
        what: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// Output could not be passed on.
    #[error("cannot write the output of {id}: {error}")]
    Replay {
        /// The task.
        id: Id,
        /// What the system says.
        error: std::io::Error,
    },
}

impl Error {
    /// A journal's failure at `doing` in `path`.
    pub fn journal(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| match error.kind() {
            std::io::ErrorKind::NotFound => Self::NoRun(path),
            _ => Self::Journal { doing, path, error },
        }
    }

    /// Its exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Name(_)
            | Self::Taken { .. }
            | Self::Itself { .. }
            | Self::Cycle { .. }
            | Self::UnknownDependency { .. }
            | Self::ManyOptions { .. } => code::USAGE,
            Self::NoneLeft => code::UNKNOWN,
            _ => code::FAILED,
        }
    }

    /// Whether the machine failed, not the caller: a script may go on without us.
    pub fn is_breakdown(&self) -> bool {
        matches!(
            self,
            Self::Journal { .. }
                | Self::NoRun(_)
                | Self::Spawn { .. }
                | Self::Dir(DirError::Io { .. })
        )
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Name(NameError::Deep(_)) => "give the tasks shorter names".into(),
            Self::Name(_) => format!("a task name is {}", name::RULE),
            Self::NoRun(_) | Self::Dir(DirError::Missing(_)) => {
                "name the run: MEANWHILE_DIR=DIR, or --dir DIR".into()
            }
            Self::Dir(
                DirError::NotADirectory(_) | DirError::Foreign { .. } | DirError::Open { .. },
            ) => "choose a directory of your own: MEANWHILE_DIR=\"$(mktemp -d)\"".into(),
            Self::InUse { whose, .. } if whose == OWN_TASKS => {
                "collect or end them first: async_wait --all, async_cancel --all".into()
            }
            Self::InUse { path, .. } => format!(
                "look: meanwhile status --dir {}; for a run of its own: unset MEANWHILE_DIR",
                quoted(path)
            ),
            Self::Taken { id, .. } => {
                format!("collect it first: async_wait {0}, or meanwhile wait {0}", id.name())
            }
            Self::UnknownDependency { near: Some(near), .. } => format!("did you mean {near}?"),
            Self::UnknownDependency { .. } => {
                "start first what others come after; see `async_status`".into()
            }
            Self::ManyOptions { .. } => {
                "let it come after one task that collects the others".into()
            }
            _ => return None,
        })
    }
}

fn chained(chain: &[Id]) -> String {
    chain.iter().map(Id::as_str).collect::<Vec<_>>().join(" waits for ")
}

/// A path as it can be pasted into a shell.
fn quoted(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    shlex::bytes::try_quote(path.as_os_str().as_bytes()).map_or_else(
        |_| path.display().to_string(),
        |quoted| String::from_utf8_lossy(&quoted).into_owned(),
    )
}

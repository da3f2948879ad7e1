//! What a machine can do, as `meanwhile doctor` finds it: facts alone.
//! `process::probe` and `process::trial` look, `report::doctor` judges.

use std::path::PathBuf;

/// Whether something works; if not, what the system says.
pub type Works = Result<(), String>;

/// A machine, as seen from this process.
#[derive(Debug, Default)]
pub struct Machine {
    /// The kernel's release.
    pub kernel: String,
    /// Holding a process by a descriptor, and being told of its end.
    pub pidfd: Option<Works>,
    /// Learning the exit code of a process that its parent has reaped.
    pub exit_info: bool,
    /// Being told that a file changed.
    pub inotify: Option<Works>,
    /// How many inotify instances a user may have, if that is told.
    pub inotify_instances: Option<u64>,
    /// A file in memory.
    pub memfd: Option<Works>,
    /// Being the parent of orphans.
    pub subreaper: Option<Works>,
    /// `/proc`.
    pub proc: Option<Works>,
    /// Whether other users' processes are to be seen there.
    pub proc_hides: bool,
    /// What `/proc/uptime` lags behind the kernel's clock, in microseconds.
    pub skew: i64,
    /// Making a control group here.
    pub cgroup: Option<Works>,
    /// Tracing a command.
    pub trace: Option<Works>,
    /// How many more processes there may be, if that is limited.
    pub processes_left: Option<u64>,
    /// How many there may be at most, likewise.
    pub processes: Option<u64>,
    /// Where runs are kept.
    pub place: Place,
    /// The version of GNU make, and whether it takes part in a pool of ours.
    pub make: Option<(String, Works)>,
    /// The pool of a make around this process, and whether it can be reached.
    pub outer_make: Option<(String, bool)>,
    /// The shells, whether they are here or not.
    pub shells: Vec<Shell>,
    /// Whether there is a controlling terminal.
    pub terminal: bool,
}

/// Where runs are kept.
#[derive(Debug, Default)]
pub struct Place {
    /// The directory.
    pub path: PathBuf,
    /// Making a file there.
    pub writable: Option<Works>,
    /// Locks that belong to an open file, there.
    pub locks: Option<Works>,
    /// Asking whether somebody has a file open for writing, there.
    pub leases: Option<Works>,
    /// How many bytes are free.
    pub free: u64,
    /// The kind of its file system, if it is one that matters.
    pub kind: Kind,
}

/// A kind of file system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    /// On a disk, as far as is known.
    #[default]
    Disk,
    /// In memory.
    Memory,
    /// On another machine.
    Network,
}

/// A shell, tried with the glue.
#[derive(Debug, Default)]
pub struct Shell {
    /// As people call it.
    pub name: &'static str,
    /// None: it is not on PATH.
    pub found: Option<Trial>,
}

/// How a shell did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// What it says of its version.
    pub version: String,
    /// A task ran, saw the script's variables, and was collected.
    pub works: Option<Works>,
    /// Whether lines of the script are known.
    pub lines: bool,
    /// Whether a task has a process group of its own.
    pub groups: bool,
    /// Whether `set -e` holds in a task that was started in a condition.
    pub errexit: bool,
}

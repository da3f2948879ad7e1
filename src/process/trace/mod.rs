//! The tracer: runs a command with all that comes of it and writes down what
//! it touches (`run::footprint`).
//!
//! # Theory of operation
//!
//! The first process is forked, traced (ptrace) and given a filter (seccomp),
//! which all that it makes inherits (`spawn`). The filter, made from a table
//! (`calls`, `filter`), lets most calls pass unseen; one that names a path,
//! locks, binds or connects stops its caller. The tracer sleeps in waitpid(2)
//! until that happens (`tracer`), looks at what the call is about to do
//! (`before`), and lets it go on. What only reads is written down at once: one
//! stop, and of the tracer's own calls five, whose last is the one that lets the
//! tracee go on. What may change something is stopped again when it returns
//! (`after`), for what came of it.
//!
//! A stop costs some microseconds, most of them for waking first the tracer and
//! then the tracee; so what counts is how few there are. No tracee stops to
//! say that it ends, and links are never asked for (readlink): half of a shell's
//! calls.
//!
//! Nothing here waits for more than one thing: signals have a thread of their
//! own (`relay`), and whatever can be gone by the time it is looked at, is.

mod after;
mod before;
mod calls;
mod contents;
mod escapes;
mod file;
mod filter;
mod guards;
mod lines;
mod locks;
mod minds;
mod raw;
mod relay;
mod resolve;
mod sockets;
mod spawn;
mod table;
mod tracer;

use std::ffi::{CString, OsString};
use std::fs::File;
use std::path::Path;

use self::relay::Relay;
use self::tracer::Tracer;
use super::signals::Signals;
use crate::run::footprint::Traced;
use crate::run::task::Leak;

/// How a command is traced.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only changes are looked at.
    pub light: bool,
    /// As whom the command runs, if not as who this process is.
    pub user: Option<User>,
}

/// A user to run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user's number.
    pub uid: u32,
    /// The user's own group.
    pub gid: u32,
    /// All groups of the user.
    pub groups: Vec<u32>,
    /// The name.
    pub name: OsString,
    /// The home directory.
    pub home: OsString,
}

impl User {
    /// Looks a user up by name or number.
    pub fn find(name: &str) -> Result<Self, TraceError> {
        let found = CString::new(name).ok().and_then(|name| raw::user(&name));
        found.ok_or_else(|| TraceError::NoUser(name.to_owned()))
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code.
    Code(u8),
    /// By this signal.
    Signal(i32),
}

/// What came of a traced command.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub ended: Ended,
    /// What it touched.
    pub traced: Traced,
    /// What was still there when it had ended; it was killed.
    pub left: Vec<Leak>,
    /// The journals of the runs that were opened, in that order, each with its directory; none
    /// that could not be held.
    pub journals: Vec<(Vec<u8>, Option<File>)>,
}

/// Why a command could not be traced.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// Nobody may trace here.
    #[error("this system does not let a process trace others: {0}")]
    Forbidden(std::io::Error),
    /// No such user.
    #[error("there is no user {0}")]
    NoUser(String),
    /// To run as another user takes privileges.
    #[error("cannot run as another user: {0}")]
    Privilege(std::io::Error),
    /// It cannot be run.
    #[error("cannot run {}: {error}", program.display())]
    Command {
        /// The program.
        program: std::path::PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The system is short of something (processes, descriptors).
    #[error("cannot trace: {0}")]
    System(std::io::Error),
}

impl TraceError {
    /// What can be done about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Forbidden(_) => Some(
                "allow ptrace: in Docker --cap-add SYS_PTRACE or a seccomp profile that has it; else kernel.yama.ptrace_scope below 3",
            ),
            Self::NoUser(_) => None,
            Self::Privilege(_) => Some("start it as root"),
            Self::Command { .. } | Self::System(_) => None,
        }
    }
}

/// Whether a command can be traced here.
pub fn try_one() -> Result<(), String> {
    let words = ["/bin/sh", "-c", ":"].map(OsString::from);
    trace(&words, &[], &Options::default()).map(drop).map_err(|error| error.to_string())
}

/// Runs `argv`, with `env` added to the environment, and traces it and all
/// that it starts until all of it is over.
pub fn trace(
    argv: &[OsString],
    env: &[(&str, OsString)],
    options: &Options,
) -> Result<Outcome, TraceError> {
    let signals = Signals::take_all_but_children().map_err(TraceError::System)?;
    let spawned = match spawn::spawn(argv, env, options, &signals) {
        Ok(spawned) => spawned,
        Err(error) => {
            signals.give_back();
            return Err(error);
        }
    };
    let relay = Relay::start(signals, spawned.pid)?;
    let program = argv.first().map_or(Path::new(""), Path::new);
    let traced = Tracer::new(spawned, program, options).run();
    relay.stop();
    traced
}

//! What a caller can ask of a collection, what comes of it, and what is worth
//! telling on the way.

use std::os::fd::BorrowedFd;

use crate::process::dir::RunDir;
use crate::run::name::Name;
use crate::run::task::Leak;
use crate::run::{Id, Run, Task, Time};

/// Which tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// These, in this order.
    Named(Vec<Name>),
    /// Every uncollected one.
    All,
    /// The first to end of these, or of all uncollected ones if none is named.
    Any(Vec<Name>),
}

/// Which output to pass on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Output {
    /// Every task's.
    #[default]
    Replay,
    /// Only a failed task's.
    Failed,
    /// None.
    Quiet,
    /// Those of tasks that did not show it while they ran.
    Live,
}

/// What is to be collected, and how.
#[derive(Debug)]
pub struct Request {
    /// Which tasks.
    pub which: Which,
    /// The task that asks; none: the script itself.
    pub scope: Option<Id>,
    /// The task that waits: that one, or the one in which a program asks that
    /// is none of the glue's. It lends its slot, and must not wait for itself.
    pub waiter: Option<Id>,
    /// The script's line that asks.
    pub at: Option<String>,
    /// Give up after so many microseconds.
    pub timeout: Option<u64>,
    /// A name that was never started is no error.
    pub if_started: bool,
    /// A task that was collected before is as one that was never started.
    pub once: bool,
    /// The script itself asks: without it there is nobody to answer.
    pub with_script: bool,
    /// Return at the first failure.
    pub fail_fast: bool,
    /// The script is being checked: record also who sees the end of a task
    /// that was collected before, for that orders things too.
    pub checked: bool,
    /// Which output to pass on.
    pub output: Output,
}

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The first failure's code, in the order asked for; else 0.
    pub code: u8,
    /// The same, as if the lost tasks had succeeded.
    pub code_without_lost: u8,
    /// The tasks that have ended, in the order of their turn.
    pub ended: Vec<Id>,
    /// The last attempt of the last of them, counted from 1.
    pub attempt: u32,
    /// Whether the time to wait was up.
    pub gave_up: bool,
    /// Those whose code nobody but the parent of their guard can know.
    pub lost: Vec<Id>,
}

/// Something a person may want to read.
#[derive(Debug)]
pub enum Note<'a> {
    /// A task's output follows.
    Before(&'a Task, &'a Run),
    /// A task's output is through.
    After(&'a Task, &'a Run),
    /// No such task, and the name that may be meant.
    Unknown(&'a str, Option<String>),
    /// No such task, which is fine (`if_started`), or collected before (`once`).
    NotStarted(&'a str),
    /// Its log is gone.
    LogGone(&'a Task),
    /// The disk is full: its log may lack its end.
    Incomplete(&'a Task),
    /// It ended and left processes running.
    Leaked(&'a Task, &'a [Leak]),
    /// It ended and did not collect these, which it had started.
    Children(&'a Task, &'a [Task]),
    /// The time is up; this one still runs.
    GaveUp(&'a Task),
    /// The watcher is dead; tasks are safe, what it does is off.
    Unwatched,
}

/// Where notes go.
pub trait Teller {
    /// Tells one.
    fn tell(&mut self, note: &Note<'_>);
    /// Who shows people what is waited for, if somebody does.
    fn onlooker(&mut self) -> Option<&mut dyn Onlooker> {
        None
    }
}

/// What is waited for, at a moment.
#[derive(Debug)]
pub struct Sight<'a> {
    /// The run's directory.
    pub dir: &'a RunDir,
    /// The run, as far as the client knows it.
    pub run: &'a Run,
    /// The tasks that have not been collected yet, in the order of their turn.
    pub on: &'a [&'a Id],
    /// When the waiting began.
    pub since: Time,
    /// Now.
    pub now: Time,
}

/// Shows what is waited for while that blocks. It is called only once that
/// has taken a while, and nothing that it does can make the waiting fail.
pub trait Onlooker {
    /// Shows it as it is now; says in how many microseconds to call again. None: never.
    fn look(&mut self, sight: &Sight<'_>) -> Option<u64>;
    /// What becomes readable when it has to be called before that.
    fn alarm(&self) -> Option<BorrowedFd<'_>>;
    /// Takes away what it has shown, for something else comes now; whether
    /// there was anything.
    fn away(&mut self) -> bool;
}

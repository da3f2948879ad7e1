//! The critical chain of a run: what has to become faster for the whole to be.

use super::Subject;
use crate::run::{Id, Time};

/// A stretch of the run, and whose time it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Whose.
    pub step: Step,
    /// From when.
    pub from: Time,
    /// Until when.
    pub until: Time,
    /// The script's line where this step began or was waited for.
    pub at: Option<String>,
}

/// Who was at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The script itself.
    Script,
    /// A task.
    Task(Id),
}

/// The chain, oldest first.
pub fn chain(_subject: &Subject<'_>) -> Vec<Link> {
    Vec::new()
}

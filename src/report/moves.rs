//! What to do next: which line of the script to move, and what that saves.

use std::fmt;

use super::Subject;

/// One thing to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// What it saves at most, in microseconds.
    pub saves: u64,
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "saves up to {}", self.saves)
    }
}

/// The best first.
pub fn moves(_: &Subject<'_>) -> Vec<Move> {
    Vec::new()
}

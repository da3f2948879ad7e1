//! What to move in the script, so that it takes less time.

use std::fmt;

use super::Subject;

/// A line of the script to move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// What that saves at most, in microseconds.
    pub saves: u64,
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.saves)
    }
}

/// The moves, best first.
pub fn moves(_subject: &Subject<'_>) -> Vec<Move> {
    Vec::new()
}

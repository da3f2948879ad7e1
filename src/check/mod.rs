//! The race check: which accesses of a traced run nothing orders. Pure: from
//! what was touched ([`Traced`]) and what the journals tell to findings.
//!
//! # Theory of operation
//!
//! What happens in the script between two starts or collections is a
//! *segment*, and so is what a task does (between its own). A start orders what the
//! starter did before it with the task; a collection orders the task with what
//! the collector does after it; `--after` orders two tasks. Two accesses whose
//! segments are not ordered so, in either direction, are concurrent, whatever
//! the clock said this time. Of those, some pairs conflict (see [`Class`]), and
//! of these, some are harmless.

pub mod finding;
mod suppress;

pub use finding::{Class, Finding, Fix, Gone, Harmless, Level, Side, Unused, Verdict, Who};
pub use suppress::{SuppressError, Suppressions, baseline};

use crate::run::Run;
use crate::run::footprint::Traced;

/// What is judged.
#[derive(Debug)]
pub struct Input<'a> {
    /// What was touched.
    pub traced: &'a Traced,
    /// The runs that were opened, each with its directory.
    pub runs: &'a [(Vec<u8>, Run)],
    /// What the user says is harmless.
    pub suppressions: Option<&'a Suppressions>,
    /// What was there before.
    pub baseline: Option<&'a Suppressions>,
}

/// Judges a traced run.
pub fn judge(input: &Input<'_>) -> Verdict {
    let _ = input;
    Verdict::default()
}

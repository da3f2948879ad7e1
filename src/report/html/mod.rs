//! A run as one HTML file that needs nothing else: no network, no other file.
//!
//! What must be readable without its script (figures, failures, notes, the
//! critical chain) is in the page itself, by a template that escapes whatever
//! is put into it. All that the script draws (timeline, table, logs) is in it
//! once more as JSON, in an element that no browser executes. A policy in the
//! page allows the one script and the one style by their hashes, and nothing
//! else. So a name, a command or a log cannot become markup: not in the page,
//! for the template escapes; not in the JSON, for it holds no `<`; not from the
//! script, for it sets text only; and should one of these fail, the policy holds.

mod data;
pub mod logs;
mod page;
pub mod races;
pub mod visible;

use std::collections::HashMap;
use std::fmt;

use askama::Template;

use races::Races;

use super::Subject;
use super::advice::chain::Link;
use super::advice::moves::Move;
use crate::run::excerpt::Excerpt;
use crate::run::{Id, Run};

/// What the page tells.
pub struct Input<'a> {
    /// The run.
    pub subject: &'a Subject<'a>,
    /// Its critical chain; may be empty.
    pub chain: &'a [Link],
    /// What to move, best first.
    pub moves: &'a [Move],
    /// An earlier run to compare with.
    pub earlier: Option<Earlier<'a>>,
    /// What could be read of the tasks' logs; none: they are left out.
    pub logs: Option<&'a HashMap<Id, Excerpt>>,
    /// Whether the commands are told.
    pub commands: bool,
    /// The run's directory, as people name it.
    pub dir: &'a str,
    /// What a race check found in it.
    pub races: Option<&'a Races>,
}

/// An earlier run.
#[derive(Debug, Clone, Copy)]
pub struct Earlier<'a> {
    /// The run.
    pub run: &'a Run,
    /// How long it took, microseconds.
    pub elapsed: u64,
    /// Its directory, as people name it.
    pub dir: &'a str,
}

impl Earlier<'_> {
    /// How long a task took there, if it ended.
    fn took(&self, id: &Id) -> Option<u64> {
        let task = self.run.task(id)?;
        task.began().and(task.end).map(|(end, _)| task.elapsed(end))
    }
}

impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum HtmlError {
    /// The template failed.
    #[error("the page: {0}")]
    Page(#[from] askama::Error),
    /// The data could not be written as JSON.
    #[error("its data: {0}")]
    Data(#[from] serde_json::Error),
}

/// The page.
///
/// # Errors
/// None that is known: both kinds come from libraries that write to memory here.
pub fn document(input: &Input<'_>) -> Result<String, HtmlError> {
    Ok(page::Page::new(input, data::json(input)?).render()?)
}

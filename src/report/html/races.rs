//! What a race check found in the run, for the page.

use serde::Serialize;

use super::data::Clock;
use super::visible::visible;
use crate::run::{Id, Time};

/// So many conflicts are on the page at most.
pub const MOST: usize = 500;

/// What a check found.
#[derive(Debug, Clone, Default)]
pub struct Races {
    /// All of it in a line.
    pub summary: String,
    /// The conflicts, worst first.
    pub conflicts: Vec<Conflict>,
    /// What was not seen, a line each.
    pub gaps: Vec<String>,
}

/// A conflict.
#[derive(Debug, Clone)]
pub struct Conflict {
    /// `error`, `warning` or `note`.
    pub level: &'static str,
    /// The class.
    pub class: &'static str,
    /// What it is.
    pub heading: String,
    /// Both sides.
    pub sides: [Side; 2],
    /// What else there is to say.
    pub notes: Vec<String>,
    /// Ways out, best first.
    pub hints: Vec<String>,
}

/// One side of it.
#[derive(Debug, Clone)]
pub struct Side {
    /// Whose lane it is in.
    pub lane: Lane,
    /// When it was first.
    pub time: Time,
    /// The line of the script.
    pub place: String,
    /// What was done there.
    pub text: String,
    /// The line itself.
    pub source: Option<String>,
}

/// Where in the timeline a side is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lane {
    /// In the script's.
    Script,
    /// In a task's.
    Task(Id),
    /// In none: it belongs to another run.
    None,
}

/// What the page's script draws of a conflict.
#[derive(Serialize)]
pub struct RaceData {
    level: &'static str,
    heading: String,
    sides: [EndData; 2],
}

#[derive(Serialize)]
struct EndData {
    /// A task's number; -1: the script; none: it is not drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<i64>,
    time: u64,
}

/// The data of the conflicts; `number` gives a task's.
pub fn data(races: &Races, clock: &Clock, number: impl Fn(&Id) -> Option<usize>) -> Vec<RaceData> {
    let end = |side: &Side| EndData {
        task: match &side.lane {
            Lane::Script => Some(-1),
            Lane::Task(id) => number(id).and_then(|number| i64::try_from(number).ok()),
            Lane::None => None,
        },
        time: clock.of(side.time),
    };
    let conflicts = races.conflicts.iter().take(MOST);
    let data = conflicts.map(|conflict| RaceData {
        level: conflict.level,
        heading: visible(&conflict.heading).into_owned(),
        sides: conflict.sides.each_ref().map(end),
    });
    data.collect()
}

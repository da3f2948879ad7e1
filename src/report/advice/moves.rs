//! The best next moves: which of the script's lines to move, and what that
//! would save.
//!
//! Only what shortens the critical chain shortens the run. So for each link
//! of it is asked what could be otherwise:
//!
//! - a task could be **started earlier**: what it needs can only come from
//!   tasks that were collected and from the script's own work. So the line to
//!   go to is the latest wait or collection before its start, and whether it
//!   needs the work between these is for people to know. Tasks that were
//!   started together are also moved together, since often only that helps;
//! - a wait could come **later**, after the script's own work that follows it;
//! - the script's own work could go **into the background** until its next wait;
//! - a **lock** or the number of **slots** could be lifted.
//!
//! What each saves is found by replaying the run with that change
//! (`retime.rs`), so it is clipped by all else that is waited for. A move
//! of work into a stretch in which the processors were busy cannot save more
//! than they had to spare there. Each figure is for its move alone: of two moves,
//! the second may save nothing once the first is made.

use std::cmp::Reverse;

use super::candidates::{Search, Window};
use super::chain::walk;
use super::model::Model;
pub use super::places::{Place, Waited};
use super::retime::{Change, Plan};
use crate::report::Subject;
use crate::report::idle::Idle;
use crate::run::Id;
use crate::run::state::Close;

/// A change to the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// What to change.
    pub what: What,
    /// What it saves at most, in microseconds.
    pub saves: u64,
}

/// What to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Start a task earlier.
    Earlier {
        /// The task.
        task: Id,
        /// Others that were started with it and go along.
        others: Vec<Id>,
        /// What waited for it; none: it held up another task.
        waited: Option<Waited>,
        /// Where it is started.
        from: Place,
        /// Behind which place it could be.
        to: Place,
    },
    /// Wait for a task later.
    Later {
        /// The task.
        task: Id,
        /// What waited for it.
        waited: Waited,
        /// Before which place that could be.
        to: Place,
        /// The tasks that are started between. If there are any, the others that
        /// the line waits for stay there.
        starts: Vec<Id>,
        /// The own work that lies between, in microseconds.
        work: u64,
    },
    /// Do own work in the background.
    Background {
        /// Whose: a task's; none: the script's.
        scope: Option<Id>,
        /// Behind which place it begins.
        from: Place,
        /// Before which place it ends.
        until: Place,
        /// Before which place it could be waited for.
        wait: Place,
        /// How long it takes, in microseconds.
        work: u64,
    },
    /// Do without a lock.
    Unlock {
        /// The task that was queued for it.
        task: Id,
        /// The lock.
        lock: String,
        /// Who held it.
        holder: Id,
        /// For how long it was queued, in microseconds.
        queued: u64,
    },
    /// Let one task more run at once.
    Slot {
        /// The task that was queued for a slot.
        task: Id,
        /// How many there are.
        slots: u32,
        /// For how long it was queued, in microseconds.
        queued: u64,
    },
}

/// So many changes are tried at most, those that promise most.
const TRIED: usize = 24;
/// What saves less, in microseconds, or less than this part of the run, is none.
const LEAST: u64 = 20_000;
const LEAST_PART: u64 = 100;

/// The moves that save something, best first. None where nothing can be said:
/// of a serial run, one that was cut off, or one that replays as another.
pub fn moves(subject: &Subject<'_>) -> Vec<Move> {
    let run = subject.run;
    let aborted = matches!(run.closed, Some((_, Close::Aborted)));
    if run.serial || aborted {
        return Vec::new();
    }
    let model = Model::new(subject);
    let elapsed = model.until.since(model.since);
    let plan = Plan::new(&model, subject);
    let before = plan.takes(&Change::default());
    if before.abs_diff(elapsed) > elapsed / 10 + 5 * LEAST {
        return Vec::new();
    }
    let links = walk(&model, run.owner.is_some());
    let least = LEAST.max(elapsed / LEAST_PART);
    let search = Search::new(subject, &model, &plan);
    let mut found = search.candidates(&links);
    found.retain(|one| one.bound >= least);
    found.sort_by_key(|one| Reverse(one.bound));
    found.truncate(TRIED);
    let mut idle = Idle::new(subject);
    let mut tried: Vec<(Move, Window)> = Vec::new();
    for candidate in found {
        let after = plan.takes(&candidate.edit.change(&plan));
        let spare = search.spare(&candidate, &mut idle);
        let saves = before.saturating_sub(after).min(spare).min(elapsed);
        if saves >= least {
            tried.push((Move { what: candidate.what, saves }, candidate.window));
        }
    }
    tried.sort_by_key(|(one, _)| Reverse(one.saves));
    let mut best: Vec<(Move, Window)> = Vec::new();
    for (one, window) in tried {
        // Of several ways to fill a stretch one is enough: the easiest, if
        // it is nearly as good as the best.
        match best.iter_mut().find(|(_, other)| window.overlaps(other)) {
            None => best.push((one, window)),
            Some((other, _))
                if one.effort() < other.effort() && one.saves >= other.saves / 10 * 9 =>
            {
                *other = one;
            }
            Some(_) => {}
        }
    }
    best.sort_by_key(|(one, _)| Reverse(one.saves));
    best.into_iter().map(|(one, _)| one).collect()
}

impl Move {
    /// The task that it is about; none: the script's own work.
    pub fn task(&self) -> Option<&Id> {
        match &self.what {
            What::Earlier { task, .. }
            | What::Later { task, .. }
            | What::Unlock { task, .. }
            | What::Slot { task, .. } => Some(task),
            What::Background { .. } => None,
        }
    }

    /// How much of the script has to be changed for it.
    fn effort(&self) -> usize {
        match &self.what {
            What::Unlock { .. } | What::Slot { .. } => 0,
            What::Earlier { others, .. } => 1 + others.len(),
            What::Later { starts, .. } => 2 + starts.len(),
            What::Background { .. } => 100,
        }
    }
}

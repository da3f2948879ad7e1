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
//! ([`super::retime`]), so it is clipped by all else that is waited for. A move
//! of work into a stretch in which the processors were busy cannot save more
//! than they had to spare there. Each figure is for its move alone: of two moves,
//! the second may save nothing once the first is made.

use std::cmp::Reverse;
use std::fmt;

use super::Subject;
use super::candidates::{Search, Window};
use super::chain::walk;
use super::idle::Idle;
use super::model::Model;
use super::retime::{Change, Plan};
use crate::run::state::Close;
use crate::run::{Id, duration};

/// A change to the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// What to change.
    pub what: What,
    /// What it saves at most, in microseconds.
    pub saves: u64,
}

/// What to change. Lines are `file:line`, where the journal has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Start tasks earlier.
    Earlier {
        /// The task that was waited for.
        task: Id,
        /// Others that were started with it and go along.
        others: Vec<Id>,
        /// The line that waited for it, and for how long; none: it held up another task.
        waited: Option<(Option<String>, u64)>,
        /// The line that starts it.
        from: Option<String>,
        /// The line behind which it could stand; none: the beginning.
        to: Option<String>,
    },
    /// Wait later.
    Later {
        /// The task that was waited for.
        task: Id,
        /// The line, and for how long it blocked.
        from: Option<String>,
        /// For how long, in microseconds.
        blocked: u64,
        /// The line before which it could stand; none: the end.
        to: Option<String>,
        /// The work that lies between, in microseconds.
        work: u64,
    },
    /// Do own work in the background.
    Background {
        /// In which task; none: in the script itself.
        scope: Option<Id>,
        /// The line after which it begins; none: the beginning.
        from: Option<String>,
        /// The line before which it ends; none: the end.
        until: Option<String>,
        /// The line that could wait for it; none: the end.
        wait: Option<String>,
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
    let search = Search { subject, model: &model, plan: &plan };
    let mut found = search.candidates(&links);
    found.retain(|one| one.bound >= least);
    found.sort_by_key(|one| Reverse(one.bound));
    found.truncate(TRIED);
    let mut idle = Idle::new(subject);
    let mut tried: Vec<(Move, Window)> = Vec::new();
    for candidate in found {
        let after = plan.takes(&search.change(&candidate.edit));
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
    /// How much of the script has to be changed for it.
    fn effort(&self) -> usize {
        match &self.what {
            What::Unlock { .. } | What::Slot { .. } => 0,
            What::Earlier { others, .. } => 1 + others.len(),
            What::Later { .. } => 2,
            What::Background { .. } => 100,
        }
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = duration::display;
        let saves = shown(self.saves);
        match &self.what {
            What::Earlier { task, others, waited, from, to } => {
                if let Some((at, blocked)) = waited {
                    write!(f, "{}wait {task} blocked {}; ", lead(at.as_ref()), shown(*blocked))?;
                }
                let base = waited.as_ref().and_then(|(at, _)| at.as_ref());
                write!(f, "{task} started{}", place(" at ", from.as_ref(), base))?;
                let base = base.or(from.as_ref());
                match to {
                    Some(to) => write!(
                        f,
                        "; nothing before it was waited for since{}",
                        place(" ", Some(to), base)
                    )?,
                    None => f.write_str("; nothing was waited for before it")?,
                }
                let there = if to.is_some() { "there" } else { "at the beginning" };
                match &others[..] {
                    [] => write!(f, ", starting it {there} saves up to {saves}"),
                    others => write!(
                        f,
                        ", starting it {there} with {} saves up to {saves}",
                        names(others)
                    ),
                }
            }
            What::Later { task, from, blocked, to, work } => {
                let lead = lead(from.as_ref());
                write!(
                    f,
                    "{lead}wait {task} blocked {}; then {} of own work follow",
                    shown(*blocked),
                    shown(*work)
                )?;
                let end = || " by the end".to_owned();
                let to =
                    to.as_ref().map_or_else(end, |to| place(" up to ", Some(to), from.as_ref()));
                write!(f, "{to}, waiting behind it saves up to {saves} if it can do without")
            }
            What::Background { scope, from, until, wait, work } => {
                let who = scope.as_ref().map_or("the script".to_owned(), Id::to_string);
                let base = from.as_ref().or(until.as_ref());
                let begin = from
                    .as_ref()
                    .map_or(" from its beginning".to_owned(), |from| format!(" from {from}"));
                let end = until
                    .as_ref()
                    .map_or(" to its end".to_owned(), |_| place(" to ", until.as_ref(), base));
                let wait = wait
                    .as_ref()
                    .map_or(" at the end".to_owned(), |_| place(" at ", wait.as_ref(), base));
                write!(
                    f,
                    "{who} itself worked {}{begin}{end}, doing that in the background and waiting for it{wait} saves up to {saves}",
                    shown(*work)
                )
            }
            What::Unlock { task, lock, holder, queued } => {
                write!(
                    f,
                    "{task} was queued {} for the lock {lock} that {holder} held, without it up to {saves} are saved",
                    shown(*queued)
                )
            }
            What::Slot { task, slots, queued } => {
                write!(
                    f,
                    "MEANWHILE_JOBS={slots} queued {task} for {}, one more saves up to {saves}",
                    shown(*queued)
                )
            }
        }
    }
}

/// What a line in the script begins with.
fn lead(at: Option<&String>) -> String {
    at.map_or_else(String::new, |at| format!("{at} async_"))
}

/// A line of the script, short where `base` is of the same file.
fn place(before: &str, at: Option<&String>, base: Option<&String>) -> String {
    at.map_or_else(String::new, |at| before.to_owned() + &near(at, base.map(String::as_str)))
}

/// `file:line` as `:line` where the reader has the file from `base`.
pub(super) fn near(at: &str, base: Option<&str>) -> String {
    let file = |at: &str| at.rsplit_once(':').map(|(file, _)| file.to_owned());
    match at.rsplit_once(':') {
        Some((_, line)) if base.and_then(file) == file(at) => format!(":{line}"),
        _ => at.to_owned(),
    }
}

/// Some names, and how many more there are.
fn names(ids: &[Id]) -> String {
    const NAMED: usize = 3;
    let shown: Vec<&str> = ids.iter().take(NAMED).map(Id::as_str).collect();
    match (ids.len().saturating_sub(NAMED), &shown[..]) {
        (0, [rest @ .., last]) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        (0, all) => all.join(", "),
        (more, all) => format!("{} and {more} more", all.join(", ")),
    }
}

//! The moves in words: one line each, with the places as the user has them.

use std::fmt;

use super::moves::{Move, Place, Waited, What};
use crate::run::{Id, duration};

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let saves = format!("saves up to {}", duration::display(self.saves));
        match &self.what {
            What::Earlier { task, others, waited, from, to } => {
                let base = waited.as_ref().map_or(from, |waited| &waited.at);
                if let Some(waited) = waited {
                    write!(f, "{}; ", Blocked(waited, task))?;
                }
                write!(f, "{task} started")?;
                match from {
                    Place::Line(_) if waited.is_some() => write!(f, " at {}", from.near(base))?,
                    Place::Line(at) => write!(f, " at {at}")?,
                    _ => {}
                }
                let along = match &others[..] {
                    [] => String::new(),
                    others => format!(", with {}", Names(others)),
                };
                match to {
                    Place::Begin => write!(
                        f,
                        "; nothing was waited for before it, starting it at the beginning{along} {saves}"
                    ),
                    _ => write!(
                        f,
                        "; nothing before it was waited for since {}, starting it there{along} {saves}",
                        to.near(base)
                    ),
                }
            }
            What::Later { task, waited, to, starts, work } => {
                let blocked = Blocked(waited, task);
                let to = to.near(&waited.at);
                match &starts[..] {
                    [] => write!(
                        f,
                        "{blocked}; if the {} of own work up to {to} need nothing of it, waiting behind them {saves}",
                        duration::display(*work)
                    ),
                    starts => write!(
                        f,
                        "{blocked}; if {} need nothing of it, waiting for it at {to} {saves}",
                        Names(starts)
                    ),
                }
            }
            What::Background { scope, from, until, wait, work } => {
                let who = scope.as_ref().map_or("the script", Id::as_str);
                let base = if matches!(from, Place::Line(_)) { from } else { until };
                let until = if base == until { until.full() } else { until.near(base) };
                write!(
                    f,
                    "from {} to {until} {who} itself worked {}; in the background, and waited for at {}, that {saves}",
                    from.full(),
                    duration::display(*work),
                    wait.near(base)
                )
            }
            What::Unlock { task, lock, holder, queued } => write!(
                f,
                "{task} was queued {} for the lock {lock} that {holder} held; doing without {saves}",
                duration::display(*queued)
            ),
            What::Slot { task, slots, queued } => write!(
                f,
                "MEANWHILE_JOBS={slots} queued {task} for {}; one slot more {saves}",
                duration::display(*queued)
            ),
        }
    }
}

/// That a wait blocked on a task.
struct Blocked<'a>(&'a Waited, &'a Id);

impl fmt::Display for Blocked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Waited { at, verb, blocked }, task) = self;
        if let Place::Line(at) = at {
            write!(f, "{at} ")?;
        }
        write!(f, "{verb} {task} blocked {}", duration::display(*blocked))
    }
}

impl Place {
    /// As it is.
    fn full(&self) -> String {
        match self {
            Self::Begin => "its beginning".to_owned(),
            Self::Line(at) => at.clone(),
            Self::Call(call) => call.clone(),
            Self::End => "the end".to_owned(),
        }
    }

    /// A line without its file, where that is the one of `base`.
    fn near(&self, base: &Self) -> String {
        match (self, base) {
            (Self::Line(at), Self::Line(base)) => {
                near(at, base.rsplit_once(':').map(|(file, _)| file))
            }
            _ => self.full(),
        }
    }
}

/// `file:line` as `:line` where that file is meant.
pub(super) fn near(at: &str, known: Option<&str>) -> String {
    match at.rsplit_once(':') {
        Some((file, line)) if known == Some(file) => format!(":{line}"),
        _ => at.to_owned(),
    }
}

/// Some names, and how many more there are.
struct Names<'a>(&'a [Id]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMED: usize = 3;
        let shown: Vec<&str> = self.0.iter().take(NAMED).map(Id::as_str).collect();
        match (self.0.len().saturating_sub(NAMED), &shown[..]) {
            (0, [rest @ .., last]) if !rest.is_empty() => {
                write!(f, "{} and {last}", rest.join(", "))
            }
            (0, all) => f.write_str(&all.join(", ")),
            (more, all) => write!(f, "{} and {more} more", all.join(", ")),
        }
    }
}

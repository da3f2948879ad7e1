//! How a program is changed: cut at some places, and put together otherwise.

use super::retime::{Change, Deed, Op, Plan};
use crate::run::Time;

/// Where a program is cut, and put together otherwise: places in it.
pub(super) enum Edit {
    /// These starts go to a place before them.
    Starts {
        of: usize,
        to: usize,
        starts: Vec<usize>,
    },
    /// These waits go to a place behind them.
    Waits {
        of: usize,
        waits: Vec<usize>,
        to: usize,
    },
    /// The work in the first place is waited for in the second.
    Work {
        of: usize,
        work: usize,
        wait: usize,
    },
    Unlock(usize),
    Slot,
}

impl Edit {
    /// The change to a run that this means.
    pub fn change<'a>(&self, plan: &Plan<'a>) -> Change<'a> {
        let programs = &plan.programs;
        match self {
            Self::Starts { of, to, starts } => {
                let program = &programs[*of];
                let mut changed = program[..*to].to_vec();
                changed.extend(starts.iter().map(|at| program[*at]));
                let rest = program.iter().enumerate().skip(*to);
                changed.extend(
                    rest.filter(|(at, _)| starts.binary_search(at).is_err()).map(|(_, deed)| *deed),
                );
                Change { program: Some((*of, changed)), ..Change::default() }
            }
            Self::Waits { of, waits, to } => {
                let program = &programs[*of];
                let moved: Vec<Deed<'a>> = waits.iter().map(|at| program[*at]).collect();
                let rest = program[..*to].iter().enumerate();
                let rest = rest.filter(|(at, _)| waits.binary_search(at).is_err());
                let mut changed: Vec<Deed<'a>> = rest.map(|(_, deed)| *deed).collect();
                changed.extend(moved);
                changed.extend_from_slice(&program[*to..]);
                Change { program: Some((*of, changed)), ..Change::default() }
            }
            Self::Work { of, work, wait } => {
                let program = &programs[*of];
                let extra = programs.len();
                let deed = |op| Deed { op, at: None, when: Time(0) };
                let Op::Work(length) = program[*work].op else { return Change::default() };
                let (start, end) = ([deed(Op::Start(extra))], [deed(Op::Wait(Some(extra), 0))]);
                let parts =
                    [&program[..*work], &start, &program[work + 1..*wait], &end, &program[*wait..]];
                Change {
                    program: Some((*of, parts.concat())),
                    extra: Some(length),
                    ..Change::default()
                }
            }
            Self::Unlock(lock) => Change { without: Some(*lock), ..Change::default() },
            Self::Slot => Change { slots: 1, ..Change::default() },
        }
    }
}

//! Where slices go: the slots of a pool, the insides of other slices; and
//! which task's end an arrow comes from.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::report::Subject;
use crate::run::{Task, Time};

/// A slice: its track, and from when until when.
#[derive(Debug, Clone, Copy)]
pub struct Slice {
    /// Its track.
    pub track: usize,
    /// From when, in microseconds since the run began.
    pub from: u64,
    /// Until when; later than `from`.
    pub until: u64,
}

impl Slice {
    /// A moment inside of it, as near to `at` as can be.
    pub fn inside(self, at: u64) -> u64 {
        at.clamp(self.from, self.until - 1)
    }
}

/// Gives out the lowest free slot of a number of tracks.
#[derive(Debug, Default)]
pub struct Slots {
    free: BinaryHeap<Reverse<usize>>,
    taken: BinaryHeap<Reverse<(u64, usize)>>,
    /// How many there are.
    pub count: usize,
}

impl Slots {
    /// A slot from then until then; to be asked in the order of `from`.
    pub fn take(&mut self, from: u64, until: u64) -> usize {
        while let Some(Reverse((end, slot))) = self.taken.peek().copied() {
            if end > from {
                break;
            }
            self.taken.pop();
            self.free.push(Reverse(slot));
        }
        let slot = self.free.pop().map_or(self.count, |Reverse(slot)| slot);
        self.count = self.count.max(slot + 1);
        self.taken.push(Reverse((until, slot)));
        slot
    }
}

/// The tasks by their ends: one of them released a wait for any.
#[derive(Debug)]
pub struct Released<'a>(Vec<(Time, &'a Task)>);

impl<'a> Released<'a> {
    /// Of this run.
    pub fn of(subject: &Subject<'a>) -> Self {
        let ended = subject.run.tasks().iter().filter_map(|task| Some((task.end?.0, task)));
        let mut ended: Vec<_> = ended.collect();
        ended.sort_by_key(|(end, _)| *end);
        Self(ended)
    }

    /// The last to end between two moments.
    pub fn by(&self, from: Time, until: Time) -> Option<&'a Task> {
        let at = self.0.partition_point(|(end, _)| *end <= until);
        let (end, task) = *self.0.get(at.checked_sub(1)?)?;
        (end >= from).then_some(task)
    }
}

//! The machine's idle time, as the records of a run tell it.

use super::Subject;
use crate::run::Time;

/// The machine's idle time, asked for in the order of time.
pub(super) struct Idle<'a> {
    readings: &'a [(Time, u64)],
    processors: f64,
    at: usize,
}

impl<'a> Idle<'a> {
    pub(super) fn new(subject: &Subject<'a>) -> Self {
        let processors = subject.run.processors.map_or(0.0, f64::from);
        Self { readings: &subject.run.idle, processors, at: 0 }
    }

    /// The share of the machine that was busy between two moments, if
    /// readings stand on both sides of them.
    pub(super) fn busy(&mut self, from: Time, until: Time) -> Option<f64> {
        let span = until.since(from) as f64 * self.processors;
        let idle = self.reading(until)? - self.reading(from)?;
        (span > 0.0).then(|| 1.0 - idle / span)
    }

    /// The idle time at a moment, between the readings around it.
    fn reading(&mut self, time: Time) -> Option<f64> {
        while self.at > 0 && self.readings[self.at].0 > time {
            self.at -= 1;
        }
        while self.readings.get(self.at + 1).is_some_and(|next| next.0 < time) {
            self.at += 1;
        }
        let (before, after) = (self.readings.get(self.at)?, self.readings.get(self.at + 1)?);
        let part = time.since(before.0) as f64 / after.0.since(before.0).max(1) as f64;
        (before.0 <= time && time <= after.0)
            .then(|| before.1 as f64 + part * (after.1 - before.1) as f64)
    }
}

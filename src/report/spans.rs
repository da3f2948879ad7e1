//! Stretches of time: joined where they overlap, and what lies between them.

use crate::run::Time;

/// Spans in order, with those joined that touch; empty ones are left out.
pub(super) fn joined(spans: impl Iterator<Item = (Time, Time)>) -> Vec<(Time, Time)> {
    let mut spans: Vec<(Time, Time)> = spans.filter(|(from, end)| from < end).collect();
    spans.sort_unstable();
    let mut joined: Vec<(Time, Time)> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.0 <= last.1 => last.1 = last.1.max(span.1),
            _ => joined.push(span),
        }
    }
    joined
}

/// What lies between `spans`, which are joined.
pub(super) fn gaps(spans: &[(Time, Time)], since: Time, until: Time) -> Vec<(Time, Time)> {
    let mut gaps = Vec::new();
    let mut from = since;
    for span in spans.iter().chain([&(until, until)]) {
        if from < span.0 {
            gaps.push((from, span.0));
        }
        from = from.max(span.1);
    }
    gaps
}

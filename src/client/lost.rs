//! A guard that is gone without having recorded its task's end.
//!
//! Whoever notices first settles it, a client, the watcher or a task that
//! waits in a queue: the record, with the code where the kernel still knows
//! it; the token back into the pool; and an end to what is left of the task.

use super::slots;
use crate::process::dir::RunDir;
use crate::process::jobserver::Pool;
use crate::process::journal::Journal;
use crate::process::kill;
use crate::run::{Id, Kind, Task, code};

/// Settles the task `id`, whose guard has ended: with `known`, its exit code,
/// if the kernel tells it. If its end is recorded by now, only the token that
/// its guard may have failed to put back is.
pub fn settle(dir: &RunDir, journal: &mut Journal, id: &Id, known: Option<u8>) {
    // (A guard that a signal ended before it could record anything has left
    // what it had started, if only who asks for its admission.)
    let killed = known.is_none_or(|code| code::signal(code).is_some());
    // Without a start there is nobody yet who could be gone.
    let open = |journal: &Journal| {
        journal.run().task(id).is_some_and(|task| task.end.is_none() && task.guard.is_some())
    };
    let pooled = journal.run().jobs.is_some();
    let gate = if pooled { slots::gate(dir) } else { None };
    let read = gate.is_none() || journal.catch_up().is_ok();
    if !read || !open(journal) {
        drop(gate);
        let keeps = |task: &Task| task.end.is_some() && task.token.is_some();
        if read && journal.run().task(id).is_some_and(keeps) {
            // Unwritable, the pool is nobody's.
            let _ = slots::free(dir, id);
        }
        return;
    }
    // A guard that has not begun its task dies of what ends the task.
    let cancelled = journal.run().task(id).is_some_and(|task| task.cancelled);
    let known = known.or(cancelled.then_some(code::TERMINATED));
    let fields: Vec<_> = known.map(|code| ("code", code.to_string())).into_iter().collect();
    let written =
        journal.append(Kind::Lost, Some(id), &fields).is_ok() && journal.catch_up().is_ok();
    if !written {
        journal.presume_lost(id, known);
    }
    let held = journal.run().task(id).and_then(|task| Some((task.token?, task.lent)));
    let pool = held.and_then(|_| Pool::open(dir, journal.run()).ok().flatten());
    if let (Some((token, 0)), Some(pool)) = (held, pool) {
        let _ = journal.append(Kind::Free, Some(id), &[]);
        let _ = pool.give(token);
    }
    drop(gate);
    if let Some(task) = journal.run().task(id).filter(|_| killed) {
        kill::end(dir, &[task], 0);
    }
}

//! Failures once more, at the end of the log: who opens it sees its end, and
//! there which tasks failed and what they said last.

use super::groups::{Ci, title};
use super::neutral::{Neutral, What, line};
use crate::run::{Id, Run, State, Task, code};

/// So many tasks are told with their last lines; of more, how many there are.
pub const TOLD: usize = 10;
/// So many lines of each.
pub const LINES: usize = 20;
/// And so many bytes.
pub const BYTES: u64 = 16 * 1024;

/// The end of a log, and whether it lacks what stands before.
pub type Tail = (Vec<u8>, bool);

/// What is printed last; nothing if no task failed. `tail` reads the end of a
/// task's log.
///
/// All of it was printed before, so that commands in it are none: a second
/// annotation would be one too many.
pub fn failures(ci: Ci, run: &Run, tail: impl Fn(&Task) -> Option<Tail>) -> Vec<u8> {
    let failed = |task: &&Task| task.code().is_some_and(|code| code != code::OK);
    let failed: Vec<&Task> = run.tasks().iter().filter(failed).collect();
    let mut out = Vec::new();
    if failed.is_empty() {
        return out;
    }
    let sign = if ci == Ci::Buildkite { "+++ " } else { "" };
    let names: Vec<&Id> = failed.iter().map(|task| &task.id).collect();
    let names = match &names[..] {
        [name] => name.to_string(),
        names => format!("{} tasks", names.len()),
    };
    out.extend_from_slice(format!("{sign}meanwhile: failed: {}\n", line(ci, &names)).as_bytes());
    for task in failed.iter().take(TOLD) {
        out.extend_from_slice(format!("{}\n", title(ci, task)).as_bytes());
        // One that never began has said nothing.
        if task.state() == State::Skipped {
            continue;
        }
        if let Some((bytes, cut)) = tail(task).filter(|(bytes, _)| !bytes.is_empty()) {
            if cut {
                out.extend_from_slice(b"    ...\n");
            }
            indented(ci, &bytes, &mut out);
        }
    }
    if failed.len() > TOLD {
        out.extend_from_slice(format!("and {} more\n", failed.len() - TOLD).as_bytes());
    }
    out
}

fn indented(ci: Ci, bytes: &[u8], out: &mut Vec<u8>) {
    for piece in bytes.split_inclusive(|b| *b == b'\n') {
        let mut neutral = Neutral::new(ci, What::All);
        out.extend_from_slice(b"    ");
        neutral.feed(piece, out);
        neutral.finish(out);
    }
}

//! Where the time went and what to do next, as lines of the summary: few and
//! short, since they are read after each run.

mod candidates;
pub mod chain;
mod edit;
mod model;
pub mod moves;
mod places;
#[cfg(test)]
mod promise;
mod retime;
pub mod unused;
mod wording;

use self::chain::{Link, Step, chain};
use self::moves::{Move, moves};
use self::places::near;
use self::unused::{Unused, unused};
use super::Subject;
use crate::run::duration;

/// So many moves are told at most, and only those that save this part of the
/// run, or so many microseconds; but never what is within the noise.
const MOVES: usize = 3;
const WORTH_PART: u64 = 20;
const WORTH: u64 = 1_000_000;
const WORTH_LEAST: u64 = 50_000;

/// So many links of the chain are told at its beginning, and as many at its end.
const LINKS: usize = 4;

/// The lines, each with its label.
pub(super) fn advice(subject: &Subject<'_>) -> Vec<(&'static str, String)> {
    let elapsed = subject.until.since(subject.since());
    let least = least(elapsed);
    let all = moves(subject);
    let worth: Vec<&Move> = worth(&all, elapsed).take(MOVES).collect();
    let at_once = unused(subject).into_iter().find(|one| match one {
        Unused::AtOnce { task, waited, .. } => {
            waited.blocked >= least && worth.iter().all(|one| one.task() != Some(task))
        }
        Unused::Early { .. } => false,
    });
    let story = story(&chain(subject), subject.run.script.as_deref());
    let mut lines: Vec<_> = story.into_iter().map(|story| ("critical", story)).collect();
    lines.extend(worth.iter().map(|one| ("next", one.to_string())));
    lines.extend(at_once.map(|one| ("unused", one.to_string())));
    lines
}

/// The moves that are worth a line in the report of a run of that length, best first.
pub(super) fn worth(all: &[Move], elapsed: u64) -> impl Iterator<Item = &Move> {
    all.iter().filter(move |one| one.saves >= least(elapsed))
}

fn least(elapsed: u64) -> u64 {
    (elapsed / WORTH_PART).clamp(WORTH_LEAST, WORTH)
}

/// The chain in one line: who was at work how long, oldest first. None if it
/// was the script all the time.
fn story(links: &[Link], script: Option<&str>) -> Option<String> {
    // What is shown as 0.0s is left out; what stood on both sides of it is one.
    let mut told: Vec<(&Link, u64)> = Vec::new();
    for link in links {
        let long = link.until.since(link.from);
        match told.last_mut() {
            _ if duration::display(long) == duration::display(0) => {}
            Some((before, so_far)) if before.step == link.step => *so_far += long,
            _ => told.push((link, long)),
        }
    }
    told.iter().find(|(link, _)| link.step != Step::Script)?;
    let show = |(link, long): &(&Link, u64)| {
        let long = duration::display(*long);
        let at = link.at.as_ref().filter(|_| link.blocked > 0);
        match (&link.step, at) {
            (Step::Script, _) => format!("script {long}"),
            (Step::Task(id), None) => format!("{id} {long}"),
            (Step::Task(id), Some(at)) => {
                // Of the script itself the reader knows the name.
                let file = at.rsplit_once(':').map(|(file, _)| file);
                let known = file.filter(|file| script == file.rsplit('/').next());
                format!("{id} {long} (blocked {})", near(at, known))
            }
        }
    };
    let shown: Vec<String> = told.iter().map(show).collect();
    let hidden = shown.len().saturating_sub(2 * LINKS);
    if hidden < 2 {
        return Some(shown.join(" → "));
    }
    let (first, last) = (&shown[..LINKS], &shown[shown.len() - LINKS..]);
    Some(format!("{} → … {hidden} more … → {}", first.join(" → "), last.join(" → ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::Sample;

    #[test]
    fn a_long_chain_is_cut_in_the_middle() {
        let mut journal = "0.0 run - owner=1 ownerstart=0.0 script=s.sh\n".to_owned();
        for n in 0..40 {
            let (from, until) = (2 * n + 1, 2 * n + 2);
            journal += &format!(
                "{from}.0 start t{n} pid=2 at=/home/x/s.sh:{n}\n{from}.0 wait t{n} by=7 at=/home/x/s.sh:{n}\n\
                 {until}.0 end t{n} code=0\n{until}.0 woken - by=7\n"
            );
        }
        let lines = advice(&Sample::new(&journal).until(81));
        let cut = "script 1.0s → t0 1.0s (blocked :0) → script 1.0s → t1 1.0s (blocked :1) → … 73 more … → \
            t38 1.0s (blocked :38) → script 1.0s → t39 1.0s (blocked :39) → script 1.0s";
        assert_eq!(lines[0], ("critical", cut.to_owned()));
        assert!(lines.len() <= 5, "{lines:?}");
    }

    #[test]
    fn what_stands_around_nothing_is_one() {
        let sample = Sample::new(
            "0.0 run - owner=1 ownerstart=0.0
            1.0 start a pid=2
            1.0 wait a by=7
            1.01 end a code=0
            1.01 woken - by=7",
        );
        assert_eq!(advice(&sample.until(3)), [], "the script alone is no chain");
        let sample = Sample::new(
            "0.0 run - owner=1 ownerstart=0.0
            1.0 start a pid=2
            1.0 wait a by=7
            1.01 end a code=0
            1.01 woken - by=7
            2.0 start b pid=2
            2.0 wait b by=7
            4.0 end b code=0
            4.0 woken - by=7",
        );
        let chain = "script 2.0s → b 2.0s";
        assert_eq!(advice(&sample.until(4))[0], ("critical", chain.to_owned()));
    }

    #[test]
    fn where_nothing_was_waited_for_nothing_is_said() {
        let sample =
            Sample::new("0.0 run - owner=1 ownerstart=0.0\n1.0 start a pid=2\n2.0 end a code=0");
        assert_eq!(advice(&sample.until(5)), []);
    }
}

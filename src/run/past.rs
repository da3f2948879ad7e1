//! The last runs of one script: what is kept of them, and what is usual.
//!
//! The history of a script is a small file, to which each run adds a line (see
//! [`super::ran`]). What stands in the file bounds itself: so many runs, tasks
//! of a run, and bytes, and no more.
//!
//! What is **usual** for a task is the median of its last successes; how far
//! they are apart is their median absolute deviation (MAD). Both bear a few
//! odd values. Only a task that succeeded at its first attempt tells how long
//! its work takes: one that failed may have stopped early. It does so whatever became
//! of its run. In serial mode tasks have the machine to themselves: those times
//! are kept apart, and only asked where there are no others.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::ran::{Ran, Step};
use super::record::RS;
use super::{duration, files};

/// How many runs of a script are kept.
pub const RUNS: usize = 50;
/// How many bytes of a script.
pub const BYTES: usize = 1 << 20;
/// How many scripts.
pub const SCRIPTS: usize = 200;

/// How many successes say what is usual: enough for a median, and few enough
/// that a script which was changed has a new usual soon.
const LAST: usize = 10;

/// A time is longer than usual from so many scaled MADs above the median on:
/// the outlier rule of Hampel, "The influence curve and its role in robust
/// estimation" (1974), with the factor that Leys et al., "Detecting outliers"
/// (J. Exp. Soc. Psychol. 49, 2013), call very conservative. 1.4826 scales a
/// MAD to the standard deviation of normally distributed times.
const FACTOR: f64 = 3.0 * 1.4826;
/// From fewer successes nobody knows.
const ENOUGH: usize = 3;
/// Besides, it has to matter: by a tenth, and by 0.1 s.
const LEAST_PART: u64 = 10;
const LEAST: u64 = 100_000;

/// The name of the file that keeps the history of the script with this
/// (encoded) path: its own name, for people, and a hash of the path.
pub fn file_of(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let stem: String = name.chars().map(plain).take(64).collect();
    format!("{stem}-{:016x}", files::hash(path))
}

/// Whether a file of the history could be one that [`file_of`] names.
pub fn is_file(name: &str) -> bool {
    let hex = |hash: &str| {
        hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    name.rsplit_once('-').is_some_and(|(_, hash)| hex(hash))
}

/// The runs that a history holds, the oldest first. Of one that is larger
/// than it could be, hand over the end.
pub fn parse(history: &[u8]) -> Vec<Ran> {
    let mut runs: Vec<Ran> = lines_from_end(history).filter_map(Ran::parse).take(RUNS).collect();
    runs.reverse();
    runs
}

/// The lines of a history to be kept when one of so many bytes is added, the
/// oldest first, without their ends.
pub fn kept(history: &[u8], added: usize) -> Vec<&[u8]> {
    let mut room = BYTES.saturating_sub(added);
    let fits = |line: &&[u8]| {
        let fits = line.len() < room;
        room = room.saturating_sub(line.len() + 1);
        fits
    };
    // Those of another version are kept: it may come back.
    let ours = |line: &&[u8]| line.first() == Some(&(RS as u8));
    let mut lines: Vec<&[u8]> =
        lines_from_end(history).filter(ours).take(RUNS - 1).take_while(fits).collect();
    lines.reverse();
    lines
}

/// Whole lines, without their ends.
fn lines_from_end(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = memchr::memrchr(b'\n', bytes).map(|end| &bytes[..end]);
    std::iter::from_fn(move || {
        let now = rest?;
        let before = memchr::memrchr(b'\n', now);
        rest = before.map(|at| &now[..at]);
        Some(&now[before.map_or(0, |at| at + 1)..])
    })
}

/// What is usual for a task, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usual {
    /// How many successes say so.
    pub runs: usize,
    /// Their median.
    pub median: u64,
    /// Their median absolute deviation from it.
    pub spread: u64,
    /// The shortest.
    pub least: u64,
    /// The longest.
    pub most: u64,
}

impl Usual {
    /// What is usual among these times; none of none.
    pub fn of(times: &[u64]) -> Option<Self> {
        let mut times = times.to_vec();
        let median = median(&mut times)?;
        let mut apart: Vec<u64> = times.iter().map(|time| time.abs_diff(median)).collect();
        Some(Self {
            runs: times.len(),
            median,
            spread: self::median(&mut apart)?,
            least: *times.first()?,
            most: *times.last()?,
        })
    }

    /// Whether a time is longer than usual, and so much that it matters.
    pub fn exceeded_by(&self, took: u64) -> bool {
        let more = took.saturating_sub(self.median);
        self.runs >= ENOUGH
            && more as f64 > FACTOR * self.spread as f64
            && more >= LEAST.max(self.median / LEAST_PART)
    }
}

/// The median; of an even number the middle of the two. Sorts them.
fn median(times: &mut [u64]) -> Option<u64> {
    times.sort_unstable();
    let upper = *times.get(times.len() / 2)?;
    let lower = times[(times.len() - 1) / 2];
    Some(lower + (upper - lower) / 2)
}

/// The last runs of one script, and what is usual in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// The runs, the oldest first.
    pub runs: Vec<Ran>,
    serial: bool,
    /// The last successes of each name: beside others, and in serial mode.
    times: HashMap<Box<str>, [Vec<u64>; 2]>,
}

impl Past {
    /// The past of a run in that mode: these runs, the oldest first.
    pub fn new(runs: Vec<Ran>, serial: bool) -> Self {
        let mut times: HashMap<Box<str>, [Vec<u64>; 2]> = HashMap::new();
        for run in runs.iter().rev() {
            for step in run.steps.iter().rev() {
                if !step.tells() {
                    continue;
                }
                if !times.contains_key(&step.name) {
                    times.insert(step.name.clone(), Default::default());
                }
                let of_mode = times.get_mut(&step.name).map(|of| &mut of[usize::from(run.serial)]);
                of_mode.filter(|of| of.len() < LAST).into_iter().for_each(|of| of.push(step.took));
            }
        }
        Self { runs, serial, times }
    }

    /// What is usual for a task of that name (an id without its count).
    pub fn usual(&self, name: &str) -> Option<Usual> {
        let of = self.times.get(name)?;
        let (same, other) = (usize::from(self.serial), usize::from(!self.serial));
        Usual::of(&of[same]).or_else(|| Usual::of(&of[other]))
    }

    /// The median time of a task when it succeeded, in microseconds.
    pub fn expected(&self, name: &str) -> Option<u64> {
        self.usual(name).map(|usual| usual.median)
    }

    /// Which of these tasks were slower than usual, those first that were by
    /// the most; of several starts of a name the slowest.
    pub fn slower(&self, steps: impl Iterator<Item = Step>) -> Vec<Slower> {
        let usual = |step: &Step| {
            // Beside others it is slower than alone: that is nothing to tell.
            let of = &self.times.get(&step.name)?[usize::from(self.serial)];
            Usual::of(of).filter(|usual| usual.exceeded_by(step.took))
        };
        let mut found: Vec<Slower> = steps
            .filter(Step::tells)
            .filter_map(|step| Some(Slower { usual: usual(&step)?, step }))
            .collect();
        found.sort_by_key(|Slower { step, usual }| std::cmp::Reverse(step.took - usual.median));
        let mut names = HashSet::new();
        found.retain(|slower| names.insert(slower.step.name.clone()));
        found
    }
}

/// A task that was slower than usual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slower {
    /// The task.
    pub step: Step,
    /// What would have been usual.
    pub usual: Usual,
}

/// As a person reads it.
impl fmt::Display for Slower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, usual } = self;
        let (took, median) = (duration::display(step.took), duration::display(usual.median));
        write!(f, "{}: {took}, usually {median} ({} runs)", step.name, usual.runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::state::Close;
    use crate::run::{State, Time};
    use proptest::prelude::*;

    fn ran(n: u64, serial: bool, steps: &[(&str, State, u64, u32)]) -> Ran {
        let step = |(name, state, took, attempts): &(&str, State, u64, u32)| Step {
            name: (*name).into(),
            state: *state,
            took: *took,
            attempts: *attempts,
        };
        Ran {
            wall: n as i64,
            pid: 7,
            started: Time(n),
            how: Close::Finished,
            took: n,
            serial,
            tasks: steps.len() as u64,
            failed: 0,
            path: "/x".into(),
            dir: String::new(),
            steps: steps.iter().map(step).collect(),
        }
    }

    fn ok(took: u64) -> [(&'static str, State, u64, u32); 1] {
        [("a", State::Succeeded, took, 1)]
    }

    #[test]
    fn the_usual_is_the_median_of_the_last_successes() {
        let runs = (0..15).map(|n| ran(n, false, &ok(if n < 5 { 9_000 } else { n }))).collect();
        let past = Past::new(runs, false);
        let usual = past.usual("a").unwrap();
        assert_eq!((usual.runs, usual.median, usual.spread), (10, 9, 2));
        assert_eq!((usual.least, usual.most), (5, 14));
        assert_eq!((past.expected("a"), past.expected("b")), (Some(9), None));
    }

    #[test]
    fn only_clean_successes_tell() {
        let steps = [
            ("a", State::Failed(1), 1, 1),
            ("a", State::Succeeded, 2, 2),
            ("a", State::TimedOut, 3, 1),
            ("a", State::Skipped, 0, 1),
            ("a", State::Succeeded, 40, 1),
        ];
        assert_eq!(Past::new(vec![ran(1, false, &steps)], false).expected("a"), Some(40));
    }

    #[test]
    fn serial_times_are_kept_apart() {
        let runs = vec![ran(1, true, &ok(10)), ran(2, false, &ok(30)), ran(3, true, &ok(20))];
        assert_eq!(Past::new(runs.clone(), true).expected("a"), Some(15));
        assert_eq!(Past::new(runs, false).expected("a"), Some(30));
        let serial = Past::new((0..5).map(|n| ran(n, true, &ok(n))).collect(), false);
        assert_eq!(serial.expected("a"), Some(2), "better than nothing");
        let slow = ran(9, false, &ok(90_000_000));
        assert_eq!(serial.slower(slow.steps.into_iter()), [], "but nothing to be measured by");
    }

    #[test]
    fn slower_is_beyond_the_spread_and_what_matters() {
        let usual = |times: &[u64]| Usual::of(times).unwrap();
        let second = 1_000_000;
        let steady = usual(&[8 * second; 5]);
        assert!(!steady.exceeded_by(8 * second + second * 7 / 10), "less than a tenth");
        assert!(steady.exceeded_by(9 * second));
        // Its MAD is 1 s: 4.4 s are still usual.
        let wild = usual(&[6 * second, 7 * second, 8 * second, 9 * second, 10 * second]);
        assert!(!wild.exceeded_by(12 * second) && wild.exceeded_by(12 * second + second / 2));
        let brief = usual(&[1_000; 5]);
        assert!(!brief.exceeded_by(90_000), "less than 0.1 s");
        assert!(!usual(&[second; 2]).exceeded_by(90 * second), "too few");
        // One odd value changes nothing.
        assert!(
            usual(&[8 * second, 8 * second, 8 * second, 900 * second]).exceeded_by(10 * second)
        );
    }

    #[test]
    fn what_was_slower_is_told_the_worst_first_and_once() {
        let clean = |name, seconds: u64| (name, State::Succeeded, seconds * 1_000_000, 1);
        let before = [clean("a", 8), clean("b", 1), clean("c", 1)];
        let past = Past::new((0..5).map(|n| ran(n, false, &before)).collect(), false);
        let failed = ("c", State::Failed(1), 90_000_000, 1);
        let retried = ("c", State::Succeeded, 90_000_000, 2);
        let new = clean("new", 90);
        let now = [clean("a", 12), clean("b", 9), failed, retried, new, clean("b", 7)];
        let told = past.slower(ran(9, false, &now).steps.into_iter());
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["b: 9.0s, usually 1.0s (5 runs)", "a: 12.0s, usually 8.0s (5 runs)"]);
    }

    #[test]
    fn a_file_has_the_name_of_its_script_and_another_for_another() {
        let name = file_of("/srv/a%20b.sh");
        assert!(name.starts_with("a_20b.sh-") && is_file(&name), "{name}");
        assert_ne!(file_of("/a/test.sh"), file_of("/b/test.sh"));
        assert!(file_of(&format!("/{}", "x".repeat(3_000))).len() < 100);
        for other in ["lock", "x", "journal", "a-0123", "a-0123456789abcdeg", "a-0123456789ABCDEF"]
        {
            assert!(!is_file(other), "{other}");
        }
    }

    #[test]
    fn what_is_no_line_does_not_keep_out_what_is() {
        let line = ran(1, false, &ok(5)).line();
        let text = format!("{line}{}\n\0\u{ff}\n\n{line}{}", "x".repeat(10_000), &line[..20]);
        assert_eq!(parse(text.as_bytes()).len(), 2);
        assert_eq!(kept(text.as_bytes(), 10), [line.trim_end().as_bytes(); 2]);
    }

    #[test]
    fn medians_do_not_overflow() {
        let most = u64::MAX;
        let usual = Usual::of(&[most, most, most - 1, 0]).unwrap();
        assert_eq!((usual.median, usual.least), (most - 1, 0));
        assert!(!usual.exceeded_by(most));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        /// However often something is added, the newest stay, in their order,
        /// within all bounds.
        #[test]
        fn it_bounds_itself(sizes in proptest::collection::vec(0usize..250, 40..70)) {
            let mut file = Vec::new();
            let name = format!("{}/child", "x".repeat(128));
            for (n, size) in sizes.iter().enumerate() {
                let steps = vec![(name.as_str(), State::Succeeded, 1, 1); *size];
                let line = ran(n as u64, false, &steps).line();
                let mut next = kept(&file, line.len()).join(&b'\n');
                next.extend(if next.is_empty() { "" } else { "\n" }.bytes());
                next.extend(line.bytes());
                file = next;
                prop_assert!(file.len() <= BYTES);
            }
            let walls: Vec<i64> = parse(&file).iter().map(|run| run.wall).collect();
            let last = sizes.len() as i64;
            prop_assert!(walls.len() <= RUNS && walls.len() > 20);
            prop_assert_eq!(&walls, &(last - walls.len() as i64..last).collect::<Vec<_>>());
        }
    }

    proptest! {
        #[test]
        fn the_median_has_as_many_above_as_below(mut times in proptest::collection::vec(any::<u64>(), 1..40)) {
            let usual = Usual::of(&times).unwrap();
            times.sort_unstable();
            let below = times.iter().filter(|time| **time < usual.median).count();
            let above = times.iter().filter(|time| **time > usual.median).count();
            prop_assert!(below * 2 <= times.len() && above * 2 <= times.len());
            prop_assert!(usual.least <= usual.median && usual.median <= usual.most);
            prop_assert!(!usual.exceeded_by(usual.median));
        }

        #[test]
        fn any_history_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let past = Past::new(parse(&bytes), false);
            let _ = (past.expected("a"), kept(&bytes, 10));
        }
    }
}

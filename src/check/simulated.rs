//! The check's promise, with files that really come and go: what two tasks find
//! depends on who is first, but whether there is a race does not.

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;

use super::*;
use crate::run::footprint::{FileId, Op, Recorder, Touch};
use crate::run::{Record, Time};

/// What a command wants with a path.
#[derive(Debug, Clone, Copy)]
enum Want {
    Cat,
    Test,
    Overwrite,
    Append,
    MakeNew,
    MakeDir,
    NewDir,
    Remove,
    Replace,
    Chmod,
    Touch,
    List,
}

/// The files, and what a tracer sees of who uses them.
struct World {
    recorder: Recorder,
    files: HashMap<&'static str, u64>,
    /// Who wrote what is in them.
    contents: HashMap<&'static str, Vec<(u32, usize)>>,
    /// What each step of each task came to.
    told: [Vec<String>; 2],
    next: u64,
    micros: u64,
}

impl World {
    fn see(&mut self, group: u32, seen: &[(Op, &str, Option<u64>)], by: &str) {
        self.micros += 10;
        let program = self.recorder.text(by);
        for (op, path, file) in seen {
            let file = file.map(|ino| FileId { dev: 1, ino, made: 1 });
            let time = Time(self.micros);
            let (at, held, path) = (None, 0, path.as_bytes());
            let touch = Touch { group, op: *op, path, file, program, at, held, time };
            self.recorder.touch(group, &touch);
        }
    }

    fn make(&mut self, path: &'static str) -> u64 {
        self.next += 1;
        self.files.insert(path, self.next);
        self.next
    }

    /// What a step comes to for who takes it, and for what is there.
    fn tell(&mut self, group: u32, want: Want, path: &'static str) {
        let there = self.files.contains_key(path);
        let told = &mut self.told[group as usize - 1];
        let step = (group, told.len());
        told.push(match want {
            Want::Cat => format!("{:?}", self.contents.get(path).filter(|_| there)),
            // (Who looks for a directory may be about to make it.)
            Want::Test if path == PATHS[3] => String::new(),
            Want::Test | Want::Chmod | Want::MakeNew | Want::NewDir => there.to_string(),
            // It succeeds whatever is there; and what is there for a moment may be listed or not.
            _ => String::new(),
        });
        match want {
            Want::Overwrite | Want::Replace => drop(self.contents.insert(path, vec![step])),
            Want::Append => {
                let lines = self.contents.entry(path).or_default();
                lines.push(step);
                // In which order they stand is open, and does no harm.
                lines.sort_unstable();
            }
            Want::MakeNew if !there => drop(self.contents.insert(path, vec![step])),
            Want::Touch => drop(self.contents.entry(path).or_default()),
            Want::Remove => drop(self.contents.remove(path)),
            _ => {}
        }
    }

    fn run(&mut self, group: u32, want: Want, path: &'static str) {
        let makes =
            !matches!(want, Want::Cat | Want::Test | Want::Chmod | Want::List | Want::Remove);
        let lost = path == INNER && !self.files.contains_key(PATHS[3]);
        if makes && lost {
            self.told[group as usize - 1].push("no directory".to_owned());
            return self.see(
                group,
                &[(Op::Miss, path, None), (Op::Miss, PATHS[3], None)],
                "/bin/tool",
            );
        }
        if matches!(want, Want::Remove) && path == PATHS[3] && self.files.contains_key(INNER) {
            self.run(group, want, INNER);
        }
        self.tell(group, want, path);
        let there = self.files.get(path).copied();
        let found = |op: Op| if there.is_some() { op } else { Op::Miss };
        let seen = match (want, there) {
            (Want::Cat, _) => vec![(found(Op::Read), path, there)],
            (Want::Test, _) => vec![(found(Op::Look), path, there)],
            (Want::Chmod, _) => vec![(found(Op::Meta), path, there)],
            (Want::List, _) => vec![(Op::List, "/d", Some(1))],
            (Want::Overwrite, Some(_)) => vec![(Op::Truncate, path, there)],
            (Want::Overwrite, None) => vec![(Op::Create, path, Some(self.make(path)))],
            (Want::Append, Some(_)) => vec![(Op::Append, path, there)],
            (Want::Append, None) => {
                let file = Some(self.make(path));
                vec![(Op::Create, path, file), (Op::Append, path, file)]
            }
            (Want::Touch, Some(_)) => vec![(Op::Touch, path, there)],
            (Want::Touch, None) => {
                let file = Some(self.make(path));
                vec![(Op::Create, path, file), (Op::Touch, path, file)]
            }
            (Want::MakeNew, Some(_)) => vec![(Op::Taken, path, there)],
            (Want::MakeNew, None) => vec![(Op::CreateNew, path, Some(self.make(path)))],
            (Want::MakeDir, Some(_)) => vec![(Op::HaveDir, path, there)],
            (Want::MakeDir, None) => vec![(Op::MakeDir, path, Some(self.make(path)))],
            (Want::NewDir, Some(_)) => vec![(Op::DirTaken, path, there)],
            (Want::NewDir, None) => vec![(Op::NewDir, path, Some(self.make(path)))],
            (Want::Remove, Some(_)) => {
                self.files.remove(path);
                vec![(Op::Remove, path, there)]
            }
            (Want::Remove, None) => return self.see(group, &[(Op::Miss, path, None)], "/bin/rm"),
            (Want::Replace, _) => {
                let new = Some(self.make(path));
                let old = there.map(|_| (Op::Look, path, there));
                let old = old.into_iter();
                old.chain([(Op::RenameOnto, path, new)]).collect()
            }
        };
        let by = if matches!(want, Want::List) { "/bin/ls" } else { "/bin/tool" };
        self.see(group, &seen, by);
        if path == INNER && makes {
            self.see(group, &[(Op::Fill, PATHS[3], None)], by);
        }
    }
}

/// Three files, and a directory.
const PATHS: [&str; 4] = ["/d/x", "/d/y", "/z", "/m"];
/// A file in that directory.
const INNER: &str = "/m/f";

type Step = (Want, &'static str);

/// What came of a run.
struct Came {
    /// At which paths there is a race.
    races: BTreeSet<(String, Level)>,
    /// What the steps came to, and what there is in the end.
    outcome: String,
}

/// Runs both; `first` says for each step whether it is `a`'s.
fn races(there: &[&'static str], steps: [&[Step]; 2], first: &[bool]) -> Came {
    let files = there.iter().zip(100..).map(|(path, ino)| (*path, ino)).collect();
    let contents = there.iter().map(|path| (*path, vec![(0, 0)])).collect();
    let told = [Vec::new(), Vec::new()];
    let recorder = Recorder::new(false, 1, Time(0), 1000);
    let mut world = World { recorder, files, contents, told, next: 1000, micros: 1_000_000 };
    let mut run = Run::default();
    let groups = [("a", 11), ("b", 12)].map(|(name, pid)| {
        run.apply(&Record::parse(format!("1.00 start {name} pid={pid}").as_bytes()).unwrap());
        let group = world.recorder.group(0, pid, (Time(1_000_000), world.recorder.moment()));
        world.recorder.advance();
        group
    });
    let mut rest = steps;
    let mut first = first.iter();
    while rest.iter().any(|steps| !steps.is_empty()) {
        let who = usize::from(!first.next().copied().unwrap_or(true));
        let who = if rest[who].is_empty() { 1 - who } else { who };
        let (step, others) = rest[who].split_first().unwrap();
        world.run(groups[who], step.0, step.1);
        world.recorder.advance();
        rest[who] = others;
    }
    let paths: BTreeMap<_, _> =
        world.files.keys().map(|path| (path, world.contents.get(path))).collect();
    let outcome = format!("{:?} {paths:?}", world.told);
    let traced = world.recorder.finish();
    let runs = [(b"/run".to_vec(), run)];
    let verdict =
        judge(&Input { traced: &traced, runs: &runs, suppressions: None, baseline: None });
    let mut worst: HashMap<String, Level> = HashMap::new();
    for finding in verdict.findings {
        for path in finding.more.iter().chain([&finding.path]) {
            let known = worst.entry(path.clone()).or_insert(finding.level);
            *known = (*known).max(finding.level);
        }
    }
    let races = worst.into_iter().filter(|(_, level)| *level > Level::Note).collect();
    Came { races, outcome }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let want = prop_oneof![
        Just(Want::Cat),
        Just(Want::Test),
        Just(Want::Overwrite),
        Just(Want::Append),
        Just(Want::MakeNew),
        Just(Want::Remove),
        Just(Want::Replace),
        Just(Want::Chmod),
        Just(Want::Touch),
        Just(Want::List),
    ];
    let path = (0..3usize).prop_map(|at| PATHS[at]);
    let file = (want, path);
    let dir =
        prop_oneof![Just(Want::Test), Just(Want::MakeDir), Just(Want::NewDir), Just(Want::Remove)];
    let dir = dir.prop_map(|want| (want, PATHS[3]));
    let inner = prop_oneof![Just(Want::Overwrite), Just(Want::Append), Just(Want::Cat)];
    let inner = inner.prop_map(|want| (want, INNER));
    let steps = proptest::collection::vec(prop_oneof![4 => file, 1 => dir, 1 => inner], 1..4);
    // (Who makes the directory afterwards has tried whether it is there, and would try again.)
    steps.prop_filter("tries again", |steps: &Vec<Step>| {
        let made = steps.iter().rposition(|(want, _)| matches!(want, Want::MakeDir | Want::NewDir));
        let filled = steps.iter().position(|(_, path)| *path == INNER);
        filled.is_none() || made <= filled
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_race_is_found_whoever_is_first(
        there in proptest::sample::subsequence(PATHS.to_vec(), 0..=4),
        a in steps(),
        b in steps(),
        one in proptest::collection::vec(any::<bool>(), 6),
        other in proptest::collection::vec(any::<bool>(), 6),
    ) {
        // (Who makes a name that has to be new, and removes it, makes a lock of it; but here
        // nobody waits for his turn.)
        let locks = |steps: &[Step], path: &str| {
            let has = |make: bool| {
                steps.iter().any(|(want, own)| {
                    let makes = matches!(want, Want::MakeNew | Want::MakeDir | Want::NewDir);
                    *own == path && (if make { makes } else { matches!(want, Want::Remove) })
                })
            };
            has(true) && has(false)
        };
        prop_assume!(!PATHS.iter().any(|path| locks(&a, path) && locks(&b, path)));
        let worst = |order: &[bool]| {
            let found = races(&there, [&a, &b], order).races;
            (found.iter().any(|(_, level)| *level == Level::Error), found)
        };
        let (one, other) = (worst(&one), worst(&other));
        prop_assert_eq!(one.0, other.0, "{:?} and {:?}", one.1, other.1);
    }

    #[test]
    fn what_depends_on_the_order_is_found(
        there in proptest::sample::subsequence(PATHS.to_vec(), 0..=4),
        a in steps(),
        b in steps(),
    ) {
        let count = a.len() + b.len();
        let orders = (0..1u32 << count).filter(|bits| bits.count_ones() as usize == a.len());
        let all: Vec<Came> = orders
            .map(|bits| {
                let first: Vec<bool> = (0..count).map(|at| bits >> at & 1 == 1).collect();
                races(&there, [&a, &b], &first)
            })
            .collect();
        let differs = all.iter().any(|came| came.outcome != all[0].outcome);
        for came in all.iter().filter(|_| differs) {
            prop_assert!(!came.races.is_empty(), "missed: {}", came.outcome);
        }
    }
}

//! Whether a conflict does harm: what came of the two orders that are furthest
//! apart, compared.
//!
//! The script is run again with each task at the point of its start (eager),
//! and with each task when somebody waits for it (lazy). What can differ is
//! how the script and the tasks ended, what the tasks printed, and what is in the files
//! that any of them had written. A difference is put down to the findings whose
//! sides it is about. It may have come of something else between the same two;
//! and what differs between two runs in one order as well tells nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::segments::{Segments, Whose};
use super::{Finding, Input, Level, Who};
use crate::run::Time;
use crate::run::footprint::Op;

/// So many files are compared at most.
const MOST: usize = 100_000;

/// What came of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Came {
    /// The exit codes of the script and of the tasks that ended.
    pub codes: BTreeMap<Who, u8>,
    /// When the tasks began; of one time, in which order they were started.
    pub began: BTreeMap<Who, (Time, usize)>,
    /// What each task printed, as a digest.
    pub printed: BTreeMap<Who, u64>,
    /// What is in each of the [`Watched`], as a digest; none: it is not there.
    pub files: Vec<Option<u64>>,
}

impl Came {
    /// Whether another run came to the same.
    pub fn same(&self, other: &Self) -> bool {
        (&self.codes, &self.printed, &self.files) == (&other.codes, &other.printed, &other.files)
    }
}

/// A path whose contents are compared, and who had changed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The path.
    pub path: Vec<u8>,
    /// They.
    pub by: BTreeSet<Who>,
}

/// What differs between two runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// How somebody ended: eagerly and lazily; none: it did not.
    Code(Who, Option<u8>, Option<u8>),
    /// What is in a file.
    Content(String),
    /// What a task printed.
    Printed(Who),
}

/// What the two orders say of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmed {
    /// It does harm.
    Harmful(Vec<Difference>),
    /// Both came to the same.
    Alike,
    /// Its two tasks came one after the other in the same way both times.
    Untried,
    /// What differs between them differs between two runs in one order, too.
    Unclear(Vec<Difference>),
}

/// What to compare: all that was changed, and what the findings are about.
pub fn watched(input: &Input<'_>, findings: &[Finding]) -> Vec<Watched> {
    let traced = input.traced;
    let segments = Segments::new(input);
    let own = super::own(input);
    let mut by: BTreeMap<&[u8], BTreeSet<Who>> = BTreeMap::new();
    for access in &traced.accesses {
        let path = access.path as usize;
        let skipped = own.get(path).copied().unwrap_or(true) || !changes(access.op);
        let Some(path) = traced.paths.get(path).filter(|_| !skipped) else { continue };
        let actor = segments.actor_of(access.group) as u32;
        by.entry(path).or_default().insert(segments.who(Whose { actor, left: false }));
    }
    for finding in findings {
        for path in About::new(finding).paths {
            by.entry(path.as_bytes()).or_default();
        }
    }
    // (Sockets' addresses are no paths.)
    let paths = by.into_iter().filter(|(path, _)| path.starts_with(b"/")).take(MOST);
    paths.map(|(path, by)| Watched { path: path.to_owned(), by }).collect()
}

fn changes(op: Op) -> bool {
    match op {
        Op::Write
        | Op::Append
        | Op::Truncate
        | Op::Inherit
        | Op::Create
        | Op::CreateNew
        | Op::MakeDir
        | Op::NewDir
        | Op::Remove
        | Op::RenameFrom
        | Op::RenameOnto => true,
        Op::Look
        | Op::Miss
        | Op::Read
        | Op::Exec
        | Op::Taken
        | Op::HaveDir
        | Op::DirTaken
        | Op::Meta
        | Op::Touch
        | Op::Fill
        | Op::List
        | Op::Bind
        | Op::Connect
        | Op::Lock => false,
    }
}

/// What the orders say of each finding that counts; none of the others. `again` is a
/// second run in the first order.
pub fn confirm(
    findings: &[Finding],
    watched: &[Watched],
    [eager, lazy]: [&Came; 2],
    again: &Came,
) -> Vec<Option<Confirmed>> {
    let found = differences(eager, lazy, watched);
    let chance: BTreeSet<Difference> =
        differences(eager, again, watched).iter().map(thing).collect();
    let by_chance = |difference: &Difference| chance.contains(&thing(difference));
    let by: BTreeMap<&[u8], &BTreeSet<Who>> =
        watched.iter().map(|watched| (&*watched.path, &watched.by)).collect();
    let one = |finding: &Finding| {
        let subject = About::new(finding);
        let about = found.iter().filter(|difference| subject.covers(difference, &by));
        let (chance, told): (Vec<&Difference>, Vec<&Difference>) =
            about.partition(|difference| by_chance(difference));
        let own = |list: Vec<&Difference>| list.into_iter().cloned().collect();
        match (told.is_empty(), chance.is_empty()) {
            (false, _) => Confirmed::Harmful(own(told)),
            (true, false) => Confirmed::Unclear(own(chance)),
            (true, true) if untried(finding, [eager, lazy]) => Confirmed::Untried,
            (true, true) => Confirmed::Alike,
        }
    };
    findings.iter().map(|finding| is_open(finding).then(|| one(finding))).collect()
}

/// Whether any of its pairs are two tasks that were started and waited for in one order.
fn untried(finding: &Finding, orders: [&Came; 2]) -> bool {
    finding.pairs().any(|(sides, _)| {
        let [one, other] = sides.each_ref().map(|side| settled(&side.who));
        let first = |came: &Came| Some(came.began.get(&one)? < came.began.get(&other)?);
        let [eager, lazy] = orders.map(first);
        eager.is_some() && eager == lazy
    })
}

/// Whether a finding is to be confirmed: it counts, and nobody has settled it.
pub fn is_open(finding: &Finding) -> bool {
    finding.level > Level::Note && finding.harmless.is_none_or(|why| !why.settles())
}

fn differences(eager: &Came, lazy: &Came, watched: &[Watched]) -> Vec<Difference> {
    let mut found = Vec::new();
    let everybody: BTreeSet<&Who> = eager.codes.keys().chain(lazy.codes.keys()).collect();
    for who in everybody {
        let (one, other) = (eager.codes.get(who).copied(), lazy.codes.get(who).copied());
        if one != other {
            found.push(Difference::Code(who.clone(), one, other));
        } else if eager.printed.get(who) != lazy.printed.get(who) {
            found.push(Difference::Printed(who.clone()));
        }
    }
    for (at, watched) in watched.iter().enumerate() {
        if eager.files.get(at) != lazy.files.get(at) {
            found.push(Difference::Content(String::from_utf8_lossy(&watched.path).into()));
        }
    }
    found
}

/// What a difference is about, whichever it is.
fn thing(difference: &Difference) -> Difference {
    match difference {
        Difference::Code(who, ..) => Difference::Code(who.clone(), None, None),
        other => other.clone(),
    }
}

/// What a finding is about.
struct About<'a> {
    who: BTreeSet<Who>,
    paths: BTreeSet<&'a str>,
}

impl<'a> About<'a> {
    fn new(finding: &'a Finding) -> Self {
        let mut this = Self { who: BTreeSet::new(), paths: [&*finding.path].into() };
        for (sides, more) in finding.pairs() {
            this.who.extend(sides.iter().map(|side| settled(&side.who)));
            let paths = sides.iter().map(|side| &side.path).chain(more);
            this.paths.extend(paths.map(String::as_str));
        }
        this
    }

    fn covers(&self, difference: &Difference, by: &BTreeMap<&[u8], &BTreeSet<Who>>) -> bool {
        match difference {
            Difference::Code(who, ..) | Difference::Printed(who) => self.who.contains(who),
            Difference::Content(path) => {
                let by = by.get(path.as_bytes());
                self.paths.contains(&**path) || by.is_some_and(|by| !self.who.is_disjoint(by))
            }
        }
    }
}

/// What a task left running is told by what came of the task.
fn settled(who: &Who) -> Who {
    match who {
        Who::Left { run, id } => Who::Task { run: *run, id: id.clone() },
        who => who.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::sample::{pair, task};
    use crate::check::{Class, Harmless, sample};
    use crate::run::Id;

    fn finding(path: &str, who: [Who; 2]) -> Finding {
        sample::finding(Class::WriteWrite, Level::Error, path, who)
    }

    fn watched() -> Vec<Watched> {
        let one = |path: &str, by: &[Who]| Watched {
            path: path.into(),
            by: by.iter().cloned().collect(),
        };
        vec![one("/a", &[task("x"), task("y")]), one("/out", &[task("y")]), one("/z", &[])]
    }

    fn came() -> Came {
        Came {
            codes: [(Who::Script, 0), (task("x"), 0), (task("y"), 0)].into(),
            began: [(task("x"), (Time(1), 0)), (task("y"), (Time(1), 1))].into(),
            printed: [(task("x"), 1), (task("y"), 2)].into(),
            files: vec![Some(1), Some(2), None],
        }
    }

    fn told(lazy: &Came, again: &Came) -> Vec<Option<Confirmed>> {
        let findings = [
            finding("/a", [task("x"), task("y")]),
            finding("/z", [task("x"), Who::Script]),
            Finding { level: Level::Note, ..finding("/a", [task("x"), task("y")]) },
            Finding { harmless: Some(Harmless::Known), ..finding("/a", [task("x"), task("y")]) },
        ];
        confirm(&findings, &watched(), [&came(), lazy], again)
    }

    #[test]
    fn what_comes_to_the_same_is_alike_and_notes_are_not_looked_at() {
        let alike = Some(Confirmed::Alike);
        let mut lazy = came();
        lazy.began.insert(task("x"), (Time(3), 0));
        assert_eq!(told(&lazy, &came()), [alike.clone(), alike, None, None]);
    }

    #[test]
    fn two_tasks_that_keep_their_order_were_not_tried() {
        let told = told(&came(), &came());
        assert_eq!(told[..2], [Some(Confirmed::Untried), Some(Confirmed::Alike)]);
    }

    #[test]
    fn one_that_stands_for_several_pairs_is_about_each_of_them() {
        let with = |other: [Who; 2]| Finding {
            others: vec![pair("/a/z", other, &["/more"])],
            ..finding("/a", [task("x"), Who::Script])
        };
        let told = |finding: &Finding, lazy: &Came| {
            confirm(std::slice::from_ref(finding), &watched(), [&came(), lazy], &came()).remove(0)
        };
        let both = with([task("y"), Who::Script]);
        assert_eq!(told(&both, &came()), Some(Confirmed::Alike));
        assert_eq!(told(&with([task("x"), task("y")]), &came()), Some(Confirmed::Untried));
        let mut lazy = came();
        lazy.codes.insert(task("y"), 3);
        assert!(matches!(told(&both, &lazy), Some(Confirmed::Harmful(_))));
        assert_eq!(About::new(&both).paths, ["/a", "/a/z", "/more"].into());
    }

    #[test]
    fn a_difference_is_put_down_to_those_whom_it_is_about() {
        let mut lazy = came();
        lazy.codes.insert(task("y"), 3);
        let code = Difference::Code(task("y"), Some(0), Some(3));
        assert_eq!(
            told(&lazy, &came())[..2],
            [Some(Confirmed::Harmful(vec![code])), Some(Confirmed::Alike)]
        );
        let mut lazy = came();
        lazy.files[1] = Some(9);
        lazy.files[2] = Some(9);
        assert_eq!(
            told(&lazy, &came())[..2],
            [
                Some(Confirmed::Harmful(vec![Difference::Content("/out".into())])),
                Some(Confirmed::Harmful(vec![Difference::Content("/z".into())])),
            ],
            "what one of the two wrote, and the path itself"
        );
        let mut lazy = came();
        lazy.printed.insert(task("x"), 7);
        lazy.codes.remove(&Who::Script);
        let printed = Difference::Printed(task("x"));
        let gone = Difference::Code(Who::Script, Some(0), None);
        assert_eq!(
            told(&lazy, &came())[..2],
            [
                Some(Confirmed::Harmful(vec![printed.clone()])),
                Some(Confirmed::Harmful(vec![gone, printed]))
            ]
        );
    }

    #[test]
    fn what_differs_by_itself_tells_nothing() {
        let (mut lazy, mut again) = (came(), came());
        lazy.files[0] = Some(7);
        again.files[0] = Some(8);
        let content = Difference::Content("/a".into());
        assert_eq!(told(&lazy, &again)[0], Some(Confirmed::Unclear(vec![content])));
        lazy.codes.insert(task("x"), 1);
        let code = Difference::Code(task("x"), Some(0), Some(1));
        assert_eq!(told(&lazy, &again)[0], Some(Confirmed::Harmful(vec![code])));
    }

    #[test]
    fn what_a_task_left_running_is_told_by_the_task() {
        let mut lazy = came();
        lazy.codes.insert(task("x"), 1);
        let left = Who::Left { run: 0, id: Id::parse("x").unwrap() };
        let findings = [finding("/none", [left, Who::Script])];
        let told = confirm(&findings, &watched(), [&came(), &lazy], &came());
        assert!(matches!(told[0], Some(Confirmed::Harmful(_))), "{told:?}");
    }
}

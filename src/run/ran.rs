//! One earlier run of a script, as a line of its history.
//!
//! Each run adds a line when it is over, framed like a record of the journal:
//!
//! ```text
//! RS 1 WALL PID START how=… took=… serial=… tasks=… failed=… path=… dir=… | NAME=STATE,TOOK,ATTEMPTS …
//! ```
//! `1` is the version of the form, `WALL PID START` tell the run from all
//! others, times are microseconds, paths are percent-encoded. A line that is
//! none of these is skipped.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};

use super::record::{LF, RS, get};
use super::state::Close;
use super::{Id, Run, State, Task, Time};

/// How many tasks of a run are kept, the longest.
pub const TASKS: usize = 1_000;

/// What cannot stand in a field.
const ENCODED: AsciiSet = CONTROLS.add(b' ').add(b'%');
/// The longest path that is kept, encoded.
const LONGEST: usize = 4_000;

/// A path as it stands in a field.
pub fn encode_path(path: &[u8]) -> String {
    percent_encode(path, &ENCODED).to_string()
}

/// The bytes of a path in a field.
pub fn decode_path(field: &str) -> Vec<u8> {
    percent_decode_str(field).collect()
}

/// A task of an earlier run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name (`parent/child` for a nested task).
    pub name: Box<str>,
    /// How it ended.
    pub state: State,
    /// How long it ran, all attempts together, in microseconds.
    pub took: u64,
    /// How often it was tried.
    pub attempts: u32,
}

impl Step {
    /// What is to be kept of a task; one that still runs is told until then.
    pub fn of(task: &Task, until: Time) -> Self {
        Self {
            name: task.id.name().into(),
            state: task.state(),
            took: task.elapsed(until),
            attempts: task.failures.saturating_add(1),
        }
    }

    /// Whether it tells how long its work takes.
    pub fn tells(&self) -> bool {
        self.state == State::Succeeded && self.attempts == 1
    }

    /// Whether it ended otherwise than it should.
    pub fn failed(&self) -> bool {
        failed(self.state)
    }
}

fn failed(state: State) -> bool {
    !matches!(state, State::Succeeded | State::Running | State::Queued)
}

/// An earlier run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// When it was opened: wall clock, in microseconds since 1970.
    pub wall: i64,
    /// Its script's pid.
    pub pid: u32,
    /// When that started, since boot.
    pub started: Time,
    /// How it ended.
    pub how: Close,
    /// How long it took, in microseconds, from its script's start.
    pub took: u64,
    /// Whether its tasks ran at the point of start.
    pub serial: bool,
    /// How many tasks it had.
    pub tasks: u64,
    /// How many of them did not succeed.
    pub failed: u64,
    /// The script's path, encoded.
    pub path: String,
    /// The run directory, encoded; empty if it is too long. It may be gone, or another run's.
    pub dir: String,
    /// Its tasks, in the order of their start; of very many the longest.
    pub steps: Vec<Step>,
}

impl Ran {
    /// What is to be kept of a run in `dir` (encoded). None: it is not over,
    /// has no task, or nobody can say of which script it was.
    pub fn of(run: &Run, dir: String) -> Option<Self> {
        let (until, how) = run.closed?;
        let owner = run.owner?;
        let path = run.path.clone().filter(|path| path.len() <= LONGEST)?;
        let all = run.tasks();
        let mut longest: Vec<usize> = (0..all.len()).collect();
        if all.len() > TASKS {
            let shorter = |at: &usize| std::cmp::Reverse(all[*at].elapsed(until));
            longest.select_nth_unstable_by_key(TASKS, shorter);
            longest.truncate(TASKS);
            longest.sort_unstable();
        }
        let since = Some(owner.started).filter(|time| time.0 > 0).or(run.opened)?;
        (!all.is_empty()).then_some(Self {
            wall: run.wall?,
            pid: owner.pid,
            started: owner.started,
            how,
            took: until.since(since),
            serial: run.serial,
            tasks: all.len() as u64,
            failed: all.iter().filter(|task| failed(task.state())).count() as u64,
            path,
            dir: if dir.len() <= LONGEST { dir } else { String::new() },
            steps: longest.into_iter().map(|at| Step::of(&all[at], until)).collect(),
        })
    }

    /// Whether this is that run.
    pub fn is(&self, run: &Run) -> bool {
        Some(self.wall) == run.wall && Some(self.pid) == run.owner.map(|owner| owner.pid)
    }

    /// As a line of the history.
    pub fn line(&self) -> String {
        let Self { wall, pid, started, took, tasks, failed, path, dir, .. } = self;
        let how = if self.how == Close::Aborted { "aborted" } else { "finished" };
        let serial = u8::from(self.serial);
        let mut line = format!(
            "{RS}1 {wall} {pid} {started} how={how} took={took} serial={serial} tasks={tasks} \
             failed={failed} path={path} dir={dir} |"
        );
        for Step { name, state, took, attempts } in &self.steps {
            // Writing to a String cannot fail.
            let _ = write!(line, " {name}={},{took},{attempts}", letters(*state));
        }
        line.push(LF);
        line
    }

    /// Reads a line, without its LF.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?.strip_prefix(RS)?;
        // Nobody writes anything else, and it must not reach a terminal.
        let printable = line.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
        let (head, steps) = line.strip_prefix("1 ").filter(|_| printable)?.split_once(" |")?;
        let mut words = head.splitn(4, ' ');
        let (wall, pid) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let started = Time::parse(words.next()?)?;
        let fields = words.next()?;
        let number = |key| get(fields, key)?.parse::<u64>().ok();
        Some(Self {
            wall,
            pid,
            started,
            how: match get(fields, "how")? {
                "finished" => Close::Finished,
                "aborted" => Close::Aborted,
                _ => return None,
            },
            took: number("took")?,
            serial: number("serial")? == 1,
            tasks: number("tasks")?,
            failed: number("failed")?,
            path: get(fields, "path").filter(|path| path.starts_with('/'))?.to_owned(),
            dir: get(fields, "dir")?.to_owned(),
            steps: steps.split(' ').filter_map(step).take(TASKS).collect(),
        })
    }
}

fn step(word: &str) -> Option<Step> {
    let (name, rest) = word.split_once('=')?;
    let mut parts = rest.split(',');
    let state = state(parts.next()?)?;
    let took = parts.next()?.parse().ok()?;
    let attempts = parts.next()?.parse().ok()?;
    Some(Step { name: Id::parse(name)?.as_str().into(), state, took, attempts })
}

/// A state as it stands in a line; a number behind it is its code or signal.
fn letters(state: State) -> String {
    match state {
        State::Succeeded => "s".into(),
        State::Failed(code) => format!("f{code}"),
        State::Signalled(signal) => format!("g{signal}"),
        State::TimedOut => "t".into(),
        State::Cancelled => "c".into(),
        State::Skipped => "k".into(),
        State::Lost => "l".into(),
        State::Running => "r".into(),
        State::Queued => "q".into(),
    }
}

fn state(letters: &str) -> Option<State> {
    let number = || letters.get(1..)?.parse().ok();
    Some(match letters.as_bytes().first()? {
        b'f' => State::Failed(number()?),
        b'g' => State::Signalled(number()?),
        _ if letters.len() > 1 => return None,
        b's' => State::Succeeded,
        b't' => State::TimedOut,
        b'c' => State::Cancelled,
        b'k' => State::Skipped,
        b'l' => State::Lost,
        b'r' => State::Running,
        b'q' => State::Queued,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Record;
    use proptest::prelude::*;

    fn fold(lines: &[&str]) -> Run {
        let mut run = Run::default();
        for line in lines {
            run.apply(&Record::parse(line.as_bytes()).unwrap());
        }
        run
    }

    const OPENED: &str = "1.0 run - owner=7 ownerstart=0.50 wall=1000000 path=/srv/a%20b.sh";

    #[test]
    fn what_is_kept_of_a_run() {
        let run = fold(&[
            OPENED,
            "1.0 start a pid=2",
            "1.0 start b pid=3 retries=1",
            "2.0 end a code=0",
            "2.0 attempt b code=1",
            "2.0 start a~2 pid=4",
            "2.5 end b code=0",
            "3.0 end a~2 code=3",
            "3.0 start c pid=5",
            "3.0 timeout c",
            "3.5 end c code=143",
            "4.0 close - how=aborted",
        ]);
        let ran = Ran::of(&run, "/run/x".into()).unwrap();
        assert!(ran.is(&run));
        assert_eq!((ran.took, ran.tasks, ran.failed), (3_500_000, 4, 2));
        let line = ran.line();
        assert_eq!(
            line,
            "\x1e1 1000000 7 0.500000 how=aborted took=3500000 serial=0 tasks=4 failed=2 \
             path=/srv/a%20b.sh dir=/run/x | a=s,1000000,1 b=s,1500000,2 a=f3,1000000,1 c=t,500000,1\n"
        );
        assert_eq!(Ran::parse(line.trim_end().as_bytes()), Some(ran));
    }

    #[test]
    fn what_is_not_over_or_nobodys_is_not_kept() {
        let task = ["1.0 start a pid=2", "2.0 end a code=0", "3.0 close - how=finished"];
        assert!(Ran::of(&fold(&[&[OPENED], &task[..]].concat()), String::new()).is_some());
        assert!(Ran::of(&fold(&[&[OPENED], &task[..2]].concat()), String::new()).is_none());
        assert!(Ran::of(&fold(&[OPENED, task[2]]), String::new()).is_none(), "no task");
        for opened in ["1.0 run - wall=1 path=/x", "1.0 run - owner=7 wall=1"] {
            assert!(Ran::of(&fold(&[&[opened], &task[..]].concat()), String::new()).is_none());
        }
    }

    #[test]
    fn of_very_many_tasks_the_longest_are_kept() {
        let mut lines = vec![OPENED.to_owned()];
        for n in 0..3_000 {
            lines.push(format!("1.0 start t{n} pid=2"));
            lines.push(format!("{}.0 end t{n} code=0", 2 + n * 7 % 3_000));
        }
        lines.push("9999.0 close - how=finished".into());
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let ran = Ran::of(&fold(&lines), String::new()).unwrap();
        assert_eq!((ran.tasks, ran.steps.len()), (3_000, TASKS));
        assert_eq!(ran.steps.iter().map(|step| step.took).min(), Some(2_001 * 1_000_000));
    }

    #[test]
    fn what_is_no_line_is_skipped() {
        let line =
            "\x1e1 1 7 0.5 how=finished took=1 serial=0 tasks=1 failed=0 path=/x dir= | a=s,1,1";
        assert!(Ran::parse(line.as_bytes()).is_some());
        for (from, to) in [
            ("\x1e1 ", "\x1e2 "),
            ("\x1e1 ", "1 "),
            ("finished", "burnt"),
            ("took=1", "took=-1"),
            ("path=/x", "path=x"),
            ("path=/x", "path=/\x1b[2J"),
            ("path=/x", "path=/\u{202e}"),
            (" |", ""),
            ("0.5", "x"),
        ] {
            assert_eq!(Ran::parse(line.replacen(from, to, 1).as_bytes()), None, "{to:?}");
        }
        let steps =
            |word: &str| Ran::parse(line.replace("a=s,1,1", word).as_bytes()).unwrap().steps.len();
        assert_eq!(steps("../x=s,1,1 $(a)=s,1,1 a=x,1,1 a=s,x,1 a=f999,1,1 a=s2,1,1 a b=s,1,1"), 1);
    }

    proptest! {
        #[test]
        fn any_line_is_survived(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Ran::parse(&line);
            let mut framed = b"\x1e1 1 7 0.5 ".to_vec();
            framed.extend(line);
            let _ = Ran::parse(&framed);
        }

        #[test]
        fn a_path_comes_back(path in proptest::collection::vec(any::<u8>(), 0..60)) {
            let field = encode_path(&path);
            prop_assert!(field.bytes().all(|b| b.is_ascii_graphic()));
            prop_assert_eq!(decode_path(&field), path);
        }

        #[test]
        fn a_run_comes_back(
            steps in proptest::collection::vec((0usize..9, any::<u64>(), any::<u32>(), any::<u8>()), 0..20),
            numbers in any::<(i64, u32, u64, u64)>(),
            dir in "/[ -~é]{0,20}",
            serial in any::<bool>(),
        ) {
            let steps = steps.into_iter().map(|(which, took, attempts, code)| Step {
                name: ["a", "a/b", "a.b:c@d+e-f", "x~2/y"][which % 4].into(),
                state: [State::Succeeded, State::Failed(code), State::Signalled(code), State::TimedOut,
                    State::Cancelled, State::Skipped, State::Lost, State::Running, State::Queued][which],
                took,
                attempts,
            }).collect();
            let (wall, pid, took, tasks) = numbers;
            let ran = Ran {
                wall, pid, started: Time(took), how: Close::Finished, took, serial, tasks,
                failed: 0, path: encode_path(dir.as_bytes()), dir: encode_path(dir.as_bytes()), steps,
            };
            let line = ran.line();
            prop_assert_eq!(Ran::parse(&line.as_bytes()[..line.len() - 1]), Some(ran));
        }
    }
}

//! What the journal folds to: the tasks of a run and the state of each.
//!
//! The fold is lenient about order, because several processes append: a fast
//! task's `end` may stand before the `start` that the script writes. It is
//! strict about authority: the first code recorded for a task stands.

use std::collections::HashMap;

use super::jobs::Jobs;
use super::task::{Process, Task};
use super::{Id, Kind, Record, Time};

/// By how much a time of two decimals may be too early, in microseconds.
const COARSE: u64 = 9_999;

/// A stretch of time in which a client blocked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// On which task; none: on any.
    pub id: Option<Id>,
    /// The script's line.
    pub at: Option<String>,
    /// Inside which task; none: in the script itself.
    pub scope: Option<Id>,
    /// The client's pid.
    pub by: u32,
    /// When it began.
    pub from: Time,
    /// When it was over; none: it is not, or the client was killed.
    pub until: Option<Time>,
}

/// A client saw that a task was over, though it was not the one to collect it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which task.
    pub id: Id,
    /// The client's pid.
    pub by: u32,
    /// The script's line.
    pub at: Option<Box<str>>,
    /// When.
    pub time: Time,
}

/// What a script did to a task by one of the verbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// It started it.
    Start,
    /// It collected it.
    Collect,
    /// It saw that it was over, see [`Seen`].
    See,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// Its script ended and its tasks were over.
    Finished,
    /// Its script ended and tasks had to be ended.
    Aborted,
}

/// A run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// The script; none in a run that was opened by `meanwhile start`.
    pub owner: Option<Process>,
    /// When it was opened.
    pub opened: Option<Time>,
    /// The wall clock at that moment, in microseconds since 1970.
    pub wall: Option<i64>,
    /// What `/proc/uptime` lags behind the kernel's clock, in microseconds.
    pub skew: i64,
    /// The script's file name.
    pub script: Option<String>,
    /// Its path, without links, percent-encoded (see [`super::ran`]).
    pub path: Option<String>,
    /// The script's standard output when it opened the run, as `DEVICE:INODE`.
    pub stdout: Option<String>,
    /// Whether tasks run at the point of start.
    pub serial: bool,
    /// What limits how many tasks run at once.
    pub jobs: Option<Jobs>,
    /// Seconds between TERM and KILL, as the user wrote it.
    pub grace: Option<String>,
    /// What happens to tasks when the script ends, as the user wrote it.
    pub on_exit: Option<String>,
    /// This boot of the machine, where the reader knows it: times and pids of
    /// a run of another one are told, but mean nothing any more.
    pub boot: Option<String>,
    /// Keep only what a watcher needs: it may live through a million records.
    pub lean: bool,
    /// The stretches in which somebody blocked.
    pub waits: Vec<Wait>,
    /// Who saw the end of a task without collecting it; recorded for checks alone.
    pub seen: Vec<Seen>,
    /// The script's CPU time with all its waited-for children, microseconds,
    /// as of the last collection.
    pub script_cpu: Option<u64>,
    /// The machine's idle time, summed over its processors, in microseconds:
    /// readings in the order of time.
    pub idle: Vec<(Time, u64)>,
    /// The machine's processors, all of which are in `idle`.
    pub processors: Option<u32>,
    /// How many of the script's clients have lent its slot while they block.
    pub lent: u32,
    /// Whether the watcher was found dead.
    pub unwatched: bool,
    /// When its script ended.
    pub exited: Option<Time>,
    /// How and when it ended.
    pub closed: Option<(Time, Close)>,
    /// The time of the last record.
    pub last: Time,
    /// Lines of the journal that are no records.
    pub damaged: usize,
    /// How many bytes of the journal are not of records.
    pub damaged_bytes: u64,
    /// How many bytes of a record without its end the journal ends in.
    pub unfinished: u64,
    /// Whether the run is of another boot.
    pub past: bool,
    tasks: Vec<Task>,
    spans: Vec<(Option<Time>, Option<Time>)>,
    index: HashMap<Id, usize>,
    /// The latest start of names that were started more than once.
    restarts: HashMap<String, usize>,
}

impl Run {
    /// Its tasks, in the order of their first record.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// When each of them was started and ended, as closely as the order of all
    /// records tells; their own times are those that were written.
    pub fn spans(&self) -> &[(Option<Time>, Option<Time>)] {
        &self.spans
    }

    /// The task with that id.
    pub fn task(&self, id: &Id) -> Option<&Task> {
        self.index.get(id).map(|at| &self.tasks[*at])
    }

    /// The latest start of a name (`parent/child` for a nested task).
    pub fn latest(&self, name: &str) -> Option<&Task> {
        let first = || self.index.get(name);
        self.restarts.get(name).or_else(first).map(|at| &self.tasks[*at])
    }

    /// The tasks whose end is not recorded.
    pub fn running(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.end.is_none())
    }

    /// Those of them that somebody could wait for: their start is recorded.
    pub fn under_way(&self) -> impl Iterator<Item = &Task> {
        self.running().filter(|task| task.guard.is_some())
    }

    /// The tasks that nobody has collected, of that scope.
    pub fn uncollected<'a>(&'a self, scope: Option<&'a Id>) -> impl Iterator<Item = &'a Task> {
        self.tasks
            .iter()
            .filter(move |task| task.collected.is_none() && task.id.parent().as_ref() == scope)
    }

    /// Whether it says at which lines of the script anything was.
    pub fn has_lines(&self) -> bool {
        self.tasks.iter().any(|task| task.at.is_some() || task.collected_at.is_some())
            || self.seen.iter().any(|seen| seen.at.is_some())
            || self.waits.iter().any(|wait| wait.at.is_some())
    }

    /// Puts in the lines that `line` knows. Whether there are any.
    pub fn place(&mut self, line: impl Fn(&Id, Call) -> Option<String>) -> bool {
        let boxed = |id: &Id, call| line(id, call).map(String::into_boxed_str);
        for task in &mut self.tasks {
            task.at = boxed(&task.id, Call::Start).filter(|_| task.guard.is_some());
            task.collected_at = boxed(&task.id, Call::Collect).filter(|_| task.collected.is_some());
        }
        for seen in &mut self.seen {
            seen.at = boxed(&seen.id, Call::See);
        }
        for wait in &mut self.waits {
            wait.at = wait.id.as_ref().and_then(|id| line(id, Call::Collect));
        }
        self.has_lines()
    }

    /// The wall-clock time of a moment of this run, in microseconds since 1970.
    pub fn wall_clock(&self, time: Time) -> Option<i64> {
        let since = i128::from(time.0) - i128::from(self.opened?.0);
        i64::try_from(i128::from(self.wall?) + since).ok()
    }

    /// Takes in the next record.
    pub fn apply(&mut self, record: &Record<'_>) {
        let time = if record.from_uptime { record.time.shifted(self.skew) } else { record.time };
        let placed = if record.from_uptime { self.placed(time) } else { time };
        self.last = self.last.max(placed);
        if let Some(idle) = record.get("idle").filter(|_| !self.lean).and_then(Time::parse) {
            let newest = self.idle.last().copied().unwrap_or_default();
            // Both only ever grow; a reading that was overtaken adds nothing.
            if time > newest.0 && idle.0 >= newest.1 {
                self.idle.push((time, idle.0));
            }
        }
        match (record.kind, &record.id) {
            (Kind::Run, None) => self.apply_run(record),
            (Kind::Close, None) => {
                let how = match record.get("how") {
                    Some("aborted") => Close::Aborted,
                    _ => Close::Finished,
                };
                self.closed.get_or_insert((time, how));
            }
            (Kind::Exit, None) => {
                self.exited.get_or_insert(time);
            }
            (Kind::Unwatched, None) => self.unwatched = true,
            (Kind::Lend, None) => self.lent = self.lent.saturating_add(1),
            (Kind::Back, None) => self.lent = self.lent.saturating_sub(1),
            (Kind::Wait | Kind::Woken | Kind::Seen, _) if self.lean => {}
            (Kind::Wait, id) => self.waits.push(Wait {
                id: id.clone(),
                at: record.get("at").map(str::to_owned),
                scope: record.get("in").and_then(Id::parse),
                by: record.number("by").unwrap_or(0),
                from: time,
                until: None,
            }),
            (Kind::Woken, _) => {
                let by = record.number("by").unwrap_or(0);
                let open = self.waits.iter_mut().rev().find(|w| w.by == by && w.until.is_none());
                if let Some(wait) = open {
                    wait.until = Some(time);
                }
            }
            (Kind::Seen, Some(id)) => self.see(id, time, record),
            // Of two clients that collect at the same time the first is the collector.
            (Kind::Collected, Some(id))
                if !self.lean && self.task(id).is_some_and(|task| task.collected.is_some()) =>
            {
                self.see(id, time, record);
            }
            (kind, Some(id)) => self.apply_task(kind, id, (time, placed), record),
            (_, None) => {}
        }
    }

    /// The time of a record that a shell wrote: cut to 10 ms, so it stands for
    /// any moment of those; if the latest record before it is of one of them, it
    /// is not older. Without this what was appended in order would often seem
    /// to have happened in another.
    fn placed(&self, time: Time) -> Time {
        if self.last.since(time) <= COARSE { time.max(self.last) } else { time }
    }

    fn apply_run(&mut self, record: &Record<'_>) {
        if self.opened.is_some() {
            return;
        }
        self.skew = record.number("skew").unwrap_or(0);
        self.opened = Some(record.time);
        self.past = matches!((&self.boot, record.get("boot")), (Some(a), Some(b)) if a != b);
        self.owner = record.number("owner").map(|pid| Process {
            pid: if self.past { 0 } else { pid },
            started: record.get("ownerstart").and_then(Time::parse).unwrap_or_default(),
        });
        self.wall = record.number("wall");
        self.script = record.get("script").map(str::to_owned);
        self.path = record.get("path").map(str::to_owned);
        self.stdout = record.get("stdout").map(str::to_owned);
        self.processors = record.number("cpus");
        self.serial = record.get("serial") == Some("1");
        self.jobs = record.get("jobs").and_then(Jobs::parse);
        self.grace = record.get("grace").map(str::to_owned);
        self.on_exit = record.get("onexit").map(str::to_owned);
    }

    fn see(&mut self, id: &Id, time: Time, record: &Record<'_>) {
        self.seen.push(Seen {
            id: id.clone(),
            by: record.number("by").unwrap_or(0),
            at: record.get("at").map(Box::from),
            time,
        });
    }

    fn apply_task(
        &mut self,
        kind: Kind,
        id: &Id,
        (time, placed): (Time, Time),
        record: &Record<'_>,
    ) {
        let at = *self.index.entry(id.clone()).or_insert_with(|| {
            self.tasks.push(Task::new(id.clone()));
            self.spans.push((None, None));
            self.tasks.len() - 1
        });
        if id.count() > 1 {
            let newest = self.restarts.entry(id.name().to_owned()).or_insert(at);
            if self.tasks[*newest].id.count() < id.count() {
                *newest = at;
            }
        }
        if kind == Kind::Collected {
            self.script_cpu = record.number("cpu").or(self.script_cpu);
        }
        let task = &mut self.tasks[at];
        task.apply(kind, time, record, self.lean, self.past);
        let span = &mut self.spans[at];
        span.0 = span.0.or(task.guard.map(|_| placed));
        span.1 = span.1.or(task.end.map(|_| placed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::State;
    use crate::run::task::Options;

    fn fold(lines: &[&str]) -> Run {
        let mut run = Run::default();
        for line in lines {
            run.apply(&Record::parse(line.as_bytes()).expect(line));
        }
        run
    }

    fn state(lines: &[&str]) -> State {
        fold(lines).tasks()[0].state()
    }

    #[test]
    fn the_states() {
        assert_eq!(state(&["1.0 start a pid=2"]), State::Running);
        assert_eq!(state(&["1.0 start a pid=2", "2.0 end a code=0"]), State::Succeeded);
        assert_eq!(state(&["1.0 start a pid=2", "2.0 end a code=3"]), State::Failed(3));
        assert_eq!(state(&["1.0 start a pid=2", "2.0 end a code=143"]), State::Signalled(15));
        assert_eq!(
            state(&["1.0 start a pid=2", "1.5 cancel a", "2.0 end a code=143"]),
            State::Cancelled
        );
        assert_eq!(
            state(&["1.0 start a pid=2", "1.5 cancel a", "2.0 end a code=0"]),
            State::Succeeded,
            "it was done before the signal reached it"
        );
        assert_eq!(state(&["1.0 start a pid=2", "2.0 lost a"]), State::Lost);
    }

    #[test]
    fn a_task_that_has_to_ask_is_queued_until_it_is_admitted() {
        let start = "1.0 start b pid=2 queued=1 after=a,c~2 lock=apt retries=2 timeout=3000000";
        assert_eq!(state(&[start]), State::Queued);
        assert_eq!(state(&[start, "1.5 cancel b", "2.0 lost b code=143"]), State::Cancelled);
        let run = fold(&[start, "5.0 begin b token=43", "5.5 attempt b code=1"]);
        let task = &run.tasks()[0];
        assert_eq!((task.state(), task.token, task.failures), (State::Running, Some(43), 1));
        assert_eq!(task.elapsed(Time(7_000_000)), 2_000_000, "of its own, not of the queue");
        assert_eq!(task.deadline(), Some(Time(8_000_000)));
        let options = &task.options;
        assert_eq!(options.after.iter().map(Id::as_str).collect::<Vec<_>>(), ["a", "c~2"]);
        assert_eq!((&options.locks[..], options.retries), (&["apt".to_owned()][..], 2));
        assert_eq!(&Options::parse(&options.to_string()), &**options);
    }

    #[test]
    fn a_task_whose_time_is_up_or_whose_dependency_failed_has_a_code_of_its_own() {
        let start = "1.0 start a pid=2 timeout=5";
        let run = fold(&[start, "2.0 timeout a", "2.5 end a code=0"]);
        assert_eq!((run.tasks()[0].state(), run.tasks()[0].code()), (State::TimedOut, Some(124)));
        assert_eq!(run.tasks()[0].deadline(), None);
        assert_eq!(state(&[start, "2.0 end a code=0", "2.5 timeout a"]), State::Succeeded);
        let run =
            fold(&["1.0 start b pid=2 queued=1", "2.0 skip b root=a code=3", "2.1 end b code=9"]);
        assert_eq!((run.tasks()[0].state(), run.tasks()[0].code()), (State::Skipped, Some(123)));
        assert_eq!(
            run.tasks()[0].skipped.as_ref().map(|c| (c.root.as_str(), c.code)),
            Some(("a", 3))
        );
    }

    #[test]
    fn an_end_may_stand_before_its_start() {
        let run = fold(&["1.0 end a code=4", "1.1 start a pid=2 at=x:1"]);
        let task = &run.tasks()[0];
        assert_eq!((task.state(), task.at.as_deref()), (State::Failed(4), Some("x:1")));
        assert_eq!(task.elapsed(Time(0)), 0);
    }

    #[test]
    fn the_first_code_stands() {
        let run =
            fold(&["1.0 start a pid=2", "2.0 end a code=3", "2.1 lost a", "2.2 end a code=0"]);
        assert_eq!(run.tasks()[0].state(), State::Failed(3));
        let run = fold(&["1.0 start a pid=2", "2.0 lost a code=0", "2.1 end a code=3"]);
        assert_eq!(run.tasks()[0].state(), State::Succeeded, "the kernel still knew its code");
    }

    #[test]
    fn a_name_means_its_latest_start() {
        let run = fold(&["1.0 start a pid=2", "2.0 start a~2 pid=3", "3.0 start a~10 pid=3"]);
        assert_eq!(run.latest("a").map(|t| t.id.count()), Some(10));
        assert!(run.latest("b").is_none());
    }

    #[test]
    fn pids_of_another_boot_are_nobody() {
        let lines = ["1.0 run - owner=7 ownerstart=0.50 boot=a-b", "1.5 start a pid=2"];
        for (boot, pid) in [("a-b", (7, 2)), ("c-d", (0, 0))] {
            let mut run = Run { boot: Some(boot.into()), ..Run::default() };
            for line in lines {
                run.apply(&Record::parse(line.as_bytes()).unwrap());
            }
            let guard = run.tasks()[0].guard.unwrap();
            assert_eq!((run.owner.unwrap().pid, guard.pid), pid);
            assert_eq!(run.tasks()[0].began(), Some(Time(1_500_000)), "the times are still told");
        }
    }

    #[test]
    fn who_collected_a_task_and_who_saw_it_later() {
        let lines = ["1.0 start a pid=2", "2.0 collected a by=7", "3.0 seen a by=9 at=x:4"];
        let run = fold(&lines);
        assert_eq!(run.tasks()[0].collected_by, Some(7));
        let seen = &run.seen[0];
        assert_eq!((seen.id.as_str(), seen.by, seen.at.as_deref()), ("a", 9, Some("x:4")));
        let both = fold(&["1.0 start a pid=2", "2.0 collected a by=7", "2.0 collected a by=9"]);
        assert_eq!((both.tasks()[0].collected_by, both.seen[0].by), (Some(7), 9));
        let mut lean = Run { lean: true, ..Run::default() };
        for line in lines {
            lean.apply(&Record::parse(line.as_bytes()).unwrap());
        }
        assert!(lean.seen.is_empty());
    }

    #[test]
    fn waits_pair_by_client() {
        let run = fold(&["1.0 wait a by=7 at=x:3", "1.5 wait - by=8 in=a", "2.0 woken - by=7"]);
        assert_eq!(run.waits[0].until, Some(Time(2_000_000)));
        assert_eq!((run.waits[1].until, run.waits[1].id.as_ref()), (None, None));
        assert_eq!(run.waits[1].scope.as_ref().map(Id::as_str), Some("a"));
    }

    #[test]
    fn a_time_of_two_decimals_is_not_before_what_was_appended_before_it() {
        let run = fold(&[
            "1.002000 wait a by=7",
            "1.00 end a code=0",
            "1.007000 woken - by=7",
            "1.00 start b pid=2",
            "3.000000 wait b by=8",
            "1.50 end b code=0",
        ]);
        let at = |micros| Some(Time(micros));
        assert_eq!(run.spans()[0], (None, at(1_002_000)));
        assert_eq!(run.spans()[1], (at(1_007_000), at(1_500_000)), "too old to be put right");
        assert_eq!(run.tasks()[1].began(), at(1_000_000), "as it was written");
    }

    #[test]
    fn a_shell_in_a_container_with_its_own_uptime_is_put_right() {
        let run = fold(&[
            "100.000000 run - skew=90000000 wall=5",
            "10.00 start a pid=2",
            "101.500000 end a code=0",
        ]);
        assert_eq!(run.tasks()[0].elapsed(Time(0)), 1_500_000);
        assert_eq!(run.wall_clock(Time(101_000_000)), Some(1_000_005));
        let run = fold(&["2.0 run - wall=9223372036854775807"]);
        assert_eq!(run.wall_clock(Time(3_000_000)), None, "past what a date can be");
        assert_eq!(run.wall_clock(Time(u64::MAX)), None);
    }
}

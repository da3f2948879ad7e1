//! What there is to tell of a task in a line, and of a run in one.

use crate::report::text::ending;
use crate::run::{Run, State, Task, Time, duration};

/// A task in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub name: String,
    /// Its name alone, which its colour goes by.
    pub of: String,
    /// Where it stands.
    pub what: String,
    /// What else there is to say: of one that runs, its last words.
    pub note: String,
}

/// A task as it is now; `usual` says how long one of that name takes.
pub fn row(task: &Task, now: Time, usual: &dyn Fn(&str) -> Option<u64>) -> Row {
    let (what, note) = match task.state() {
        State::Queued | State::Running => (standing(task, now, usual), String::new()),
        State::Succeeded if task.failures == 0 => {
            let after = duration::display(task.elapsed(now));
            ("succeeded".to_owned(), format!("after {after}"))
        }
        state => {
            let (word, ending) = (state.word(), ending(task));
            let rest = ending.strip_prefix(word).unwrap_or(&ending).trim_start();
            (word.to_owned(), rest.to_owned())
        }
    };
    Row { name: task.id.to_string(), of: task.id.name().to_owned(), what, note }
}

/// Where one stands that has not ended: `1m30s, usually 2m`.
pub fn standing(task: &Task, now: Time, usual: &dyn Fn(&str) -> Option<u64>) -> String {
    if task.state() == State::Queued {
        return format!("queued {}", duration::whole(task.queued(now)));
    }
    let mut text = duration::whole(task.elapsed(now));
    if task.is_ending() {
        text.insert_str(0, "ending ");
    }
    if task.failures > 0 {
        text += &format!(", attempt {} of {}", task.failures + 1, task.options.retries + 1);
    }
    match usual(task.id.name()) {
        Some(usual) if usual >= SHORT => text + ", usually " + &duration::whole(usual),
        Some(_) => text + ", usually <1s",
        None => text,
    }
}

/// What is over sooner takes no whole second.
const SHORT: u64 = 1_000_000;

/// A run in a line: its script, for how long it has been going on, and how
/// many tasks stand where.
pub fn headline(run: &Run, since: Time, now: Time) -> String {
    let mut counts: Vec<(&'static str, usize)> = ORDER.map(|word| (word, 0)).into();
    for task in run.tasks() {
        let word = task.state().word();
        if let Some(count) = counts.iter_mut().find(|(known, _)| *known == word) {
            count.1 += 1;
        }
    }
    let told: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    let told = if told.is_empty() { "no tasks".to_owned() } else { told.join(", ") };
    let script = run.script.as_deref().unwrap_or("meanwhile");
    format!("{script}, {}: {told}", duration::whole(now.since(since)))
}

/// The words of [`State::word`], as they are counted.
const ORDER: [&str; 9] = [
    "running",
    "queued",
    "succeeded",
    "failed",
    "signalled",
    "timed out",
    "cancelled",
    "skipped",
    "lost",
];

/// Which of a run's tasks to show where there is room for so many lines, in
/// their order: all; else those that have not ended or have failed, and how
/// many others there are, which takes a line.
pub fn choose(run: &Run, room: usize) -> (Vec<&Task>, usize) {
    let all: Vec<&Task> = run.tasks().iter().collect();
    if all.len() <= room {
        return (all, 0);
    }
    let room = room.saturating_sub(1);
    let (open, ended): (Vec<&Task>, Vec<&Task>) =
        all.iter().copied().partition(|task| task.end.is_none());
    let failed = ended.into_iter().rev().filter(|task| task.state() != State::Succeeded);
    // What runs comes first, then the latest failures.
    let mut shown: Vec<&Task> = open.into_iter().chain(failed).take(room).collect();
    shown.sort_by_key(|task| task.began());
    let more = all.len() - shown.len();
    (shown, more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Record;

    fn fold(lines: &[String]) -> Run {
        let mut run = Run::default();
        for line in lines {
            run.apply(&Record::parse(line.as_bytes()).expect(line));
        }
        run
    }

    fn told(lines: &[&str], now: u64, usual: Option<u64>) -> (String, String) {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let row = row(&fold(&lines).tasks()[0], Time(now * 1_000_000), &|_| usual);
        (row.what, row.note)
    }

    #[test]
    fn a_task_tells_where_it_stands() {
        let start = "10.0 start a pid=2";
        let none = String::new();
        assert_eq!(told(&[start], 10, None), ("0s".into(), none.clone()));
        assert_eq!(
            told(&[start], 100, Some(120_400_000)),
            ("1m30s, usually 2m".into(), none.clone())
        );
        for short in [200_000, 800_000] {
            assert_eq!(told(&[start], 11, Some(short)).0, "1s, usually <1s");
        }
        assert_eq!(told(&[start], 5, None).0, "0s", "a clock that lags");
        assert_eq!(told(&[start, "11.0 cancel a"], 12, None).0, "ending 2s");
        let queued = "10.0 start a pid=2 queued=1 retries=2";
        assert_eq!(told(&[queued], 22, Some(9_000_000)).0, "queued 12s");
        let tried = [queued, "11.0 begin a", "15.0 attempt a code=1"];
        assert_eq!(told(&tried, 16, None).0, "5s, attempt 2 of 3");
        assert_eq!(
            told(&[start, "11.5 end a code=0"], 99, None),
            ("succeeded".into(), "after 1.5s".into())
        );
        assert_eq!(
            told(&[start, "11.5 end a code=3"], 99, None),
            ("failed".into(), "exit code 3 after 1.5s".into())
        );
        let tried = ["1.0 start a pid=2 retries=1", "2.0 attempt a code=1", "2.5 end a code=0"];
        assert_eq!(
            told(&tried, 99, None),
            ("succeeded".into(), "after 1.5s, attempt 2 of 2".into())
        );
    }

    #[test]
    fn every_state_is_counted() {
        let states = [
            State::Queued,
            State::Running,
            State::Succeeded,
            State::Failed(1),
            State::Signalled(9),
            State::TimedOut,
            State::Cancelled,
            State::Skipped,
            State::Lost,
        ];
        for state in states {
            assert!(ORDER.contains(&state.word()), "{state:?}");
        }
        let run = fold(&[
            "1.0 start a pid=2".into(),
            "2.0 start b pid=3".into(),
            "3.0 end a code=1".into(),
        ]);
        assert_eq!(
            headline(&run, Time(0), Time(65_000_000)),
            "meanwhile, 1m5s: 1 running, 1 failed"
        );
        assert_eq!(headline(&Run::default(), Time(0), Time(0)), "meanwhile, 0s: no tasks");
    }

    #[test]
    fn of_a_thousand_tasks_those_are_shown_that_matter() {
        let mut lines = Vec::new();
        for n in 0..1000 {
            lines.push(format!("{n}.0 start t{n} pid=2"));
            match n {
                7 | 990 => {}
                500 => lines.push(format!("{n}.5 end t{n} code=1")),
                _ => lines.push(format!("{n}.5 end t{n} code=0")),
            }
        }
        let run = fold(&lines);
        let (shown, more) = choose(&run, 10);
        let names: Vec<&str> = shown.iter().map(|task| task.id.as_str()).collect();
        assert_eq!((names, more), (vec!["t7", "t500", "t990"], 997));
        let (shown, more) = choose(&run, 2);
        assert_eq!((shown.len(), more), (1, 999));
        assert_eq!(choose(&run, 0), (vec![], 1000));
        assert_eq!(choose(&run, 1000).0.len(), 1000);
    }
}

//! A line now and then, where CI reads a log: no runner takes a long wait for a hang.

use super::view;
use crate::run::{Task, Time};

/// So many tasks are named.
const NAMED: usize = 8;

/// When the next line is due.
#[derive(Debug)]
pub struct Heartbeat {
    every: u64,
    /// When the waiting began that the next one is about.
    since: Time,
    next: u64,
}

impl Heartbeat {
    /// One each `every` microseconds.
    pub fn new(every: u64) -> Self {
        Self { every, since: Time::default(), next: 0 }
    }

    /// Calls `beat` if one is due, in a waiting that began at `since`; says in
    /// how many microseconds the next will be.
    pub fn after(&mut self, since: Time, now: Time, beat: impl FnOnce()) -> u64 {
        if self.since != since {
            self.since = since;
            self.next = since.0.saturating_add(self.every);
        }
        if now.0 >= self.next {
            beat();
            self.next = now.0.saturating_add(self.every);
        }
        self.next.saturating_sub(now.0)
    }
}

/// What is waited for, in a line.
pub fn text(tasks: &[&Task], now: Time, usual: &dyn Fn(&str) -> Option<u64>) -> String {
    let named = tasks.iter().take(NAMED);
    let mut named: Vec<String> =
        named.map(|task| format!("{} ({})", task.id, view::standing(task, now, usual))).collect();
    if tasks.len() > NAMED {
        named.push(format!("and {} more", tasks.len() - NAMED));
    }
    format!("waiting for {}", named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Record, Run};

    #[test]
    fn the_first_comes_after_a_whole_interval_and_each_waiting_begins_anew() {
        let mut heartbeat = Heartbeat::new(30);
        let mut beats = Vec::new();
        for (since, now) in [(100, 105), (100, 130), (100, 135), (100, 161), (200, 201), (200, 231)]
        {
            let left = heartbeat.after(Time(since), Time(now), || beats.push(now));
            assert!((1..=30).contains(&left), "{left}");
        }
        assert_eq!(beats, [130, 161, 231]);
    }

    #[test]
    fn it_names_some_of_many() {
        let mut run = Run::default();
        for n in 0..10 {
            run.apply(&Record::parse(format!("1.0 start t{n} pid=2").as_bytes()).unwrap());
        }
        let tasks: Vec<&Task> = run.tasks().iter().collect();
        let usual = |name: &str| (name == "t0").then_some(120_000_000);
        let now = Time(91_000_000);
        assert_eq!(
            text(&tasks[..2], now, &usual),
            "waiting for t0 (1m30s, usually 2m), t1 (1m30s)"
        );
        let all = text(&tasks, now, &usual);
        assert!(all.ends_with("t7 (1m30s), and 2 more"), "{all}");
    }
}

//! Tests of what the moves promise: scripts of sleeps are run on paper, each
//! move is made in their lines, and what that saves is what was said.

use std::collections::HashMap;

use proptest::prelude::*;

use super::chain::chain;
use super::moves::{Move, Place, What, moves};
use crate::report::Subject;
use crate::report::sample::Sample;
use crate::run::{Id, Time};

/// What a verb costs, in microseconds.
const VERB: u64 = 3;

/// A line of a script; its place in the first one is its number.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Line {
    Sleep(u64),
    /// A task, how long it takes, and which it comes after.
    Start(usize, u64, Option<usize>),
    Wait(usize),
}

type Script = Vec<(usize, Line)>;

/// Random lines: each task is started before it is waited for, and at most once.
fn script() -> impl Strategy<Value = Script> {
    let line = prop_oneof![
        (1u64..50).prop_map(|sleep| (0, sleep, None)),
        (1u64..80, proptest::option::of(0usize..4)).prop_map(|(long, after)| (1, long, after)),
        Just((2, 0, None)),
        (0usize..9).prop_map(|which| (3, which as u64, None)),
    ];
    proptest::collection::vec(line, 1..30).prop_map(|picks| {
        let (mut started, mut open, mut lines) = (0, Vec::new(), Vec::new());
        for (kind, number, after) in picks {
            match kind {
                0 => lines.push(Line::Sleep(number * 100_000)),
                1 => {
                    let after = after.filter(|_| started > 0).map(|after| after % started);
                    lines.push(Line::Start(started, number * 100_000, after));
                    open.push(started);
                    started += 1;
                }
                _ if open.is_empty() => {}
                2 => lines.push(Line::Wait(open.remove(0))),
                _ => lines.push(Line::Wait(open.remove(number as usize % open.len()))),
            }
        }
        // All are collected, or their ends would be the run's.
        lines.extend(open.into_iter().map(Line::Wait));
        // Some lines wait for several.
        let (mut number, mut numbered) = (0, Script::new());
        for line in lines {
            let joins = matches!(line, Line::Wait(task) if task % 2 == 0)
                && matches!(numbered.last(), Some((_, Line::Wait(_))));
            number += usize::from(!joins);
            numbered.push((number, line));
        }
        numbered
    })
}

/// Runs a script: its journal, and how long it took.
fn run(script: &Script) -> (String, u64) {
    let mut records = vec![(0, "run - owner=1 ownerstart=0.0 script=s".to_owned())];
    let (mut now, mut ends) = (0, HashMap::new());
    for (number, line) in script {
        // No two verbs are at the same moment.
        now += VERB;
        match line {
            Line::Sleep(long) => now += long,
            Line::Start(task, long, after) => {
                let begin = after.and_then(|after| ends.get(&after).copied()).unwrap_or(0).max(now);
                ends.insert(*task, begin + long);
                let after =
                    after.map_or(String::new(), |after| format!(" queued=1 after=t{after}"));
                records.push((now, format!("start t{task} pid=2 at=s:{number}{after}")));
                if !after.is_empty() {
                    records.push((begin, format!("begin t{task}")));
                }
                records.push((begin + long, format!("end t{task} code=0")));
            }
            Line::Wait(task) => {
                let end = ends[task];
                if end > now {
                    records.push((now, format!("wait t{task} by=7{task} at=s:{number}")));
                    records.push((end, format!("woken - by=7{task} at=s:{number}")));
                    now = end;
                }
                records.push((now, format!("collected t{task} code=0 at=s:{number}")));
            }
        }
    }
    records.sort_by_key(|(time, _)| *time);
    let text: Vec<String> =
        records.iter().map(|(time, record)| format!("{} {record}", Time(*time))).collect();
    (text.join("\n"), now)
}

fn with_end<T>(script: &Script, look: impl FnOnce(&Subject<'_>) -> T) -> T {
    let (journal, end) = run(script);
    let sample = Sample::new(&journal);
    look(&Subject { until: Time(end), ..sample.until(0) })
}

/// The script with that move made in its lines.
fn made(script: &Script, one: &Move) -> Script {
    let number = |place: &Place| match place {
        Place::Line(at) => Some(at.rsplit_once(':').unwrap().1.parse::<usize>().unwrap()),
        Place::Begin | Place::End => None,
        Place::Call(call) => panic!("{call} has a line"),
    };
    let mut lines = script.clone();
    match &one.what {
        What::Earlier { task, others, to, .. } => {
            let names: Vec<&str> = others.iter().chain([task]).map(Id::as_str).collect();
            let mine = |line: &(usize, Line)| matches!(line.1, Line::Start(task, ..) if names.contains(&&format!("t{task}")[..]));
            let moved: Script = lines.iter().copied().filter(mine).collect();
            lines.retain(|line| !mine(line));
            let place =
                number(to).map_or(0, |to| lines.iter().rposition(|l| l.0 == to).unwrap() + 1);
            lines.splice(place..place, moved);
        }
        What::Later { task, waited, to, starts, .. } => {
            let from = number(&waited.at);
            let mine = |line: &(usize, Line)| {
                let whole = starts.is_empty()
                    || matches!(line.1, Line::Wait(one) if format!("t{one}") == task.as_str());
                Some(line.0) == from && whole
            };
            let moved: Script = lines.iter().copied().filter(mine).collect();
            lines.retain(|line| !mine(line));
            let place = number(to).map(|to| lines.iter().position(|line| line.0 == to).unwrap());
            let place = place.unwrap_or(lines.len());
            lines.splice(place..place, moved);
        }
        What::Background { from, until, wait, .. } => {
            let place = |at: &Place| {
                number(at).map(|at| lines.iter().position(|line| line.0 == at).unwrap())
            };
            let last = |from| lines.iter().rposition(|line| line.0 == from).unwrap();
            let first = number(from).map_or(0, |from| last(from) + 1);
            let end = place(until).unwrap_or(lines.len());
            let sleep = lines[first..end].iter().map(|line| match line.1 {
                Line::Sleep(long) => long,
                _ => panic!("it is more than work"),
            });
            let start = (1_000, Line::Start(1_000, sleep.sum(), None));
            let wait = place(wait).unwrap_or(lines.len());
            lines.insert(wait, (1_001, Line::Wait(1_000)));
            lines.splice(first..end, [start]);
        }
        What::Unlock { .. } | What::Slot { .. } => panic!("there are none"),
    }
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// What a move promises is what it saves, but for what the verbs cost.
    #[test]
    fn a_move_saves_what_it_promises(script in script()) {
        let found = with_end(&script, moves);
        let before = run(&script).1;
        for one in found {
            let after = run(&made(&script, &one)).1;
            let close = before.abs_diff(after + one.saves) <= VERB * script.len() as u64;
            prop_assert!(close, "{before} {after} {:?} {}", one, run(&script).0);
        }
    }

    /// Every start is moved up to the wait before it: none saves more than the best move.
    #[test]
    fn no_better_start_is_missed(script in script()) {
        let best = with_end(&script, moves).first().map_or(0, |one| one.saves);
        let before = run(&script).1;
        for (at, (_, line)) in script.iter().enumerate() {
            let Line::Start(_, _, after) = line else { continue };
            let stays = |line: &Line| match line {
                Line::Wait(_) => true,
                Line::Start(task, ..) => Some(*task) == *after,
                Line::Sleep(_) => false,
            };
            let to = script[..at].iter().rposition(|(_, line)| stays(line)).map_or(0, |at| at + 1);
            let mut moved = script.clone();
            moved[to..=at].rotate_right(1);
            let saves = before.saturating_sub(run(&moved).1);
            // (An easier move is shown that is nearly as good.)
            prop_assert!(saves * 9 / 10 <= best.max(before / 50), "{saves} {best} {}", run(&script).0);
        }
    }

    #[test]
    fn the_chain_is_contiguous(script in script()) {
        let links = with_end(&script, chain);
        let end = run(&script).1;
        let mut at = Time(0);
        for link in &links {
            prop_assert_eq!(link.from, at);
            prop_assert!(link.from < link.until);
            at = link.until;
        }
        prop_assert_eq!(at, Time(end));
    }

    /// A journal may say anything: neither chain nor moves loop or panic, and
    /// no move saves more than the run took.
    #[test]
    fn hostile_journals_are_survived(
        records in proptest::collection::vec((0usize..9, 0usize..6, 0usize..6, 0u64..12, any::<bool>()), 0..60),
        jobs in 0u32..3,
        until in prop_oneof![0u64..20_000_000, any::<u64>()],
    ) {
        let name = |which: usize| ["a", "b", "c", "a/b", "a/b/c", "d~2"][which];
        let jobs = if jobs > 0 { format!(" jobs={jobs}") } else { String::new() };
        let mut text = format!("1.0 run - owner=1 ownerstart=1.0 script=s{jobs}\n");
        for (kind, id, other, time, odd) in records {
            let (id, other) = (name(id), name(other));
            let time = if time > 10 { if odd { 10_000_000 } else { u64::MAX / 1_000_001 } } else { time };
            let record = match kind {
                0 => format!("start {id} pid=2 at=s:{time} queued=1 after={other} lock=l"),
                1 => format!("start {id} pid=2 at=s:{time}"),
                2 => format!("begin {id}"),
                3 => format!("end {id} code={}", if odd { 0 } else { 143 }),
                4 => format!("wait {id} by={time} in={other} at=s:2"),
                5 => format!("wait {} by={time}", if odd { id } else { "-" }),
                6 => format!("woken - by={time}"),
                7 => format!("collected {id} code=0 at=s:4"),
                _ => (if odd { "exit -" } else { "close -" }).to_owned(),
            };
            text += &format!("{time}.{:06} {record} idle={time}\n", u32::from(odd));
        }
        let sample = Sample::new(&text);
        let subject = Subject { until: Time(until), ..sample.until(0) };
        let links = chain(&subject);
        let whole: u64 = links.iter().map(|link| link.until.since(link.from)).sum();
        let elapsed = Time(until).since(Time(1_000_000));
        prop_assert_eq!(whole, elapsed);
        for one in moves(&subject) {
            prop_assert!(one.saves <= elapsed && !one.to_string().is_empty());
        }
    }
}

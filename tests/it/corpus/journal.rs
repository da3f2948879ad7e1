//! The journal: whatever stands in it, it folds in pieces as in one, what is
//! asked for by name equals what a fold of everything has, and every report
//! can be made of it.

use std::collections::HashMap;

use meanwhile::report::advice::{chain, moves, unused};
use meanwhile::report::html::races::{Conflict, Lane, Races, Side};
use meanwhile::report::html::{self, Earlier, Input};
use meanwhile::report::{Subject, devstack, estimate, joblog, json, junit, text, trace};
use meanwhile::run::excerpt::Excerpt;
use meanwhile::run::files::Command;
use meanwhile::run::journal::{Reader, about, records};
use meanwhile::run::task::Options;
use meanwhile::run::{Id, Kind, Run, Time, cycle};

/// Panics if a promise is broken.
pub fn check(data: &[u8]) {
    let mut whole = Reader::default();
    whole.feed(data);
    in_pieces(data, &whole);
    by_name(data, &whole.run);
    reports(data, &whole);
    circles(&whole.run);
    let mut lean = Reader::default();
    lean.run.lean = true;
    lean.feed(data);
    assert_eq!(lean.run.tasks().len(), whole.run.tasks().len());
}

/// A circle of waits begins and ends with the task that asks, and no other
/// stands in it twice.
fn circles(run: &Run) {
    for task in run.tasks().iter().take(16) {
        if let Some(mut path) = cycle::around(run, &task.id, &|pid| pid % 2 == 0) {
            assert_eq!((path.first(), path.last()), (Some(&task.id), Some(&task.id)));
            path.pop();
            let count = path.len();
            path.sort();
            path.dedup();
            assert_eq!(path.len(), count);
        }
        let options = Options::parse(&task.options.to_string());
        assert_eq!(options, *task.options, "what is planned is what is recorded");
        let _ = (task.deadline(), task.queued(run.last), task.elapsed(run.last));
    }
}

/// Numbers that depend on nothing but the input.
struct Dice(u64);

impl Dice {
    fn of(data: &[u8]) -> Self {
        let mix = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Self(data.iter().fold(0xcbf2_9ce4_8422_2325, mix))
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.0 >> 16
    }
}

fn in_pieces(data: &[u8], whole: &Reader) {
    let mut dice = Dice::of(data);
    let longest = 1 + dice.roll() % 100;
    let (mut reader, mut rest, mut count) = (Reader::default(), data, 0);
    while !rest.is_empty() {
        let size = (1 + dice.roll() % longest).min(rest.len() as u64) as usize;
        count += reader.feed(&rest[..size]);
        rest = &rest[size..];
    }
    assert_eq!(reader.run, whole.run);
    assert_eq!(reader.torn(), whole.torn());
    assert_eq!(Reader::default().feed(data), count);
}

fn by_name(data: &[u8], full: &Run) {
    let first = memchr_lf(data);
    // A client reads the first line, where the run begins, and what is about its names.
    let elsewhere = |record: &meanwhile::run::Record<'_>| record.kind == Kind::Run;
    if bodies(&data[first..]).any(|line| records(line).any(|record| elsewhere(&record))) {
        return;
    }
    for task in full.tasks().iter().take(4) {
        let name = task.id.name();
        let mut some = Reader::default();
        some.feed(&data[..first]);
        some.feed(&about(&data[first..], &[name.to_owned()]));
        for other in full.tasks().iter().filter(|other| other.id.name() == name) {
            assert_eq!(some.run.task(&other.id), Some(other));
        }
        assert_eq!(some.run.latest(name), full.latest(name));
    }
}

fn memchr_lf(data: &[u8]) -> usize {
    data.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

/// What stands behind the last RS of each line, with it: as the reader sees it.
fn bodies(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|byte| *byte == b'\n')
        .filter_map(|line| Some(&line[line.iter().rposition(|byte| *byte == 0x1e)?..]))
}

fn reports(data: &[u8], reader: &Reader) {
    let run = &reader.run;
    let mut dice = Dice::of(data);
    let mut commands: HashMap<Id, Command> = HashMap::new();
    for task in run.tasks() {
        // Any figure may stand in a command's file.
        let cpu = match dice.roll() % 3 {
            0 => None,
            1 => Some(dice.roll() % 10_000_000),
            _ => Some(u64::MAX - dice.roll() % 1000),
        };
        commands.insert(task.id.clone(), Command { argv: Vec::new(), cpu });
        let _ = (text::ending(task), task.state().word());
    }
    let moments = [run.last, run.closed.map_or(Time(0), |(time, _)| time), Time(dice.roll())];
    for (live, until) in [false, true].into_iter().zip(moments).chain([(true, moments[2])]) {
        let subject = Subject {
            run,
            commands: &commands,
            until,
            live,
            script_cpu: run.script_cpu,
            cores: 1 + (dice.roll() % 64) as usize,
            torn: reader.torn(),
            past: None,
        };
        let figures = estimate::estimate(&subject);
        assert!(figures.blocked <= figures.elapsed, "{figures:?}");
        assert!(!text::summary(&subject).is_empty());
        let _ = devstack::summary(&subject);
        let links = chain::chain(&subject);
        let whole: u64 = links.iter().map(|link| link.until.since(link.from)).sum();
        assert_eq!(whole, figures.elapsed, "the chain is the run");
        assert!(links.windows(2).all(|pair| pair[0].until == pair[1].from), "{links:?}");
        assert!(moves::moves(&subject).iter().all(|one| one.saves <= figures.elapsed));
        let _ = unused::unused(&subject);
        let document = json::document(&subject, true).expect("plain data");
        assert!(document.starts_with('{') && document.ends_with('}'));
        let trace = trace::document(&subject, true);
        assert!(trace.starts_with('{') && trace.ends_with("]}\n"));
        let log = Excerpt::new(data.to_vec(), Vec::new(), dice.roll());
        let mut logs = |_: &Id, _| Some(log.clone());
        let rows = joblog::table(&subject, true, &mut logs);
        assert!(rows.lines().all(|row| row.split('\t').count() == 9), "{rows}");
        let xml = junit::document(&subject, &mut logs).expect("written to memory");
        let xml = String::from_utf8(xml).expect("valid UTF-8");
        assert!(xml.chars().all(|c| !c.is_control() || "\n\t".contains(c)), "{xml}");
        let logs = run.tasks().iter().map(|task| (task.id.clone(), log.clone())).collect();
        let lane = || run.tasks().first().map_or(Lane::None, |task| Lane::Task(task.id.clone()));
        let hostile = || "</script><script>\u{202e}\n".to_owned();
        let side = |time| Side {
            lane: lane(),
            time: Time(time),
            place: hostile(),
            text: hostile(),
            source: Some(hostile()),
        };
        let conflict = Conflict {
            level: "error",
            class: "write-read",
            heading: hostile(),
            sides: [side(dice.roll()), side(dice.roll())],
            notes: vec![hostile()],
            hints: vec![hostile()],
        };
        let races = Races { summary: hostile(), conflicts: vec![conflict], gaps: vec![hostile()] };
        let page = html::document(&Input {
            subject: &subject,
            chain: &links,
            moves: &moves::moves(&subject),
            earlier: Some(Earlier { run, elapsed: dice.roll(), dir: "</script>" }),
            logs: Some(&logs),
            commands: true,
            dir: "<!--<script>",
            races: Some(&races),
        });
        let page = page.expect("written to memory");
        // The data and the page's own.
        assert_eq!((page.matches("<script").count(), page.matches("</script").count()), (2, 2));
        assert_eq!(page.matches("<!--").count(), 0);
    }
}

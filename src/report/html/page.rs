//! What stands in the page itself, to be read without its script.

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::races::{self, Conflict, Races, Side};
use super::visible::visible;
use super::{Input, data};
use crate::report::Subject;
use crate::report::advice::chain::{Link, Step};
use crate::report::advice::unused::unused;
use crate::report::advice::worth;
use crate::report::estimate::{Estimate, estimate};
use crate::report::text::{SHORT, ending, names, notes, slower, word};
use crate::run::{Task, code, duration};

const STYLE: &str = concat!(include_str!("page/colours.css"), include_str!("page/style.css"));

/// One module: what one file defines the others see.
const SCRIPT: &str = concat!(
    include_str!("page/words.js"),
    include_str!("page/filter.js"),
    include_str!("page/lanes.js"),
    include_str!("page/timeline.js"),
    include_str!("page/draw.js"),
    include_str!("page/races.js"),
    include_str!("page/work.js"),
    include_str!("page/hover.js"),
    include_str!("page/table.js"),
    include_str!("page/dialog.js"),
    include_str!("page/main.js"),
);

/// So many failures, and so many parts of the chain, are named.
const FAILURES: usize = 20;
const LINKS: usize = 6;
const MOVES: usize = 5;
const UNUSED: usize = 3;

/// The page.
#[derive(Template)]
#[template(path = "page.html")]
pub struct Page {
    style: &'static str,
    script: &'static str,
    style_hash: String,
    script_hash: String,
    title: String,
    /// The word for where the run stands, and a longer one.
    state: &'static str,
    mark: &'static str,
    begun: Option<String>,
    figures: Vec<Figure>,
    failures: Vec<Failure>,
    more_failures: usize,
    notes: Vec<String>,
    races: Option<Found>,
    links: Vec<Part>,
    more_links: usize,
    moves: Vec<String>,
    unused: Vec<String>,
    tasks: usize,
    dir: String,
    earlier: Option<String>,
    left_out: Vec<&'static str>,
    version: &'static str,
    json: String,
}

/// A figure of the run.
struct Figure {
    name: &'static str,
    value: String,
    note: String,
}

/// A task that failed.
struct Failure {
    task: usize,
    id: String,
    state: &'static str,
    how: String,
}

/// What a race check found.
struct Found {
    summary: String,
    list: Vec<Conflict>,
    more: usize,
    gaps: Vec<String>,
}

/// What one step has of the critical chain.
struct Part {
    /// A task's number.
    task: Option<usize>,
    name: String,
    time: String,
    percent: u64,
    /// The lines that waited for it or started it, and how much of it was spent in a queue.
    at: String,
    /// The same, with whole paths.
    at_full: String,
}

impl Page {
    /// The page of a run, with its data.
    pub fn new(input: &Input<'_>, json: String) -> Self {
        let subject = input.subject;
        let run = subject.run;
        let figures = estimate(subject);
        let failed = |task: &Task| task.code().is_some_and(|code| code != code::OK);
        let failed = run.tasks().iter().enumerate().filter(|(_, task)| failed(task));
        let mut failures: Vec<Failure> = failed
            .map(|(n, task)| Failure {
                task: n,
                id: task.id.to_string(),
                state: task.state().word(),
                how: data::how(task, subject.live),
            })
            .collect();
        let more_failures = failures.len().saturating_sub(FAILURES);
        failures.truncate(FAILURES);
        let (links, more_links) = parts(input, figures.elapsed);
        Self {
            style: STYLE,
            script: SCRIPT,
            style_hash: hash(STYLE),
            script_hash: hash(SCRIPT),
            title: run.script.clone().unwrap_or_else(|| "a run without a script".to_owned()),
            state: subject.state(),
            mark: mark(subject),
            begun: subject.timestamp(subject.since()).map(|time| time.to_string()),
            figures: figure_list(input, &figures),
            failures,
            more_failures,
            notes: note_list(subject),
            races: input.races.map(found),
            links,
            more_links,
            moves: worth(input.moves, figures.elapsed)
                .take(MOVES)
                .map(ToString::to_string)
                .collect(),
            unused: unused(subject).iter().take(UNUSED).map(ToString::to_string).collect(),
            tasks: run.tasks().len(),
            dir: visible(input.dir).into_owned(),
            earlier: input.earlier.map(|earlier| visible(earlier.dir).into_owned()),
            left_out: [("logs", input.logs.is_none()), ("commands", !input.commands)]
                .into_iter()
                .filter_map(|(what, out)| out.then_some(what))
                .collect(),
            version: env!("CARGO_PKG_VERSION"),
            json,
        }
    }
}

/// As a policy names it.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

/// The whole run in a word: how it went, and not only that it is over.
fn mark(subject: &Subject<'_>) -> &'static str {
    let failed = subject.run.tasks().iter().any(|task| task.code().is_some_and(|c| c != code::OK));
    match subject.state() {
        "running" => "still running",
        "crashed" => "cut short",
        "aborted" => "aborted",
        _ if failed => "finished, with failures",
        _ => "finished",
    }
}

fn figure_list(input: &Input<'_>, figures: &Estimate) -> Vec<Figure> {
    let subject = input.subject;
    let mut list = Vec::new();
    let mut add = |name, value, note| list.push(Figure { name, value, note });
    let took = if subject.live { "so far" } else { "took" };
    let against = input.earlier.map(|earlier| {
        let (sign, by) = match figures.elapsed.checked_sub(earlier.elapsed) {
            // As it is shown, there is none.
            _ if figures.elapsed.abs_diff(earlier.elapsed) < 50_000 => ("±", 0),
            Some(more) => ("+", more),
            None => ("−", earlier.elapsed - figures.elapsed),
        };
        let by = duration::display(by);
        format!("{sign}{by} against {}", duration::display(earlier.elapsed))
    });
    add(took, duration::display(figures.elapsed), against.unwrap_or_default());
    // As in the text: of a run that was ended nobody knows, and of a short one it tells nothing.
    let told = !subject.run.serial
        && !matches!(subject.state(), "aborted" | "crashed")
        && figures.elapsed >= SHORT;
    if told {
        let speedup = format!("{:.2}x as long", figures.speedup());
        add("if run serially", duration::display(figures.serial), speedup);
    } else if subject.run.serial {
        add("mode", "serial".to_owned(), "MEANWHILE_PARALLEL=0".to_owned());
    }
    let share = percent(figures.blocked, figures.elapsed);
    add("script blocked", duration::display(figures.blocked), format!("{share}% of its time"));
    let at_once = figures.background as f64 / figures.elapsed.max(1) as f64;
    add(
        "in the background",
        duration::display(figures.background),
        format!("{at_once:.1} tasks at once on average"),
    );
    let tasks = subject.run.tasks();
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for word in tasks.iter().map(|task| word(task, subject.live)) {
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    counts.sort_by_key(|(word, count)| (*word != "succeeded", std::cmp::Reverse(*count)));
    let counts: Vec<String> = counts.iter().map(|(word, n)| format!("{n} {word}")).collect();
    add("tasks", tasks.len().to_string(), counts.join(", "));
    list
}

/// The conflicts, as they may be shown.
fn found(races: &Races) -> Found {
    let shown = |text: &str| visible(text).into_owned();
    let list = races.conflicts.iter().take(races::MOST).map(|conflict| Conflict {
        heading: shown(&conflict.heading),
        sides: conflict.sides.each_ref().map(|side| Side {
            place: shown(&side.place),
            text: shown(&side.text),
            source: side.source.as_deref().map(shown),
            ..side.clone()
        }),
        notes: conflict.notes.iter().map(|text| shown(text)).collect(),
        hints: conflict.hints.iter().map(|text| shown(text)).collect(),
        ..conflict.clone()
    });
    Found {
        summary: shown(&races.summary),
        list: list.collect(),
        more: races.conflicts.len().saturating_sub(races::MOST),
        gaps: races.gaps.iter().map(|text| shown(text)).collect(),
    }
}

fn percent(part: u64, whole: u64) -> u64 {
    (part as f64 * 100.0 / whole.max(1) as f64).round() as u64
}

fn note_list(subject: &Subject<'_>) -> Vec<String> {
    let mut list = notes(subject);
    if subject.live {
        list.push("it still ran when this was written".to_owned());
    }
    let tasks = subject.run.tasks();
    for task in tasks {
        if task.failures > 0 && task.code() == Some(code::OK) {
            list.push(format!("{} was tried again: {}", task.id, ending(task)));
        }
        for leak in &task.leaks {
            list.push(format!("{} left pid {} ({}) running", task.id, leak.pid, leak.comm));
        }
    }
    for slower in slower(subject) {
        list.push(format!("slower than usual: {slower}"));
    }
    let mut of = |what, tasks: Vec<&Task>| {
        if !tasks.is_empty() && !subject.live {
            list.push(format!("{what}: {}", names(&tasks)));
        }
    };
    of("unfinished, no end is recorded", tasks.iter().filter(|t| t.end.is_none()).collect());
    let uncollected = tasks.iter().filter(|t| t.collected.is_none() && t.end.is_some());
    of("uncollected", uncollected.collect());
    list
}

/// The steps of the chain by the time that they have of it, most first, and
/// how many more there are.
fn parts(input: &Input<'_>, elapsed: u64) -> (Vec<Part>, usize) {
    let mut sums: Vec<(&Step, u64, Vec<&Link>)> = Vec::new();
    let mut known = std::collections::HashMap::new();
    for link in input.chain {
        let key = match &link.step {
            Step::Script => None,
            Step::Task(id) => Some(id),
        };
        let at = *known.entry(key).or_insert_with(|| {
            sums.push((&link.step, 0, Vec::new()));
            sums.len() - 1
        });
        sums[at].1 += link.until.since(link.from);
        sums[at].2.push(link);
    }
    sums.sort_by_key(|(_, sum, _)| std::cmp::Reverse(*sum));
    let more = sums.len().saturating_sub(LINKS);
    let tasks = input.subject.run.tasks();
    let parts = sums.into_iter().take(LINKS).map(|(step, sum, links)| {
        let (task, name) = match step {
            Step::Script => (None, "the script itself".to_owned()),
            Step::Task(id) => (tasks.iter().position(|task| task.id == *id), id.to_string()),
        };
        let began = task.and_then(|n| tasks[n].began()).unwrap_or(input.subject.until);
        let queued: u64 = links.iter().map(|link| link.until.min(began).since(link.from)).sum();
        // What is little beside the rest explains nothing.
        let queued = (task.is_some() && queued >= sum / 20 && queued >= 50_000)
            .then(|| format!("{} of it queued", duration::display(queued)));
        let places = |long: bool| {
            // (Of the script itself the reader knows where it is.)
            let links = links.iter().filter(|_| task.is_some());
            let mut at: Vec<String> = links.filter_map(|link| place(link, long)).collect();
            at.dedup();
            at.truncate(3);
            at.into_iter().chain(queued.clone()).collect::<Vec<_>>().join(", ")
        };
        let (time, percent) = (duration::display(sum), percent(sum, elapsed).min(100));
        Part { task, name, time, percent, at: places(false), at_full: places(true) }
    });
    (parts.collect(), more)
}

/// Where a link's task was waited for, or else started.
fn place(link: &Link, long: bool) -> Option<String> {
    let at = link.at.as_deref()?;
    let short = at.rsplit('/').next().filter(|_| !long).unwrap_or(at);
    Some(format!("{} {short}", if link.blocked > 0 { "awaited at" } else { "started at" }))
}

//! Showing people what goes on while they wait.
//!
//! While a client blocks, in one of three ways, chosen only once it has done
//! so for a while:
//!
//! - on a **terminal**, a line for each task, drawn again and again below the
//!   cursor (`screen`) and gone before anything else is printed;
//! - where `CI` is set, a **heartbeat**: one plain line now and then, so that
//!   no runner takes the silence for a hang;
//! - else nothing.
//!
//! `watch` shows a whole run, from another terminal. What there is to tell of
//! a task and how it fits into a line are pure functions: `view` and `line`.

pub mod colour;
mod heartbeat;
mod line;
mod screen;
mod settings;
mod view;
mod watch;

pub use colour::around_live;
pub use settings::Settings;
pub use watch::watch;

use std::os::fd::BorrowedFd;

use heartbeat::Heartbeat;
use screen::Screen;
use view::Row;

use super::message;
use crate::client::history::past_of;
use crate::client::replay::Log;
use crate::client::request::{Note, Onlooker, Sight, Teller};
use crate::process::dir::RunDir;
use crate::process::terminal::{Terminal, takes_output};
use crate::run::past::Past;
use crate::run::{Run, Task, Time, files};

/// How often a terminal is drawn again, microseconds. (The clock shows seconds.)
const TICK: u64 = 500_000;

/// So much of a log's end is searched for its last line, bytes.
const TAIL: u64 = 4096;

/// Tells what `teller` does, and shows what a client waits for.
pub struct Shown<'a> {
    teller: &'a mut dyn Teller,
    settings: Settings,
    /// Whether a task asks: its standard error is its log, which nobody reads now.
    inside: bool,
    way: Option<Way>,
}

struct Way {
    place: Place,
    past: Option<Past>,
}

enum Place {
    Terminal(Screen),
    Log(Heartbeat),
    Nowhere,
}

impl<'a> Shown<'a> {
    /// For the script, or for a task that waits `inside` of it.
    pub fn new(settings: Settings, inside: bool, teller: &'a mut dyn Teller) -> Self {
        Self { teller, settings, inside, way: None }
    }
}

impl Teller for Shown<'_> {
    fn tell(&mut self, note: &Note<'_>) {
        self.teller.tell(note);
    }

    fn onlooker(&mut self) -> Option<&mut dyn Onlooker> {
        Some(self)
    }
}

impl Onlooker for Shown<'_> {
    fn look(&mut self, sight: &Sight<'_>) -> Option<u64> {
        let Self { settings, inside, way, .. } = self;
        let way = way.get_or_insert_with(|| Way::choose(settings, *inside, sight.run));
        let usual = |name: &str| way.past.as_ref().and_then(|past| past.expected(name));
        let tasks = sight.on.iter().filter_map(|id| sight.run.task(id));
        let tasks: Vec<&Task> = tasks.filter(|task| task.end.is_none()).collect();
        match &mut way.place {
            Place::Terminal(screen) => {
                screen.draw(|size| {
                    // Half of the screen is the script's.
                    let room = (size.rows / 2).clamp(1, size.rows.saturating_sub(1).max(1));
                    let shown = if tasks.len() > room { room - 1 } else { tasks.len() };
                    let rows = rows(sight.dir, &tasks[..shown], sight.now, &usual);
                    line::frame(&rows, tasks.len() - shown, size.columns, colour::wanted())
                });
                Some(TICK)
            }
            Place::Log(heartbeat) => Some(heartbeat.after(sight.since, sight.now, || {
                // Nobody is told where nobody reads; the wait must go on.
                if takes_output(std::io::stderr(), 0) {
                    message::say(heartbeat::text(&tasks, sight.now, &usual), None);
                }
            })),
            Place::Nowhere => None,
        }
    }

    fn alarm(&self) -> Option<BorrowedFd<'_>> {
        match &self.way.as_ref()?.place {
            Place::Terminal(screen) => screen.alarm(),
            _ => None,
        }
    }

    fn away(&mut self) -> bool {
        match self.way.as_mut().map(|way| &mut way.place) {
            Some(Place::Terminal(screen)) => screen.clear(),
            // (What is in a log stays there.)
            _ => false,
        }
    }
}

impl Way {
    fn choose(settings: &Settings, inside: bool, run: &Run) -> Self {
        let stderr = std::io::stderr();
        let terminal = Some(()).filter(|()| settings.draw()).and_then(|()| Terminal::of(&stderr));
        let place = match (terminal, settings.heartbeat().filter(|_| !inside)) {
            (Some(terminal), _) => Place::Terminal(Screen::new(terminal)),
            (None, Some(every)) => Place::Log(Heartbeat::new(every)),
            (None, None) => Place::Nowhere,
        };
        let past = if matches!(place, Place::Nowhere) { None } else { past_of(run) };
        Self { place, past }
    }
}

/// What there is to tell of these tasks, with the last line of each one's log.
fn rows(dir: &RunDir, tasks: &[&Task], now: Time, usual: &dyn Fn(&str) -> Option<u64>) -> Vec<Row> {
    let row = |task: &&Task| {
        let mut row = view::row(task, now, usual);
        if task.end.is_none() {
            row.note = line::last(&tail(dir, task));
        }
        row
    };
    tasks.iter().map(row).collect()
}

/// The end of a task's log; nothing where it cannot be read.
fn tail(dir: &RunDir, task: &Task) -> Vec<u8> {
    let log = Log::open(dir, &task.id, task.failures + 1, files::LOG);
    log.ok().flatten().and_then(|log| log.tail(TAIL).ok()).unwrap_or_default()
}

//! A whole run, live: on a terminal its tasks, drawn until the run is over;
//! elsewhere a line for each change of a task's state.

use std::io::{self, ErrorKind, Write};

use super::screen::Screen;
use super::settings::Settings;
use super::{TICK, colour, line, rows, view};
use crate::cli::Failure;
use crate::client::history::past_of;
use crate::client::observe::Observed;
use crate::process::clock;
use crate::process::dir::RunDir;
use crate::process::terminal::Terminal;
use crate::run::{Run, State, Time};

/// A terminal is not drawn again sooner, microseconds: ten thousand tasks may
/// change in a second.
const SOONEST: u64 = 100_000;

/// Shows the run in `dir` until it is over; whether it was on a terminal,
/// from which it is gone then.
///
/// # Errors
/// When the run cannot be read, or standard output not be written.
pub fn watch(dir: &RunDir, settings: &Settings) -> Result<bool, Failure> {
    let mut observed = Observed::begin(dir)?;
    let stdout = io::stdout();
    match Terminal::of(&stdout).filter(|_| settings.draw()) {
        Some(terminal) => {
            draw(dir, &mut observed, Screen::new(terminal))?;
            Ok(true)
        }
        None => match print(&mut observed, &mut stdout.lock()) {
            // Who has seen enough goes away.
            Err(Trouble::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(Trouble::Output(error)) => Err(Failure::output(&error)),
            Err(Trouble::Run(failure)) => Err(failure),
            Ok(()) => Ok(false),
        },
    }
}

fn draw(dir: &RunDir, observed: &mut Observed<'_>, mut screen: Screen) -> Result<(), Failure> {
    let past = past_of(observed.run());
    let usual = |name: &str| past.as_ref().and_then(|past| past.expected(name));
    let mut due = clock::now();
    while !observed.look()? {
        let now = clock::now();
        if now >= due {
            screen.draw(|size| {
                // The cursor's line stays, and the first is about the run.
                let (shown, more) = view::choose(observed.run(), size.rows.saturating_sub(2));
                let rows = rows(dir, &shown, now, &usual);
                let since = since(observed.run(), now);
                let headline = view::headline(observed.run(), since, now);
                let colour = colour::wanted();
                let mut lines = vec![line::one(&headline, size.columns, colour)];
                lines.extend(line::frame(&rows, more, size.columns, colour));
                lines.truncate(size.rows - 1);
                lines
            });
            due = Time(now.0.saturating_add(SOONEST));
            observed.wait(screen.alarm(), Some(TICK))?;
        } else {
            observed.wait(screen.alarm(), Some(due.since(now)))?;
        }
    }
    screen.clear();
    Ok(())
}

/// When a run began: with its script, or when it was opened.
fn since(run: &Run, now: Time) -> Time {
    let script = run.owner.map(|owner| owner.started).filter(|time| time.0 > 0);
    script.or(run.opened).unwrap_or(now)
}

enum Trouble {
    Run(Failure),
    Output(io::Error),
}

fn print(observed: &mut Observed<'_>, output: &mut impl Write) -> Result<(), Trouble> {
    let run = |error| Trouble::Run(Failure::from(error));
    let mut known = Vec::new();
    loop {
        let over = observed.look().map_err(run)?;
        let text = changes(observed.run(), &mut known, clock::now());
        output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(Trouble::Output)?;
        if over {
            return Ok(());
        }
        observed.wait(None, None).map_err(run)?;
    }
}

/// A line for each task that is not where it was `known` to be, in the order
/// of the run's tasks.
fn changes(run: &Run, known: &mut Vec<State>, now: Time) -> String {
    let mut text = String::new();
    for (at, task) in run.tasks().iter().enumerate() {
        let state = task.state();
        match known.get_mut(at) {
            Some(known) if *known == state => continue,
            Some(known) => *known = state,
            None => known.push(state),
        }
        let row = view::row(task, now, &|_| None);
        text += &match state {
            State::Queued | State::Running => format!("{}: {}\n", task.id, state.word()),
            State::Succeeded => format!("{}: succeeded {}\n", task.id, row.note),
            _ => format!("{}: {}, {}\n", task.id, row.what, row.note),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Record;

    #[test]
    fn a_change_is_told_once() {
        let mut run = Run::default();
        let mut known = Vec::new();
        let mut told = |lines: &[&str]| {
            for line in lines {
                run.apply(&Record::parse(line.as_bytes()).unwrap());
            }
            changes(&run, &mut known, Time(9_000_000))
        };
        assert_eq!(
            told(&["1.0 start a pid=2", "1.0 start b pid=3 queued=1"]),
            "a: running\nb: queued\n"
        );
        assert_eq!(told(&[]), "");
        assert_eq!(
            told(&["2.0 begin b", "3.0 end a code=0"]),
            "a: succeeded after 2.0s\nb: running\n"
        );
        assert_eq!(told(&["4.0 end b code=3"]), "b: failed, exit code 3 after 2.0s\n");
        assert_eq!(told(&["5.0 collected b code=3"]), "");
    }
}

//! `meanwhile run`: a script with an ancestor that keeps hold of all that it starts.

use std::collections::HashMap;
use std::ffi::OsString;

use super::groups::{self, Groups};
use super::{Failure, message, run_dir, step_summary};
use crate::process::signals;
use crate::report::text;
use crate::run::task::Leak;
use crate::run::{code, duration};
use crate::watch::wrap::{Below, Ending, Left, Wrapped, wrap};

/// Run a script, or any command, and keep hold of everything that it starts.
///
/// The command has the caller's files, terminal, environment and signals.
/// When it has ended, its tasks are settled as MEANWHILE_ON_EXIT says, their
/// summary is printed to standard error (unless the script has printed it),
/// and what is still running is named.
///
/// HUP, INT, QUIT and TERM go to the command, then everything that it started
/// is ended within MEANWHILE_GRACE, daemons too; so it is when a signal has
/// ended the command itself. A second INT, QUIT or TERM kills all at once.
/// Other signals are passed on.
///
/// The exit code is the command's; after a signal this program ends by the
/// same. 125: meanwhile itself failed; 126: the command cannot be run; 127: it
/// is not there.
#[derive(Debug, clap::Args)]
pub struct Run {
    /// The command and its arguments, as they are.
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    command: Vec<OsString>,
}

impl Run {
    pub fn run(self) -> Result<u8, Failure> {
        let wrapped = wrap(&self.command, grace()?, None)?;
        tell(&wrapped);
        match wrapped.ending {
            Ending::Code(code) => Ok(code),
            Ending::Signal(signal) => {
                signals::die_by(signal);
                // That signal ends nobody.
                Ok(u8::try_from(128 + signal).unwrap_or(code::FAILED))
            }
        }
    }
}

fn grace() -> Result<u64, Failure> {
    let text = std::env::var_os("MEANWHILE_GRACE").unwrap_or_default();
    let text = text.to_string_lossy();
    if text.is_empty() {
        return Ok(GRACE);
    }
    duration::parse(&text)
        .map_err(|rule| Failure::usage(format!("MEANWHILE_GRACE is {text:?}"), rule))
}

/// TERM to KILL, in microseconds, unless the user says otherwise.
const GRACE: u64 = 5_000_000;

fn tell(wrapped: &Wrapped) {
    wrapped.survivors.iter().for_each(message::say_survivor);
    let setting = Groups::of_environment().setting();
    let mut failures: Vec<Vec<u8>> = Vec::new();
    let mut named: HashMap<u32, &Leak> = HashMap::new();
    let several = wrapped.runs.iter().filter(|run| has_news(run)).count() > 1;
    for run in wrapped.runs.iter().filter(|run| has_news(run)) {
        let Ok(loaded) = run_dir::Loaded::read(&run.dir) else { continue };
        let loaded = loaded.with_script();
        let summary = text::summary(&loaded.subject());
        let script = run.journal.run().script.as_deref().filter(|_| several);
        step_summary::tell(setting, &loaded.subject());
        message::print_beside(match script {
            Some(script) => summary.replacen("meanwhile: ", &format!("meanwhile: {script}: "), 1),
            None => summary,
        });
        let leaks = run.journal.run().tasks().iter().flat_map(|task| &task.leaks);
        if let Some(ci) = groups::system(setting) {
            failures.push(groups::failures(ci, &run.dir, run.journal.run()));
        }
        named.extend(leaks.map(|leak| (leak.pid, leak)));
    }
    for Left { task, processes } in &wrapped.left {
        let new = processes.iter().filter(|leak| named.get(&leak.pid) != Some(leak));
        let new: Vec<String> = new.map(|Leak { pid, comm }| format!("{pid} ({comm})")).collect();
        if !new.is_empty() {
            let whose = task.as_ref().map(|(_, id)| format!("{id}: ")).unwrap_or_default();
            message::say(format!("{whose}left running: pid {}", new.join(", ")), None);
        }
    }
    failures.iter().for_each(message::print_beside);
}

/// Whether a run's summary has something to say that was not said.
fn has_news(run: &Below) -> bool {
    let tasks = run.journal.run().tasks();
    let ended = tasks.iter().filter(|task| task.end.is_some()).count();
    !tasks.is_empty() && run.told != Some(ended)
}

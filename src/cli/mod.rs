//! The command line: one file per command, each of which parses, calls and
//! prints. Option definitions here are the only ones: help, completions, the
//! manual pages and the command reference are generated from them.

mod cancel;
mod check;
mod checked;
mod clean;
mod completions;
mod doctor;
mod get;
mod groups;
mod history;
mod html;
mod init;
mod internal;
mod log;
mod man;
pub mod message;
mod options;
mod progress;
mod report;
mod run;
mod run_dir;
mod script;
mod start;
mod status;
mod step_summary;
mod wait;

use std::ffi::OsString;

use clap::{CommandFactory, Parser, Subcommand};

use crate::run::code;
pub use message::Failure;

/// Start steps of a shell script in the background under a name, collect them by that name.
#[derive(Debug, Parser)]
#[command(name = "meanwhile", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: a task's own; 2 wrong usage; 123 skipped; 124 timed out; \
    125 meanwhile itself failed; 127 no such task; 128+N ended by signal N; 137 also a task \
    whose guard was killed.\n\nIn a script: eval -- \"$(meanwhile init bash)\", then async_run, \
    async_wait and so on. See `meanwhile man init`.";

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Init),
    Run(run::Run),
    Check(check::Check),
    Start(start::Start),
    Wait(wait::Wait),
    Get(get::Get),
    Log(log::Log),
    Status(status::Status),
    Cancel(cancel::Cancel),
    Report(report::Report),
    History(history::History),
    Clean(clean::Clean),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
    Man(man::Man),
    #[command(flatten)]
    Internal(internal::Internal),
}

/// Runs the program with these arguments; returns its exit code.
pub fn main(arguments: Vec<OsString>) -> u8 {
    // The paths that every task takes, before the option parser is built.
    let result = internal::fast(&arguments).unwrap_or_else(|| dispatch(arguments));
    result.unwrap_or_else(|failure| failure.print())
}

fn dispatch(arguments: Vec<OsString>) -> Result<u8, Failure> {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            if error.use_stderr() {
                return Err(Failure::parse(&error));
            }
            // Help and version.
            return error.print().map(|()| code::OK).map_err(|error| Failure::output(&error));
        }
    };
    match cli.command {
        Command::Init(command) => command.run(),
        Command::Run(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Start(command) => command.run(),
        Command::Wait(command) => command.run(),
        Command::Get(command) => command.run(),
        Command::Log(command) => command.run(),
        Command::Status(command) => command.run(),
        Command::Cancel(command) => command.run(),
        Command::Report(command) => command.run(),
        Command::History(command) => command.run(),
        Command::Clean(command) => command.run(),
        Command::Doctor(command) => command.run(),
        Command::Completions(command) => command.run(),
        Command::Man(command) => command.run(),
        Command::Internal(command) => command.run(),
    }
}

/// The definition of the whole command line.
fn definition() -> clap::Command {
    Cli::command()
}

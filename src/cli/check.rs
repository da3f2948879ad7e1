//! `meanwhile check`: a script is run once, traced, and what it did is judged.
//!
//! What can be refused is refused before anything is started. Then the script
//! runs under `meanwhile run`, with its own files and terminal; its report
//! comes behind it, on standard error, for standard output is the script's.

mod confirm;
mod opened;
mod source;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use self::confirm::Again;
use self::opened::Opened;
use self::source::Sources;
use super::checked::CHECK;
use super::progress::colour;
use super::{Failure, html, message};
use crate::check::{self, Suppressions};
use crate::client::open;
use crate::process::stat::{self, Stat};
use crate::process::trace::{self, Ended, User};
use crate::process::{clock, file, signals};
use crate::report::check::text::Looks;
use crate::report::check::{Checked, Counts, json, page, text};
use crate::run::code;

/// Run a script once, traced, and report what its steps do to the same files
/// with nothing to order it.
///
/// A race is found whether or not it has happened this time. The command has
/// the caller's files and terminal, as under `meanwhile run`; the report comes
/// on standard error, behind the summary. See docs/check.md.
///
/// The exit code is 0 if all is well, 1 if there are races, 2 for wrong usage
/// (nothing was started), and 125 if it could not be checked: also if the
/// command itself failed and no race was seen up to there.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// Look at changes only: nearly as fast as without, but a race between a
    /// change and a read is not seen.
    #[arg(long)]
    light: bool,
    /// Run the command as this user (by name or number), so that sudo and
    /// other set-user-ID programs work in it; needs root.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Let this make the exit code 1, too.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT")]
    deny: Vec<Deny>,
    /// Conflicts that do no harm, a line each: class, path, and the two
    /// (docs/check.md).
    #[arg(long, value_name = "FILE")]
    suppressions: Option<PathBuf>,
    /// Conflicts that are known: only what is new counts.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write what was found to this file, for --baseline.
    #[arg(long, value_name = "FILE")]
    write_baseline: Option<PathBuf>,
    /// Run the command again, untraced, in the two orders that are furthest
    /// apart, to see which findings do harm. Before each time this shell
    /// command is run, which must bring everything back to where it was
    /// (docs/check.md).
    #[arg(long, value_name = "RESET")]
    confirm: Option<OsString>,
    /// Show the findings that do no harm, as well, and why.
    #[arg(long)]
    notes: bool,
    /// The form of what -o writes.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write the report to this file, too, whole or not at all; only its owner
    /// may read it.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The command and its arguments, as they are.
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    command: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Deny {
    /// What may matter.
    Warnings,
    /// What was not seen.
    Gaps,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// As on standard error.
    #[default]
    Text,
    /// A JSON object a line (docs/check.md).
    Json,
    /// The page of the run, with the conflicts on its timeline (docs/html.md).
    Html,
}

impl Check {
    pub fn run(self) -> Result<u8, Failure> {
        self.refuse()?;
        let suppressions = self.suppressions.as_deref().map(read).transpose()?;
        let baseline = self.baseline.as_deref().map(read).transpose()?;
        let user = self.user.as_deref().map(User::find).transpose()?;
        let owner = user.as_ref().map(|user| user.uid);
        let mode = if self.light { "light" } else { "full" };
        let mut argv = vec![open::myself().get_program().to_owned(), "run".into()];
        argv.extend(self.command.iter().cloned());
        let options = trace::Options { light: self.light, user };
        let begun = clock::now();
        let traced = trace::trace(&argv, &[(CHECK, mode.into())], &options)?;
        let took = clock::now().since(begun);
        let opened = Opened::read(traced.journals, owner);
        let input = check::Input {
            traced: &traced.traced,
            runs: &opened.journals,
            suppressions: suppressions.as_ref(),
            baseline: baseline.as_ref(),
        };
        let verdict = check::judge(&input);
        let page = self.run_for_page(&opened)?;
        let asked = match traced.ended {
            Ended::Signal(signal) if signals::ENDS.contains(&signal) => Some(signal),
            _ => None,
        };
        let (confirmed, stopped) = match &self.confirm {
            Some(reset) if asked.is_none() => {
                let again = Again { command: &self.command, reset, took };
                again.confirm(&input, &verdict.findings)
            }
            _ => (Vec::new(), None),
        };
        let command: Vec<String> =
            self.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let sources = Sources::default();
        let named = self.suppressions.as_ref().map(|path| path.to_string_lossy());
        let checked = Checked {
            verdict: &verdict,
            runs: &opened.runs,
            command: &command,
            since: traced.traced.groups.first().map(|group| group.born.0).unwrap_or_default(),
            code: match traced.ended {
                Ended::Code(code) => code,
                Ended::Signal(signal) => u8::try_from(128 + signal).unwrap_or(code::FAILED),
            },
            left: &traced.left,
            unread: &opened.failed,
            suppressions: named.as_deref(),
            confirmed: &confirmed,
            source: &|at| sources.line(at),
        };
        self.tell(&checked);
        self.write(&checked, page.as_ref())?;
        if let Some(signal) = asked.or(stopped) {
            // Somebody wanted it to end: then whatever called this is to see that.
            signals::die_by(signal);
        }
        Ok(self.code(&checked))
    }

    /// Refuses what cannot work, before anything is started.
    fn refuse(&self) -> Result<(), Failure> {
        if let Some(pid) = stat::tracer() {
            let comm = Stat::of(pid).map(|stat| format!(" ({})", stat.comm)).unwrap_or_default();
            return Err(Failure::refused(
                format!("this process is traced already, by pid {pid}{comm}"),
                "a process has one tracer: start the check outside of strace, gdb and another check",
            ));
        }
        if self.confirm.is_some() && self.user.is_some() {
            let message = "--confirm runs the command untraced, and as nobody else";
            let hint = "start the check as that user, or leave out --user";
            return Err(Failure::usage(message, hint));
        }
        if self.format != Format::Text && self.output.is_none() {
            let message = "--format is about the file that -o writes";
            return Err(Failure::usage(message, "standard output is the script's: -o FILE"));
        }
        if self.output.as_deref() == Some(Path::new("-")) {
            let hint = "-o FILE, or a descriptor: -o /dev/fd/3";
            return Err(Failure::usage("standard output is the script's", hint));
        }
        for path in self.output.iter().chain(&self.write_baseline) {
            file::replaceable(path).map_err(|error| {
                let message = format!("cannot write {}: {error}", path.display());
                Failure::usage(message, "nothing was started; choose another file")
            })?;
        }
        Ok(())
    }

    /// The report for people.
    fn tell(&self, checked: &Checked<'_>) {
        let colours = std::io::stderr().is_terminal() && colour::wanted();
        let looks = if colours { Looks::coloured() } else { Looks::default() };
        message::print_beside(text::report(checked, self.notes, &looks));
    }

    /// The report and the baseline, in files.
    fn write(
        &self,
        checked: &Checked<'_>,
        page: Option<&(usize, html::Checked)>,
    ) -> Result<(), Failure> {
        let put = |path: &Path, text: &str| {
            file::replace(path, text.as_bytes()).map_err(|error| {
                Failure::other(&format!("cannot write {}", path.display()), &error)
            })
        };
        if let Some(path) = &self.write_baseline {
            put(path, &check::baseline(checked.verdict))?;
        }
        let Some(path) = &self.output else { return Ok(()) };
        let text = match self.format {
            Format::Text => text::report(checked, self.notes, &Looks::default()),
            Format::Json => json::report(checked).map_err(|error| {
                Failure::other("cannot write JSON", &std::io::Error::from(error))
            })?,
            Format::Html => {
                let Some((number, run)) = page else {
                    let hint = "the script opened no run that can be read";
                    return Err(Failure::refused("there is no run to make a page of", hint));
                };
                run.page(&page::races(checked, *number, self.notes))?
            }
        };
        put(path, &text)
    }

    /// What the page is made of, if there is to be one: the run with the most tasks.
    fn run_for_page(&self, opened: &Opened) -> Result<Option<(usize, html::Checked)>, Failure> {
        let Some((number, dir)) = opened.largest().filter(|_| self.format == Format::Html) else {
            return Ok(None);
        };
        let several = opened.runs.len();
        if several > 1 {
            let script = opened.runs[number].script.as_deref().unwrap_or("the one");
            let text = format!(
                "check: the page is that of {script}, which has the most tasks of {several} runs"
            );
            message::say(text, None);
        }
        Ok(Some((number, html::Checked::read(dir)?)))
    }

    fn code(&self, checked: &Checked<'_>) -> u8 {
        let found = Counts::of(checked.verdict);
        let denied = |what| self.deny.contains(&what);
        let races = found.errors > 0
            || (found.warnings > 0 && denied(Deny::Warnings))
            || (!checked.verdict.gaps.is_empty() && denied(Deny::Gaps));
        if races {
            return code::RACES;
        }
        if checked.whole() { code::OK } else { code::FAILED }
    }
}

/// A file of suppressions, or a baseline.
fn read(path: &Path) -> Result<Suppressions, Failure> {
    let named = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| {
        let hint = "nothing was started; --write-baseline FILE makes a baseline";
        Failure::usage(named(&error), hint)
    })?;
    Suppressions::parse(&text).map_err(|error| Failure::usage(named(&error), error.hint()))
}

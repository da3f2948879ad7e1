//! Messages for people, on standard error: `meanwhile: NAME: what happened`,
//! then `hint:` lines. `docs/messages.md` is the style guide.

use std::fmt::Display;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;

use clap::error::{ContextKind, ContextValue};

use crate::client::Error;
use crate::client::request::{Note, Teller};
use crate::process::dir::RunDir;
use crate::process::kill::Survivor;
use crate::process::trace::TraceError;
use crate::report::text::outcome;
use crate::run::name::NameError;
use crate::run::task::Leak;
use crate::run::{State, Task, Time, code};
use crate::watch::wrap::WrapError;

/// A command's failure: exit code, message, hint.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
    hint: Option<String>,
    /// Whether a script may go on without meanwhile.
    pub breakdown: bool,
}

impl Failure {
    /// Wrong usage.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        let (message, hint) = (message.into(), Some(hint.into()));
        Self { code: code::USAGE, message, hint, breakdown: false }
    }

    /// The option parser's complaint, in the form of all others.
    pub fn parse(error: &clap::Error) -> Self {
        let text = error.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let mut paragraphs = text.split("\n\n").map(|part| part.replace("\n  ", " "));
        let mut message = paragraphs.next().unwrap_or_default();
        if let Some((option, variable)) = setting(error) {
            message = message.replace(&option, &format!("{option} or {variable}"));
        }
        let usage = paragraphs.find_map(|part| Some(part.strip_prefix("Usage: ")?.to_owned()));
        Self { code: code::USAGE, message, hint: usage, breakdown: false }
    }

    /// No task of that name.
    pub fn unknown(message: impl Into<String>, hint: impl Into<String>) -> Self {
        let (message, hint) = (message.into(), Some(hint.into()));
        Self { code: code::UNKNOWN, message, hint, breakdown: false }
    }

    /// Standard output could not be written.
    pub fn output(error: &std::io::Error) -> Self {
        let message = format!("cannot write the output: {error}");
        Self { code: code::FAILED, message, hint: None, breakdown: false }
    }

    /// Another file or call failed.
    pub fn other(what: &str, error: &std::io::Error) -> Self {
        let message = format!("{what}: {error}");
        Self { code: code::FAILED, message, hint: None, breakdown: false }
    }

    /// This cannot be done here.
    pub fn refused(message: impl Into<String>, hint: impl Into<String>) -> Self {
        let (message, hint) = (message.into(), Some(hint.into()));
        Self { code: code::FAILED, message, hint, breakdown: false }
    }

    /// Prints it; returns its exit code.
    pub fn print(&self) -> u8 {
        say(&self.message, self.hint.as_deref());
        self.code
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            code: error.code(),
            message: error.to_string(),
            hint: error.hint(),
            breakdown: error.is_breakdown(),
        }
    }
}

impl From<WrapError> for Failure {
    fn from(error: WrapError) -> Self {
        let (code, message) = (error.code(), error.to_string());
        Self { code, message, hint: None, breakdown: false }
    }
}

impl From<TraceError> for Failure {
    fn from(error: TraceError) -> Self {
        let code = match error {
            // What was asked for cannot be; nothing was started.
            TraceError::NoUser(_) | TraceError::Privilege(_) => code::USAGE,
            _ => code::FAILED,
        };
        let hint = error.hint().map(str::to_owned);
        Self { code, message: error.to_string(), hint, breakdown: false }
    }
}

impl From<NameError> for Failure {
    fn from(error: NameError) -> Self {
        Error::Name(error).into()
    }
}

/// The option whose value is wrong, as the parser's message has it, and the
/// variable that gives it as well: the user may never have written an option.
fn setting(error: &clap::Error) -> Option<(String, String)> {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let long = option.split(' ').next()?.strip_prefix("--")?;
    let definition = super::definition();
    let command = definition.find_subcommand(std::env::args_os().nth(1)?)?;
    let argument = command.get_arguments().find(|argument| argument.get_long() == Some(long))?;
    Some((format!("'{option}'"), argument.get_env()?.to_str()?.to_owned()))
}

/// Prints one message. Nobody may be there to read it: that is no failure.
pub fn say(message: impl Display, hint: Option<&str>) {
    let mut text = format!("meanwhile: {}\n", printable(&message.to_string()));
    if let Some(hint) = hint {
        text.push_str(&format!("hint: {}\n", printable(hint)));
    }
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Text from outside (paths, command names) must not drive the terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Standard output, for logs: unbuffered, and so as fast as the reader is.
///
/// # Errors
/// When it is closed.
pub fn raw_stdout() -> Result<File, Failure> {
    duplicate(std::io::stdout())
}

/// Standard error, for logs.
///
/// # Errors
/// When it is closed.
pub fn raw_stderr() -> Result<File, Failure> {
    duplicate(std::io::stderr())
}

fn duplicate(stream: impl AsFd) -> Result<File, Failure> {
    let duplicate = stream.as_fd().try_clone_to_owned();
    duplicate.map(File::from).map_err(|error| Failure::output(&error))
}

/// Prints `text` to standard output, whole.
///
/// # Errors
/// When it cannot be written; a reader that went away is none.
pub fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

/// Prints bytes to standard output, whole.
///
/// # Errors
/// When they cannot be written; a reader that went away is none.
pub fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    // (Rust's own takes a closed one for a success.)
    match raw_stdout()?.write_all(bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::output(&error))
        }
        _ => Ok(()),
    }
}

/// Says that a process could not be ended.
pub fn say_survivor(survivor: &Survivor) {
    let Survivor { task, pid, comm, why } = survivor;
    let whose = task.as_ref().map(|id| format!("{id}: ")).unwrap_or_default();
    say(format!("{whose}could not end pid {pid} ({comm}): {why}"), None);
}

/// Prints `text` to standard error, whole. Nobody may be there to read it.
pub fn print_beside(text: impl AsRef<[u8]>) {
    let _ = std::io::stderr().lock().write_all(text.as_ref());
}

/// Tells what happens while tasks are collected.
#[derive(Debug, Default)]
pub struct Plain {
    /// Name each task as one that the script never collected.
    pub uncollected: bool,
}

impl Teller for Plain {
    fn tell(&mut self, note: &Note<'_>) {
        match note {
            Note::Before(task, _) if self.uncollected => {
                let at = task.at.as_ref().map(|at| format!(", started at {at}"));
                say(format!("{}: never collected{}", task.id, at.unwrap_or_default()), None);
            }
            Note::Before(..) | Note::NotStarted(_) => {}
            Note::After(task, _) => Self::after(task),
            Note::Unknown(name, near) => {
                let hint = match near {
                    Some(near) => format!("did you mean {near}?"),
                    None => "nothing of that name was started in this run; see \
                        `async_status`, or use --if-started"
                        .into(),
                };
                say(format!("{name}: no such task"), Some(&hint));
            }
            Note::LogGone(task) => {
                say(format!("{}: its log is gone; its output is lost", task.id), None)
            }
            Note::Incomplete(task) => say(
                format!("{}: the disk is full; its log may be incomplete", task.id),
                Some("another place for runs: MEANWHILE_DIR, XDG_STATE_HOME"),
            ),
            Note::Leaked(task, leaks) => {
                let named: Vec<String> =
                    leaks.iter().map(|Leak { pid, comm }| format!("{pid} ({comm})")).collect();
                say(format!("{}: left running: pid {}", task.id, named.join(", ")), None);
            }
            Note::Children(task, children) => {
                let named: Vec<String> = children
                    .iter()
                    .map(|child| format!("{} ({})", child.id, child.state().word()))
                    .collect();
                say(
                    format!("{}: never collected its tasks: {}", task.id, named.join(", ")),
                    Some("async_wait --all at its end collects what it started"),
                );
            }
            Note::GaveUp(task) => say(
                format!("{}: still running when the time to wait was up", task.id),
                Some(&format!(
                    "it can be collected later, or ended: async_cancel {}",
                    task.id.name()
                )),
            ),
            Note::Unwatched => say(
                "the watcher of this run is dead: no --timeout is kept, and tasks may outlive the script; exit codes stay true",
                None,
            ),
        }
    }
}

impl Plain {
    fn after(task: &Task) {
        if task.errexit_off {
            say(
                format!("{}: errexit had no effect in it", task.id),
                Some(
                    "a shell ignores `set -e` in what an `if`, `||`, `&&` or `!` runs: start \
                    it outside of the condition, test async_wait instead",
                ),
            );
        }
        if task.state() != State::Succeeded {
            let before = (task.failures > 0).then(|| {
                format!("the attempts before: meanwhile log --attempt 1 {}", task.id.name())
            });
            say(format!("{}: {}", task.id, outcome(task)), before.as_deref());
        }
    }
}

/// devstack's lines, on standard output, in `inc/async`'s words.
#[derive(Debug)]
pub struct Devstack {
    /// The pid that the lines begin with: the calling shell's.
    pub caller: i32,
    /// Name each task as one that the script never collected.
    pub uncollected: bool,
    dir: RunDir,
}

impl Devstack {
    /// For the run in `dir`.
    pub fn new(dir: RunDir) -> Self {
        let caller = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
        Self { caller, uncollected: false, dir }
    }

    /// Prints a message about a task; `%command` in it is the task's command.
    pub fn say(&self, task: &Task, text: &str) -> Result<(), Failure> {
        let pid = task.guard.map_or(0, |guard| guard.pid);
        let text = text.replace("%command", &self.command(task));
        print(&format!("[{} Async {}:{pid}]: {text}\n", self.caller, task.id.name()))
    }

    fn line(&self, task: &Task, text: &str) {
        // What cannot be written here cannot be written by the replay either, which tells.
        let _ = self.say(task, text);
    }

    fn command(&self, task: &Task) -> String {
        super::run_dir::command(&self.dir, &task.id).display()
    }
}

impl Teller for Devstack {
    fn tell(&mut self, note: &Note<'_>) {
        match note {
            Note::Before(task, run) => {
                if self.uncollected {
                    let _ =
                        print(&format!("WARNING: uncollected async future {}\n", task.id.name()));
                }
                let others = run.running().filter(|other| other.id != task.id).count();
                self.line(
                    task,
                    &format!("Waiting for completion of %command ({others} other jobs running)"),
                );
                match task.code() {
                    Some(code::OK) => self.line(task, "finished successfully"),
                    code => {
                        self.line(task, &format!("FAILED with rc {}", code.unwrap_or_default()))
                    }
                }
            }
            Note::After(task, _) => {
                let seconds = task.elapsed(Time(0)) / 1_000_000;
                let code = task.code().unwrap_or_default();
                self.line(
                    task,
                    &format!("finished %command with result {code} in {seconds} seconds"),
                );
                Plain::after(task);
            }
            Note::Unknown(name, _) | Note::NotStarted(name) => {
                let _ = print(&format!(
                    "Not waiting for async task {name} that we never started or has already been waited for\n"
                ));
            }
            other => Plain::default().tell(other),
        }
    }
}

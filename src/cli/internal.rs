//! What the glue and the program itself call; not for people.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::{Failure, message, run_dir};
use crate::client::open::{Opening, open};
use crate::client::replay::Log;
use crate::client::request::Output;
use crate::client::{Error, collect, guard, start};
use crate::process::dir::RunDir;
use crate::process::journal::Journal;
use crate::process::pidfd::Handle;
use crate::process::raw;
use crate::run::{Id, Name, Task, code, duration, files};
use crate::watch;

/// Exit code of `__open`: the machine failed; the script goes on without.
const BREAKDOWN: u8 = 3;

#[derive(Debug, clap::Subcommand)]
pub enum Internal {
    /// Opens the run of a script; prints what the glue evaluates.
    #[command(name = "__open", hide = true)]
    Open {
        /// The script's pid.
        #[arg(long)]
        owner: u32,
        #[arg(long)]
        shell: String,
        #[arg(long, allow_hyphen_values = true)]
        script: String,
        #[arg(long)]
        fresh: bool,
        #[arg(long)]
        join: bool,
        #[arg(long)]
        leaving: Option<PathBuf>,
        #[arg(long)]
        serial: bool,
        #[arg(long)]
        grace: Option<String>,
        #[arg(long)]
        on_exit: Option<String>,
        /// What `wait` will be given: checked here, before anything is started.
        #[arg(long, value_parser = super::wait::parse_output)]
        output: Option<Output>,
        #[command(flatten)]
        dir: run_dir::Dir,
    },
    /// Prints the id that the next start of a name gets.
    #[command(name = "__next", hide = true)]
    Next {
        #[arg(long)]
        dir: PathBuf,
        #[arg(long = "in", default_value = "")]
        scope: String,
        #[arg(allow_hyphen_values = true)]
        name: String,
    },
    /// Prints the pid of a task that is not collected yet.
    #[command(name = "__pidof", hide = true)]
    PidOf {
        #[arg(long)]
        dir: PathBuf,
        #[arg(long = "in", default_value = "")]
        scope: String,
        name: String,
    },
    /// Prints a message about a task as devstack's async_log does.
    #[command(name = "__say", hide = true)]
    Say {
        #[arg(long)]
        dir: PathBuf,
        #[arg(long = "in", default_value = "")]
        scope: String,
        name: String,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Shows a task's output while it runs (serial mode).
    #[command(name = "__follow", hide = true)]
    Follow {
        #[arg(long)]
        dir: PathBuf,
        id: String,
    },
}

/// The commands that this program starts itself with.
pub fn fast(arguments: &[OsString]) -> Option<Result<u8, Failure>> {
    match arguments {
        [_, command, dir] if command == "__watch" => {
            raw::close_inherited();
            Some(watch::watch(Path::new(dir)).map(|()| code::OK).map_err(Failure::from))
        }
        [_, command, dir, id, argv @ ..] if command == "__guard" => Some(run_guard(dir, id, argv)),
        _ => None,
    }
}

fn run_guard(dir: &OsStr, id: &OsStr, argv: &[OsString]) -> Result<u8, Failure> {
    let dir = RunDir::open(Path::new(dir)).map_err(Error::from)?;
    let id = parse_id(&id.to_string_lossy())?;
    Ok(guard::guard(&dir, &id, argv)?)
}

fn parse_id(text: &str) -> Result<Id, Failure> {
    Id::parse(text)
        .ok_or_else(|| Failure::usage(format!("{text:?} is not a task"), "see meanwhile status"))
}

impl Internal {
    pub fn run(self) -> Result<u8, Failure> {
        match self {
            Self::Open {
                owner,
                shell,
                script,
                fresh,
                join,
                leaving,
                serial,
                grace,
                on_exit,
                output: _,
                dir,
            } => {
                check_settings(grace.as_deref(), on_exit.as_deref())?;
                let script = Path::new(&script).file_name().unwrap_or_default().to_string_lossy();
                let asked = Opening {
                    path: dir.given().as_deref().map(absolute).transpose()?,
                    owner: Some(owner),
                    fresh,
                    join,
                    leaving,
                    serial,
                    script: script.into_owned(),
                    shell,
                    grace,
                    on_exit,
                };
                match open(&asked).map_err(Failure::from) {
                    Ok(opened) => print_path(opened.dir.path()),
                    Err(failure) if failure.breakdown => {
                        failure.print();
                        Ok(BREAKDOWN)
                    }
                    Err(failure) => Err(failure),
                }
            }
            Self::Next { dir, scope, name } => {
                let name = Name::new(&name)?;
                let dir = RunDir::open(&dir).map_err(Error::from)?;
                let journal = Journal::open(&dir)
                    .map_err(Error::journal("read the journal of", dir.path()))?;
                let id = start::next_id(journal.run(), &name, Id::parse(&scope).as_ref())?;
                message::print(&format!("{id}\n"))?;
                Ok(code::OK)
            }
            Self::PidOf { dir, scope, name } => {
                let (_, task) = find(&dir, &scope, &name)?;
                let pid =
                    task.filter(|t| t.collected.is_none()).and_then(|t| t.guard).map(|g| g.pid);
                message::print(&pid.map_or("UNKNOWN\n".to_owned(), |pid| format!("{pid}\n")))?;
                Ok(u8::from(pid.is_none()))
            }
            Self::Say { dir, scope, name, words } => {
                let (dir, task) = find(&dir, &scope, &name)?;
                let text = words.join(" ");
                let devstack = message::Devstack::new(dir);
                match task {
                    Some(task) => devstack.say(&task, &text)?,
                    None => message::print(&format!(
                        "[{} Async {name}:UNKNOWN]: {text}\n",
                        devstack.caller
                    ))?,
                }
                Ok(code::OK)
            }
            Self::Follow { dir, id } => {
                follow(&RunDir::open(&dir).map_err(Error::from)?, &parse_id(&id)?)
            }
        }
    }
}

/// What a script's settings may be; told before anything is started.
fn check_settings(grace: Option<&str>, on_exit: Option<&str>) -> Result<(), Failure> {
    if let Some((text, Err(rule))) = grace.map(|text| (text, duration::parse(text))) {
        return Err(Failure::usage(format!("MEANWHILE_GRACE is {text:?}"), rule));
    }
    match on_exit {
        None | Some("wait" | "cancel" | "leave") => Ok(()),
        Some(text) => Err(Failure::usage(
            format!("MEANWHILE_ON_EXIT is {text:?}"),
            "it is wait, cancel or leave; unset: wait after success, cancel after failure",
        )),
    }
}

fn find(dir: &Path, scope: &str, name: &str) -> Result<(RunDir, Option<Task>), Failure> {
    let names = Name::nested(name)?.lookup(Id::parse(scope).as_ref());
    let dir = RunDir::open(dir).map_err(Error::from)?;
    let journal =
        Journal::about(&dir, &names).map_err(Error::journal("read the journal of", dir.path()))?;
    let task = names.iter().find_map(|name| journal.run().latest(name)).cloned();
    Ok((dir, task))
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path)
        .map_err(|error| Failure::other(&format!("cannot use {}", path.display()), &error))
}

/// Prints a path as it is, with a mark behind it: a shell's `$(…)` drops newlines.
fn print_path(path: &Path) -> Result<u8, Failure> {
    use std::io::Write;
    use std::os::unix::ffi::OsStrExt;
    let mut bytes = path.as_os_str().as_bytes().to_vec();
    bytes.push(b'.');
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(&bytes).and_then(|()| stdout.flush());
    written.map(|()| code::OK).map_err(|error| Failure::output(&error))
}

fn follow(dir: &RunDir, id: &Id) -> Result<u8, Failure> {
    let journal = Journal::about(dir, &[id.name().to_owned()])
        .map_err(Error::journal("read the journal of", dir.path()))?;
    let failed = |error| Error::Replay { id: id.clone(), error };
    let guard = match journal.run().task(id).and_then(|task| task.guard) {
        Some(guard) => Handle::open(guard).map_err(failed)?,
        None => None,
    };
    // The guard makes the log; it may not have come to that yet.
    let path = dir.path().join(files::of_task(id, files::LOG));
    drop(dir.file(&files::of_task(id, files::LOG), rustix::fs::OFlags::CREATE));
    if let Some(mut log) = Log::open(dir, id, files::LOG).map_err(failed)? {
        log.follow(&path, guard.as_ref(), &mut message::raw_stdout()?).map_err(failed)?;
    }
    collect::mark_shown(dir, id)?;
    Ok(code::OK)
}

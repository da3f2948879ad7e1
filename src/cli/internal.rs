//! What the glue and the program itself call; not for people.

use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::progress::{Settings, around_live};
use super::wait::parent;
use super::{Failure, message, options, run_dir};
use crate::client::admit::{Admission, admit};
use crate::client::open::{Opened, Opening, open};
use crate::client::request::Output;
use crate::client::room::{self, Room};
use crate::client::slots::{self, Loan};
use crate::client::{Error, collect, follow, guard, live, start};
use crate::process::dir::RunDir;
use crate::process::journal::Journal;
use crate::process::pidfd::Handle;
use crate::process::{headroom, jobserver, raw, tree};
use crate::run::jobs::Jobs;
use crate::run::task::Options as TaskOptions;
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
        /// Its `$0`.
        #[arg(long, allow_hyphen_values = true)]
        script: PathBuf,
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
        #[arg(long)]
        jobs: Option<String>,
        /// What `wait` will be given: checked here, before anything is started.
        #[arg(long, value_parser = super::wait::parse_output)]
        output: Option<Output>,
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        dir: run_dir::Dir,
    },
    /// Prints the id that the next start of a name gets, and the fields of
    /// its record that its options amount to.
    #[command(name = "__next", hide = true)]
    Next {
        #[arg(long)]
        dir: PathBuf,
        #[arg(long = "in", default_value = "")]
        scope: String,
        #[command(flatten)]
        options: options::Options,
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
    /// Waits until there is room for another process.
    #[command(name = "__room", hide = true)]
    Room {
        #[arg(long)]
        dir: PathBuf,
        #[arg(long = "in", default_value = "")]
        scope: String,
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
        [_, command, dir, id, fields, argv @ ..] if command == "__guard" => {
            Some(Asking::parse(dir, id, fields).and_then(|asking| asking.guard(argv)))
        }
        [_, command, dir, id, fields, guard] if command == "__admit" => {
            Some(Asking::parse(dir, id, fields).and_then(|asking| asking.admit(guard)))
        }
        [_, command, dir, id] if command == files::FREE => {
            // The whole task may be ended at this moment, and the token must not be lost.
            raw::outlive_polite_signals();
            Some(Asking::parse(dir, id, OsStr::new("")).and_then(|asking| asking.free()))
        }
        [_, command, dir, id, failed] if command == "__again" => {
            Some(Asking::parse(dir, id, failed).map(|asking| asking.again(failed)))
        }
        [_, command, dir, id] if command == "__live" => {
            Some(Asking::parse(dir, id, OsStr::new("")).and_then(|asking| asking.live()))
        }
        _ => None,
    }
}

/// What a guard tells of its task.
struct Asking {
    dir: RunDir,
    id: Id,
    options: TaskOptions,
}

impl Asking {
    fn parse(dir: &OsStr, id: &OsStr, fields: &OsStr) -> Result<Self, Failure> {
        Ok(Self {
            dir: RunDir::open(Path::new(dir)).map_err(Error::from)?,
            id: parse_id(&id.to_string_lossy())?,
            options: TaskOptions::parse(&fields.to_string_lossy()),
        })
    }

    /// The guard of a task that `meanwhile start` starts.
    fn guard(&self, argv: &[OsString]) -> Result<u8, Failure> {
        Ok(guard::guard(&self.dir, &self.id, &self.options, argv)?)
    }

    /// Blocks until a task may begin; prints the token that its guard must
    /// give back. Standard input is the file through which locks are held.
    fn admit(&self, guard: &OsStr) -> Result<u8, Failure> {
        let guard: u32 = guard.to_str().and_then(|pid| pid.parse().ok()).unwrap_or(0);
        // Nobody asks any more when the guard is gone.
        raw::die_with_parent();
        if u32::try_from(parent()) != Ok(guard) {
            return Ok(code::TERMINATED);
        }
        match admit(&self.dir, &self.id, &self.options, guard, std::io::stdin().as_fd())? {
            Admission::Skipped => Ok(code::SKIPPED),
            Admission::Cancelled => Ok(code::TERMINATED),
            Admission::Admitted(None) => Ok(code::OK),
            Admission::Admitted(Some(token)) => {
                let mut stdout = message::raw_stdout()?;
                std::io::Write::write_all(&mut stdout, &[token])
                    .map_err(|error| Failure::output(&error))?;
                Ok(code::OK)
            }
        }
    }

    /// Shows the task's output on standard error while it runs.
    fn live(&self) -> Result<u8, Failure> {
        let around = around_live(&self.id);
        live::show(&self.dir, &self.id, &around, &mut message::raw_stderr()?)?;
        Ok(code::OK)
    }

    /// Puts the task's token back.
    fn free(&self) -> Result<u8, Failure> {
        slots::free(&self.dir, &self.id)?;
        Ok(code::OK)
    }

    /// Whether a task that failed may be tried again.
    fn again(&self, failed: &OsStr) -> u8 {
        let failed = failed.to_str().and_then(|code| code.parse().ok()).unwrap_or(code::FAILED);
        u8::from(!guard::again(&self.dir, &self.id, failed))
    }
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
                jobs,
                output: _,
                settings,
                dir,
            } => {
                settings.tell_errors();
                check_settings(grace.as_deref(), on_exit.as_deref())?;
                let name = script.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let asked = Opening {
                    path: dir.given().as_deref().map(absolute).transpose()?,
                    owner: Some(owner),
                    fresh,
                    join,
                    leaving,
                    serial,
                    script: name,
                    zero: script,
                    shell,
                    grace,
                    on_exit,
                    jobs: limit(jobs.as_deref(), owner)?,
                };
                match open(&asked).map_err(Failure::from) {
                    Ok(opened) => print_opened(&opened),
                    Err(failure) if failure.breakdown => {
                        failure.print();
                        Ok(BREAKDOWN)
                    }
                    Err(failure) => Err(failure),
                }
            }
            Self::Next { dir, scope, options, name } => {
                let name = Name::new(&name)?;
                let asked = options.asked()?;
                let dir = RunDir::open(&dir).map_err(Error::from)?;
                let scope = Id::parse(&scope);
                let (id, options) = start::plan_in(&dir, &name, scope.as_ref(), &asked)?;
                message::print(format!("{id} {options}").trim_end())?;
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
            Self::Room { dir, scope } => {
                let dir = RunDir::open(&dir).map_err(Error::from)?;
                let full = &mut || {
                    message::say("no room for another process: waiting for a task to end", None);
                };
                if room::wait(&dir, Id::parse(&scope).as_ref(), full)? == Room::None {
                    message::say(
                        "no room for another process, and no task to wait for",
                        Some("see ulimit -u, and pids.max of the control group"),
                    );
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
pub(super) fn check_settings(grace: Option<&str>, on_exit: Option<&str>) -> Result<(), Failure> {
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

/// Set to `lazy` by a race check that compares: tasks begin when they are waited for.
const CONFIRM: &str = "MEANWHILE_CONFIRM";

/// What limits the tasks of a script: its setting, or the `make` around it. A
/// script inside a task takes part in the pool around it in any case: the
/// setting may be the one that made that, inherited.
fn limit(setting: Option<&str>, script: u32) -> Result<Option<Jobs>, Failure> {
    if std::env::var_os(CONFIRM).is_some_and(|how| how == "lazy") {
        return Ok(Some(Jobs::Lazy));
    }
    let flags = std::env::var("MAKEFLAGS").unwrap_or_default();
    let around = Jobs::of_makeflags(&flags).filter(|jobs| jobserver::reachable(jobs, script));
    if around.is_some() && std::env::var_os(tree::MARK).is_some() {
        return Ok(around);
    }
    if let Some(text) = setting {
        let jobs = options::parse_jobs(text);
        return jobs
            .map(Some)
            .map_err(|rule| Failure::usage(format!("MEANWHILE_JOBS is {text:?}"), rule));
    }
    Ok(around)
}

/// Prints what the glue keeps of a run: how many processes there may be, how
/// its tasks are limited (`-`: not), and its path as it is, with a mark behind
/// it, for a shell's `$(…)` drops newlines.
fn print_opened(opened: &Opened) -> Result<u8, Failure> {
    use std::io::Write;
    use std::os::unix::ffi::OsStrExt;
    let ceiling = headroom::ceiling().map_or("-".to_owned(), |most| most.to_string());
    let jobs = opened.journal.run().jobs.as_ref();
    let jobs = jobs.map_or("-".to_owned(), ToString::to_string);
    let mut bytes = format!("{ceiling} {jobs} ").into_bytes();
    bytes.extend_from_slice(opened.dir.path().as_os_str().as_bytes());
    bytes.push(b'.');
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(&bytes).and_then(|()| stdout.flush());
    written.map(|()| code::OK).map_err(|error| Failure::output(&error))
}

fn follow(dir: &RunDir, id: &Id) -> Result<u8, Failure> {
    let mut journal = Journal::about(dir, &[id.name().to_owned()])
        .map_err(Error::journal("read the journal of", dir.path()))?;
    let failed = |error| Error::Replay { id: id.clone(), error };
    let guard = match journal.run().task(id).and_then(|task| task.guard) {
        Some(guard) => Handle::open(guard).map_err(failed)?,
        None => None,
    };
    let mut stdout = message::raw_stdout()?;
    // The script, or the task that started this one, goes on only after it.
    let limited = journal.run().jobs.is_some();
    let loan = if limited { Loan::give(dir, id.parent().as_ref()) } else { None };
    follow::follow(dir, &mut journal, id, guard.as_ref(), &mut stdout).map_err(failed)?;
    loan.map_or(Ok(()), Loan::end)?;
    collect::mark_shown(dir, id)?;
    Ok(code::OK)
}

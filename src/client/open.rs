//! Opening a run: a fresh one, or the one that is there.
//!
//! The decision and what follows from it happen under one lock, so that any
//! number of callers at once agree. Whoever opens a run starts its watcher.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use etcetera::BaseStrategy;
use rustix::fs::{FlockOperation, OFlags, flock};

use super::error::OWN_TASKS;
use super::{Error, cancel};
use crate::process::dir::RunDir;
use crate::process::jobserver::Pool;
use crate::process::journal::Journal;
use crate::process::pidfd::{self, Handle};
use crate::process::raw;
use crate::process::registry::{self, Entry};
use crate::process::script;
use crate::process::stat::Stat;
use crate::process::{clock, output};
use crate::run::jobs::Jobs;
use crate::run::ran::encode_path;
use crate::run::task::Process;
use crate::run::{Kind, Run, Time, files};

/// How a run is to be opened.
#[derive(Debug, Default)]
pub struct Opening {
    /// Where; by default a new directory under [`state_home`].
    pub path: Option<PathBuf>,
    /// The script's pid: the run's tasks end with it. None: tasks go on.
    pub owner: Option<u32>,
    /// Never join a run, also not one's own.
    pub fresh: bool,
    /// The run that this script leaves for the fresh one.
    pub leaving: Option<PathBuf>,
    /// Join a run that has no script, rather than open one: to collect from it.
    pub join: bool,
    /// Run tasks at the point of start.
    pub serial: bool,
    /// The script's name.
    pub script: String,
    /// Its `$0`.
    pub zero: PathBuf,
    /// The shell's name.
    pub shell: String,
    /// Seconds between TERM and KILL, as the user wrote it.
    pub grace: Option<String>,
    /// What happens to tasks when the script ends, as the user wrote it.
    pub on_exit: Option<String>,
    /// What limits how many tasks run at once.
    pub jobs: Option<Jobs>,
}

/// An opened run, locked against other starts until this is dropped.
#[derive(Debug)]
pub struct Opened {
    /// Its directory.
    pub dir: RunDir,
    /// Its journal, read to the end.
    pub journal: Journal,
    _lock: File,
}

/// Opens a run as asked, or joins the one that is there.
pub fn open(asked: &Opening) -> Result<Opened, Error> {
    if let Some(path) = &asked.leaving {
        leave(path)?;
    }
    let dir = match &asked.path {
        Some(path) => RunDir::create(path)?,
        None => new_dir(asked)?,
    };
    let path = dir.path().to_owned();
    let failed = || Error::journal("open", &path);
    let owner = match asked.owner {
        // Without its start the script could not be told from a later process.
        Some(pid) => Stat::read(pid)
            .map_err(Error::journal("see the script of", &path))?
            .map(|stat| Process { pid, started: stat.started })
            .or(Some(Process { pid, started: Time::default() })),
        None => None,
    };
    let mut patient = true;
    let lock = loop {
        let lock = lock(&dir, files::LOCK).map_err(failed())?;
        let mut journal = match Journal::open(&dir) {
            Ok(journal) => journal,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => break lock,
            Err(error) => return Err(failed()(error)),
        };
        match standing(&dir, journal.run(), owner, asked) {
            Standing::Join => {
                let opened = Opened { dir, journal, _lock: lock };
                let pool = Pool::open(&opened.dir, opened.journal.run()).ok().flatten();
                ensure_watcher(&opened.dir, opened.journal.run().owner, pool.as_ref())?;
                return Ok(opened);
            }
            Standing::Busy(whose) => return Err(Error::InUse { path, whose }),
            Standing::Over => {
                close(&mut journal);
                break lock;
            }
            Standing::Settling(watcher) => {
                // Its script is gone. If its tasks are being ended, that is not
                // for long; if they are not, a moment tells.
                let ending = journal.run().running().any(|task| task.cancelled);
                let patience = if ending { cancel::grace(journal.run()) } else { 0 } + PATIENCE;
                drop(lock);
                if !outlived(watcher, patience) && !std::mem::take(&mut patient) {
                    let whose = "tasks that outlived the script before".to_owned();
                    return Err(Error::InUse { path, whose });
                }
            }
        }
    };
    dir.clear()?;
    let mut journal = Journal::create(&dir).map_err(failed())?;
    let mut fields = vec![
        ("wall", clock::wall().to_string()),
        ("skew", clock::skew().to_string()),
        ("cpus", clock::processors().to_string()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("script", asked.script.clone()),
        ("shell", asked.shell.clone()),
        ("serial", u8::from(asked.serial).to_string()),
    ];
    if let Some(owner) = owner {
        fields.push(("owner", owner.pid.to_string()));
        fields.push(("ownerstart", owner.started.to_string()));
    }
    let stdout = owner.and_then(|owner| output::of_script(owner.pid));
    fields.extend(stdout.map(|stdout| ("stdout", stdout.to_string())));
    fields.extend(asked.grace.clone().map(|grace| ("grace", grace)));
    fields.extend(asked.on_exit.clone().map(|what| ("onexit", what)));
    fields.extend(asked.jobs.as_ref().map(|jobs| ("jobs", jobs.to_string())));
    fields.extend(clock::boot().map(|boot| ("boot", boot)));
    // The last: one that is too long is left out.
    let script = owner.and_then(|owner| script::path(owner.pid, &asked.zero));
    fields.extend(script.map(|path| ("path", encode_path(path.as_os_str().as_bytes()))));
    journal.append(Kind::Run, None, &fields).map_err(failed())?;
    journal.catch_up().map_err(failed())?;
    let pool = match asked.jobs {
        Some(Jobs::Own(size)) => Some(Pool::create(&dir, size).map_err(failed())?),
        _ => None,
    };
    // Before there is a watcher: the wrapper then knows whose it is.
    registry::tell(&Entry::Opened(dir.path().to_owned()));
    ensure_watcher(&dir, owner, pool.as_ref())?;
    Ok(Opened { dir, journal, _lock: lock })
}

enum Standing {
    Join,
    Settling(Process),
    Busy(String),
    Over,
}

/// More than a watcher needs to settle a run, beyond the grace; microseconds.
pub const PATIENCE: u64 = 2_000_000;

/// Waits until a process has ended; false if it has not in so many microseconds.
pub fn outlived(process: Process, micros: u64) -> bool {
    match Handle::open(process) {
        Ok(Some(handle)) => {
            pidfd::wait_any(&[handle.as_fd()], Some(micros)).is_ok_and(|ready| ready.is_some())
        }
        Ok(None) => true,
        Err(_) => false,
    }
}

/// What a newcomer may do with the run that is there.
fn standing(dir: &RunDir, run: &Run, me: Option<Process>, asked: &Opening) -> Standing {
    let named = |process: Process| {
        format!("the run of {} (pid {})", run.script.as_deref().unwrap_or("a script"), process.pid)
    };
    let busy = run.running().filter_map(|task| task.guard).any(pidfd::alive);
    match run.owner {
        // Pids that are recorded there would be nobody's, also those to come.
        _ if run.past => Standing::Over,
        _ if run.closed.is_some() && !busy => Standing::Over,
        Some(owner) if Some(owner) == me => match (asked.fresh, busy) {
            (false, _) => Standing::Join,
            (true, true) => Standing::Busy(OWN_TASKS.into()),
            (true, false) => Standing::Over,
        },
        Some(owner) if pidfd::alive(owner) => Standing::Busy(named(owner)),
        // A watcher that settles a run without its script must not meet the next run.
        Some(_) if run.on_exit.as_deref() != Some("wait") && watcher(dir).is_some() => {
            watcher(dir).map_or(Standing::Over, Standing::Settling)
        }
        Some(owner) if busy => Standing::Busy(format!("tasks that outlived {}", named(owner))),
        Some(_) => Standing::Over,
        None if me.is_none() || asked.join => Standing::Join,
        None if run.tasks().iter().any(|task| task.collected.is_none()) => {
            Standing::Busy("tasks of `meanwhile start` that nobody has collected".into())
        }
        None => Standing::Over,
    }
}

/// Leaves a run of this script for a fresh one: refused while its tasks run.
fn leave(path: &Path) -> Result<(), Error> {
    let Ok(dir) = RunDir::open(path) else { return Ok(()) };
    let Ok(mut journal) = Journal::open(&dir) else { return Ok(()) };
    if journal.run().running().filter_map(|task| task.guard).any(pidfd::alive) {
        return Err(Error::InUse { path: path.to_owned(), whose: OWN_TASKS.into() });
    }
    close(&mut journal);
    Ok(())
}

/// Closes a run that is over. Its watcher goes when it sees that; it has no
/// say in what comes after, so nobody waits for it: it may be stopped.
fn close(journal: &mut Journal) {
    if journal.run().closed.is_none() {
        // A full disk shows at the next step.
        let _ = journal.append(Kind::Close, None, &[("how", "finished".into())]);
    }
}

/// The run's watcher, if it lives.
pub fn watcher(dir: &RunDir) -> Option<Process> {
    let text = String::from_utf8(dir.read(files::WATCHER).ok()?).ok()?;
    let (watcher, boot) = files::parse_watcher(&text)?;
    let known = boot == clock::boot().as_deref();
    Some(watcher).filter(|watcher| known && pidfd::alive(*watcher))
}

/// Starts a watcher for a run that has lost its own; leaves that to whoever
/// opens or starts something there at this moment.
pub fn watch_again(dir: &RunDir, script: Option<Process>) -> Result<(), Error> {
    let failed = || Error::journal("lock", dir.path());
    let file = dir.file(files::LOCK, OFlags::RDWR | OFlags::CREATE).map_err(failed())?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            let journal = Journal::about(dir, &[]).map_err(failed())?;
            let pool = Pool::open(dir, journal.run()).ok().flatten();
            ensure_watcher(dir, script, pool.as_ref())
        }
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(()),
        Err(error) => Err(failed()(error.into())),
    }
}

/// Starts a watcher if there is none, and leaves it the pool, whose tokens
/// are there as long as somebody has it open. Call it under the run's lock.
fn ensure_watcher(dir: &RunDir, script: Option<Process>, pool: Option<&Pool>) -> Result<(), Error> {
    if watcher(dir).is_some() {
        return Ok(());
    }
    let failed = |error| Error::Spawn { what: "the watcher".into(), error };
    // The script waits for this process, so now it can be held for certain:
    // as the watcher's stdout. A script may be over before the watcher runs,
    // and how it ended decides over its tasks.
    let script = script.and_then(|script| Handle::open(script).ok().flatten());
    let script = script.map_or_else(Stdio::null, |script| Stdio::from(script.into_fd()));
    let child = raw::set_apart(&mut myself())
        .arg("__watch")
        .arg(dir.path())
        .stdin(pool.and_then(|pool| pool.held().ok()).map_or_else(Stdio::null, Stdio::from))
        .stdout(script)
        .stderr(Stdio::null())
        .current_dir("/")
        .spawn()
        .map_err(failed)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
    let boot = clock::boot().unwrap_or_default();
    let line = format!("{} {} {boot}\n", child.id(), clock::now());
    let written = dir.file(files::WATCHER, flags).and_then(|mut f| f.write_all(line.as_bytes()));
    written.map_err(failed)
}

/// Takes the lock on one of the run's files, however long that takes.
pub fn lock(dir: &RunDir, name: &str) -> std::io::Result<File> {
    let file = dir.file(name, OFlags::RDWR | OFlags::CREATE)?;
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(file)
}

/// A command that runs this very program, also after its file was replaced.
pub fn myself() -> Command {
    let path = std::env::current_exe().ok().filter(|path| path.exists());
    Command::new(path.unwrap_or_else(|| "/proc/self/exe".into()))
}

/// Where runs live unless a directory is named.
pub fn state_home() -> Result<PathBuf, Error> {
    let base = etcetera::choose_base_strategy().map_err(|_| Error::Journal {
        doing: "find",
        path: "~".into(),
        error: std::io::Error::other("no home directory: set HOME or MEANWHILE_DIR"),
    })?;
    let state = base.state_dir().unwrap_or_else(|| base.home_dir().join(".local/state"));
    Ok(state.join("meanwhile"))
}

/// The directory of a script's run: by script, pid and start, so that every
/// subshell of the script finds the run that one of them has opened. A fresh
/// run gets one of its own.
fn new_dir(asked: &Opening) -> Result<RunDir, Error> {
    let stem = Path::new(&asked.script).file_name().unwrap_or_default().to_string_lossy();
    let stem: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' })
        .take(64)
        .collect();
    let pid = asked.owner.unwrap_or_else(std::process::id);
    let started = Stat::of(pid).map_or(0, |stat| stat.started.0 / 10_000);
    let home = state_home()?;
    let mut path = home.join(format!("{stem}-{pid}-{started}"));
    let mut count = 1;
    while asked.fresh && path.exists() {
        count += 1;
        path = home.join(format!("{stem}-{pid}-{started}-{count}"));
    }
    Ok(RunDir::create(&path)?)
}

//! Starting a task from anywhere but a script's own shell: the guard is then
//! this program (see [`super::guard`]), in a session of its own.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process_group};

use super::Error;
use super::open::{Opened, myself};

use crate::process::dir::RunDir;
use crate::process::journal::Journal;
use crate::process::raw;
use crate::run::name::{MAX_PATH, NameError, did_you_mean};
use crate::run::task::Options;
use crate::run::{Id, Kind, Name, Run, files};

/// The id that a start of `name` gets now; refused while an earlier start of
/// it runs or is uncollected.
pub fn next_id(run: &Run, name: &Name, scope: Option<&Id>) -> Result<Id, Error> {
    let first = Id::of(name, scope, 1);
    if first.as_str().len() > MAX_PATH {
        return Err(NameError::Deep(first.to_string()).into());
    }
    match run.latest(first.as_str()) {
        None => Ok(first),
        Some(task) if task.collected.is_none() => {
            Err(Error::Taken { id: task.id.clone(), running: task.end.is_none() })
        }
        Some(task) => Ok(Id::of(name, scope, task.id.count() + 1)),
    }
}

/// What a task is asked to be started with.
#[derive(Debug, Default)]
pub struct Asked {
    /// The tasks to wait for.
    pub after: Vec<Name>,
    /// The locks to hold.
    pub locks: Vec<Name>,
    /// How long it may run, microseconds; 0 is no limit.
    pub timeout: Option<u64>,
    /// How often it is tried again.
    pub retries: u32,
    /// Keep its standard output apart.
    pub capture: bool,
}

/// The same as [`plan`], by what the journal says of the names that matter;
/// all of it is read only to say what is wrong.
pub fn plan_in(
    dir: &RunDir,
    name: &Name,
    scope: Option<&Id>,
    asked: &Asked,
) -> Result<(Id, Options), Error> {
    let failed = || Error::journal("read the journal of", dir.path());
    let mut names = vec![Id::of(name, scope, 1).to_string()];
    names.extend(asked.after.iter().flat_map(|name| name.lookup(scope)));
    let some = Journal::about(dir, &names).map_err(failed())?;
    plan(some.run(), name, scope, asked).or_else(|_| {
        let all = Journal::open(dir).map_err(failed())?;
        plan(all.run(), name, scope, asked)
    })
}

/// The id that a start of `name` gets now, and its options as records hold them.
pub fn plan(
    run: &Run,
    name: &Name,
    scope: Option<&Id>,
    asked: &Asked,
) -> Result<(Id, Options), Error> {
    let mut after = Vec::new();
    let future = Id::of(name, scope, 1);
    for theirs in &asked.after {
        let found = theirs.lookup(scope).iter().find_map(|name| run.latest(name));
        match found.map(|task| &task.id) {
            // A task ends after those inside it that it waits for.
            Some(id) if scope.is_some_and(|scope| scope.within(id)) => {
                return Err(Error::Cycle { chain: vec![future.clone(), id.clone(), future] });
            }
            Some(id) => after.push(id.clone()),
            None if theirs == name => {
                return Err(Error::Cycle { chain: vec![future.clone(), future] });
            }
            None => {
                let near = did_you_mean(theirs.as_str(), run.tasks().iter().map(|t| t.id.name()));
                let near = near.map(str::to_owned);
                return Err(Error::UnknownDependency { id: future, name: theirs.clone(), near });
            }
        }
    }
    let id = next_id(run, name, scope)?;
    let locks: Vec<String> = asked.locks.iter().map(ToString::to_string).collect();
    let queued = !after.is_empty() || !locks.is_empty() || run.jobs.is_some();
    let timeout = asked.timeout.filter(|micros| *micros > 0);
    let (retries, capture) = (asked.retries, asked.capture);
    let options = Options { capture, after, locks, timeout, retries, queued };
    let bytes = options.to_string().len();
    if bytes > MOST_OPTIONS {
        return Err(Error::ManyOptions { id, bytes });
    }
    Ok((id, options))
}

/// The options of a task stand in one record, beside its id and line; bytes.
const MOST_OPTIONS: usize = 2_000;

/// Starts `argv` under `name` in a run that the caller has just opened; returns its id.
pub fn start(
    opened: &mut Opened,
    name: &Name,
    argv: &[OsString],
    asked: &Asked,
) -> Result<Id, Error> {
    let (id, options) = plan(opened.journal.run(), name, None, asked)?;
    let failed = || Error::journal("start a task in", opened.dir.path());
    let fresh = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
    let mut command = opened.dir.file(&files::of_task(&id, files::ARGV), fresh).map_err(failed())?;
    let mut words = Vec::new();
    for word in argv {
        words.extend_from_slice(word.as_bytes());
        words.push(0);
    }
    command.write_all(&words).map_err(failed())?;
    let mut fields = options.fields();
    let (out, log) = outputs(&opened.dir, &id, 1, options.capture).map_err(failed())?;
    let mut child = raw::set_apart(&mut myself())
        .arg("__guard")
        .arg(opened.dir.path())
        .arg(id.as_str())
        .arg(options.to_string())
        .args(argv)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(log)
        .spawn()
        .map_err(|error| Error::Spawn { what: id.to_string(), error })?;
    fields.insert(0, ("pid", child.id().to_string()));
    if let Err(error) = opened.journal.append(Kind::Start, Some(&id), &fields) {
        // Nobody could find it: what is said to have failed does not run. (The
        // guard first, so that it starts nothing more; its group is the task's.)
        let _ = child.kill();
        if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = child.wait();
        return Err(failed()(error));
    }
    Ok(id)
}

/// Where the standard output and the standard error of a task's Nth attempt go.
///
/// # Errors
/// What openat(2) says.
pub fn outputs(
    dir: &RunDir,
    id: &Id,
    attempt: u32,
    capture: bool,
) -> std::io::Result<(File, File)> {
    let append = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND;
    let log = dir.file(&files::of_attempt(id, attempt, files::LOG), append)?;
    let out = if capture {
        dir.file(&files::of_attempt(id, attempt, files::OUT), append)?
    } else {
        log.try_clone()?
    };
    Ok((out, log))
}

//! Starting a task from anywhere but a script's own shell: the guard is then
//! this program (see [`super::guard`]), in a session of its own.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use rustix::fs::OFlags;

use super::Error;
use super::open::{Opened, myself};

use crate::run::name::{MAX_PATH, NameError};
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

/// Starts `argv` under `name` in a run that the caller has just opened; returns its id.
pub fn start(
    opened: &mut Opened,
    name: &Name,
    argv: &[OsString],
    capture: bool,
) -> Result<Id, Error> {
    let id = next_id(opened.journal.run(), name, None)?;
    let failed = || Error::journal("start a task in", opened.dir.path());
    let fresh = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
    let append = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND;

    let mut command = opened.dir.file(&files::of_task(&id, files::ARGV), fresh).map_err(failed())?;
    let mut words = Vec::new();
    for word in argv {
        words.extend_from_slice(word.as_bytes());
        words.push(0);
    }
    command.write_all(&words).map_err(failed())?;
    let log = opened.dir.file(&files::of_task(&id, files::LOG), append).map_err(failed())?;
    let out = if capture {
        opened.dir.file(&files::of_task(&id, files::OUT), append)
    } else {
        log.try_clone()
    };
    let child = myself()
        .arg("__guard")
        .arg(opened.dir.path())
        .arg(id.as_str())
        .args(argv)
        .stdin(Stdio::null())
        .stdout(out.map_err(failed())?)
        .stderr(log)
        .spawn()
        .map_err(|error| Error::Spawn { what: id.to_string(), error })?;
    let fields = [("pid", child.id().to_string()), ("capture", u8::from(capture).to_string())];
    opened.journal.append(Kind::Start, Some(&id), &fields).map_err(failed())?;
    Ok(id)
}

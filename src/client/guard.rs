//! The guard of a task that `meanwhile start` started: asks for admission if
//! the task needs it, runs the command, again if it failed and may be tried
//! again, records its end, whatever that is. (The guard of a task that a
//! script started is a subshell of that script; see `shell/start.sh`.)

use std::ffi::OsString;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use super::admit::{Admission, admit};
use super::{Error, slots, start};
use crate::process::dir::RunDir;
use crate::process::jobserver;
use crate::process::journal::Journal;
use crate::process::stat::Stat;
use crate::process::{locks, raw, tree};
use crate::run::jobs::Jobs;
use crate::run::task::Options;
use crate::run::{Id, Kind, Task, code};

/// Runs `argv` as the task `id`; returns its exit code.
pub fn guard(dir: &RunDir, id: &Id, options: &Options, argv: &[OsString]) -> Result<u8, Error> {
    // A session of its own: the terminal's signals are not meant for it, and
    // its process group holds exactly this task.
    let _ = rustix::process::setsid();
    // What it is granted is held by this descriptor, which is closed in what
    // this process starts.
    let holder = locks::open(dir);
    let admission = match &holder {
        _ if !options.queued => Ok(Admission::Admitted(None)),
        Ok(holder) => admit(dir, id, options, std::process::id(), holder.as_fd()),
        Err(error) => {
            Err(Error::journal("queue in", dir.path())(std::io::Error::from(error.kind())))
        }
    };
    let admission = admission.or_else(|error| {
        say(&format!("{id}: cannot queue: {error}"));
        // Of no use is only the limit on how many run at once.
        let limit_alone = options.after.is_empty() && options.locks.is_empty();
        if limit_alone { Ok(Admission::Admitted(None)) } else { Err(error.code()) }
    });
    // Only now: until it has begun, a signal ends it.
    raw::outlive_polite_signals();
    let code = match admission {
        Err(code) => code,
        Ok(Admission::Skipped) => code::SKIPPED,
        Ok(Admission::Cancelled) => code::TERMINATED,
        Ok(Admission::Admitted(token)) => {
            in_pool(dir, id, token, |flags| attempts(dir, id, options, argv, flags))
        }
    };
    let mut fields = vec![("code", code.to_string())];
    fields.extend(Stat::of(std::process::id()).map(|stat| ("cpu", stat.cpu.to_string())));
    let recorded = Journal::about(dir, &[])
        .and_then(|mut journal| journal.append(Kind::End, Some(id), &fields));
    if let Err(error) = recorded {
        // Its own exit code still tells, to who waits for it.
        say(&format!("{id}: cannot record its end: {error}"));
    }
    Ok(code)
}

/// Does `work` with what lets programs share the run's own pool, and puts the
/// token back.
fn in_pool(dir: &RunDir, id: &Id, token: Option<u8>, work: impl FnOnce(Option<&str>) -> u8) -> u8 {
    if token.is_none() {
        return work(None);
    }
    let own = Journal::about(dir, &[])
        .is_ok_and(|journal| matches!(journal.run().jobs, Some(Jobs::Own(_))));
    let flags = own.then(|| jobserver::share(dir).ok()).flatten();
    let code = work(flags.as_deref());
    if let Err(error) = slots::free(dir, id) {
        say(&format!("{id}: its slot is not free: {error}"));
    }
    code
}

fn attempts(
    dir: &RunDir,
    id: &Id,
    options: &Options,
    argv: &[OsString],
    makeflags: Option<&str>,
) -> u8 {
    let [program, arguments @ ..] = argv else { return code::OK };
    let mut attempt = 1;
    loop {
        let mut command = Command::new(program);
        command.args(arguments).env(tree::MARK, tree::stem(dir, id));
        if attempt > 1 {
            // Without a log of its own it goes on in the one before.
            if let Ok((out, log)) = start::outputs(dir, id, attempt, options.capture) {
                command.stdout(out).stderr(log);
            }
        }
        command.envs(makeflags.map(|flags| ("MAKEFLAGS", flags)));
        let code = match command.status() {
            Ok(status) => raw::shell_code(status.into_raw()),
            Err(error) => {
                say(&format!("{id}: cannot run {}: {error}", program.to_string_lossy()));
                if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 }
            }
        };
        if code == code::OK || attempt > options.retries || !again(dir, id, code) {
            return code;
        }
        attempt += 1;
    }
}

/// Records that an attempt failed with `code` and another follows; false if
/// none may: the task is being ended.
pub fn again(dir: &RunDir, id: &Id, code: u8) -> bool {
    let Ok(mut journal) = Journal::about(dir, &[id.name().to_owned()]) else { return false };
    // What cannot be recorded would have its output taken for that of the attempt before.
    !journal.run().task(id).is_some_and(Task::is_ending)
        && journal.append(Kind::Attempt, Some(id), &[("code", code.to_string())]).is_ok()
}

/// Says it in the task's log. That may be on the disk that is full, which is
/// no reason to panic, as `eprintln!` would.
pub(super) fn say(message: &str) {
    let _ = std::io::stderr().write_all(format!("meanwhile: {message}\n").as_bytes());
}

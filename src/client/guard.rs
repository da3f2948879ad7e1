//! The guard of a task that `meanwhile start` started: runs the command,
//! records its end, whatever that is. (The guard of a task that a script
//! started is a subshell of that script; see `shell/start.sh`.)

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use super::Error;
use crate::process::dir::RunDir;
use crate::process::journal::Journal;
use crate::process::raw;
use crate::process::stat::Stat;
use crate::run::{Id, Kind};

/// Runs `argv` as the task `id`; returns its exit code.
pub fn guard(dir: &RunDir, id: &Id, argv: &[OsString]) -> Result<u8, Error> {
    // A session of its own: the terminal's signals are not meant for it, and
    // its process group holds exactly this task.
    let _ = rustix::process::setsid();
    raw::outlive_polite_signals();
    let code = match argv {
        [] => 0,
        [program, arguments @ ..] => match Command::new(program).args(arguments).status() {
            Ok(status) => raw::shell_code(status.into_raw()),
            Err(error) => {
                eprintln!("meanwhile: {id}: cannot run {}: {error}", program.to_string_lossy());
                if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 }
            }
        },
    };
    let mut fields = vec![("code", code.to_string())];
    fields.extend(Stat::of(std::process::id()).map(|stat| ("cpu", stat.cpu.to_string())));
    let failed = || Error::journal("record the end of a task in", dir.path());
    let mut journal = Journal::about(dir, &[]).map_err(failed())?;
    journal.append(Kind::End, Some(id), &fields).map_err(failed())?;
    Ok(code)
}

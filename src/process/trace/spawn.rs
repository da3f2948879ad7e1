//! The traced command's first process: forked, traced, filtered, and only
//! then the command.

use std::ffi::{CString, OsStr, OsString};
use std::io::{Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::raw::{self, Child};
use super::{Options, TraceError, filter};
use crate::process::signals::Signals;

/// How far a child has come when it reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// Nobody told it to go on.
    Go = 1,
    /// No failure: it had to give up the privileges of set-user-ID programs.
    NoNewPrivileges = 2,
    /// The filter was refused.
    Filter = 3,
    /// It could not become the user.
    User = 4,
    /// The program could not be run.
    Exec = 5,
}

/// What reports the child makes, until it is its program.
pub struct Reports(std::fs::File);

/// A child that waits to be let go.
pub struct Spawned {
    /// Its pid.
    pub pid: u32,
    /// What it reports.
    pub reports: Reports,
    program: PathBuf,
}

/// Forks and traces the process that is to become `argv`, and lets it go.
pub fn spawn(
    argv: &[OsString],
    env: &[(&str, OsString)],
    options: &Options,
    signals: &Signals,
) -> Result<Spawned, TraceError> {
    let program = argv.first().map(PathBuf::from).unwrap_or_default();
    let unusable = |_| TraceError::Command {
        program: program.clone(),
        error: std::io::ErrorKind::InvalidInput.into(),
    };
    let words: Result<Vec<CString>, _> =
        argv.iter().map(|word| CString::new(word.as_bytes())).collect();
    let words = words.map_err(unusable)?;
    let variables: Result<Vec<CString>, _> =
        environment(env, options).map(|(name, value)| variable(&name, &value)).collect();
    let variables = variables.map_err(unusable)?;
    let unsupported = || TraceError::System(std::io::ErrorKind::Unsupported.into());
    let filter = filter::program(options.light).ok_or_else(unsupported)?;
    let system = |error: rustix::io::Errno| TraceError::System(error.into());
    let (wait, go) = pipe_with(PipeFlags::CLOEXEC).map_err(system)?;
    let (read, report) = pipe_with(PipeFlags::CLOEXEC).map_err(system)?;
    let name = words.first().ok_or_else(unsupported)?;
    let pid = raw::fork(&Child {
        program: name,
        argv: &words,
        environment: &variables,
        filter: &filter,
        user: options.user.as_ref(),
        signals: signals.inherited(),
        go: wait,
        starter: &go,
        report,
    })
    .map_err(TraceError::System)?;
    if let Err(error) = raw::seize(pid) {
        if let Some(pid) = Pid::from_raw(pid as i32) {
            let _ = kill_process(pid, Signal::KILL);
            let _ = waitpid(Some(pid), WaitOptions::empty());
        }
        return Err(TraceError::Forbidden(error));
    }
    // If it is gone, the tracer will see that.
    let _ = std::fs::File::from(go).write(&[0]);
    Ok(Spawned { pid, reports: Reports(read.into()), program })
}

impl Spawned {
    /// What it reported, now that it is its program or has ended: whether
    /// set-user-ID programs lose their privileges.
    pub fn started(&mut self) -> Result<bool, TraceError> {
        let mut bytes = Vec::new();
        let _ = self.reports.0.read_to_end(&mut bytes);
        let mut lost = false;
        for record in bytes.chunks_exact(5) {
            let number = i32::from_ne_bytes([record[1], record[2], record[3], record[4]]);
            let error = std::io::Error::from_raw_os_error(number);
            match record[0] {
                stage if stage == Stage::NoNewPrivileges as u8 => lost = true,
                stage if stage == Stage::Filter as u8 => return Err(TraceError::Forbidden(error)),
                stage if stage == Stage::User as u8 => return Err(TraceError::Privilege(error)),
                stage if stage == Stage::Exec as u8 => {
                    return Err(TraceError::Command { program: self.program.clone(), error });
                }
                _ => return Err(TraceError::System(error)),
            }
        }
        Ok(lost)
    }
}

/// This process's environment, with what is added, and of whom it becomes.
fn environment(
    env: &[(&str, OsString)],
    options: &Options,
) -> impl Iterator<Item = (OsString, OsString)> {
    let mut added: Vec<(OsString, OsString)> = Vec::new();
    if let Some(user) = &options.user {
        added.push(("HOME".into(), user.home.clone()));
        added.push(("USER".into(), user.name.clone()));
        added.push(("LOGNAME".into(), user.name.clone()));
    }
    added.extend(env.iter().map(|(name, value)| (OsString::from(name), value.clone())));
    let names: Vec<OsString> = added.iter().map(|(name, _)| name.clone()).collect();
    std::env::vars_os().filter(move |(name, _)| !names.contains(name)).chain(added)
}

fn variable(name: &OsStr, value: &OsStr) -> Result<CString, std::ffi::NulError> {
    let mut variable = name.to_owned();
    variable.push("=");
    variable.push(value);
    CString::new(variable.into_vec())
}

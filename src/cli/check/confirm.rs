//! `--confirm`: the script is run again in the two orders that are furthest
//! apart, and once more in the first one, each time from the same beginning,
//! to which a command of the user brings everything back.
//!
//! These runs are not traced. They see no input, and what they print is not
//! shown. They have a wrapper, so that nothing of one is there in the next.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use crate::check::confirm::{Came, Confirmed, Watched, confirm, is_open, watched};
use crate::check::{Finding, Input, Who};
use crate::cli::message;
use crate::process::{below, digest, signals};
use crate::run::{code, files};
use crate::watch::wrap::{Ending, wrap};

/// From TERM to KILL, microseconds.
const GRACE: u64 = 5_000_000;
/// So much longer than the traced run may such a run be, and so many times as long.
const LONGER: u64 = 60_000_000;
const TIMES: u64 = 10;

/// An order in which tasks run.
#[derive(Clone, Copy)]
enum Order {
    /// Each at the point of its start.
    Eager,
    /// Each when somebody waits for it.
    Lazy,
}

/// Why nothing is confirmed.
enum Stopped {
    /// This process was asked to end.
    Signal(i32),
    /// It cannot be, in words.
    Because(String),
}

/// What is run again, and how.
#[derive(Debug)]
pub struct Again<'a> {
    /// The script.
    pub command: &'a [OsString],
    /// Brings everything back to where it was.
    pub reset: &'a OsStr,
    /// How long the traced run took, microseconds.
    pub took: u64,
}

impl Again<'_> {
    /// What the orders say of each finding, as far as it came to that; and the
    /// signal that asked this process to end.
    pub fn confirm(
        &self,
        input: &Input<'_>,
        findings: &[Finding],
    ) -> (Vec<Option<Confirmed>>, Option<i32>) {
        match self.compare(input, findings) {
            Ok(confirmed) => (confirmed, None),
            Err(Stopped::Signal(signal)) => (Vec::new(), Some(signal)),
            Err(Stopped::Because(why)) => {
                message::say(format!("check: nothing is confirmed: {why}"), None);
                (Vec::new(), None)
            }
        }
    }

    fn compare(
        &self,
        input: &Input<'_>,
        findings: &[Finding],
    ) -> Result<Vec<Option<Confirmed>>, Stopped> {
        if !findings.iter().any(is_open) {
            return Ok(Vec::new());
        }
        let files = watched(input, findings);
        let eager = self.once(Order::Eager, &files)?;
        let lazy = self.once(Order::Lazy, &files)?;
        // What is the same in both orders needs no third run.
        let again =
            if eager.same(&lazy) { eager.clone() } else { self.once(Order::Eager, &files)? };
        Ok(confirm(findings, &files, [&eager, &lazy], &again))
    }

    /// Runs it once, from the beginning.
    fn once(&self, order: Order, watched: &[Watched]) -> Result<Came, Stopped> {
        let (word, confirming, parallel) = match order {
            Order::Eager => ("each task at its start", "eager", "0"),
            Order::Lazy => ("each task when it is waited for", "lazy", "1"),
        };
        message::say(format!("check: once more, {word}"), None);
        self.reset()?;
        // It must not take the place of the run that is reported.
        let place = tempfile::tempdir().map_err(|error| Stopped::Because(error.to_string()))?;
        let mut argv: Vec<OsString> =
            ["sh", "-c", "exec \"$@\" </dev/null >/dev/null 2>&1", "sh", "env"]
                .map(OsString::from)
                .to_vec();
        argv.push(format!("MEANWHILE_CONFIRM={confirming}").into());
        argv.push(format!("MEANWHILE_PARALLEL={parallel}").into());
        if std::env::var_os("MEANWHILE_DIR").is_some_and(|dir| !dir.is_empty()) {
            let mut dir = OsString::from("MEANWHILE_DIR=");
            dir.push(place.path().join("run"));
            argv.push(dir);
        }
        argv.extend(self.command.iter().cloned());
        let limit = self.took.saturating_mul(TIMES).saturating_add(LONGER);
        let wrapped =
            wrap(&argv, GRACE, Some(limit)).map_err(|error| Stopped::Because(error.to_string()))?;
        // What it has left would be in the way of the next.
        below::kill_all(|_| false);
        below::reap();
        wrapped.signals.give_back();
        if wrapped.late {
            let seconds = limit / 1_000_000;
            return Err(Stopped::Because(format!("with {word} it did not end in {seconds}s")));
        }
        let mut came = Came::default();
        let code = match wrapped.ending {
            Ending::Code(code) => code,
            Ending::Signal(signal) if signals::ENDS.contains(&signal) => {
                return Err(Stopped::Signal(signal));
            }
            Ending::Signal(signal) => u8::try_from(128 + signal).unwrap_or(code::FAILED),
        };
        came.codes.insert(Who::Script, code);
        for (number, run) in wrapped.runs.iter().enumerate() {
            for (at, task) in run.journal.run().tasks().iter().enumerate() {
                let who = Who::Task { run: number, id: task.id.clone() };
                came.began.extend(task.began().map(|time| (who.clone(), (time, at))));
                if let Some(code) = task.code() {
                    came.codes.insert(who.clone(), code);
                }
                let attempt = task.failures.saturating_add(1);
                let log = run.dir.path().join(files::of_attempt(&task.id, attempt, files::LOG));
                if let Some(printed) = digest::of(&log) {
                    came.printed.insert(who, printed);
                }
            }
        }
        let file = |watched: &Watched| digest::of(Path::new(OsStr::from_bytes(&watched.path)));
        came.files = watched.iter().map(file).collect();
        Ok(came)
    }

    /// Runs the user's command; what it prints comes on standard error.
    fn reset(&self) -> Result<(), Stopped> {
        let failed = |what: String| Stopped::Because(format!("the reset command {what}"));
        let output = message::raw_stderr().map_or_else(|_| Stdio::null(), Stdio::from);
        let mut command = Command::new("sh");
        command.arg("-c").arg(self.reset).stdin(Stdio::null()).stdout(output);
        match command.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(failed(ended(status))),
            Err(error) => Err(failed(format!("cannot be run: {error}"))),
        }
    }
}

fn ended(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("ended with exit code {code}"),
        None => format!("was ended: {status}"),
    }
}

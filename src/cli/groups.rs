//! Where a CI system reads the log, what it wants to read there; see
//! [`crate::report::groups`]. Here is what its environment says, and the
//! output that puts its markers around each task's log.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};

use super::message;
use crate::client::replay::{Log, Sink};
use crate::process::dir::RunDir;
use crate::process::output;
use crate::report::again;
use crate::report::groups::{Ci, Marks, Setting, after_all, annotation, around};
use crate::report::neutral::{Neutral, What};
use crate::run::{Run, Task, files};

/// The option that chooses.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Groups {
    /// The CI system whose log groups and error marks are printed: github, gitlab,
    /// buildkite, azure, teamcity; auto: the one around, if it reads the output; never.
    #[arg(
        long,
        value_name = "SYSTEM",
        default_value = "auto",
        env = "MEANWHILE_GROUPS",
        hide_env_values = true,
        overrides_with = "groups"
    )]
    groups: OsString,
}

impl Groups {
    /// What `MEANWHILE_GROUPS` says, for a command without the option.
    pub fn of_environment() -> Self {
        Self { groups: std::env::var_os("MEANWHILE_GROUPS").unwrap_or_default() }
    }

    /// What is chosen. A wrong word costs the groups and no more.
    pub fn setting(&self) -> Setting {
        // (What is no text is no known word.)
        let text = self.groups.to_string_lossy();
        Setting::parse(&text).unwrap_or_else(|rule| {
            let told = format!("MEANWHILE_GROUPS is {text:?}, which counts as never");
            message::say(told, Some(rule));
            Setting::Never
        })
    }
}

/// The system around this process, whoever reads its output.
pub fn system(setting: Setting) -> Option<Ci> {
    match setting {
        Setting::Never => None,
        Setting::Always(ci) => Some(ci),
        Setting::Auto => Ci::detect(|name| std::env::var(name).ok()),
    }
}

/// The system that reads standard output; none where somebody else does.
pub fn reader(setting: Setting, run: &Run) -> Option<Ci> {
    let ci = system(setting)?;
    let ours = output::is_the_scripts(run.owner, run.stdout.as_deref());
    let read = || match setting {
        Setting::Auto => output::is_a_log(run.owner, ci.mark_of_a_step()),
        _ => true,
    };
    (ours && read()).then_some(ci)
}

/// What is to be said once more of a run's failures.
pub fn failures(ci: Ci, dir: &RunDir, run: &Run) -> Vec<u8> {
    again::failures(ci, run, |task| {
        let log = Log::open(dir, &task.id, task.failures + 1, files::LOG).ok().flatten();
        log.and_then(|log| log.last_lines(again::LINES, again::BYTES).ok())
    })
}

/// Standard output with each task's log in a group, where a CI system reads
/// it; and as it is where none does.
#[derive(Debug)]
pub struct Grouped {
    output: File,
    ci: Option<Ci>,
    setting: Setting,
    /// Whether that was found out: only a log that is replayed needs it.
    known: bool,
    /// The log that is passed on: what makes it harmless, and what follows it.
    within: Option<(Neutral, String)>,
    /// What is still to be written.
    held: Vec<u8>,
    count: usize,
}

impl Grouped {
    /// Onto `output`.
    pub fn new(output: File, groups: &Groups) -> Self {
        let setting = groups.setting();
        // Outside of CI nothing more is asked.
        let known = system(setting).is_none();
        Self { output, ci: None, setting, known, within: None, held: Vec::new(), count: 0 }
    }

    /// All tasks are through; `at` is the script's line that waited.
    pub fn close(&mut self, at: Option<&str>) {
        if let Some(ci) = self.ci.filter(|_| self.count > 0) {
            self.held.extend_from_slice(after_all(ci, at).as_bytes());
        }
    }

    fn ci(&mut self, run: &Run) -> Option<Ci> {
        if !self.known {
            self.known = true;
            self.ci = reader(self.setting, run);
        }
        self.ci
    }

    /// Writes what is held. What an output refuses for a moment stays here.
    fn drain(&mut self) -> io::Result<()> {
        let mut written = 0;
        let result = loop {
            match self.output.write(&self.held[written..]) {
                Ok(0) if written < self.held.len() => break Err(io::ErrorKind::WriteZero.into()),
                Ok(0) => break Ok(()),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.held.drain(..written);
        result
    }
}

impl Write for Grouped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.held.is_empty() {
            self.drain()?;
        }
        match &mut self.within {
            None => self.output.write(bytes),
            Some((neutral, _)) => {
                neutral.feed(bytes, &mut self.held);
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.held.is_empty() { self.output.flush() } else { self.drain() }
    }
}

impl Sink for Grouped {
    fn begin(&mut self, task: &Task, run: &Run) {
        let Some(ci) = self.ci(run) else { return };
        self.count += 1;
        let began = task.began().unwrap_or_default().0;
        let tag = format!("{}.{}.{began}", std::process::id(), self.count);
        let Marks { open, close } = around(ci, task, run, &tag);
        self.held.extend_from_slice(open.as_bytes());
        self.within = Some((Neutral::new(ci, What::Groups), close));
    }

    fn end(&mut self) {
        if let Some((mut neutral, close)) = self.within.take() {
            neutral.finish(&mut self.held);
            self.held.extend_from_slice(close.as_bytes());
        }
    }

    fn skip(&mut self, task: &Task, run: &Run) {
        if let Some(ci) = self.ci(run) {
            self.held.extend_from_slice(annotation(ci, task).as_bytes());
        }
    }
}

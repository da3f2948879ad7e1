//! `meanwhile report`: what a run bought.

use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;

use super::groups::{self, Groups};
use super::{Failure, message, run_dir, step_summary};
use crate::client::Error;
use crate::process::dir::RunDir;
use crate::process::registry::{self, Entry};
use crate::report::{Subject, devstack, json, text};

/// Report on a run: finished, still running, or crashed.
#[derive(Debug, clap::Args)]
pub struct Report {
    /// The run's directory; by default MEANWHILE_DIR, else the latest run.
    run: Option<PathBuf>,
    /// The form.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write to this file.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    groups: Groups,
    #[command(flatten)]
    dir: run_dir::Dir,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
    #[value(hide = true)]
    Devstack,
}

impl Report {
    pub fn run(self) -> Result<u8, Failure> {
        let dir = match &self.run {
            Some(path) => RunDir::open(path).map_err(Error::from)?,
            None => self.dir.named_or_latest()?,
        };
        let loaded = run_dir::Loaded::read(&dir)?;
        let subject = loaded.subject();
        let text = match self.format {
            Format::Text => text::summary(&subject),
            Format::Devstack => devstack::summary(&subject),
            Format::Json => json::document(&subject)
                .map(|text| text + "\n")
                .map_err(|error| Failure::other("cannot write JSON", &error.into()))?,
        };
        match &self.output {
            None => {
                message::print(&text)?;
                self.tell_wrapper(&dir, &subject);
                self.tell_ci(&dir, &subject)?;
            }
            Some(path) => std::fs::File::create(path)
                .and_then(|mut file| file.write_all(text.as_bytes()))
                .map_err(|error| {
                    Failure::other(&format!("cannot write {}", path.display()), &error)
                })?,
        }
        Ok(0)
    }

    /// In CI the failures come last, and the summary goes on the step's page.
    fn tell_ci(&self, dir: &RunDir, subject: &Subject<'_>) -> Result<(), Failure> {
        if matches!(self.format, Format::Json) {
            return Ok(());
        }
        let setting = self.groups.setting();
        step_summary::tell(setting, subject);
        match groups::reader(setting, subject.run) {
            Some(ci) => message::print_bytes(&groups::failures(ci, dir, subject.run)),
            None => Ok(()),
        }
    }

    /// `meanwhile run` prints the summary of a script that has not done so.
    fn tell_wrapper(&self, dir: &RunDir, subject: &Subject<'_>) {
        if !matches!(self.format, Format::Json) {
            let ended = subject.run.tasks().iter().filter(|task| task.end.is_some()).count();
            registry::tell(&Entry::Told(dir.path().to_owned(), ended));
        }
    }
}

//! `meanwhile report`: what a run bought.

use std::fs::{File, Permissions};
use std::io::{IsTerminal, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::{Failure, html, message, run_dir};
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
    /// Write to this file; html to a file that only you can read.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// html: compare with this earlier run, task by task.
    #[arg(long, value_name = "RUN")]
    compare: Option<PathBuf>,
    /// html: leave this out, to give the report to others.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT")]
    without: Vec<html::Part>,
    #[command(flatten)]
    dir: run_dir::Dir,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
    /// One page that needs nothing else; it has the commands and the logs.
    Html,
    #[value(hide = true)]
    Devstack,
}

impl Report {
    pub fn run(self) -> Result<u8, Failure> {
        let dir = match &self.run {
            Some(path) => RunDir::open(path).map_err(Error::from)?,
            None => self.dir.named_or_latest()?,
        };
        self.check()?;
        let loaded = run_dir::Loaded::read(&dir)?;
        let subject = loaded.subject();
        let text = match self.format {
            Format::Text => text::summary(&subject),
            Format::Devstack => devstack::summary(&subject),
            Format::Json => json::document(&subject)
                .map(|text| text + "\n")
                .map_err(|error| Failure::other("cannot write JSON", &error.into()))?,
            Format::Html => {
                let earlier = self.compare.as_deref().map(|path| {
                    let dir = RunDir::open(path).map_err(Error::from)?;
                    let loaded = run_dir::Loaded::read(&dir)?;
                    Ok::<_, Failure>((dir, loaded))
                });
                html::document(&dir, &loaded, earlier.transpose()?.as_ref(), &self.without)?
            }
        };
        match &self.output {
            None => {
                message::print(&text)?;
                self.tell_wrapper(&dir, &subject);
            }
            Some(path) => {
                self.create(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(
                    |error| Failure::other(&format!("cannot write {}", path.display()), &error),
                )?
            }
        }
        Ok(0)
    }

    /// Refuses what could only be a mistake.
    fn check(&self) -> Result<(), Failure> {
        let html = matches!(self.format, Format::Html);
        if !html && (self.compare.is_some() || !self.without.is_empty()) {
            let message = "--compare and --without are of --format html";
            return Err(Failure::usage(message, "add --format html"));
        }
        if html && self.output.is_none() && std::io::stdout().is_terminal() {
            let message = "an HTML page is nothing for a terminal";
            return Err(Failure::usage(message, "write it to a file: -o report.html"));
        }
        Ok(())
    }

    /// The file to write to. A page has commands and logs, which may hold secrets.
    fn create(&self, path: &Path) -> std::io::Result<File> {
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        let private = matches!(self.format, Format::Html);
        if private {
            options.mode(0o600);
        }
        let file = options.open(path)?;
        if private && file.metadata()?.is_file() {
            // One that was there keeps its mode otherwise.
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        Ok(file)
    }

    /// `meanwhile run` prints the summary of a script that has not done so.
    fn tell_wrapper(&self, dir: &RunDir, subject: &Subject<'_>) {
        if matches!(self.format, Format::Text | Format::Devstack) {
            let ended = subject.run.tasks().iter().filter(|task| task.end.is_some()).count();
            registry::tell(&Entry::Told(dir.path().to_owned(), ended));
        }
    }
}

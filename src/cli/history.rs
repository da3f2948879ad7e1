//! `meanwhile history`: the last runs of a script.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use super::{Failure, message, run_dir};
use crate::client::Error;
use crate::client::history::{self, Script};
use crate::process::dir::RunDir;
use crate::process::journal::Journal;
use crate::report::estimate::{Estimate, estimate};
use crate::report::history::{History as Told, json, text};
use crate::run::name::did_you_mean;
use crate::run::ran::{Ran, decode_path, encode_path};

/// Show the last runs of a script, what its tasks usually take, and what got slower.
///
/// Without SCRIPT: the scripts that have a history, the latest first. See docs/history.md.
#[derive(Debug, clap::Args)]
pub struct History {
    /// The script: its path, or its name alone if no other has that.
    script: Option<PathBuf>,
    /// Show so many runs, the newest.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    runs: usize,
    /// As one JSON document (see docs/json.md).
    #[arg(long)]
    json: bool,
}

impl History {
    pub fn run(self) -> Result<u8, Failure> {
        let scripts = history::scripts().map_err(Error::from)?;
        let written = match &self.script {
            None => self.list(&scripts),
            Some(asked) => self.one(find(&scripts, asked)?),
        };
        let failed = |error: serde_json::Error| Failure::other("cannot write JSON", &error.into());
        message::print(&written.map_err(failed)?)?;
        Ok(0)
    }

    fn list(&self, scripts: &[Script]) -> serde_json::Result<String> {
        let named: Vec<(String, &[Ran])> =
            scripts.iter().map(|script| (readable(&script.path), &*script.runs)).collect();
        if self.json {
            return json::list(&named).map(|text| text + "\n");
        }
        Ok(text::list(&named, &TimeZone::system()))
    }

    fn one(&self, script: &Script) -> serde_json::Result<String> {
        let told = Told {
            script: &readable(&script.path),
            runs: &script.runs,
            told: script.runs.iter().rev().take(self.runs).map(told).collect(),
        };
        if self.json {
            return json::document(&told).map(|text| text + "\n");
        }
        Ok(text::text(&told, &TimeZone::system()))
    }
}

/// The directory of a run, and what the run would have taken serially, if that
/// run is still there.
fn told(ran: &Ran) -> (String, Option<Estimate>) {
    let path = PathBuf::from(OsString::from_vec(decode_path(&ran.dir)));
    let figures = || {
        let dir = RunDir::open(&path).ok()?;
        // Another run's directory by now is not read whole.
        Journal::about(&dir, &[]).ok().filter(|journal| ran.is(journal.run()))?;
        let loaded = run_dir::Loaded::read(&dir).ok()?;
        Some(estimate(&loaded.subject()))
    };
    (readable(&ran.dir), figures())
}

/// A path for people.
fn readable(path: &str) -> String {
    message::printable(&String::from_utf8_lossy(&decode_path(path)))
}

/// The script that is meant.
fn find<'a>(scripts: &'a [Script], asked: &Path) -> Result<&'a Script, Failure> {
    let bytes = asked.as_os_str().as_bytes();
    let bare = !bytes.contains(&b'/');
    // The script itself may be gone, by this path or from this place.
    let real = [std::fs::canonicalize(asked), std::path::absolute(asked)];
    for path in real.iter().flatten().map(|path| encode_path(path.as_os_str().as_bytes())) {
        if let Some(script) = scripts.iter().find(|script| script.path == path) {
            return Ok(script);
        }
    }
    let name = asked.file_name().unwrap_or_default();
    let same: Vec<&Script> = scripts.iter().filter(|script| name_of(script) == name).collect();
    let shown = asked.display();
    let paths: Vec<String> = same.iter().map(|script| readable(&script.path)).collect();
    match same[..] {
        [script] if bare => Ok(script),
        [_, _, ..] if bare => Err(Failure::usage(
            format!("{shown}: {} scripts have this name", same.len()),
            format!("give the path of one: {}", paths.join(", ")),
        )),
        _ => Err(Failure::unknown(
            format!("{shown}: no history of this script"),
            match paths[..] {
                [] => near(scripts, name),
                _ => format!("did you mean {}?", paths.join(" or ")),
            },
        )),
    }
}

fn near(scripts: &[Script], name: &OsStr) -> String {
    let names: Vec<String> =
        scripts.iter().map(|script| name_of(script).to_string_lossy().into_owned()).collect();
    match did_you_mean(&name.to_string_lossy(), names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near}?"),
        None => "a run is remembered once it is over; the scripts that have a history: \
            meanwhile history"
            .into(),
    }
}

fn name_of(script: &Script) -> OsString {
    let path = PathBuf::from(OsString::from_vec(decode_path(&script.path)));
    path.file_name().unwrap_or_default().to_owned()
}

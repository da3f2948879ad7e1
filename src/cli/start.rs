//! `meanwhile start`: starts a task from any language, terminal or CI step.

use std::ffi::OsString;

use super::{Failure, message, run_dir};
use crate::client::open::{Opening, open};
use crate::client::start;
use crate::run::Name;

/// Start a command in the background under a name, in the run of MEANWHILE_DIR.
///
/// The directory is made where there is none. The run has no script whose
/// end would end its tasks: they go on until they end or are cancelled.
/// Collect with `meanwhile wait NAME` from any process that has the same
/// MEANWHILE_DIR.
#[derive(Debug, clap::Args)]
pub struct Start {
    /// The task's name.
    name: String,
    /// The command and its arguments, as they are.
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    command: Vec<OsString>,
    /// Keep standard output apart from the log, for `meanwhile get`.
    #[arg(long)]
    capture: bool,
    #[command(flatten)]
    dir: run_dir::Dir,
}

impl Start {
    pub fn run(&self) -> Result<u8, Failure> {
        let name = Name::new(&self.name)?;
        if self.dir.given().is_none() {
            // Says how to name a run.
            self.dir.named()?;
        }
        let asked =
            Opening { path: self.dir.given(), script: "start".into(), ..Opening::default() };
        let mut opened = open(&asked)?;
        let id = start::start(&mut opened, &name, &self.command, self.capture)?;
        if id.count() > 1 {
            message::say(format!("{name}: started again, as {id}"), None);
        }
        Ok(0)
    }
}

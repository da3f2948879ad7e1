//! `meanwhile start`: starts a task from any language, terminal or CI step.

use std::ffi::OsString;

use super::{Failure, message, options, run_dir};
use crate::client::open::{Opening, open};
use crate::client::{live, start};
use crate::run::Name;
use crate::run::jobs::Jobs;

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
    #[command(flatten)]
    options: options::Options,
    /// How many tasks of a new run may run at once: 4, 50% of the
    /// processors, or +2 more than there are.
    #[arg(long, value_name = "N", env = "MEANWHILE_JOBS", hide_env_values = true,
          value_parser = super::options::parse_jobs)]
    jobs: Option<Jobs>,
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
        let asked = self.options.asked()?;
        let grace = std::env::var("MEANWHILE_GRACE").ok().filter(|grace| !grace.is_empty());
        super::internal::check_settings(grace.as_deref(), None)?;
        let opening = Opening {
            path: self.dir.given(),
            script: "start".into(),
            grace,
            jobs: self.jobs.clone(),
            ..Opening::default()
        };
        let mut opened = open(&opening)?;
        let id = start::start(&mut opened, &name, &self.command, &asked)?;
        if self.options.live {
            live::start(&opened.dir, &id)?;
        }
        if id.count() > 1 {
            message::say(format!("{name}: started again, as {id}"), None);
        }
        Ok(0)
    }
}

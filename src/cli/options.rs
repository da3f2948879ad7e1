//! The options of a task, which `start` and `async_run` share.

use super::Failure;
use crate::client::start::Asked;
use crate::run::jobs::Jobs;
use crate::run::{Name, duration};

/// The options of a task.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Begin once these tasks have succeeded. If one fails, this task is
    /// skipped: code 123.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    after: Vec<String>,
    /// Never run beside another task that holds this lock.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    lock: Vec<String>,
    /// End the task after this time, all its attempts together: code 124.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<u64>,
    /// Try again up to so many times when it fails.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true,
          value_parser = clap::value_parser!(u32).range(..=1000))]
    retries: u32,
    /// Keep standard output apart from the log, for `meanwhile get`.
    #[arg(long)]
    capture: bool,
    /// Show its lines on standard error while it runs, each with its name.
    #[arg(long)]
    pub live: bool,
}

/// Reads what `MEANWHILE_JOBS` says, for the processors that this process may use.
pub fn parse_jobs(text: &str) -> Result<Jobs, String> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Jobs::of_setting(text, u32::try_from(processors).unwrap_or(u32::MAX))
}

impl Options {
    /// Checks the names among them.
    pub fn asked(&self) -> Result<Asked, Failure> {
        let names = |texts: &[String]| -> Result<Vec<Name>, Failure> {
            // "a,b," and "" happen where a script puts a list together.
            let texts = texts.iter().filter(|text| !text.is_empty());
            texts.map(|text| Name::nested(text).map_err(Failure::from)).collect()
        };
        Ok(Asked {
            after: names(&self.after)?,
            locks: names(&self.lock)?,
            timeout: self.timeout,
            retries: self.retries,
            capture: self.capture,
        })
    }
}

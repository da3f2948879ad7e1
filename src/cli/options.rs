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
    #[arg(long, value_name = "DURATION", env = "MEANWHILE_TIMEOUT", hide_env_values = true,
          value_parser = parse_timeout)]
    timeout: Option<u64>,
    /// Try again up to so many times when it fails.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true,
          env = "MEANWHILE_RETRIES", hide_env_values = true, value_parser = parse_retries)]
    retries: u32,
    /// Keep standard output apart from the log, for `meanwhile get`.
    #[arg(long)]
    capture: bool,
    /// Show its lines on standard error while it runs, each with its name.
    #[arg(long)]
    pub live: bool,
}

// An empty variable is as none: of these two, 0 means that.

fn parse_timeout(text: &str) -> Result<u64, String> {
    if text.is_empty() { Ok(0) } else { duration::parse(text) }
}

fn parse_retries(text: &str) -> Result<u32, String> {
    let count = if text.is_empty() { Some(0) } else { text.parse().ok() };
    count.filter(|count| *count <= 1000).ok_or_else(|| "it is a number up to 1000".to_owned())
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

//! `meanwhile clean`: removes old runs.

use std::time::Duration;

use super::{Failure, message};
use crate::client::clean::{Policy, prune};
use crate::client::{Error, history};
use crate::run::duration;

/// Remove old runs from the state directory; runs that go on stay.
///
/// Every run does this by itself with the default limits. The history of scripts
/// (see `meanwhile history`) bounds itself, and stays.
#[derive(Debug, clap::Args)]
pub struct Clean {
    /// Remove runs without a change for this long.
    #[arg(long, value_name = "DURATION", default_value = "336h", value_parser = duration::parse)]
    older_than: u64,
    /// Of the rest, keep the newest up to so many MiB.
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    max_size: u64,
    /// Remove all of them, and the history of all scripts.
    #[arg(long)]
    all: bool,
}

impl Clean {
    pub fn run(self) -> Result<u8, Failure> {
        let policy = if self.all {
            Policy { age: Duration::ZERO, bytes: 0 }
        } else {
            Policy {
                age: Duration::from_micros(self.older_than),
                bytes: self.max_size.saturating_mul(1 << 20),
            }
        };
        let removed = prune(policy)?;
        let bytes: u64 = removed.iter().map(|run| run.bytes).sum();
        let count = removed.len();
        let runs = if count == 1 { "run" } else { "runs" };
        message::print(&format!(
            "removed {count} {runs}, {:.1} MiB\n",
            bytes as f64 / 1_048_576.0
        ))?;
        if self.all {
            match history::forget().map_err(Error::from)? {
                0 => {}
                1 => message::print("removed the history of 1 script\n")?,
                count => message::print(&format!("removed the history of {count} scripts\n"))?,
            }
        }
        Ok(0)
    }
}

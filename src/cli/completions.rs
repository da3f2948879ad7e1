//! `meanwhile completions`: completion scripts for interactive shells.

use super::{Failure, definition, message};

/// Print a completion script for an interactive shell.
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// The shell.
    shell: clap_complete::Shell,
}

impl Completions {
    pub fn run(&self) -> Result<u8, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut definition(), "meanwhile", &mut script);
        message::print(&String::from_utf8_lossy(&script))?;
        Ok(0)
    }
}

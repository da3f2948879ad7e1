//! `meanwhile doctor`: what this machine gives, and what degrades without it.

use std::io::IsTerminal;
use std::path::PathBuf;

use super::{Failure, message};
use crate::client::open;
use crate::process::{probe, trial};
use crate::report::doctor::{Level, Surroundings, findings};
use crate::run::code;

/// Try what this machine can do, and say what does not work without it.
///
/// Each thing is tried, not concluded from a version; nothing of it stays.
/// Exit code 1: something is missing without which meanwhile does not work.
#[derive(Debug, clap::Args)]
pub struct Doctor {
    /// Compare with the version of the glue that a script has loaded.
    #[arg(long, value_name = "VERSION")]
    glue: Option<String>,
}

/// What CI systems set, and how they are called. The general one comes last.
const CI: [(&str, &str); 6] = [
    ("GITHUB_ACTIONS", "GitHub Actions"),
    ("GITLAB_CI", "GitLab"),
    ("BUILDKITE", "Buildkite"),
    ("TF_BUILD", "Azure Pipelines"),
    ("TEAMCITY_VERSION", "TeamCity"),
    ("CI", "some CI system (CI is set)"),
];

impl Doctor {
    pub fn run(self) -> Result<u8, Failure> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let place = match set("MEANWHILE_DIR") {
            Some(dir) => PathBuf::from(dir),
            // Without a home nothing can be made there, and that will be said.
            None => open::state_home().unwrap_or_else(|_| "~/.local/state/meanwhile".into()),
        };
        let mut machine = probe::machine(place);
        machine.shells = trial::shells(open::myself().get_program().as_ref());
        machine.make = trial::make();
        let terminal = std::io::stderr().is_terminal();
        let around = Surroundings {
            version: env!("CARGO_PKG_VERSION"),
            glue: self.glue,
            ci: CI.iter().find(|(name, _)| set(name).is_some()).map(|(_, system)| *system),
            terminal: terminal
                .then(|| set("TERM").unwrap_or_default().to_string_lossy().into_owned()),
            no_color: set("NO_COLOR").is_some(),
        };
        let all = findings(&machine, &around);
        let lines: Vec<String> = all.iter().map(ToString::to_string).collect();
        message::print(&(lines.join("\n") + "\n"))?;
        let missing = all.iter().any(|finding| finding.level == Level::Missing);
        Ok(if missing { 1 } else { code::OK })
    }
}

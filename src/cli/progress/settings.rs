//! What is wished for: the user's settings, and what the environment says of
//! the terminal. Looks are no reason to refuse anything: a wrong setting is
//! told once, and is as none.

use std::ffi::{OsStr, OsString};

use super::message;
use crate::run::duration;

/// How often a line tells a CI runner that all is well, unless otherwise set; microseconds.
const HEARTBEAT: u64 = 30_000_000;
/// And at the most.
const FASTEST: u64 = 100_000;

/// The user's settings, of which the glue passes on what is not exported.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Settings {
    /// Whether to draw on a terminal.
    #[arg(long, hide = true, env = "MEANWHILE_PROGRESS", overrides_with = "progress")]
    progress: Option<OsString>,
    /// How often to print a line where CI is set.
    #[arg(long, hide = true, env = "MEANWHILE_HEARTBEAT", overrides_with = "heartbeat")]
    heartbeat: Option<OsString>,
}

impl Settings {
    /// Whether to draw, if there is a terminal.
    pub fn draw(&self) -> bool {
        self.progress.as_deref() != Some(OsStr::new("never")) && can_draw() && !in_ci()
    }

    /// How often to print a line, if there is reason to; microseconds.
    pub fn heartbeat(&self) -> Option<u64> {
        let every = self.every().unwrap_or(HEARTBEAT);
        (every > 0 && in_ci()).then(|| every.max(FASTEST))
    }

    fn every(&self) -> Result<u64, String> {
        match given(self.heartbeat.as_deref()) {
            Some(text) => duration::parse(&text.to_string_lossy()),
            None => Ok(HEARTBEAT),
        }
    }

    /// Tells what is wrong in them.
    pub fn tell_errors(&self) {
        let progress = given(self.progress.as_deref());
        if let Some(text) =
            progress.filter(|text| !["auto", "never"].map(OsStr::new).contains(text))
        {
            let text = text.to_string_lossy();
            message::say(
                format!("MEANWHILE_PROGRESS is {text:?}, which counts as auto"),
                Some("it is auto or never"),
            );
        }
        if let Err(rule) = self.every() {
            let text = self.heartbeat.as_deref().unwrap_or_default().to_string_lossy();
            message::say(
                format!("MEANWHILE_HEARTBEAT is {text:?}, which counts as 30s"),
                Some(&format!("{rule}; 0: no such lines")),
            );
        }
    }
}

/// An empty variable is as none.
fn given(text: Option<&OsStr>) -> Option<&OsStr> {
    text.filter(|text| !text.is_empty())
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Whether the terminal, if there is one, moves its cursor as told.
pub fn can_draw() -> bool {
    variable("TERM").is_some_and(|kind| kind != "dumb")
}

/// Whether somebody reads a log rather than a screen.
pub fn in_ci() -> bool {
    variable("CI").is_some_and(|value| !is_no(&value))
}

fn is_no(value: &OsStr) -> bool {
    value == "0" || value.eq_ignore_ascii_case("false")
}

/// Whether colours are welcome, if there is a terminal (<https://no-color.org>).
pub fn colours() -> bool {
    variable("NO_COLOR").is_none() && can_draw()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(text: &str) -> Result<u64, String> {
        Settings { heartbeat: Some(text.into()), ..Settings::default() }.every()
    }

    #[test]
    fn an_empty_heartbeat_is_the_usual_one_and_a_wrong_one_is_told() {
        assert_eq!(every(""), Ok(HEARTBEAT));
        assert_eq!(every("2m"), Ok(120_000_000));
        assert_eq!(every("0"), Ok(0));
        assert!(every("soon").is_err() && every("-1").is_err());
    }

    #[test]
    fn ci_can_be_denied() {
        for no in ["0", "false", "FALSE"] {
            assert!(is_no(OsStr::new(no)), "{no}");
        }
        for yes in ["1", "true", "yes", "woodpecker"] {
            assert!(!is_no(OsStr::new(yes)), "{yes}");
        }
    }
}

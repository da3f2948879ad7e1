//! Log groups: what a CI system wants to read around a task's output, so that
//! its page folds it, and leaves a failure open.
//!
//! Each system has markers of its own, lines in the output that it takes for
//! commands. All here is a pure function of a task; which system it is, and
//! whether the output is read by it at all, others decide.

use super::neutral;
use super::text::outcome;
use crate::run::{Run, Task, code};

/// A CI system whose markers are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ci {
    /// GitHub Actions, and what is made like it.
    GitHub,
    /// GitLab CI.
    GitLab,
    /// Buildkite.
    Buildkite,
    /// Azure Pipelines.
    Azure,
    /// TeamCity.
    TeamCity,
}

/// What `MEANWHILE_GROUPS` may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Setting {
    /// Groups where a CI system reads the output.
    #[default]
    Auto,
    /// None.
    Never,
    /// Those of that system, whoever reads the output.
    Always(Ci),
}

impl Setting {
    /// Reads it; an empty one is as none.
    ///
    /// # Errors
    /// What it may be.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        Ok(match text {
            "" | "auto" => Self::Auto,
            "never" => Self::Never,
            "github" => Self::Always(Ci::GitHub),
            "gitlab" => Self::Always(Ci::GitLab),
            "buildkite" => Self::Always(Ci::Buildkite),
            "azure" => Self::Always(Ci::Azure),
            "teamcity" => Self::Always(Ci::TeamCity),
            _ => return Err("it is auto, never, github, gitlab, buildkite, azure or teamcity"),
        })
    }
}

impl Ci {
    /// The system that has set these variables.
    pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let on = |name: &str| variable(name).is_some_and(|v| v.eq_ignore_ascii_case("true"));
        match () {
            () if on("GITHUB_ACTIONS") => Some(Self::GitHub),
            () if set("GITLAB_CI") => Some(Self::GitLab),
            () if on("BUILDKITE") => Some(Self::Buildkite),
            () if on("TF_BUILD") => Some(Self::Azure),
            () if set("TEAMCITY_VERSION") => Some(Self::TeamCity),
            () => None,
        }
    }

    /// The variable that the steps of a job have and its agent has not, if
    /// there is one: helpers of Buildkite's and Azure's agents have theirs.
    pub fn mark_of_a_step(self) -> Option<&'static str> {
        match self {
            Self::GitHub => Some("GITHUB_ACTIONS"),
            Self::GitLab => Some("GITLAB_CI"),
            Self::TeamCity => Some("TEAMCITY_VERSION"),
            Self::Buildkite | Self::Azure => None,
        }
    }
}

/// What stands around a task's output, whole lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks {
    /// Before it.
    pub open: String,
    /// After it.
    pub close: String,
}

/// The marks for a task that has ended. `tag` tells this replay from all
/// others in the same log.
pub fn around(ci: Ci, task: &Task, run: &Run, tag: &str) -> Marks {
    let title = title(ci, task);
    let failed = task.code() != Some(code::OK);
    let plain = || Marks { open: format!("{title}\n"), close: annotation(ci, task) };
    match ci {
        // It can fold a group or not have it; there is no open one.
        Ci::GitHub | Ci::Azure | Ci::TeamCity if failed => plain(),
        Ci::GitHub => Marks {
            open: format!("::group::{}\n", github_data(&title)),
            close: "::endgroup::\n".into(),
        },
        Ci::Azure => Marks { open: format!("##[group]{title}\n"), close: "##[endgroup]\n".into() },
        Ci::TeamCity => {
            let name = teamcity(&title);
            Marks {
                open: format!("##teamcity[blockOpened name='{name}']\n"),
                close: format!("##teamcity[blockClosed name='{name}']\n"),
            }
        }
        Ci::GitLab => {
            let (from, until) = seconds(task, run);
            let section = section(task, tag);
            let options = if failed { "" } else { "[collapsed=true]" };
            Marks {
                open: format!("\x1b[0Ksection_start:{from}:{section}{options}\r\x1b[0K{title}\n"),
                close: format!("\x1b[0Ksection_end:{until}:{section}\r\x1b[0K\n"),
            }
        }
        Ci::Buildkite => {
            let sign = if failed { "+++" } else { "---" };
            Marks { open: format!("{sign} {title}\n"), close: String::new() }
        }
    }
}

/// What makes a failure stand out, beyond its being open; empty where the
/// system has nothing of the kind, or the task succeeded. None of these fails
/// the job: the script may well expect the failure.
pub fn annotation(ci: Ci, task: &Task) -> String {
    if task.code() == Some(code::OK) {
        return String::new();
    }
    let title = title(ci, task);
    match ci {
        Ci::GitHub => {
            let name = github_property(task.id.as_str());
            format!("::error title={name}::{}\n", github_data(&title))
        }
        Ci::Azure => format!("##vso[task.logissue type=error]{}\n", azure(&title)),
        Ci::TeamCity => format!("##teamcity[message text='{}' status='ERROR']\n", teamcity(&title)),
        Ci::GitLab | Ci::Buildkite => String::new(),
    }
}

/// What stands after the last of several tasks. A group of Buildkite's has no
/// end: all that follows is in it, until there is another.
pub fn after_all(ci: Ci, at: Option<&str>) -> String {
    match ci {
        Ci::Buildkite => {
            format!("+++ {}\n", neutral::line(ci, at.unwrap_or("the script goes on")))
        }
        _ => String::new(),
    }
}

/// The line that a fold shows.
pub(super) fn title(ci: Ci, task: &Task) -> String {
    neutral::line(ci, &format!("{}: {}", task.id, outcome(task)))
}

/// A section's name, of letters, digits and `_.-`, no two alike.
fn section(task: &Task, tag: &str) -> String {
    let name = task.id.as_str().chars();
    let name: String = name.map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("{name}.{tag}")
}

/// When a task began and ended, in seconds since 1970: the page shows how
/// long it ran, not how long its replay took.
fn seconds(task: &Task, run: &Run) -> (i64, i64) {
    let end = task.end.map(|(time, _)| time).unwrap_or_default();
    let began = task.began().unwrap_or(end).min(end);
    let wall = |time| run.wall_clock(time).map_or(0, |micros| micros.max(0) / 1_000_000);
    (wall(began), wall(end))
}

fn escape(text: &str, with: impl Fn(char) -> Option<&'static str>) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match with(c) {
            Some(other) => escaped.push_str(other),
            None => escaped.push(c),
        }
    }
    escaped
}

fn github_data(text: &str) -> String {
    escape(text, |c| match c {
        '%' => Some("%25"),
        '\r' => Some("%0D"),
        '\n' => Some("%0A"),
        _ => None,
    })
}

fn github_property(text: &str) -> String {
    escape(&github_data(text), |c| match c {
        ':' => Some("%3A"),
        ',' => Some("%2C"),
        _ => None,
    })
}

fn azure(text: &str) -> String {
    escape(text, |c| match c {
        '%' => Some("%AZP25"),
        '\r' => Some("%0D"),
        '\n' => Some("%0A"),
        _ => None,
    })
}

fn teamcity(text: &str) -> String {
    escape(text, |c| match c {
        '|' => Some("||"),
        '\'' => Some("|'"),
        '[' => Some("|["),
        ']' => Some("|]"),
        '\r' => Some("|r"),
        '\n' => Some("|n"),
        _ => None,
    })
}

//! Log groups: what a CI system wants to read around a task's output, so that
//! its page folds it, and leaves a failure open.
//!
//! Each system has markers of its own, lines in the output that it takes for
//! commands. All here is a pure function of a task; which system it is, and
//! whether the output is read by it at all, others decide.

use super::neutral;
use super::text::outcome;
use crate::run::{Run, State, Task, code};

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
    // (A task that was skipped is told by its line; what failed has the mark.)
    if task.code() == Some(code::OK) || task.state() == State::Skipped {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Record;

    fn run(lines: &[&str]) -> Run {
        let mut run = Run::default();
        for line in lines {
            run.apply(&Record::parse(line.as_bytes()).expect(line));
        }
        run
    }

    fn marks(ci: Ci, code: u8, at: &str) -> Marks {
        let end = format!("18.900000 end a:b code={code}");
        let start = format!("10.500000 start a:b pid=7 at={at}");
        let run = run(&["10.000000 run - wall=1700000000400000", &start, &end]);
        around(ci, &run.tasks()[0], &run, "9.1")
    }

    #[test]
    fn who_sets_which_variable() {
        let detect = |set: &str| {
            let (key, value) = set.split_once('=').unwrap();
            Ci::detect(|name| (name == key).then(|| value.to_owned()))
        };
        assert_eq!(detect("GITHUB_ACTIONS=true"), Some(Ci::GitHub));
        assert_eq!(detect("GITLAB_CI=true"), Some(Ci::GitLab));
        assert_eq!(detect("BUILDKITE=true"), Some(Ci::Buildkite));
        assert_eq!(detect("TF_BUILD=True"), Some(Ci::Azure));
        assert_eq!(detect("TEAMCITY_VERSION=2024.03"), Some(Ci::TeamCity));
        for none in ["GITHUB_ACTIONS=false", "GITLAB_CI=", "BUILDKITE=1", "CI=true"] {
            assert_eq!(detect(none), None, "{none}");
        }
    }

    #[test]
    fn settings() {
        assert_eq!(Setting::parse(""), Ok(Setting::Auto));
        assert_eq!(Setting::parse("never"), Ok(Setting::Never));
        assert_eq!(Setting::parse("azure"), Ok(Setting::Always(Ci::Azure)));
        for bad in ["Auto", "1", "github,gitlab"] {
            assert!(Setting::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_section_has_the_tasks_own_times() {
        let Marks { open, close } = marks(Ci::GitLab, 0, "s.sh:1");
        assert_eq!(
            open,
            "\x1b[0Ksection_start:1700000000:a_b.9.1[collapsed=true]\r\x1b[0Ka:b: succeeded after 8.4s, started at s.sh:1\n"
        );
        assert_eq!(close, "\x1b[0Ksection_end:1700000009:a_b.9.1\r\x1b[0K\n");
        // One that never began, in a journal that has lost its first record.
        let run =
            run(&["2.0 start b pid=2 queued=1", "3.0 skip b root=a code=1", "3.1 end b code=9"]);
        let open = around(Ci::GitLab, &run.tasks()[0], &run, "9.2").open;
        assert!(
            open.starts_with("\x1b[0Ksection_start:0:b.9.2\r\x1b[0Kb: skipped, since a"),
            "{open:?}"
        );
    }

    #[test]
    fn what_stands_in_a_title_commands_nothing() {
        let at = "100%::endgroup::]'[|##[endgroup]--section_end:1:x,=.sh:3";
        let said = "a:b: exit code 3 after 8.4s, started at ";
        let error = marks(Ci::GitHub, 3, at);
        let shown = at.replace("##[", "## [");
        assert_eq!(error.open, format!("{said}{shown}\n"));
        assert_eq!(
            error.close,
            format!("::error title=a%3Ab::{said}{}\n", shown.replace('%', "%25"))
        );
        let group = marks(Ci::GitHub, 0, at).open;
        assert!(group.starts_with("::group::a:b: succeeded") && group.contains("100%25::"));
        let azure = marks(Ci::Azure, 3, at).close;
        assert!(azure.contains("100%AZP25::"), "{azure}");
        let team = marks(Ci::TeamCity, 0, at).open;
        assert!(team.contains("|]|'|[||##|[endgroup|]--"), "{team}");
        assert_eq!(team.matches('\'').count(), 3, "{team}");
        let gitlab = marks(Ci::GitLab, 0, at).open;
        assert!(gitlab.contains("--section_ end:1:x"), "{gitlab}");
    }
}

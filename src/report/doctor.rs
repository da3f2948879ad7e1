//! What a machine's abilities mean: for each a line that says whether it is
//! there, and what there is no longer without it.

use std::fmt;

use crate::run::machine::{Kind, Machine, Place, Shell, Trial, Works};

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Good,
    /// It is not there, or not whole, and so is something that it is for.
    Degraded,
    /// It is not there, and nobody needs it.
    Absent,
    /// It is not there, and without it meanwhile does not work.
    Missing,
}

/// A line of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How it stands.
    pub level: Level,
    /// What.
    pub what: &'static str,
    /// In words.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Good => "ok",
            Level::Degraded => "degraded",
            Level::Absent | Level::Missing => "missing",
        };
        write!(f, "{level:<9} {:<12} {}", self.what, self.text)
    }
}

/// What a caller knows besides.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// The version of this program.
    pub version: &'static str,
    /// That of the glue that a script has loaded, if it told.
    pub glue: Option<String>,
    /// The CI system that this runs under.
    pub ci: Option<&'static str>,
    /// What standard error is, if it is a terminal: `TERM`.
    pub terminal: Option<String>,
    /// Whether somebody asked for no colours.
    pub no_color: bool,
}

/// So many free bytes are few: the logs of one run fill them.
const FEW_BYTES: u64 = 100 << 20;
/// So many processes are few: as many as a handful of tasks needs.
const FEW_PROCESSES: u64 = 64;
/// What every run takes of the user's inotify instances is one.
const FEW_INSTANCES: u64 = 16;

/// All lines, in the order of what stands on what.
pub fn findings(machine: &Machine, around: &Surroundings) -> Vec<Finding> {
    let mut all = Vec::new();
    kernel(machine, &mut all);
    place(&machine.place, &mut all);
    limits(machine, &mut all);
    all.extend(machine.shells.iter().map(|shell| self::shell(shell, machine.terminal)));
    if !machine.shells.iter().any(usable) {
        all.push(finding(
            Level::Missing,
            "shells",
            "in none of them a task ran; `meanwhile start` needs no shell",
        ));
    }
    surroundings(around, &mut all);
    all
}

fn usable(shell: &Shell) -> bool {
    shell.found.as_ref().is_some_and(|trial| trial.works == Some(Ok(())))
}

fn finding(level: Level, what: &'static str, text: impl Into<String>) -> Finding {
    // What programs and paths say must not drive the terminal.
    let text = text.into().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    Finding { level, what, text }
}

/// A thing that was tried: what it gives, and what there is not without it.
fn tried(
    works: Option<&Works>,
    level: Level,
    what: &'static str,
    good: &str,
    without: &str,
) -> Finding {
    match works {
        Some(Ok(())) => finding(Level::Good, what, good),
        Some(Err(why)) => finding(level, what, format!("{why}; {without}")),
        None => finding(level, what, without),
    }
}

fn kernel(machine: &Machine, all: &mut Vec<Finding>) {
    all.push(finding(Level::Good, "kernel", format!("Linux {}", machine.kernel)));
    all.push(tried(
        machine.proc.as_ref(),
        Level::Missing,
        "/proc",
        "mounted",
        "no process can be told from a later one: nothing works",
    ));
    if machine.proc_hides {
        all.push(finding(
            Level::Degraded,
            "hidepid",
            "/proc hides the processes of other users; what a task runs by sudo is not found when it is ended",
        ));
    }
    if machine.skew != 0 {
        all.push(finding(
            Level::Good,
            "uptime",
            format!(
                "/proc/uptime is {:.1}s off the kernel's clock, as in containers; runs allow for it",
                machine.skew as f64 / 1e6
            ),
        ));
    }
    all.push(tried(
        machine.pidfd.as_ref(),
        Level::Missing,
        "pidfd",
        "processes can be held (pidfd_open)",
        "Linux 5.3 is needed: no task can be waited for",
    ));
    all.push(if machine.exit_info {
        finding(Level::Good, "exit codes", "told of any process that has ended (PIDFD_INFO_EXIT)")
    } else {
        finding(
            Level::Degraded,
            "exit codes",
            "not told of a process that is reaped (Linux 6.15); a script that exits with 0 may be taken to \
             have failed and its tasks be cancelled: set MEANWHILE_ON_EXIT, or use `meanwhile run`",
        )
    });
    let few = machine.inotify_instances.is_some_and(|most| most < FEW_INSTANCES);
    let most = machine.inotify_instances.unwrap_or(0);
    all.push(match &machine.inotify {
        Some(Ok(())) if few => finding(
            Level::Degraded,
            "inotify",
            format!("only {most} instances for all of a user's runs; beyond them, serial mode and `log -f` show output at its end"),
        ),
        works => tried(
            works.as_ref(),
            Level::Degraded,
            "inotify",
            &format!("changes of files are told; {most} instances"),
            "serial mode and `log -f` show output at its end",
        ),
    });
    all.push(tried(
        machine.subreaper.as_ref(),
        Level::Degraded,
        "subreaper",
        "`meanwhile run` is told of every process below it",
        "orphans escape `meanwhile run`",
    ));
    all.push(tried(
        machine.memfd.as_ref(),
        Level::Degraded,
        "memfd",
        "`meanwhile run` learns which runs are below it",
        "`meanwhile run` does not start",
    ));
    all.push(tried(
        machine.cgroup.as_ref(),
        Level::Degraded,
        "cgroup",
        "tasks that are queued get a control group each",
        "a daemon that leaves its task by all other ways is found only under `meanwhile run`",
    ));
    all.push(tried(
        machine.trace.as_ref(),
        Level::Degraded,
        "trace",
        "programs can be traced (seccomp, ptrace)",
        "no `meanwhile check`",
    ));
}

fn place(place: &Place, all: &mut Vec<Finding>) {
    let path = place.path.display();
    let free = place.free >> 20;
    all.push(match &place.writable {
        Some(Ok(())) if place.free < FEW_BYTES => finding(
            Level::Degraded,
            "runs",
            format!("{path}: {free} MiB free; when they are used up, logs are cut short"),
        ),
        Some(Ok(())) => match place.kind {
            Kind::Disk => finding(Level::Good, "runs", format!("{path}: {free} MiB free")),
            Kind::Memory => finding(
                Level::Good,
                "runs",
                format!("{path}: in memory, {free} MiB free; gone when the machine restarts"),
            ),
            Kind::Network => finding(
                Level::Degraded,
                "runs",
                format!("{path}: on another machine; use a run from one machine only: MEANWHILE_DIR, XDG_STATE_HOME"),
            ),
        },
        other => tried(
            other.as_ref(),
            Level::Missing,
            "runs",
            "",
            &format!("{path} cannot be written: steps run one after the other; set MEANWHILE_DIR or XDG_STATE_HOME"),
        ),
    });
    if place.writable == Some(Ok(())) {
        all.push(tried(
            place.locks.as_ref(),
            Level::Degraded,
            "locks",
            "of open files (F_OFD_SETLK)",
            "no --lock, no MEANWHILE_JOBS",
        ));
        all.push(tried(
            place.leases.as_ref(),
            Level::Degraded,
            "leases",
            "of files: a process that a task leaves behind is noticed at once",
            "what a task leaves behind is named only when the run ends",
        ));
    }
}

fn limits(machine: &Machine, all: &mut Vec<Finding>) {
    all.push(match (machine.processes_left, machine.processes) {
        (Some(left), Some(most)) if left < FEW_PROCESSES => finding(
            Level::Degraded,
            "processes",
            format!("{left} more of {most} (ulimit -u, pids.max); tasks start only when others have ended"),
        ),
        (Some(left), Some(most)) => {
            finding(Level::Good, "processes", format!("{left} more of {most}"))
        }
        _ => finding(Level::Good, "processes", "not limited"),
    });
    all.push(match &machine.make {
        None => finding(Level::Absent, "make", "nothing needs it"),
        Some((version, Ok(()))) => {
            finding(Level::Good, "make", format!("{version}: takes its jobs from MEANWHILE_JOBS"))
        }
        Some((version, Err(why))) => finding(
            Level::Degraded,
            "make",
            format!("{version}: {why}; it counts its jobs for itself, beside MEANWHILE_JOBS"),
        ),
    });
    match &machine.outer_make {
        None => {}
        Some((jobs, true)) => all.push(finding(
            Level::Good,
            "jobserver",
            format!("of the make around this ({jobs}): tasks take their slots from it"),
        )),
        Some((jobs, false)) => all.push(finding(
            Level::Degraded,
            "jobserver",
            format!("of the make around this ({jobs}): closed to this recipe; begin its line with +, or tasks are not limited"),
        )),
    }
}

fn shell(shell: &Shell, terminal: bool) -> Finding {
    let Some(trial) = &shell.found else {
        return finding(Level::Absent, shell.name, "not on PATH");
    };
    let version = if trial.version.is_empty() { "version not told" } else { &trial.version };
    match &trial.works {
        Some(Ok(())) => finding(
            Level::Good,
            shell.name,
            format!("{version}: tasks work{}", lacks(trial, terminal)),
        ),
        Some(Err(why)) => finding(
            Level::Degraded,
            shell.name,
            format!("{version}: {why}; no tasks in its scripts"),
        ),
        None => finding(Level::Degraded, shell.name, format!("{version}: not tried")),
    }
}

/// What the others have and this one has not (docs/shells.md).
fn lacks(trial: &Trial, terminal: bool) -> String {
    let mut lacks = Vec::new();
    if !trial.lines {
        lacks.push("lines of the script in reports");
    }
    // At a terminal no shell gives tasks one.
    if !trial.groups && !terminal {
        lacks.push("process groups");
    }
    if !trial.errexit {
        lacks.push("`set -e` in a task started in a condition");
    }
    if lacks.is_empty() { String::new() } else { format!("; without {}", lacks.join(", ")) }
}

fn surroundings(around: &Surroundings, all: &mut Vec<Finding>) {
    let version = around.version;
    all.push(match around.glue.as_deref() {
        None => finding(
            Level::Good,
            "version",
            format!("{version} (that of a script's glue: meanwhile doctor --glue \"$_mw_version\")"),
        ),
        Some(glue) if glue == version => {
            finding(Level::Good, "version", format!("{version}, and so is the glue"))
        }
        Some(glue) => {
            let glue = if glue.is_empty() { "older" } else { glue };
            finding(
                Level::Degraded,
                "version",
                format!("{version}, but the glue is {glue}: load it anew, or make the portable file again"),
            )
        }
    });
    all.push(match around.terminal.as_deref() {
        None => finding(Level::Good, "terminal", "standard error is no terminal: plain messages"),
        Some("" | "dumb") => finding(Level::Good, "terminal", "a dumb one: plain messages"),
        Some(term) => {
            let colours = if around.no_color { "no colours (NO_COLOR)" } else { "colours" };
            finding(Level::Good, "terminal", format!("{term}: {colours}"))
        }
    });
    if let Some(ci) = around.ci {
        all.push(finding(Level::Good, "CI", ci));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Machine {
        let works = || Some(Ok(()));
        let trial = || Trial {
            version: "5.2".into(),
            works: Some(Ok(())),
            lines: true,
            groups: true,
            errexit: true,
        };
        Machine {
            kernel: "6.18".into(),
            pidfd: works(),
            exit_info: true,
            inotify: works(),
            inotify_instances: Some(128),
            memfd: works(),
            subreaper: works(),
            proc: works(),
            cgroup: works(),
            trace: works(),
            place: Place {
                path: "/runs".into(),
                writable: works(),
                locks: works(),
                leases: works(),
                free: 1 << 40,
                kind: Kind::Disk,
            },
            make: Some(("4.4".into(), Ok(()))),
            shells: vec![Shell { name: "bash", found: Some(trial()) }],
            ..Machine::default()
        }
    }

    type Break = fn(&mut Machine, Option<Works>);

    fn around() -> Surroundings {
        Surroundings { version: "1.0", ..Surroundings::default() }
    }

    fn line(machine: &Machine, what: &str) -> String {
        let all = findings(machine, &around());
        all.iter().find(|finding| finding.what == what).map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn a_sound_machine_has_nothing_to_complain_of() {
        let all = findings(&sound(), &around());
        assert!(all.iter().all(|finding| finding.level == Level::Good), "{all:#?}");
        assert_eq!(line(&sound(), "bash"), "ok        bash         5.2: tasks work");
    }

    #[test]
    fn each_thing_that_fails_says_what_fails_with_it() {
        let no = || Some(Err("Function not implemented".to_owned()));
        let breaks: [(Break, &str, &str); 17] = [
            (|m, no| m.proc = no, "/proc", "missing"),
            (|m, no| m.pidfd = no, "pidfd", "missing"),
            (|m, no| m.place.writable = no, "runs", "missing"),
            (|m, _| m.exit_info = false, "exit codes", "degraded"),
            (|m, no| m.inotify = no, "inotify", "degraded"),
            (|m, _| m.inotify_instances = Some(1), "inotify", "degraded"),
            (|m, no| m.memfd = no, "memfd", "degraded"),
            (|m, no| m.subreaper = no, "subreaper", "degraded"),
            (|m, no| m.cgroup = no, "cgroup", "degraded"),
            (|m, no| m.trace = no, "trace", "degraded"),
            (|m, no| m.place.locks = no, "locks", "degraded"),
            (|m, no| m.place.leases = no, "leases", "degraded"),
            (|m, _| m.place.free = 1000, "runs", "degraded"),
            (|m, _| m.place.kind = Kind::Network, "runs", "degraded"),
            (|m, _| (m.processes_left, m.processes) = (Some(3), Some(50)), "processes", "degraded"),
            (|m, _| m.make = Some(("4.3".into(), Err("no".into()))), "make", "degraded"),
            (|m, _| m.outer_make = Some(("pipe:3,4".into(), false)), "jobserver", "degraded"),
        ];
        for (fail, what, level) in breaks {
            let mut machine = sound();
            fail(&mut machine, no());
            let line = line(&machine, what);
            assert!(line.starts_with(level), "{line}");
            let all = findings(&machine, &around());
            let missing = all.iter().any(|finding| finding.level == Level::Missing);
            assert_eq!(missing, level == "missing", "{what}");
        }
    }

    #[test]
    fn one_shell_is_enough() {
        let mut machine = sound();
        machine.shells.push(Shell { name: "zsh", found: None });
        assert_eq!(line(&machine, "zsh"), "missing   zsh          not on PATH");
        assert_eq!(line(&machine, "shells"), "");
        let failed = Trial { works: Some(Err("no\x1b[31m".into())), ..Trial::default() };
        machine.shells[0].found = Some(failed);
        assert!(line(&machine, "bash").starts_with("degraded"), "{}", line(&machine, "bash"));
        assert!(!line(&machine, "bash").contains('\x1b'));
        assert!(line(&machine, "shells").starts_with("missing"));
    }

    #[test]
    fn the_glue_may_be_of_another_version() {
        for (glue, level) in [("1.0", Level::Good), ("0.9", Level::Degraded), ("", Level::Degraded)]
        {
            let around = Surroundings { glue: Some(glue.into()), ..around() };
            let all = findings(&sound(), &around);
            let version = all.iter().find(|finding| finding.what == "version");
            assert_eq!(version.map(|finding| finding.level), Some(level), "{glue}");
        }
    }
}

//! Trying shells and `make`, for `meanwhile doctor`: each that is there runs a
//! task by the glue, in a directory that is removed afterwards.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::clock;
use super::dir::RunDir;
use super::jobserver::{self, Pool};
use super::journal::Journal;
use super::pidfd::{self, Handle};
use super::probe::PATIENCE;
use super::stat::Stat;
use crate::run::machine::{Shell, Trial, Works};
use crate::run::{Time, files};

const SCRIPT: &str = include_str!("../../shell/trial.sh");

/// The shells that the glue is for: what people call each, how it is called,
/// and what the glue for it is.
const SHELLS: [(&str, &[&str], &str); 7] = [
    ("bash", &["bash"], "bash"),
    ("zsh", &["zsh"], "zsh"),
    ("dash", &["dash"], "sh"),
    ("busybox", &["busybox", "sh"], "sh"),
    ("mksh", &["mksh"], "sh"),
    ("ksh93", &["ksh93"], "sh"),
    ("yash", &["yash"], "sh"),
];

/// Tries them all, at once: `program` is this one. Nothing stays of it.
pub fn shells(program: &Path) -> Vec<Shell> {
    let until = deadline();
    let temp = tempfile::Builder::new().prefix("meanwhile-doctor-").tempdir();
    let under_way: Vec<_> = SHELLS
        .iter()
        .map(|(name, call, dialect)| {
            let dir = temp.as_ref().map(|temp| temp.path().join(name));
            let dir = dir.map_err(|error| format!("cannot be tried: {error}"));
            (*name, call[0], dir.and_then(|dir| begin(program, call, dialect, &dir)))
        })
        .collect();
    under_way
        .into_iter()
        .map(|(name, program, begun)| {
            let found = match begun {
                Ok(Some((child, dir))) => Some(finish(child, &dir, until)),
                Ok(None) => None,
                Err(error) => Some(Trial { works: Some(Err(error)), ..Trial::default() }),
            };
            Shell {
                name,
                found: found.map(|trial| Trial {
                    version: version(program, trial.version, until),
                    ..trial
                }),
            }
        })
        .collect()
}

/// When what is tried together must be through.
fn deadline() -> Time {
    Time(clock::now().0.saturating_add(PATIENCE))
}

/// How long that is from now.
fn left(until: Time) -> u64 {
    until.since(clock::now())
}

type Begun = Option<(Child, std::path::PathBuf)>;

/// Starts one; none if there is no such shell.
fn begin(program: &Path, call: &[&str], dialect: &str, dir: &Path) -> Result<Begun, String> {
    let said = |error: std::io::Error| format!("cannot be tried: {error}");
    std::fs::create_dir(dir).map_err(said)?;
    let script = dir.join("trial.sh");
    std::fs::write(&script, SCRIPT).map_err(said)?;
    let mut command = Command::new(call[0]);
    command.args(&call[1..]).arg(script).arg(program).arg(dialect);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // The caller's settings are not what is tried.
    let settings = std::env::vars_os().map(|(name, _)| name);
    for name in settings.filter(|name| name.as_encoded_bytes().starts_with(b"MEANWHILE_")) {
        command.env_remove(name);
    }
    for name in ["MAKEFLAGS", "BASH_ENV", "ENV"] {
        command.env_remove(name);
    }
    command.env("MEANWHILE_DIR", dir.join("run"));
    // Its history is none of the user's.
    command.env("XDG_STATE_HOME", dir.join("state"));
    match command.spawn() {
        Ok(child) => Ok(Some((child, dir.to_owned()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot be started: {error}")),
    }
}

/// Waits for it and for its watcher, and reads what it found.
fn finish(mut child: Child, dir: &Path, until: Time) -> Trial {
    let (said, errors) = outcome(&mut child, until);
    let value = |what: &str| {
        said.lines().find_map(|line| Some(line.strip_prefix(what)?.strip_prefix(' ')?.to_owned()))
    };
    let run = RunDir::open(&dir.join("run"));
    if let Ok(run) = &run {
        // It must be gone before its directory is.
        let text = run.read(files::WATCHER).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let watcher = files::parse_watcher(&text).map(|(watcher, _)| watcher);
        if let Some(Ok(Some(watcher))) = watcher.map(Handle::open) {
            let _ = pidfd::wait_any(&[watcher.as_fd()], Some(left(until)));
        }
    }
    let journal = run.ok().and_then(|run| Journal::read(&run).ok());
    let task = journal.as_ref().and_then(|journal| journal.run().tasks().first());
    let works = match value("task").as_deref() {
        Some("two words") => Ok(()),
        _ => Err(errors.lines().next().unwrap_or("a task did not run").to_owned()),
    };
    Trial {
        version: value("version").unwrap_or_default(),
        works: Some(works),
        lines: task.is_some_and(|task| task.at.is_some()),
        groups: value("group") != value("taskgroup"),
        errexit: value("errexit").is_none(),
    }
}

/// What a program wrote to its outputs, as far as it did in time.
fn outcome(child: &mut Child, until: Time) -> (String, String) {
    let held = Stat::of(child.id()).map(|stat| Handle::open(stat.process()));
    let ended = match held {
        Some(Ok(Some(held))) => pidfd::wait_any(&[held.as_fd()], Some(left(until))),
        _ => Ok(None),
    };
    if !matches!(ended, Ok(Some(_))) {
        let _ = child.kill();
        let _ = child.wait();
        return (String::new(), format!("no answer within {} s", PATIENCE / 1_000_000));
    }
    let _ = child.wait();
    // Little, so it is all in the pipes by now; who else holds one is not waited for.
    (
        child.stdout.as_mut().map(there).unwrap_or_default(),
        child.stderr.as_mut().map(there).unwrap_or_default(),
    )
}

/// What is in a pipe, without waiting for more.
fn there(pipe: &mut (impl Read + AsFd)) -> String {
    let length = rustix::io::ioctl_fionread(&*pipe).unwrap_or(0).min(65_536);
    let mut bytes = vec![0; length as usize];
    let read = if length > 0 { pipe.read(&mut bytes).unwrap_or(0) } else { 0 };
    String::from_utf8_lossy(&bytes[..read]).into_owned()
}

/// busybox has no variable for its version, but says it first when it is
/// called; dash does not tell.
fn version(program: &str, told: String, until: Time) -> String {
    if program != "busybox" {
        return told;
    }
    let said = first_line(Command::new("busybox"), until);
    let words = said.as_deref().unwrap_or_default().split(' ');
    words.skip(1).take(1).collect()
}

fn first_line(mut command: Command, until: Time) -> Option<String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    outcome(&mut child, until).0.lines().next().map(str::to_owned)
}

/// The version of GNU make, and whether it takes jobs from a pool as
/// `MEANWHILE_JOBS` makes one; none if it is not there.
pub fn make() -> Option<(String, Works)> {
    let until = deadline();
    let mut command = Command::new("make");
    command.arg("--version");
    let said = first_line(command, until)?;
    let version = said.strip_prefix("GNU Make ").unwrap_or(&said).to_owned();
    Some((version, take_part(until)))
}

fn take_part(until: Time) -> Works {
    let said = |error: std::io::Error| format!("cannot be tried: {error}");
    let temp = tempfile::Builder::new().prefix("meanwhile-doctor-").tempdir().map_err(said)?;
    let dir = RunDir::create(&temp.path().join("run")).map_err(|error| error.to_string())?;
    let _pool = Pool::create(&dir, 2).map_err(said)?;
    let flags = jobserver::share(&dir).map_err(said)?;
    let mut command = Command::new("make");
    command.args(["-f", "-"]).env("MAKEFLAGS", flags).env_remove("MAKELEVEL");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(said)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(b"$(info done)\nall:\n\t@:\n").map_err(said)?;
    }
    let (output, errors) = outcome(&mut child, until);
    match errors.lines().next() {
        Some(error) => Err(error.to_owned()),
        None if output.trim() != "done" => Err("it did not run".to_owned()),
        None => Ok(()),
    }
}

//! A fresh home for one test: directories, environment, and a census of
//! processes. A script that does not end in time has hung; a process that is
//! still there when the run is over has leaked: both fail the test.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Longer than any script here takes on a loaded machine; one that is emulated
/// (`tests/aarch64.sh`) takes ten times that.
const PATIENCE: Duration =
    Duration::from_secs(if option_env!("EMULATED").is_some() { 300 } else { 30 });

/// A shell under test: how it is called, and `meanwhile init`'s name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shell {
    pub name: &'static str,
    pub call: &'static [&'static str],
    pub init: &'static str,
    /// Whether it gives tasks a process group of their own.
    pub groups: bool,
}

pub const BASH: Shell = Shell { name: "bash", call: &["bash"], init: "bash", groups: true };
pub const DASH: Shell = Shell { name: "dash", call: &["dash"], init: "sh", groups: false };

pub const SHELLS: [Shell; 7] = [
    BASH,
    Shell { name: "zsh", call: &["zsh"], init: "zsh", groups: false },
    DASH,
    Shell { name: "busybox", call: &["busybox", "sh"], init: "sh", groups: false },
    Shell { name: "mksh", call: &["mksh"], init: "sh", groups: false },
    Shell { name: "ksh93", call: &["ksh93"], init: "sh", groups: false },
    Shell { name: "yash", call: &["yash"], init: "sh", groups: false },
];

/// The shells of this machine; says which are missing.
pub fn shells() -> Vec<Shell> {
    SHELLS
        .into_iter()
        .filter(|shell| {
            let found = on_path(shell.call[0]);
            if !found {
                eprintln!("skipped: {} is not installed", shell.name);
            }
            found
        })
        .collect()
}

pub fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// What a script did.
#[derive(Debug)]
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "exit code\nstdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// A uid that nobody has.
pub const ANOTHER_USER: &str = "54321";

pub fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}

pub struct Sandbox {
    temp: tempfile::TempDir,
    mark: String,
}

impl Sandbox {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let temp = tempfile::Builder::new().prefix("mw it ").tempdir().unwrap();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mark = format!("MEANWHILE_TEST={}-{count}", std::process::id());
        Self { temp, mark }
    }

    /// The working directory of its scripts.
    pub fn path(&self) -> &Path {
        self.temp.path()
    }

    /// The run directory of scripts that use MEANWHILE_DIR as it is set here.
    pub fn run_dir(&self) -> PathBuf {
        self.path().join("run")
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }

    /// The run directories of scripts that have none of their own.
    pub fn runs(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.path().join("state/meanwhile"));
        let paths = entries.into_iter().flatten().map(|entry| entry.unwrap().path());
        // What stands beside them.
        paths.filter(|path| !path.ends_with("history")).collect()
    }

    /// A command in the sandbox's environment.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let bin = Path::new(env!("CARGO_BIN_EXE_meanwhile")).parent().unwrap().to_owned();
        let path = std::env::var("PATH").unwrap();
        let (key, value) = self.mark.split_once('=').unwrap();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("HOME", self.path())
            .env("XDG_STATE_HOME", self.path().join("state"))
            .env("LC_ALL", "C.UTF-8")
            .env(key, value)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// A command that runs as a user who has no processes here (needs root).
    pub fn command_of_another_user(&self, arguments: &[&str]) -> Command {
        let open = |path: &Path| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
        };
        open(self.path());
        // The program is where that user cannot go.
        let program = self.path().join("meanwhile");
        copy_program(env!("CARGO_BIN_EXE_meanwhile"), &program);
        open(&program);
        let user = ["--reuid", ANOTHER_USER, "--regid", ANOTHER_USER, "--clear-groups"];
        let mut command = self.command("setpriv", &[&user, arguments].concat());
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", self.path().display()));
        command
    }

    /// A command that runs a script's text in a shell.
    pub fn script(&self, shell: Shell, text: &str) -> Command {
        // Shown if the test fails.
        println!("shell: {}", shell.name);
        let name = format!("script-{}.sh", shell.name);
        self.write(&name, text);
        let mut arguments = shell.call[1..].to_vec();
        arguments.push(&name);
        self.command(shell.call[0], &arguments)
    }

    /// Runs a script in a shell, with the glue loaded, under `set -eu`.
    pub fn run(&self, shell: Shell, text: &str) -> Output {
        self.finish(self.script(shell, &with_glue(shell, text)).spawn().unwrap())
    }

    /// Runs the program itself.
    pub fn meanwhile(&self, arguments: &[&str]) -> Output {
        self.finish(self.command("meanwhile", arguments).spawn().unwrap())
    }

    /// Waits for a script and for all that it started; fails if either hangs.
    #[track_caller]
    pub fn finish(&self, child: Child) -> Output {
        let output = self.outcome(child);
        self.assert_empty();
        output
    }

    /// Runs what may take minutes, and waits for all that it started.
    #[track_caller]
    pub fn patient(&self, mut command: Command) -> Output {
        let output = self.outcome_within(command.spawn().unwrap(), 20 * PATIENCE);
        self.assert_empty();
        output
    }

    /// Waits for a script alone.
    #[track_caller]
    pub fn outcome(&self, child: Child) -> Output {
        self.outcome_within(child, PATIENCE)
    }

    #[track_caller]
    fn outcome_within(&self, child: Child, patience: Duration) -> Output {
        let pid = child.id();
        let (send, receive) = std::sync::mpsc::channel();
        std::thread::spawn(move || send.send(child.wait_with_output()));
        let Ok(output) = receive.recv_timeout(patience) else {
            let census = self.census();
            self.kill_all();
            panic!("pid {pid} or a reader of its output hung; there were: {census:#?}");
        };
        let output = output.unwrap();
        Output {
            code: output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0)),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The processes that carry this sandbox's mark: pid and command line.
    pub fn census(&self) -> Vec<(u32, String)> {
        let entries = std::fs::read_dir("/proc").unwrap();
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
            .filter(|pid| {
                let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
                environment.split(|b| *b == 0).any(|var| var == self.mark.as_bytes())
            })
            .map(|pid| {
                let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                (pid, String::from_utf8_lossy(&line).replace('\0', " "))
            })
            .collect()
    }

    /// Waits until no process of the sandbox is left; fails if one stays.
    #[track_caller]
    pub fn assert_empty(&self) {
        let gone = until(|| self.census().is_empty());
        if !gone {
            let census = self.census();
            self.kill_all();
            panic!("left behind: {census:#?}");
        }
    }

    fn kill_all(&self) {
        for (pid, _) in self.census() {
            kill(pid, "KILL");
        }
    }

    /// The pid of the run's watcher.
    pub fn watcher(&self) -> u32 {
        let find = || self.census().into_iter().find(|(_, line)| line.contains("__watch"));
        assert!(until(|| find().is_some()), "no watcher");
        find().unwrap().0
    }

    /// The journal of the run in [`Self::run_dir`].
    pub fn journal(&self) -> String {
        std::fs::read_to_string(self.run_dir().join("journal")).unwrap_or_default()
    }
}

/// Copies a program. Not by this process: while it has the copy open, so has
/// whatever another test forks, and what is open for writing cannot be run.
pub fn copy_program(from: impl AsRef<Path>, to: &Path) {
    let copied = Command::new("cp").arg(from.as_ref()).arg(to).status().unwrap();
    assert!(copied.success());
}

/// A script with the glue in front, under `set -eu`.
pub fn with_glue(shell: Shell, text: &str) -> String {
    format!("set -eu\neval \"$(meanwhile init {})\"\n{text}\n", shell.init)
}

pub fn kill(pid: u32, signal: &str) {
    let _ = Command::new("kill").args([format!("-{signal}"), pid.to_string()]).status();
}

/// Waits for a condition; false if it does not come true in time.
pub fn until(mut condition: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

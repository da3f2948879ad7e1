//! A real terminal, by a pseudo-terminal: ^C, ^Z and `fg`, hangup.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::sandbox::{Sandbox, Shell, on_path, shells, until, with_glue};

/// A terminal with an interactive bash in it, or another program.
struct Terminal<'a> {
    sandbox: &'a Sandbox,
    line: File,
    screen: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
    closing: Arc<AtomicBool>,
    child: Child,
}

impl<'a> Terminal<'a> {
    fn open(sandbox: &'a Sandbox, words: &[&str]) -> Self {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let noctty = rustix::fs::OFlags::NOCTTY.bits() as i32;
        let open = || OpenOptions::new().read(true).write(true).custom_flags(noctty).open(&name);
        // A session of its own, whose terminal it is.
        let mut command = sandbox.command("setsid", &[&["--ctty"], words].concat());
        command.env("PS1", "next> ").env("TERM", "dumb").env("HISTFILE", "/dev/null");
        command.stdin(open().unwrap()).stdout(open().unwrap()).stderr(open().unwrap());
        let child = command.spawn().unwrap();
        drop(command);
        let line = File::from(master);
        let screen = Arc::new(Mutex::new(Vec::new()));
        let closing = Arc::new(AtomicBool::new(false));
        let (mut from, written, close) =
            (line.try_clone().unwrap(), screen.clone(), closing.clone());
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            let moment = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
            while !close.load(Ordering::Relaxed) {
                let mut polled = [PollFd::new(&from, PollFlags::IN)];
                if poll(&mut polled, Some(&moment)).unwrap_or(0) > 0 {
                    let Ok(read @ 1..) = from.read(&mut buffer) else { return };
                    written.lock().unwrap().extend_from_slice(&buffer[..read]);
                }
            }
        });
        Self { sandbox, line, screen, reader, closing, child }
    }

    /// An interactive bash, ready for a command.
    fn bash(sandbox: &'a Sandbox) -> Self {
        let terminal = Self::open(sandbox, &["bash", "--norc", "--noediting", "-i"]);
        terminal.wait_for("next> ");
        terminal
    }

    fn keys(&self, keys: &str) {
        (&self.line).write_all(keys.as_bytes()).unwrap();
    }

    /// Presses ^C, then types a command; waits for what that prints. On a
    /// loaded machine a ^C has been seen to reach no process at all, whichever
    /// shell it was; then it is pressed again, as a person would, and told.
    #[track_caller]
    fn interrupt(&self, command: &str, printed: &str) {
        for again in 0..5 {
            // (bash runs no more of a line that was interrupted.)
            self.keys("\x03");
            self.keys(&format!("\n{command}\n"));
            let pressed = std::time::Instant::now();
            let soon = || self.text().contains(printed) || pressed.elapsed().as_secs() >= 5;
            if until(soon) && self.text().contains(printed) {
                return;
            }
            println!("^C number {} reached nobody: {:#?}", again + 1, self.sandbox.census());
        }
        self.wait_for(printed);
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).replace('\r', "")
    }

    #[track_caller]
    fn wait_for(&self, text: &str) {
        let seen = until(|| self.text().contains(text));
        assert!(seen, "no {text:?} in:\n{}\nthere are: {:#?}", self.text(), self.sandbox.census());
    }

    /// The script runs its tasks.
    fn ready(&self, tasks: usize) {
        let sleeping =
            || self.sandbox.census().iter().filter(|(_, l)| l.starts_with("/bin/sleep 1")).count();
        assert!(until(|| sleeping() == tasks), "{}\n{:#?}", self.text(), self.sandbox.census());
    }

    /// Ends the interactive shell.
    fn leave(mut self) {
        self.keys("exit\n");
        self.sandbox.assert_empty();
        self.child.wait().unwrap();
    }

    /// The line is cut, the window is closed.
    fn hang_up(mut self) {
        self.closing.store(true, Ordering::Relaxed);
        self.reader.join().unwrap();
        drop(self.line);
        self.sandbox.assert_empty();
        self.child.wait().unwrap();
    }
}

/// The shells of these tests; none where a terminal cannot be had.
fn some_shells() -> Vec<Shell> {
    if !on_path("setsid") {
        eprintln!("skipped: setsid (util-linux) is not installed");
        return Vec::new();
    }
    shells().into_iter().filter(|s| ["bash", "dash", "zsh", "mksh"].contains(&s.name)).collect()
}

/// Writes a script with three sleepers; returns the line that runs it.
fn write(sandbox: &Sandbox, shell: Shell, end: &str) -> String {
    let text = format!(
        "MEANWHILE_DIR=$PWD/run MEANWHILE_GRACE=1\nf() {{ /bin/sleep 1000 & /bin/sleep 1001; }}\n\
         async_run a f\nasync_run b /bin/sleep 1002\n{end}"
    );
    sandbox.write("script.sh", &with_glue(shell, &text));
    format!("{} script.sh", shell.call.join(" "))
}

#[test]
fn control_c_ends_the_script_and_all_of_its_tasks() {
    for shell in some_shells() {
        for pipe in ["", " | tee copy"] {
            let sandbox = Sandbox::new();
            let line = write(&sandbox, shell, "async_wait a b\necho not this");
            let terminal = Terminal::bash(&sandbox);
            terminal.keys(&format!("{line}{pipe}; echo back ${{PIPESTATUS[0]}}\n"));
            terminal.ready(3);
            terminal.interrupt("echo he''re", "here\n");
            assert!(!terminal.text().contains("not this"), "{}: {}", shell.name, terminal.text());
            terminal.leave();
            let journal = sandbox.journal();
            assert!(journal.contains(" close - how=aborted"), "{}: {journal}", shell.name);
        }
    }
}

#[test]
fn control_z_stops_all_of_it_and_fg_goes_on() {
    for shell in some_shells() {
        let sandbox = Sandbox::new();
        std::process::Command::new("mkfifo").arg(sandbox.path().join("gate")).status().unwrap();
        sandbox.write(
            "script.sh",
            &with_glue(
                shell,
                "MEANWHILE_DIR=$PWD/run\nf() { read line <gate; echo \"got $line\"; return 3; }\n\
                async_run a f\nasync_run b /bin/sleep 1000\nasync_wait a || echo code $?\n\
                async_cancel b\nasync_wait b || echo code $?",
            ),
        );
        let terminal = Terminal::bash(&sandbox);
        terminal.keys(&format!("{} script.sh; echo back\n", shell.call.join(" ")));
        terminal.ready(1);
        let client = || sandbox.census().iter().any(|(_, l)| l.contains("meanwhile wait"));
        assert!(until(client), "{}", terminal.text());
        terminal.keys("\x1a");
        terminal.wait_for("Stopped");
        let states = || -> Vec<(String, char)> {
            sandbox.census().into_iter().map(|(pid, line)| (line, state(pid))).collect()
        };
        // The script, the client, two guards, their tasks; not the watcher.
        let stopped = || states().iter().filter(|(_, state)| *state == 'T').count() >= 5;
        assert!(until(stopped), "{}: {:#?}", shell.name, states());
        let states = states();
        assert!(states.iter().any(|(l, s)| l.contains("__watch") && *s != 'T'), "{states:#?}");
        terminal.keys("fg\n");
        std::fs::write(sandbox.path().join("gate"), "through\n").unwrap();
        terminal.wait_for("got through\n");
        terminal.wait_for("code 3\n");
        terminal.wait_for("code 143\n");
        terminal.leave();
        assert!(sandbox.journal().contains(" close - how=finished"), "{}", sandbox.journal());
    }
}

fn state(pid: u32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap_or('X')
}

/// The script is the terminal's first process, or in an interactive shell, or stopped there.
#[test]
fn a_hangup_ends_the_script_and_all_of_its_tasks() {
    for shell in some_shells() {
        for way in ["first", "inside", "stopped", "background"] {
            let sandbox = Sandbox::new();
            let line = write(&sandbox, shell, "async_wait a b");
            let words: Vec<&str> = line.split(' ').collect();
            let terminal = match way {
                "first" => Terminal::open(&sandbox, &words),
                _ => Terminal::bash(&sandbox),
            };
            match way {
                "first" => {}
                "background" => terminal.keys(&format!("{line} &\n")),
                _ => terminal.keys(&format!("{line}\n")),
            }
            terminal.ready(3);
            if way == "stopped" {
                terminal.keys("\x1a");
                terminal.wait_for("Stopped");
            }
            terminal.hang_up();
            let journal = sandbox.journal();
            assert!(journal.contains(" close - how=aborted"), "{} {way}: {journal}", shell.name);
        }
    }
}

#[test]
fn a_script_that_ignores_hangups_goes_on() {
    for shell in some_shells() {
        let sandbox = Sandbox::new();
        let text = "MEANWHILE_DIR=$PWD/run\nf() { /bin/sleep 1000 || :; read line <gate; return 3; }\n\
            async_run a f\nasync_wait a || echo code $? >code";
        std::process::Command::new("mkfifo").arg(sandbox.path().join("gate")).status().unwrap();
        sandbox.write("script.sh", &with_glue(shell, text));
        let words = [&["nohup"], shell.call, &["script.sh"]].concat();
        let mut terminal = Terminal::open(&sandbox, &words);
        terminal.ready(1);
        terminal.closing.store(true, Ordering::Relaxed);
        terminal.reader.join().unwrap();
        drop(terminal.line);
        let sleeper = sandbox.census().into_iter().find(|(_, l)| l.starts_with("/bin/sleep"));
        crate::sandbox::kill(sleeper.expect("it goes on").0, "TERM");
        std::fs::write(sandbox.path().join("gate"), "go\n").unwrap();
        sandbox.assert_empty();
        terminal.child.wait().unwrap();
        assert_eq!(sandbox.read("code"), "code 3\n", "{}", shell.name);
    }
}

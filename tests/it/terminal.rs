//! A real terminal, by a pseudo-terminal: ^C, ^Z and `fg`, hangup.

use std::sync::atomic::Ordering;

use crate::pty::Terminal;
use crate::sandbox::{Sandbox, Shell, on_path, shells, until, with_glue};

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
            // (The hangup may end both tasks before the script is gone.)
            let hung_up = journal.matches(" code=129").count() >= 2;
            let how = if hung_up { " close - how=" } else { " close - how=aborted" };
            assert!(journal.contains(how), "{} {way}: {journal}", shell.name);
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

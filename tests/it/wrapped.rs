//! `meanwhile run`: a wrapper that changes nothing, and lets nothing escape.

use std::os::unix::process::CommandExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Child;

use crate::held::BOTH;
use crate::sandbox::{Output, Sandbox, Shell, kill, until, with_glue};

/// A daemon that no mark of a task finds: a session of its own, outputs
/// closed, its parent gone.
const DAEMON: &str = "sh -c 'setsid /bin/sleep 1000 </dev/null >/dev/null 2>&1 &'";

/// Starts a script, with the glue loaded, in the wrapper.
fn wrapped(sandbox: &Sandbox, shell: Shell, text: &str) -> Child {
    command(sandbox, shell, text).process_group(0).spawn().unwrap()
}

fn command(sandbox: &Sandbox, shell: Shell, text: &str) -> std::process::Command {
    println!("shell: {}", shell.name);
    sandbox.write("script.sh", &with_glue(shell, text));
    let mut arguments = vec!["run"];
    arguments.extend(shell.call);
    arguments.push("script.sh");
    let mut command = sandbox.command("meanwhile", &arguments);
    command.env("MEANWHILE_GRACE", "5");
    command
}

/// Starts one and waits until it has made the file `ready`.
fn ready(sandbox: &Sandbox, shell: Shell, text: &str) -> Child {
    std::process::Command::new("mkfifo").arg(sandbox.path().join("gate")).status().unwrap();
    let text = format!("gate() {{ : >ready; read line <gate; }}\n{text}");
    let child = wrapped(sandbox, shell, &text);
    assert!(until(|| sandbox.path().join("ready").exists()));
    child
}

fn sleepers(sandbox: &Sandbox) -> Vec<u32> {
    let census = sandbox.census();
    census.into_iter().filter(|(_, l)| l.starts_with("/bin/sleep 1000")).map(|(p, _)| p).collect()
}

/// The pid of the script itself: the wrapper's first child.
fn script(sandbox: &Sandbox, shell: Shell) -> u32 {
    let line = format!("{} script.sh ", shell.name);
    sandbox.census().into_iter().find(|(_, found)| *found == line).unwrap().0
}

fn journals(sandbox: &Sandbox) -> Vec<String> {
    let runs = sandbox.runs();
    runs.iter().map(|run| std::fs::read_to_string(run.join("journal")).unwrap()).collect()
}

fn plain(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    let arguments = [&["run"], arguments].concat();
    sandbox.finish(sandbox.command("meanwhile", &arguments).spawn().unwrap())
}

#[test]
fn the_exit_code_is_the_commands_own() {
    let sandbox = Sandbox::new();
    for code in [0, 1, 2, 77, 124, 125, 126, 127, 128, 130, 137, 143, 200, 255] {
        let output = plain(&sandbox, &["sh", "-c", &format!("exit {code}")]);
        assert_eq!((output.code, output.stderr.as_str()), (code, ""));
    }
    assert_eq!(plain(&sandbox, &["--", "sh", "-c", "exit 3"]).code, 3);
    let output = plain(&sandbox, &["no-such-program"]);
    assert_eq!(output.code, 127);
    assert!(
        output.stderr.contains("cannot run no-such-program: No such file"),
        "{}",
        output.stderr
    );
    sandbox.write("no-program", "");
    let output = plain(&sandbox, &["./no-program"]);
    assert_eq!(output.code, 126);
    assert!(output.stderr.contains("cannot run ./no-program: Permission"), "{}", output.stderr);
    assert_eq!(plain(&sandbox, &[]).code, 2);
    let mut command = sandbox.command("meanwhile", &["run", "touch", "started"]);
    let output = sandbox.finish(command.env("MEANWHILE_GRACE", "soon").spawn().unwrap());
    assert!(output.code == 2 && !sandbox.path().join("started").exists(), "{}", output.stderr);
    assert!(!sandbox.path().join("state").exists(), "no run, no directory");
}

#[test]
fn a_command_that_a_signal_ended_ends_the_wrapper_by_it() {
    let sandbox = Sandbox::new();
    for signal in [1, 2, 3, 6, 9, 10, 11, 13, 14, 15, 40] {
        let text = format!("kill -{signal} $$");
        let mut command = sandbox.command("meanwhile", &["run", "sh", "-c", &text]);
        let status = command.spawn().unwrap().wait().unwrap();
        assert_eq!((status.signal(), status.core_dumped()), (Some(signal), false));
    }
    sandbox.assert_empty();
}

#[test]
fn what_the_command_inherits_is_untouched() {
    let sandbox = Sandbox::new();
    // Ignored and blocked signals, groups, sessions, descriptors, environment.
    let look = "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status; cut -d' ' -f5-8 /proc/self/stat; \
        ls /proc/self/fd; env | grep -v ^_=; ulimit -c; cat";
    let mut outputs = Vec::new();
    for wrapper in ["", "meanwhile run"] {
        for ignored in ["", "trap '' PIPE CHLD", "trap '' INT QUIT HUP TERM USR1 TSTP TTOU"] {
            let text = format!("{ignored}\n{wrapper} /bin/sh -c \"{look}\"");
            sandbox.write("look.sh", &text);
            sandbox.write("input", "bytes\n\0\n");
            let mut command = sandbox.command("sh", &["look.sh"]);
            command.stdin(std::fs::File::open(sandbox.path().join("input")).unwrap());
            let output = sandbox.finish(command.process_group(0).spawn().unwrap()).ok();
            assert!(output.stdout.ends_with("bytes\n\0\n"), "{}", output.stdout);
            // The group is a new one each time.
            let stdout: Vec<&str> = output.stdout.lines().collect();
            let group = stdout[3].split(' ').next().unwrap().to_owned();
            outputs.push(output.stdout.replace(&group, "GROUP"));
        }
    }
    let wrapped = outputs.split_off(3);
    assert_eq!(outputs, wrapped);
}

#[test]
fn the_summary_comes_by_itself_and_once() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let text = "async_run f sh -c 'echo out; exit 3'\nasync_wait f || :\n";
        let output = sandbox.finish(wrapped(&sandbox, shell, text)).ok();
        assert_eq!(output.stdout, "out\n", "{}", shell.name);
        assert!(output.stderr.contains("  tasks       1: "), "{}", output.stderr);
        let text = format!("{text}async_print_timing\n");
        let output = sandbox.finish(wrapped(&sandbox, shell, &text)).ok();
        assert!(output.stdout.contains("  tasks       1: "), "{}", output.stdout);
        assert!(!output.stderr.contains("tasks"), "{}", output.stderr);
        // But not if more has happened since.
        let text = format!("{text}async_run g true\n");
        let output = sandbox.finish(wrapped(&sandbox, shell, &text)).ok();
        assert!(output.stderr.contains("  tasks       2: "), "{}", output.stderr);
    }
}

#[test]
fn every_run_below_is_found_wherever_it_is() {
    let sandbox = Sandbox::new();
    let inner = "eval \"$(meanwhile init sh)\"\nasync_run in true\nasync_wait in\n";
    sandbox.write("inner.sh", inner);
    sandbox.write("other.sh", &format!("MEANWHILE_DIR=$PWD/other\n{inner}"));
    let text = "async_run out true\nsh inner.sh\nenv -i PATH=\"$PATH\" HOME=\"$HOME\" MEANWHILE_TEST=\"$MEANWHILE_TEST\" sh other.sh\nasync_wait out\nasync_init\nasync_run again true\nasync_wait again";
    let output = sandbox.finish(wrapped(&sandbox, BOTH[1], text)).ok();
    for script in ["script.sh", "inner.sh", "other.sh"] {
        assert!(output.stderr.contains(&format!("meanwhile: {script}: 0.")), "{}", output.stderr);
    }
    assert_eq!(output.stderr.matches("  tasks       1: ").count(), 4, "{}", output.stderr);
}

#[test]
fn tasks_are_settled_before_it_ends() {
    for shell in BOTH {
        for (setting, end, closed) in [
            ("", "exit 0", "finished"),
            ("", "exit 5", "aborted"),
            ("MEANWHILE_ON_EXIT=wait", "exit 5", "finished"),
            ("MEANWHILE_ON_EXIT=cancel", "exit 0", "aborted"),
        ] {
            let sandbox = Sandbox::new();
            let text = format!("{setting}\nasync_run f sh -c 'sleep 0.3; : >done'\n{end}");
            let output = sandbox.outcome(wrapped(&sandbox, shell, &text));
            assert_eq!(format!("exit {}", output.code), end);
            let journal = journals(&sandbox).concat();
            assert!(
                journal.contains(&format!(" close - how={closed}")),
                "{setting} {end}: {journal}"
            );
            assert_eq!(sandbox.path().join("done").exists(), closed == "finished");
            assert!(output.stderr.contains("  tasks       1: "), "{}", output.stderr);
            // Not only soon, but now.
            assert!(sandbox.census().is_empty(), "{:#?}", sandbox.census());
        }
    }
}

#[test]
fn what_is_left_is_named_and_lives_on() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let text = format!(
            "f() {{ /bin/sleep 1000 & }}\nasync_runfunc f\nasync_wait f\nMEANWHILE_ON_EXIT=leave\n\
             {DAEMON}\nasync_init\nasync_run g /bin/sleep 1000\ngate\n"
        );
        let child = ready(&sandbox, shell, &text);
        assert!(until(|| sleepers(&sandbox).len() == 3), "{:#?}", sandbox.census());
        std::fs::write(sandbox.path().join("gate"), "go\n").unwrap();
        let output = sandbox.outcome(child).ok();
        let pids = sleepers(&sandbox);
        assert_eq!(pids.len(), 3, "{:#?}", sandbox.census());
        for pid in pids {
            assert!(output.stderr.contains(&format!("{pid} (sleep)")), "{pid}: {}", output.stderr);
            kill(pid, "KILL");
        }
        assert!(output.stderr.contains("\nmeanwhile: left running: pid "), "{}", output.stderr);
        for task in ["f", "g"] {
            let named = format!("  left behind {task}: pid ");
            assert!(output.stderr.contains(&named), "{task}: {}", output.stderr);
        }
        sandbox.assert_empty();
    }
}

#[test]
fn the_first_signal_ends_everything() {
    for shell in BOTH {
        for signal in ["INT", "TERM", "HUP"] {
            let sandbox = Sandbox::new();
            let text = format!(
                "{DAEMON}\nf() {{ {DAEMON}; /bin/sleep 1000; }}\nasync_runfunc f\n\
                 g() {{ {DAEMON}; }}\nasync_runfunc g\nasync_wait g\n\
                 /bin/sleep 1000 & gate"
            );
            let child = ready(&sandbox, shell, &text);
            assert!(until(|| sleepers(&sandbox).len() == 5), "{:#?}", sandbox.census());
            kill(child.id(), signal);
            let output = sandbox.outcome(child);
            let expected = [("HUP", 129), ("INT", 130), ("TERM", 143)];
            assert!(expected.contains(&(signal, output.code)), "{signal}: {}", output.code);
            assert!(sandbox.census().is_empty(), "{signal}: {:#?}", sandbox.census());
            assert!(output.stderr.contains("  cancelled   f: "), "{}", output.stderr);
            let journal = journals(&sandbox).concat();
            assert!(journal.contains(" close - how=aborted"), "{journal}");
        }
    }
}

#[test]
fn a_script_may_put_things_away_before_it_ends() {
    for shell in BOTH {
        for signal in ["INT", "TERM", "HUP"] {
            let sandbox = Sandbox::new();
            // In the foreground stands a program that the script waits for;
            // what the trap starts is not ended with it.
            let text = format!(
                "trap 'sleep 1.5; echo away; exit 0' {signal}\nasync_run f /bin/sleep 1000\n\
                 : >ready\n/bin/sleep 1000 || :"
            );
            let child = wrapped(&sandbox, shell, &text);
            assert!(until(
                || sandbox.path().join("ready").exists() && sleepers(&sandbox).len() == 2
            ));
            kill(child.id(), signal);
            let output = sandbox.outcome(child);
            assert_eq!(output.stdout, "away\n", "{} {signal}: {}", shell.name, output.stderr);
            assert!(output.code > 128, "an aborted run is no success: {}", output.code);
            assert!(sandbox.census().is_empty(), "{:#?}", sandbox.census());
        }
    }
}

#[test]
fn what_a_trap_starts_is_not_asked_to_end() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        // The script takes the signal at once, and needs longer than a second.
        let text = "trap 'sh -c \"sleep 1.5; echo away\"; exit 0' TERM\n/bin/sleep 1000 &\n\
            : >ready\nwait";
        let child = wrapped(&sandbox, shell, text);
        assert!(until(|| sandbox.path().join("ready").exists() && sleepers(&sandbox).len() == 1));
        kill(child.id(), "TERM");
        let output = sandbox.outcome(child);
        assert_eq!((output.code, output.stdout.as_str()), (143, "away\n"), "{}", output.stderr);
        assert!(sandbox.census().is_empty(), "{:#?}", sandbox.census());
    }
}

#[test]
fn a_trap_that_hangs_is_freed_in_time() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let text = "trap '/bin/sleep 1000 || :; echo away; exit 0' TERM\n/bin/sleep 1000 &\n\
            : >ready\nwait";
        let mut command = command(&sandbox, shell, text);
        let child = command.env("MEANWHILE_GRACE", "2").process_group(0).spawn().unwrap();
        assert!(until(|| sandbox.path().join("ready").exists() && sleepers(&sandbox).len() == 1));
        kill(child.id(), "TERM");
        let output = sandbox.outcome(child);
        assert_eq!((output.code, output.stdout.as_str()), (143, "away\n"), "{}", output.stderr);
        assert!(sandbox.census().is_empty(), "{:#?}", sandbox.census());
    }
}

#[test]
fn the_grace_is_kept() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let text = "trap '' TERM\nasync_run f /bin/sleep 1000\n\
            setsid sh -c 'trap \"\" TERM; : >ready; while :; do /bin/sleep 1000; done' >/dev/null 2>&1 &\n\
            while :; do /bin/sleep 1000 || :; done";
        let mut command = command(&sandbox, shell, text);
        command.env("MEANWHILE_GRACE", "1").process_group(0);
        let child = command.spawn().unwrap();
        assert!(until(|| sandbox.path().join("ready").exists() && sleepers(&sandbox).len() == 3));
        let begin = std::time::Instant::now();
        kill(child.id(), "TERM");
        let output = sandbox.outcome(child);
        assert_eq!(output.code, 143);
        assert!(begin.elapsed() >= std::time::Duration::from_secs(1));
        assert!(sandbox.census().is_empty(), "{:#?}", sandbox.census());
        assert!(journals(&sandbox).concat().contains(" close - how="), "{:?}", journals(&sandbox));
    }
}

#[test]
fn a_second_signal_kills_at_once() {
    for shell in BOTH {
        for (first, second) in [("INT", "INT"), ("TERM", "INT"), ("HUP", "TERM")] {
            let sandbox = Sandbox::new();
            let text = format!(
                "trap ': >asked' {first}\nf() {{ trap '' TERM INT; {DAEMON}; /bin/sleep 1000; }}\n\
                 async_runfunc f\n: >ready\nwhile :; do read line <gate || :; done"
            );
            std::process::Command::new("mkfifo").arg(sandbox.path().join("gate")).status().unwrap();
            let mut command = command(&sandbox, shell, &text);
            command.env("MEANWHILE_GRACE", "1h").process_group(0);
            let child = command.spawn().unwrap();
            assert!(until(
                || sandbox.path().join("ready").exists() && sleepers(&sandbox).len() == 2
            ));
            kill(child.id(), first);
            assert!(until(|| sandbox.path().join("asked").exists()));
            // What follows at once is the same request.
            std::thread::sleep(std::time::Duration::from_millis(150));
            kill(child.id(), second);
            let output = sandbox.outcome(child);
            let expected = [("HUP", 129), ("INT", 130), ("TERM", 143)];
            assert!(expected.contains(&(first, output.code)), "{first}: {}", output.code);
            assert!(sandbox.census().is_empty(), "{:#?}", sandbox.census());
            let journal = journals(&sandbox).concat();
            assert!(journal.contains(" close - how="), "{journal}");
        }
    }
}

#[test]
fn the_script_is_killed() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let text = format!("f() {{ {DAEMON}; /bin/sleep 1000; }}\nasync_runfunc f\n{DAEMON}\ngate");
        let child = ready(&sandbox, shell, &text);
        assert!(until(|| sleepers(&sandbox).len() == 3));
        kill(script(&sandbox, shell), "KILL");
        let output = sandbox.outcome(child);
        assert_eq!(output.code, 137);
        assert!(sandbox.census().is_empty(), "{:#?}", sandbox.census());
        assert!(output.stderr.contains("  cancelled   f: "), "{}", output.stderr);
    }
}

#[test]
fn the_watcher_is_killed() {
    for shell in BOTH {
        for (end, code, closed) in [("exit 0", 0, "finished"), ("exit 5", 5, "aborted")] {
            let sandbox = Sandbox::new();
            let text = format!("async_run f sh -c 'sleep 0.3; : >done'\ngate\n{end}");
            let child = ready(&sandbox, shell, &text);
            kill(sandbox.watcher(), "KILL");
            std::fs::write(sandbox.path().join("gate"), "go\n").unwrap();
            let output = sandbox.outcome(child);
            assert_eq!(output.code, code, "{}", output.stderr);
            assert!(sandbox.census().is_empty(), "{:#?}", sandbox.census());
            let journal = journals(&sandbox).concat();
            assert!(journal.contains(&format!(" close - how={closed}")), "{journal}");
            assert_eq!(sandbox.path().join("done").exists(), closed == "finished");
        }
        // And when everything is to end.
        let sandbox = Sandbox::new();
        let text = format!("f() {{ {DAEMON}; /bin/sleep 1000; }}\nasync_runfunc f\ngate");
        let child = ready(&sandbox, shell, &text);
        assert!(until(|| sleepers(&sandbox).len() == 2));
        kill(sandbox.watcher(), "KILL");
        kill(child.id(), "TERM");
        let output = sandbox.outcome(child);
        assert_eq!(output.code, 143);
        assert!(sandbox.census().is_empty(), "{:#?}", sandbox.census());
        assert!(journals(&sandbox).concat().contains(" close - how=aborted"));
    }
}

#[test]
fn the_watcher_is_stopped() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let child = ready(&sandbox, shell, "async_run f /bin/sleep 1000\ngate\nexit 5");
        kill(sandbox.watcher(), "STOP");
        std::fs::write(sandbox.path().join("gate"), "go\n").unwrap();
        let output = sandbox.outcome(child);
        assert_eq!(output.code, 5);
        assert!(output.stderr.contains("  cancelled   f: "), "{}", output.stderr);
        assert!(sandbox.census().is_empty(), "{:#?}", sandbox.census());
    }
}

#[test]
fn the_wrapper_is_killed() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let text = "async_run f /bin/sleep 1000\nasync_run g sh -c 'exit 3'\ngate\n\
            async_wait g || echo $? >code\nexit 1";
        let mut child = ready(&sandbox, shell, text);
        child.kill().unwrap();
        child.wait().unwrap();
        std::fs::write(sandbox.path().join("gate"), "go\n").unwrap();
        // The script goes on, and its watcher ends what it leaves.
        sandbox.assert_empty();
        assert_eq!(sandbox.read("code"), "3\n");
        assert!(journals(&sandbox).concat().contains(" close - how=aborted"));
    }
}

#[test]
fn other_signals_go_on_to_the_script() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let text = "trap ': >usr1' USR1\ntrap ': >winch' WINCH\ntrap ': >cont' CONT\n\
            : >ready\nwhile ! [ -e end ]; do /bin/sleep 0.05; done";
        let child = wrapped(&sandbox, shell, text);
        assert!(until(|| sandbox.path().join("ready").exists()));
        for (signal, file) in [("USR1", "usr1"), ("WINCH", "winch"), ("CONT", "cont")] {
            kill(child.id(), signal);
            assert!(until(|| sandbox.path().join(file).exists()), "{} {signal}", shell.name);
        }
        sandbox.write("end", "");
        assert_eq!(sandbox.finish(child).ok().stderr, "");
    }
}

#[test]
fn a_script_that_signals_its_own_group() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let text = "trap '' TERM\nkill 0\n/bin/sleep 0.2\nexit 7";
        let output = sandbox.finish(wrapped(&sandbox, shell, text));
        assert_eq!(output.code, 7, "it ignores that, and so does the wrapper");
        let text = "trap 'trap - TERM; kill 0' EXIT\n/bin/sleep 1000 &\nexit 7";
        assert_eq!(sandbox.finish(wrapped(&sandbox, shell, text)).code, 143);
    }
}

#[test]
fn under_timeout_the_grace_is_kept() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let text = "trap 'sleep 0.5; echo away; exit 1' TERM\nasync_run f /bin/sleep 1000\n\
            /bin/sleep 1000 || :";
        sandbox.write("script.sh", &with_glue(shell, text));
        let mut arguments = vec!["1", "meanwhile", "run"];
        arguments.extend(shell.call);
        arguments.push("script.sh");
        let output = sandbox.finish(sandbox.command("timeout", &arguments).spawn().unwrap());
        assert_eq!(output.code, 124);
        assert!(output.stdout.starts_with("away\n"), "{} {}", output.stdout, output.stderr);
    }
}

#[test]
fn tasks_without_a_script_go_on_unless_everything_ends() {
    let sandbox = Sandbox::new();
    let text = "MEANWHILE_DIR=$PWD/run meanwhile start f /bin/sleep 1000\n";
    let output = sandbox.outcome(wrapped(&sandbox, BOTH[0], text)).ok();
    assert!(output.stderr.contains("meanwhile: f: left running: pid "), "{}", output.stderr);
    assert!(output.stderr.contains("  running     f\n"), "{}", output.stderr);
    assert!(until(|| sleepers(&sandbox).len() == 1));
    for pid in sleepers(&sandbox) {
        kill(pid, "KILL");
    }
    sandbox.assert_empty();
    let sandbox = Sandbox::new();
    let child = ready(&sandbox, BOTH[0], &format!("{text}gate"));
    assert!(until(|| sleepers(&sandbox).len() == 1));
    kill(child.id(), "TERM");
    let output = sandbox.outcome(child);
    assert!(sandbox.census().is_empty(), "{:#?}", sandbox.census());
    assert!(output.stderr.contains("  cancelled   f: "), "{}", output.stderr);
}

#[test]
fn wrappers_can_be_nested() {
    let sandbox = Sandbox::new();
    let text = format!("async_run f sh -c 'exit 3'\nasync_wait f || :\n{DAEMON}\nexit 4");
    sandbox.write("inner.sh", &with_glue(BOTH[0], &text));
    let text = "rc=0; meanwhile run bash inner.sh || rc=$?; echo $rc";
    let output = sandbox.outcome(wrapped(&sandbox, BOTH[1], text)).ok();
    assert_eq!(output.stdout, "4\n");
    assert_eq!(output.stderr.matches("  tasks       1: ").count(), 1, "{}", output.stderr);
    // The inner one names it, then the outer one, whose child it is by then.
    assert_eq!(output.stderr.matches("left running: pid ").count(), 2, "{}", output.stderr);
    kill(sleepers(&sandbox)[0], "KILL");
    sandbox.assert_empty();
}

#[test]
fn a_hangup_in_a_namespace_whose_session_is_led_from_outside() {
    let sandbox = Sandbox::new();
    let unshare = ["--pid", "--fork", "--mount-proc"];
    let probe = sandbox.finish(sandbox.command("unshare", &unshare).arg("true").spawn().unwrap());
    if probe.code != 0 {
        eprintln!("skipped: no pid namespace here: {}", probe.stderr);
        return;
    }
    // The shell is the namespace's init: it reaps, and takes no signal itself.
    let text = "mkfifo gate; trap : EXIT\nmeanwhile run sh -c 'trap \"echo away; exit 0\" HUP; \
        : >gate; while :; do /bin/sleep 1000 || :; done' &\nread line <gate || :\nkill -HUP $!\n\
        wait $! || echo $?\n";
    sandbox.write("init.sh", text);
    let output = sandbox
        .finish(sandbox.command("unshare", &unshare).args(["sh", "init.sh"]).spawn().unwrap())
        .ok();
    assert_eq!(output.stdout, "away\n129\n", "{}", output.stderr);
}

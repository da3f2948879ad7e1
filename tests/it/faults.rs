//! Faults, injected: what the design's table requires when things break.

use std::os::unix::process::CommandExt;

use crate::sandbox::{BASH, DASH, Sandbox, Shell, kill, until, with_glue};

const BOTH: [Shell; 2] = [BASH, DASH];

/// A script that holds a gate: it goes on when the test says so.
struct Held<'a> {
    sandbox: &'a Sandbox,
    child: std::process::Child,
}

/// Starts a script that calls `gate` where the test wants to step in.
fn held<'a>(sandbox: &'a Sandbox, shell: Shell, text: &str) -> Held<'a> {
    std::process::Command::new("mkfifo").arg(sandbox.path().join("gate")).status().unwrap();
    let text = format!("MEANWHILE_DIR=$PWD/run\ngate() {{ : >ready; read line <gate; }}\n{text}");
    let child = sandbox.script(shell, &with_glue(shell, &text)).process_group(0).spawn().unwrap();
    assert!(until(|| sandbox.path().join("ready").exists()));
    Held { sandbox, child }
}

impl Held<'_> {
    fn open_gate(&self) {
        std::fs::write(self.sandbox.path().join("gate"), "go\n").unwrap();
    }

    /// Opens the gate and waits for the script and all of its processes.
    fn go(self) -> crate::sandbox::Output {
        self.open_gate();
        self.sandbox.finish(self.child)
    }
}

fn guard_of(sandbox: &Sandbox, name: &str) -> u32 {
    let find = || {
        let journal = sandbox.journal();
        let line = journal.lines().find(|l| l.contains(&format!(" start {name} ")))?.to_owned();
        line.split(' ').find_map(|f| f.strip_prefix("pid="))?.parse().ok()
    };
    assert!(until(|| find().is_some()));
    find().unwrap()
}

#[test]
fn the_watcher_is_killed() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let held = held(
            &sandbox,
            shell,
            "f() { read line <gate2; echo out; return 3; }\nmkfifo gate2\nasync_runfunc f\n\
             async_run g sh -c 'exit 4'\ngate\nasync_wait --timeout 0.01 f 2>&1 || :\n\
             (echo go >gate2) &\n\
             rc=0; async_wait f || rc=$?; echo $rc\nrc=0; async_wait g || rc=$?; echo $rc",
        );
        let watcher = sandbox.watcher();
        kill(watcher, "KILL");
        // (A process that is being killed loses its environment before its files.)
        let stat = || std::fs::read_to_string(format!("/proc/{watcher}/stat")).unwrap_or_default();
        assert!(until(|| stat().is_empty() || stat().contains(") Z ")));
        let output = held.go().ok();
        assert!(output.stdout.ends_with("out\n3\n4\n"), "{}", shell.name);
        let said = output.stdout + &output.stderr;
        assert_eq!(said.matches("the watcher of this run is dead").count(), 1, "{said}");
    }
}

#[test]
fn the_watcher_is_stopped() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let held = held(
            &sandbox,
            shell,
            "async_run f sh -c 'echo out; exit 3'\ngate\nasync_wait f || echo $?",
        );
        let watcher = sandbox.watcher();
        kill(watcher, "STOP");
        held.open_gate();
        let output = sandbox.outcome(held.child).ok();
        kill(watcher, "CONT");
        assert_eq!(output.stdout, "out\n3\n", "{}", shell.name);
        assert!(!output.stderr.contains("watcher"), "it is not dead: {}", output.stderr);
        sandbox.assert_empty();
    }
}

#[test]
fn the_script_is_killed() {
    for shell in BOTH {
        for signal in ["KILL", "TERM", "HUP"] {
            let sandbox = Sandbox::new();
            let held = held(
                &sandbox,
                shell,
                "MEANWHILE_GRACE=2\nf() { /bin/sleep 1000 & /bin/sleep 1000; }\nasync_runfunc f\n\
                 async_run stubborn sh -c 'trap \"\" TERM; /bin/sleep 1000 & wait; /bin/sleep 1000'\n\
                 setsid_child() { setsid /bin/sleep 1000 & /bin/sleep 1000; }\nasync_runfunc setsid_child\ngate",
            );
            let sleeping =
                || sandbox.census().iter().filter(|(_, l)| l.contains("sleep 1000")).count();
            assert!(until(|| sleeping() >= 5), "{:#?}", sandbox.census());
            kill(held.child.id(), signal);
            let output = sandbox.finish(held.child);
            assert_ne!(output.code, 0);
            assert!(sandbox.journal().contains(" close - how=aborted"), "{}", sandbox.journal());
        }
    }
}

#[test]
fn a_guard_is_killed() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let held = held(
            &sandbox,
            shell,
            "async_run f /bin/sleep 1000\ngate\nrc=0; async_wait f || rc=$?; echo $rc",
        );
        let guard = guard_of(&sandbox, "f");
        assert!(until(|| sandbox.census().iter().any(|(_, l)| l.contains("sleep 1000"))));
        kill(guard, "KILL");
        let output = held.go().ok();
        assert_eq!(output.stdout, "137\n", "{}", shell.name);
        assert!(
            output.stderr.contains("f: exit code 137; its guard was killed"),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn a_guard_is_killed_and_so_is_the_watcher() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let held = held(
            &sandbox,
            shell,
            "async_run f /bin/sleep 1000\ngate\nrc=0; async_wait f || rc=$?; echo $rc",
        );
        assert!(until(|| sandbox.census().iter().any(|(_, l)| l.contains("sleep 1000"))));
        kill(sandbox.watcher(), "KILL");
        kill(guard_of(&sandbox, "f"), "KILL");
        assert_eq!(held.go().ok().stdout, "137\n", "{}", shell.name);
    }
}

#[test]
fn the_client_is_killed() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let held = held(
            &sandbox,
            shell,
            "mkfifo gate2\nf() { read line <gate2; echo out; return 3; }\nasync_runfunc f\ngate\n\
             rc=0; async_wait f || rc=$?; echo $rc\nrc=0; async_wait f || rc=$?; echo again $rc",
        );
        held.open_gate();
        let client = || sandbox.census().into_iter().find(|(_, l)| l.contains("meanwhile wait"));
        assert!(until(|| client().is_some()));
        let first = client().unwrap().0;
        kill(first, "KILL");
        // The shell asks another one.
        assert!(until(|| client().is_some_and(|(pid, _)| pid != first)));
        std::fs::write(sandbox.path().join("gate2"), "go\n").unwrap();
        let output = sandbox.finish(held.child).ok();
        assert!(
            output.stdout.starts_with("out\n3\n") && output.stdout.ends_with("again 3\n"),
            "{}: {}",
            shell.name,
            output.stdout
        );
        assert!(
            output.stderr.contains("the client was killed (exit code 137)"),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn a_task_leaves_a_daemon() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let output = {
            let text = with_glue(
                shell,
                "f() { /bin/sleep 1000 & echo done; return 3; }\n\
                async_runfunc f\nrc=0; async_wait f || rc=$?; echo $rc\nasync_print_timing",
            );
            sandbox.outcome(sandbox.script(shell, &text).spawn().unwrap()).ok()
        };
        assert!(output.stdout.starts_with("done\n3\n"), "{}: {}", shell.name, output.stdout);
        assert!(output.stderr.contains("f: left running: pid "), "{}", output.stderr);
        assert!(output.stdout.contains("left behind f: pid "), "{}", output.stdout);
        // It is the user's: it stays.
        let sleeper = sandbox.census().into_iter().find(|(_, l)| l.contains("sleep 1000"));
        kill(sleeper.expect("the daemon lives").0, "KILL");
        sandbox.assert_empty();
    }
}

#[test]
fn the_run_directory_is_deleted() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let text = "MEANWHILE_DIR=$PWD/run\nasync_run a sh -c 'exit 3'\nasync_run b sh -c 'exit 0'\n\
            mv run elsewhere\n\
            rc=0; async_wait a || rc=$?; echo $rc\nasync_wait b\necho $?\n\
            async_run c sh -c 'echo here; exit 5'\nrc=0; async_wait c || rc=$?; echo $rc\n\
            async_cleanup\nasync_print_timing";
        let output = sandbox.run(shell, text).ok();
        assert_eq!(output.stdout, "3\n0\nhere\n5\n", "{}: {}", shell.name, output.stderr);
        assert!(output.stderr.contains("there is no run directory"), "{}", output.stderr);
        assert!(output.stderr.contains("a: its log is gone"), "{}", output.stderr);
    }
}

#[test]
fn the_run_directory_is_deleted_under_a_running_task() {
    for shell in crate::sandbox::shells() {
        let sandbox = Sandbox::new();
        let held = held(
            &sandbox,
            shell,
            "mkfifo gate2 gate3\nf() { read line <gate2; exit 6; }\nok() { read line <gate3; }\n\
             async_runfunc f\nasync_runfunc ok\nwhile [ ! -e run/ok.argv ]; do :; done\nmv run elsewhere\n\
             gate\n(echo go >gate2; echo go >gate3) &\n\
             rc=0; async_wait f 2>/dev/null || rc=$?; echo $rc\n\
             rc=0; async_wait ok 2>/dev/null || rc=$?; echo $rc",
        );
        let output = held.go().ok();
        assert_eq!(output.stdout, "6\n0\n", "{}: {}", shell.name, output.stderr);
    }
}

#[test]
fn a_log_is_deleted() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let text = "MEANWHILE_DIR=$PWD/run\nasync_run a sh -c 'echo out; exit 3'\n\
            async_wait --quiet a || :\nasync_run b sh -c 'echo out; exit 3'\n\
            while ! grep -q 'end b' run/journal; do :; done\nrm run/b.log\n\
            rc=0; async_wait b || rc=$?; echo $rc";
        let output = sandbox.run(shell, text).ok();
        assert_eq!(output.stdout, "3\n", "{}", shell.name);
        assert!(
            output.stderr.contains("b: its log is gone; its output is lost"),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn the_disk_is_full() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let run = sandbox.run_dir();
        std::fs::create_dir(&run).unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=64k,mode=700", "none", run.to_str().unwrap()];
        let mounted = std::process::Command::new("mount").args(mount).output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: mounting a small tmpfs is not allowed here");
            return;
        }
        let text = "MEANWHILE_DIR=$PWD/run\n\
            async_run first sh -c 'exit 3'\nasync_wait --quiet first || echo first $?\n\
            async_run big sh -c 'head -c 100000 /dev/zero; exit 5'\n\
            rc=0; async_wait big >big.out 2>big.err || rc=$?; echo big $rc\n\
            async_run after sh -c 'exit 6'\nrc=0; async_wait after 2>/dev/null || rc=$?; echo after $rc";
        let child = sandbox.script(shell, &with_glue(shell, text)).spawn().unwrap();
        let output = sandbox.outcome(child);
        std::process::Command::new("umount").arg("-l").arg(&run).status().unwrap();
        assert_eq!(output.stdout, "first 3\nbig 5\nafter 6\n", "{}: {}", shell.name, output.stderr);
        let err = sandbox.read("big.err");
        assert!(err.contains("may be incomplete"), "{}: {err}", shell.name);
        sandbox.assert_empty();
    }
}

#[test]
fn two_scripts_on_one_directory() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let held = held(&sandbox, shell, "async_run a true\ngate\nasync_wait a");
        let text = with_glue(shell, "MEANWHILE_DIR=$PWD/run\nasync_run b touch started");
        sandbox.write("second.sh", &text);
        let mut arguments = shell.call[1..].to_vec();
        arguments.push("second.sh");
        let second = sandbox.outcome(sandbox.command(shell.call[0], &arguments).spawn().unwrap());
        assert_eq!(second.code, 125);
        let whose =
            format!("is in use by the run of script-{}.sh (pid {})", shell.name, held.child.id());
        assert!(second.stderr.contains(&whose), "{}", second.stderr);
        assert!(second.stderr.contains("hint: look: meanwhile status --dir"), "{}", second.stderr);
        assert!(!sandbox.path().join("started").exists());
        held.go().ok();
        // Over, it is started afresh.
        let third = sandbox.outcome(sandbox.command(shell.call[0], &arguments).spawn().unwrap());
        third.ok();
        sandbox.assert_empty();
        assert!(!sandbox.journal().contains(" start a "), "{}", sandbox.journal());
    }
}

#[test]
fn the_program_is_removed_or_replaced_in_the_middle() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let copy = sandbox.path().join("copy");
        std::fs::copy(env!("CARGO_BIN_EXE_meanwhile"), &copy).unwrap();
        let text = format!(
            "set -eu\neval \"$('{}' init {})\"\nasync_run a sh -c 'echo out; exit 3'\n\
             async_run x sh -c 'exit 4'\nrm copy\n\
             rc=0; async_wait a || rc=$?; echo $rc\nasync_run b sh -c 'echo two; exit 5'\n\
             rc=0; async_wait b x || rc=$?; echo $rc\nrc=0; async_wait --all || rc=$?; echo $rc\n\
             rc=0; async_wait nobody || rc=$?; echo $rc",
            copy.display(),
            shell.init
        );
        let output = sandbox.finish(sandbox.script(shell, &text).spawn().unwrap()).ok();
        assert_eq!(output.stdout, "out\n3\ntwo\n5\n0\n127\n", "{}: {}", shell.name, output.stderr);
    }
}

#[test]
fn the_glue_without_the_program() {
    for shell in crate::sandbox::shells() {
        let sandbox = Sandbox::new();
        let mut arguments = vec!["init", shell.init, "--portable"];
        let portable = sandbox.meanwhile(&arguments).ok().stdout;
        arguments.clear();
        sandbox.write("meanwhile.sh", &portable);
        let text = "set -eu\n. ./meanwhile.sh\nf() { echo \"f $1\"; false; echo no; }\n\
            async_init\nasync_run a f 'x y'\nasync_run --capture v printf 'one\\ntwo\\n'\necho started\n\
            rc=0; async_wait a || rc=$?; echo $rc\nrc=0; async_wait a || rc=$?; echo again $rc\n\
            async_get value v\necho \"$value\"\nrc=0; async_wait nobody || rc=$?; echo $rc\n\
            async_wait --if-started nobody\nasync_run left true\nasync_cleanup\nasync_print_timing\n\
            rc=0; async_run a/b true || rc=$?; echo $rc";
        let mut command = sandbox.script(shell, text);
        command.env("PATH", std::env::var("PATH").unwrap());
        if !crate::sandbox::on_path("meanwhile") {
            let output = sandbox.finish(command.spawn().unwrap()).ok();
            assert_eq!(
                output.stdout, "f x y\nstarted\n1\nagain 1\none\ntwo\n127\n2\n",
                "{}: {}",
                shell.name, output.stderr
            );
            let said = output.stderr.matches("steps run one after the other").count();
            assert_eq!(said, 1, "{}: {}", shell.name, output.stderr);
        }
        // With the program the same file runs in parallel.
        let text =
            "set -eu\n. ./meanwhile.sh\nasync_run a echo out\nasync_wait a\nasync_print_timing";
        let output = sandbox.finish(sandbox.script(shell, text).spawn().unwrap()).ok();
        assert!(output.stdout.starts_with("out\nmeanwhile: "), "{}", output.stdout);
    }
}

#[test]
fn no_place_for_a_run() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let text = "async_run a sh -c 'echo out; exit 3'\nrc=0; async_wait a || rc=$?; echo $rc";
        let mut command = sandbox.script(shell, &with_glue(shell, text));
        command.env("XDG_STATE_HOME", "/proc/no-such-place");
        let output = sandbox.finish(command.spawn().unwrap()).ok();
        assert_eq!(output.stdout, "out\n3\n", "{}", shell.name);
        assert!(output.stderr.contains("cannot keep a run"), "{}", output.stderr);
    }
}

#[test]
fn logs_are_replayed_byte_for_byte() {
    use std::io::Read;
    let sandbox = Sandbox::new();
    let bytes: Vec<u8> = (0..=255u8).cycle().take(300_001).collect();
    std::fs::write(sandbox.path().join("bytes"), &bytes).unwrap();
    let text = with_glue(BASH, "async_run a cat bytes\nasync_wait a");
    let mut child = sandbox.script(BASH, &text).spawn().unwrap();
    let mut got = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut got).unwrap();
    assert!(got == bytes, "{} bytes came back", got.len());
    sandbox.finish(child).ok();
}

#[test]
fn a_reader_that_goes_away_is_no_failure_and_a_full_output_is() {
    let sandbox = Sandbox::new();
    let text = "async_run a sh -c 'head -c 1000000 /dev/zero; exit 3'\n\
        rc=0; async_wait a || rc=$?; echo $rc >rc";
    let mut command = sandbox.script(BASH, &with_glue(BASH, text));
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    sandbox.finish(child);
    assert_eq!(sandbox.read("rc"), "3\n");

    let text = "async_run ok echo out\nrc=0; async_wait ok >/dev/full || rc=$?; echo $rc";
    let output = sandbox.run(BASH, text).ok();
    assert_eq!(output.stdout.lines().last(), Some("125"), "{}", output.stdout);
    assert!(output.stderr.contains("cannot write the output of ok"), "{}", output.stderr);
}

#[test]
fn what_happens_to_tasks_when_the_script_ends() {
    for (setting, end, expected) in [
        ("", "exit 0", "finished"),
        ("", "exit 1", "aborted"),
        ("MEANWHILE_ON_EXIT=wait", "exit 1", "finished"),
        ("MEANWHILE_ON_EXIT=cancel", "exit 0", "aborted"),
    ] {
        let sandbox = Sandbox::new();
        std::process::Command::new("mkfifo").arg(sandbox.path().join("hold")).status().unwrap();
        let text = format!(
            "MEANWHILE_DIR=$PWD/run\n{setting}\nf() {{ read line <hold; echo \"$line\" >done; }}\n\
             async_runfunc f\n{end}"
        );
        let child = sandbox.script(BASH, &with_glue(BASH, &text)).spawn().unwrap();
        sandbox.outcome(child);
        if expected == "finished" {
            std::fs::write(sandbox.path().join("hold"), "went on\n").unwrap();
        }
        sandbox.assert_empty();
        let close = format!(" close - how={expected}");
        assert!(sandbox.journal().contains(&close), "{setting} {end}: {}", sandbox.journal());
        assert_eq!(sandbox.read("done").is_empty(), expected == "aborted", "{setting} {end}");
    }
}

#[test]
fn a_damaged_journal_still_reports() {
    let sandbox = Sandbox::new();
    sandbox.run(BASH, "MEANWHILE_DIR=$PWD/run\nasync_run a sh -c 'exit 3'\nasync_wait a || :").ok();
    let journal = sandbox.run_dir().join("journal");
    let mut bytes = std::fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes.splice(middle..middle, *b"\0\xff garbage \x1e half a rec");
    bytes.extend_from_slice(b"\x1e12.5 end b co");
    std::fs::write(&journal, bytes).unwrap();
    let output = sandbox.meanwhile(&["report", "run"]).ok();
    assert!(output.stdout.contains("the journal is damaged"), "{}", output.stdout);
}

#[test]
fn the_next_run_in_a_directory_is_not_taken_for_a_stray() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let first = "MEANWHILE_DIR=$PWD/run\nMEANWHILE_GRACE=1\ni=0\n\
            while [ $i -lt 30 ]; do i=$((i + 1)); async_run t$i /bin/sleep 1000; done\nkill -9 $$";
        let child = sandbox.script(shell, &with_glue(shell, first)).spawn().unwrap();
        sandbox.outcome(child);
        // At once, while the watcher of the first still ends its tasks.
        let second =
            "MEANWHILE_DIR=$PWD/run\nasync_run b sh -c '/bin/sleep 0.5; echo fine'\nasync_wait b";
        assert_eq!(sandbox.run(shell, second).ok().stdout, "fine\n", "{}", shell.name);
    }
}

#[test]
fn a_killed_script_with_few_descriptors() {
    let sandbox = Sandbox::new();
    let text = "ulimit -n 40\nMEANWHILE_DIR=$PWD/run\nMEANWHILE_GRACE=1\ni=0\n\
        while [ $i -lt 60 ]; do i=$((i + 1)); async_run t$i /bin/sleep 1000; done\nkill -9 $$";
    let child = sandbox.script(BASH, &with_glue(BASH, text)).spawn().unwrap();
    sandbox.finish(child);
    assert!(sandbox.journal().contains(" close - how=aborted"), "{}", sandbox.journal());
}

#[test]
fn a_thousand_tasks_are_ended_at_once() {
    let sandbox = Sandbox::new();
    let text = "i=0\nwhile [ $i -lt 1000 ]; do i=$((i + 1)); async_run t$i /bin/sleep 1000; done\n\
        async_cancel --all\nrc=0; async_wait --all --quiet 2>/dev/null || rc=$?; echo $rc";
    assert_eq!(sandbox.run(DASH, text).ok().stdout, "143\n");
}

#[test]
fn an_output_that_does_not_block_gets_all_of_it() {
    let sandbox = Sandbox::new();
    let text = "async_run a head -c 1000000 /dev/zero\nasync_wait a";
    sandbox.write("inner.sh", &with_glue(BASH, text));
    sandbox.write(
        "outer.py",
        "import os, subprocess, time\nr, w = os.pipe()\nos.set_blocking(w, False)\n\
         p = subprocess.Popen(['bash', 'inner.sh'], stdout=w)\nos.close(w)\ntotal = 0\n\
         while True:\n    part = os.read(r, 4096)\n    if not part: break\n    total += len(part)\n\
         print(total, p.wait())\n",
    );
    let output = sandbox.finish(sandbox.command("python3", &["outer.py"]).spawn().unwrap()).ok();
    assert_eq!(output.stdout, "1000000 0\n", "{}", output.stderr);
}

#[test]
fn the_first_task_is_started_in_a_subshell() {
    for shell in BOTH {
        let text = "async_run x echo hi | cat\nasync_wait x";
        assert_eq!(Sandbox::new().run(shell, text).ok().stdout, "hi\n", "{}", shell.name);
    }
}

#[test]
fn a_start_that_cannot_be_recorded_is_collected_all_the_same() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        // The journal cannot be appended to: to the shell as a full disk is.
        let text = "MEANWHILE_DIR=$PWD/run\nasync_init\nmv run/journal run/kept\nmkdir run/journal\n\
            async_run x sh -c 'exit 5'\nrmdir run/journal\nmv run/kept run/journal\n\
            rc=0; async_wait x || rc=$?; echo $rc";
        let output = sandbox.run(shell, text).ok();
        assert_eq!(output.stdout, "5\n", "{}: {}", shell.name, output.stderr);
    }
}

#[test]
fn nested_tasks_without_the_program() {
    let sandbox = Sandbox::new();
    let portable = sandbox.meanwhile(&["init", "sh", "--portable"]).ok().stdout;
    sandbox.write("meanwhile.sh", &portable);
    let text = ". ./meanwhile.sh\n\
        p() { async_run x echo inner; async_wait x; echo \"inner $?\"; }\n\
        async_run x echo outer; async_run p p; async_wait x p; echo $?";
    let mut command = sandbox.script(DASH, text);
    command.env("PATH", std::env::var("PATH").unwrap());
    if !crate::sandbox::on_path("meanwhile") {
        let output = sandbox.finish(command.spawn().unwrap()).ok();
        assert_eq!(output.stdout, "outer\ninner\ninner 0\n0\n", "{}", output.stderr);
    }
}

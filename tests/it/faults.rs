//! Faults, injected: processes that are killed or stopped, limits, odd outputs.

use crate::held::{BOTH, held};
use crate::sandbox::{BASH, DASH, Sandbox, kill, until, with_glue};

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

/// It is alive for a moment after it has let go of the lock: a start in that
/// moment must not take it for its own.
#[test]
fn a_watcher_that_leaves_is_nobodys() {
    let sandbox = Sandbox::new();
    let start = ["start", "--dir", "run", "a", "--", "true"];
    sandbox.meanwhile(&start).ok();
    assert!(sandbox.journal().contains(" end a "), "{}", sandbox.journal());
    assert!(!sandbox.run_dir().join("watcher").exists());
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
        let sleeper =
            || sandbox.census().into_iter().find(|(_, line)| line.contains("/bin/sleep 1000"));
        assert!(until(|| sleeper().is_some()), "the daemon lives");
        kill(sleeper().unwrap().0, "KILL");
        sandbox.assert_empty();
    }
}

#[test]
fn logs_are_replayed_byte_for_byte() {
    use std::io::Read;
    // NUL, every other byte, escape sequences, a journal's own framing.
    let mut bytes: Vec<u8> = (0..=255u8).cycle().take(300_001).collect();
    bytes.extend_from_slice(
        b"\x1b]0;title\x07\x1b[2J\xff\xfe\0\x1e1.0 end a code=0\nno newline at the end",
    );
    for shell in crate::sandbox::shells() {
        for parallel in ["1", "0"] {
            let sandbox = Sandbox::new();
            std::fs::write(sandbox.path().join("bytes"), &bytes).unwrap();
            let text = with_glue(shell, "async_run a cat bytes\nasync_wait a");
            let mut command = sandbox.script(shell, &text);
            let mut child = command.env("MEANWHILE_PARALLEL", parallel).spawn().unwrap();
            let mut got = Vec::new();
            child.stdout.take().unwrap().read_to_end(&mut got).unwrap();
            assert!(got == bytes, "{}: {} bytes came back", shell.name, got.len());
            sandbox.finish(child).ok();
        }
    }
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

    // Closed, it is no place for output either; and none is lost.
    let text = "async_run ok echo out\nrc=0; async_wait ok >&- || rc=$?; echo $rc\n\
        async_run still true\nasync_wait still >&-\nasync_wait ok\nmeanwhile status >&- || echo $?";
    let output = sandbox.run(BASH, text).ok();
    assert!(output.stdout.starts_with("125\nout\n125\n"), "{}", output.stdout);
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

//! What a run stands on breaks: its directory, its files, the disk, the program.

use crate::held::{BOTH, held};
use crate::sandbox::{BASH, DASH, Sandbox, with_glue};

#[test]
fn the_run_directory_is_deleted() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let text = "MEANWHILE_DIR=$PWD/run\nasync_run a sh -c 'exit 3'\nasync_run b sh -c 'exit 0'\n\
            while [ ! -e run/a.argv ] || [ ! -e run/b.argv ]; do :; done\n\
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
            // (Not by pipes: some shells give up an `open` that SIGCHLD interrupts.)
            "until_there() { while ! [ -e \"$1\" ]; do sleep 0.01; done; }\n\
             f() { until_there go; exit 6; }\nok() { until_there go; }\n\
             async_runfunc f\nasync_runfunc ok\nwhile ! [ -e run/f.argv ] || ! [ -e run/ok.argv ]; do :; done\nmv run elsewhere\n\
             gate\n: >go\n\
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
        crate::sandbox::copy_program(env!("CARGO_BIN_EXE_meanwhile"), &copy);
        let text = format!(
            "set -eu\neval \"$('{}' init {})\"\nasync_run a sh -c 'echo out; exit 3'\n\
             async_run x sh -c 'exit 4'\nasync_run --capture v echo value\nrm copy\n\
             rc=0; async_get got v 2>/dev/null || rc=$?; echo \"$got $rc\"\n\
             rc=0; async_wait a || rc=$?; echo $rc\nasync_run b sh -c 'echo two; exit 5'\n\
             rc=0; async_wait b x || rc=$?; echo $rc\nrc=0; async_wait --all || rc=$?; echo $rc\n\
             rc=0; async_wait nobody || rc=$?; echo $rc",
            copy.display(),
            shell.init
        );
        let output = sandbox.finish(sandbox.script(shell, &text).spawn().unwrap()).ok();
        assert_eq!(
            output.stdout, "value 0\nout\n3\ntwo\n5\n0\n127\n",
            "{}: {}",
            shell.name, output.stderr
        );
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

#[test]
fn a_torn_answer_is_none() {
    for shell in crate::sandbox::shells() {
        let sandbox = Sandbox::new();
        // A client that is killed while it writes its answer.
        let fake = "case $1 in wait) if mkdir \"hit$(cat size)\" 2>/dev/null; then\nfor word in \"$@\"; do\n\
            case $word in --call=*) call=${word#*=} ;; esac\ndone\n\
            echo \"$call partial 137\" | head -c \"$(cat size)\" >\"run/answer.$PPID\"\n\
            exit 137\nfi ;;\nesac\n";
        let text = "MEANWHILE_DIR=$PWD/run\n\
             { printf '#!/bin/sh\\n'; cat fake; printf 'exec %s \"$@\"\\n' \"$_mw_bin\"; } >client\n\
             chmod +x client\n_mw_bin=$PWD/client\ni=0\n\
             while [ $i -lt 13 ]; do\ni=$((i + 1))\necho $i >size\nasync_run t$i sh -c 'exit 3'\n\
             rc=0; async_wait t$i 2>/dev/null || rc=$?; echo $rc\ndone";
        sandbox.write("fake", fake);
        let output = sandbox.run(shell, text).ok();
        assert_eq!(output.stdout, "3\n".repeat(13), "{}: {}", shell.name, output.stderr);
    }
}

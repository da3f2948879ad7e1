//! `meanwhile check`: from the command line to the report and the exit code.

use std::os::unix::process::CommandExt;
use std::process::Child;

use crate::sandbox::{BASH, Output, Sandbox, kill, until, with_glue};

/// Starts a check of a bash script with the glue loaded.
fn start(sandbox: &Sandbox, options: &[&str], text: &str) -> Child {
    sandbox.write("script.sh", &with_glue(BASH, text));
    let arguments = [&["check"], options, &["bash", "script.sh"]].concat();
    sandbox.command("meanwhile", &arguments).process_group(0).spawn().unwrap()
}

fn check(sandbox: &Sandbox, options: &[&str], text: &str) -> Output {
    sandbox.finish(start(sandbox, options, text))
}

#[test]
fn wrong_usage_starts_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("bad", "write-read /a b\n");
    for (options, told) in [
        (&["--format", "json"][..], "hint: standard output is the script's: -o FILE"),
        (&["-o", "none/x"], "cannot write none/x: No such file"),
        (&["-o", "."], "cannot write .: is a directory"),
        (&["--write-baseline", "none/x"], "cannot write none/x: No such file"),
        (&["--suppressions", "none"], "none: No such file"),
        (&["--baseline", "none"], "hint: nothing was started; --write-baseline FILE makes"),
        (&["--suppressions", "bad"], "bad: line 1: 3 words before the comment"),
        (&["--deny", "notes"], "invalid value 'notes'"),
        (&["--user", "no such user"], "there is no user no such user"),
    ] {
        let output = check(&sandbox, options, ": >started");
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{options:?} {output:?}");
        assert!(output.stderr.contains(told), "{options:?}: {}", output.stderr);
    }
    assert!(!sandbox.path().join("started").exists());
}

#[test]
fn what_cannot_be_run_or_starts_no_task_was_not_checked() {
    let sandbox = Sandbox::new();
    for (command, told) in [
        (&["./none"][..], "cannot run ./none: No such file"),
        (&["true"], "nothing was checked: the script started no task\nhint: "),
        (&["sh", "-c", "exit 3"], "the script started no task and ended with exit code 3\n"),
        (&["sh", "-c", "kill -KILL $$"], "ended with exit code 137 (SIGKILL)\n"),
    ] {
        let output = sandbox.meanwhile(&[&["check"], command].concat());
        assert_eq!(output.code, 125, "{command:?} {output:?}");
        assert!(output.stderr.contains(told), "{command:?}: {}", output.stderr);
    }
}

#[test]
fn the_scripts_input_and_output_are_its_own() {
    let sandbox = Sandbox::new();
    let text = "cat; echo complaint >&2; async_run a echo task; async_wait a";
    sandbox.write("input", "from outside\n");
    sandbox.write("script.sh", &with_glue(BASH, text));
    let mut command = sandbox.command("meanwhile", &["check", "bash", "script.sh"]);
    command.stdin(std::fs::File::open(sandbox.path().join("input")).unwrap());
    let output = sandbox.finish(command.spawn().unwrap());
    assert_eq!(output.stdout, "from outside\ntask\n");
    let lines: Vec<&str> = output.stderr.lines().collect();
    assert_eq!(lines.first(), Some(&"complaint"));
    assert!(lines[1].starts_with("meanwhile: 0."), "the summary of the run: {lines:?}");
    assert!(lines.last().unwrap().starts_with("meanwhile: check: no races seen; "), "{lines:?}");
    assert_eq!(output.code, 0);
}

#[test]
fn a_check_inside_of_another_is_refused() {
    let sandbox = Sandbox::new();
    let output = check(&sandbox, &[], "meanwhile check true || echo \"code $?\"");
    assert_eq!(output.stdout, "code 125\n");
    let told = "this process is traced already, by pid ";
    assert!(output.stderr.contains(told), "{}", output.stderr);
    assert!(output.stderr.contains("hint: a process has one tracer"), "{}", output.stderr);
}

#[test]
fn what_is_left_running_is_ended_and_named() {
    let sandbox = Sandbox::new();
    let text = "async_run a sh -c 'setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >pid'
        async_wait a";
    let output = check(&sandbox, &[], text);
    let told = format!("check: ended pid {} (sleep), which the script", sandbox.read("pid").trim());
    assert!(output.stderr.contains(&told), "{}", output.stderr);
}

#[test]
fn a_signal_ends_all_that_was_started_and_then_the_check() {
    for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let sandbox = Sandbox::new();
        let text = "trap 'echo trapped; exit 3' INT TERM HUP
            async_run a sh -c 'setsid sleep 1000 </dev/null >/dev/null 2>&1 & : >ready; sleep 1000'
            async_wait a";
        let child = start(&sandbox, &[], text);
        assert!(until(|| sandbox.path().join("ready").exists()));
        kill(child.id(), signal);
        let output = sandbox.finish(child);
        assert_eq!(output.code, code, "{output:?}");
        assert_eq!(output.stdout.lines().last(), Some("trapped"), "{output:?}");
        assert!(output.stderr.contains("meanwhile: check: "), "{}", output.stderr);
    }
}

#[test]
fn nothing_outlives_a_check_that_is_killed() {
    let sandbox = Sandbox::new();
    let text =
        "async_run a sh -c 'setsid sleep 1000 </dev/null >/dev/null 2>&1 & : >ready; sleep 1000'
        async_wait a";
    let child = start(&sandbox, &[], text);
    assert!(until(|| sandbox.path().join("ready").exists()));
    kill(child.id(), "KILL");
    assert_eq!(sandbox.finish(child).code, 137);
}

#[test]
fn a_checked_run_is_not_remembered_as_what_is_usual() {
    let sandbox = Sandbox::new();
    let text = "async_run a true; async_wait a";
    check(&sandbox, &[], text).ok();
    let history = |sandbox: &Sandbox| sandbox.meanwhile(&["history"]).ok().stdout;
    assert!(!history(&sandbox).contains("script.sh"), "{}", history(&sandbox));
    sandbox.finish(sandbox.command("bash", &["script.sh"]).spawn().unwrap()).ok();
    assert!(history(&sandbox).contains("script.sh"));
}

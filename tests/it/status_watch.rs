//! `meanwhile status --watch`: a whole run, live, until it is over.

use crate::held::held;
use crate::pty::Terminal;
use crate::sandbox::{BASH, DASH, Sandbox, kill, on_path, until};

const SCRIPT: &str = "f() { echo \"words of $1\"; gate; }\nasync_run long f long\n\
    async_run --after long later true\nasync_run bad sh -c 'exit 3'\n\
    async_wait bad || :\nasync_wait long later";

fn watch<'a>(sandbox: &'a Sandbox, variables: &[(&str, &str)]) -> Terminal<'a> {
    let dir = sandbox.run_dir();
    let named = [("MEANWHILE_DIR", dir.to_str().unwrap()), ("TERM", "xterm-256color")];
    let variables = [&named, variables].concat();
    Terminal::with(sandbox, &["meanwhile", "status", "--watch"], &variables, (24, 70))
}

#[test]
fn on_a_terminal_the_run_is_drawn_until_it_is_over() {
    if !on_path("setsid") {
        return eprintln!("skipped: setsid (util-linux) is not installed");
    }
    for shell in [BASH, DASH] {
        let sandbox = Sandbox::new();
        let script = held(&sandbox, shell, SCRIPT);
        let terminal = watch(&sandbox, &[]);
        let seen = terminal.sees("all of the run", |text| {
            ["1 running, 1 queued, 1 failed\n", "\nlater  queued ", "\nbad    failed  "]
                .iter()
                .all(|part| text.contains(part))
        });
        let lines: Vec<&str> = seen.lines().collect();
        assert!(lines[1].starts_with(&format!("script-{}.sh, ", shell.name)), "{seen}");
        let has = |what: &str| lines.iter().any(|line| line.starts_with(what));
        assert!(has("long   ") && seen.contains("words of long"), "{seen}");
        script.go().ok();
        let last = terminal.ended().contents();
        let lines: Vec<&str> = last.lines().collect();
        assert_eq!(lines.len(), 3, "{last}");
        assert!(lines[0].starts_with("long   succeeded  collected  after "), "{last}");
        assert!(lines[2].starts_with("bad    failed     collected  exit code 3"), "{last}");
        let plain = sandbox
            .command("meanwhile", &["status"])
            .env("MEANWHILE_DIR", sandbox.run_dir())
            .output();
        assert_eq!(String::from_utf8(plain.unwrap().stdout).unwrap().trim_end(), last);
    }
}

#[test]
fn elsewhere_each_change_is_a_line() {
    for variables in [vec![], vec![("CI", "1")]] {
        let sandbox = Sandbox::new();
        let script = held(&sandbox, BASH, SCRIPT);
        let file = std::fs::File::create(sandbox.path().join("told")).unwrap();
        let mut command = sandbox.command("meanwhile", &["status", "--watch"]);
        command.env("MEANWHILE_DIR", sandbox.run_dir()).envs(variables).stdout(file);
        let child = command.spawn().unwrap();
        assert!(until(|| sandbox.read("told").contains("bad: failed")), "{}", sandbox.read("told"));
        script.open_gate();
        sandbox.outcome(child).ok();
        let told = sandbox.read("told");
        let at = |what: &str| told.lines().position(|line| line.starts_with(what)).expect(&told);
        assert!(at("long: running") < at("long: succeeded after "), "{told}");
        assert!(at("later: queued") < at("later: succeeded after "), "{told}");
        assert!(at("bad: failed, exit code 3 after ") < at("long: succeeded after "), "{told}");
        sandbox.outcome(script.child).ok();
        sandbox.assert_empty();
    }
}

#[test]
fn it_ends_with_the_run_also_where_nobody_closes_its_journal() {
    for orphan in [false, true] {
        let sandbox = Sandbox::new();
        let script = held(&sandbox, BASH, "async_run t gate\nasync_wait t");
        let mut command = sandbox.command("meanwhile", &["status", "--watch"]);
        let told = std::fs::File::create(sandbox.path().join("told")).unwrap();
        command.env("MEANWHILE_DIR", sandbox.run_dir()).stdout(told);
        let watching = command.spawn().unwrap();
        let told = || sandbox.read("told");
        assert!(until(|| told() == "t: running\n"), "{}", told());
        let task = || {
            sandbox.census().into_iter().filter(|(_, l)| l.contains("script-bash")).map(|(p, _)| p)
        };
        kill(sandbox.watcher(), "KILL");
        let others: Vec<u32> = task().filter(|pid| *pid != script.child.id()).collect();
        if !orphan {
            for pid in others {
                kill(pid, "KILL");
            }
        }
        kill(script.child.id(), "KILL");
        if orphan {
            // The task outlives the script, and is waited for.
            script.open_gate();
        }
        sandbox.outcome(watching).ok();
        assert!(!orphan || told().contains("t: succeeded"), "{}", told());
        sandbox.assert_empty();
    }
}

#[test]
fn a_run_of_no_script_is_over_when_no_task_runs() {
    let sandbox = Sandbox::new();
    let with_run = |arguments: &[&str]| {
        let mut command = sandbox.command("meanwhile", arguments);
        sandbox.outcome(command.env("MEANWHILE_DIR", sandbox.run_dir()).spawn().unwrap()).ok()
    };
    with_run(&["start", "a", "sh", "-c", "sleep 0.3"]);
    with_run(&["start", "b", "sh", "-c", "sleep 0.1; exit 4"]);
    let told = with_run(&["status", "--watch"]).stdout;
    assert!(
        told.contains("a: succeeded after ") && told.contains("b: failed, exit code 4"),
        "{told}"
    );
    let told = with_run(&["status", "--watch"]).stdout;
    assert_eq!(told.lines().count(), 2, "over at once: {told}");
    sandbox.assert_empty();
}

#[test]
fn within_its_own_run_it_waits_for_nothing_that_waits_for_it() {
    // The script is not over before this is, nor is the task that asks.
    for text in [
        "async_run t sh -c 'sleep 0.2; exit 4'\nasync_status --watch; async_wait --quiet t || :",
        "async_run t sh -c 'sleep 0.2; exit 4'\nasync_run w async_status --watch\nasync_wait w; async_wait --quiet t || :",
        "async_run t sh -c 'sleep 0.2; exit 4'\nf() { async_run w async_status --watch; async_wait w; }\nasync_run o f\nasync_wait o; async_wait --quiet t || :",
    ] {
        let sandbox = Sandbox::new();
        let output = sandbox.run(BASH, text).ok();
        assert!(output.stdout.contains("t: failed, exit code 4 after "), "{}", output.stdout);
    }
}

#[test]
fn a_reader_that_goes_away_ends_it() {
    let sandbox = Sandbox::new();
    let script = held(
        &sandbox,
        BASH,
        "async_run u true\nasync_wait u\nasync_run t gate\nasync_run v true\nasync_wait v\nasync_wait t",
    );
    let line = "meanwhile status --dir run --watch | head -n 1; echo \"codes ${PIPESTATUS[*]}\"";
    let watching = sandbox.command("bash", &["-c", line]).spawn().unwrap();
    let gone = || !sandbox.census().iter().any(|(_, line)| line.starts_with("head "));
    assert!(until(gone));
    // It notices with the next line that it has to tell.
    script.open_gate();
    let output = sandbox.outcome(watching).ok();
    assert!(output.stdout.ends_with("codes 0 0\n"), "{}", output.stdout);
    sandbox.outcome(script.child).ok();
    sandbox.assert_empty();
}

#[test]
fn control_c_ends_it_and_leaves_nothing() {
    if !on_path("setsid") {
        return eprintln!("skipped: setsid (util-linux) is not installed");
    }
    let sandbox = Sandbox::new();
    let script = held(&sandbox, BASH, "async_run some-task gate\nasync_wait some-task");
    let dir = sandbox.run_dir();
    let variables = [("MEANWHILE_DIR", dir.to_str().unwrap()), ("TERM", "xterm")];
    let bash = ["bash", "--norc", "--noediting", "-i"];
    let terminal = Terminal::with(&sandbox, &bash, &variables, (24, 60));
    terminal.wait_for("next> ");
    terminal.keys("meanwhile status --watch\n");
    terminal.sees("the task", |text| text.contains("\nsome-task  "));
    terminal.interrupt_alone();
    let seen = terminal.screen().contents();
    let rest: Vec<&str> = seen.lines().skip(1).map(str::trim).collect();
    assert!(rest.iter().all(|line| ["^C", "", "next>", "next> ^C"].contains(line)), "{seen}");
    terminal.keys("echo code $?\n");
    terminal.wait_for("code 130\n");
    script.open_gate();
    terminal.keys("exit\n");
    let mut child = terminal.child;
    child.wait().unwrap();
    sandbox.outcome(script.child).ok();
    sandbox.assert_empty();
}

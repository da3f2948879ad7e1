//! The command line: the same tasks from any process that shares the run.

use crate::sandbox::{Sandbox, until};

fn with_run(sandbox: &Sandbox, arguments: &[&str]) -> crate::sandbox::Output {
    let mut command = sandbox.command("meanwhile", arguments);
    command.env("MEANWHILE_DIR", sandbox.run_dir());
    sandbox.outcome(command.spawn().unwrap())
}

#[test]
fn start_and_wait_from_two_processes() {
    let sandbox = Sandbox::new();
    with_run(&sandbox, &["start", "build", "sh", "-c", "echo 'building'; exit 3"]).ok();
    with_run(&sandbox, &["start", "list", "--", "printf", "%s|", "a b", "", "-x"]).ok();
    let output = with_run(&sandbox, &["wait", "build", "list"]);
    assert_eq!((output.code, output.stdout.as_str()), (3, "building\na b||-x|"));
    assert!(output.stderr.contains("build: exit code 3"), "{}", output.stderr);
    let again = with_run(&sandbox, &["wait", "build"]);
    assert_eq!((again.code, again.stdout.as_str()), (3, ""));
    // Collected, the name is free.
    with_run(&sandbox, &["start", "build", "true"]).ok();
    with_run(&sandbox, &["wait", "build"]).ok();
    sandbox.assert_empty();
}

#[test]
fn get_prints_what_was_captured_and_the_rest_to_stderr() {
    let sandbox = Sandbox::new();
    with_run(&sandbox, &["start", "--capture", "v", "sh", "-c", "echo out; echo err >&2"]).ok();
    let output = with_run(&sandbox, &["get", "v"]).ok();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("out\n", "err\n"));
    with_run(&sandbox, &["start", "w", "echo", "x"]).ok();
    let output = with_run(&sandbox, &["get", "w"]);
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("was not captured"), "{}", output.stderr);
    sandbox.assert_empty();
}

#[test]
fn follow_cancel_status_and_report() {
    let sandbox = Sandbox::new();
    with_run(&sandbox, &["start", "long", "sh", "-c", "echo begun; sleep 1000; echo no"]).ok();
    let mut follow = sandbox.command("meanwhile", &["log", "-f", "long"]);
    follow.env("MEANWHILE_DIR", sandbox.run_dir());
    let follow = follow.spawn().unwrap();
    let status = with_run(&sandbox, &["status"]).ok();
    assert!(status.stdout.contains("long  running"), "{}", status.stdout);
    let status = with_run(&sandbox, &["status", "--json"]).ok();
    let json: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(
        (&json["state"], &json["tasks"][0]["state"]),
        (&"running".into(), &"running".into())
    );
    with_run(&sandbox, &["cancel", "long"]).ok();
    assert_eq!(sandbox.outcome(follow).ok().stdout, "begun\n");
    let output = with_run(&sandbox, &["wait", "long"]);
    assert_eq!((output.code, output.stdout.as_str()), (143, "begun\n"));
    assert!(output.stderr.contains("long: cancelled"), "{}", output.stderr);
    let report = with_run(&sandbox, &["report"]).ok();
    assert!(report.stdout.contains("cancelled   long: exit code 143"), "{}", report.stdout);
    let report = with_run(&sandbox, &["report", "--format", "json", "-o", "r.json"]).ok();
    assert_eq!(report.stdout, "");
    let json: serde_json::Value = serde_json::from_str(&sandbox.read("r.json")).unwrap();
    assert_eq!(json["tasks"][0]["code"], 143);
    sandbox.assert_empty();
}

#[test]
fn a_task_that_cannot_be_run_says_so_in_its_log() {
    let sandbox = Sandbox::new();
    with_run(&sandbox, &["start", "x", "no-such-program"]).ok();
    let output = with_run(&sandbox, &["wait", "x"]);
    assert_eq!(output.code, 127);
    assert!(output.stdout.contains("cannot run no-such-program"), "{}", output.stdout);
    sandbox.assert_empty();
}

#[test]
fn wrong_usage_is_2_and_starts_nothing() {
    let sandbox = Sandbox::new();
    for arguments in [
        &["start", "../x", "touch", "started"][..],
        &["start", "", "touch", "started"],
        &["start", "name"],
        &["wait"],
        &["wait", "--all", "a"],
        &["wait", "a", "--timeout", "soon"],
        &["nonsense"],
        &["init", "fish"],
        &["man", "nonsense"],
    ] {
        let output = with_run(&sandbox, arguments);
        assert_eq!(output.code, 2, "{arguments:?}: {}", output.stderr);
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{arguments:?}");
    }
    assert!(!sandbox.path().join("started").exists());
    let output = sandbox.meanwhile(&["start", "a", "true"]);
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("hint: MEANWHILE_DIR=DIR"), "{}", output.stderr);
}

#[test]
fn a_directory_that_is_not_ones_own_is_refused() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let sandbox = Sandbox::new();
    let target = sandbox.path().join("target");
    std::fs::create_dir(&target).unwrap();
    std::fs::write(target.join("thesis.tex"), "precious").unwrap();
    symlink(&target, sandbox.run_dir()).unwrap();
    let output = with_run(&sandbox, &["start", "a", "true"]);
    assert_eq!(output.code, 125);
    assert!(output.stderr.contains("symbolic link"), "{}", output.stderr);
    std::fs::remove_file(sandbox.run_dir()).unwrap();
    std::fs::rename(&target, sandbox.run_dir()).unwrap();
    std::fs::set_permissions(sandbox.run_dir(), PermissionsExt::from_mode(0o755)).unwrap();
    let output = with_run(&sandbox, &["start", "a", "true"]);
    assert_eq!(output.code, 125);
    assert!(output.stderr.contains("hint: choose a directory of your own"), "{}", output.stderr);
    if rustix_is_root() {
        std::os::unix::fs::chown(sandbox.run_dir(), Some(65534), None).unwrap();
        let output = with_run(&sandbox, &["start", "a", "true"]);
        assert!(output.stderr.contains("belongs to uid 65534"), "{}", output.stderr);
    }
    assert_eq!(sandbox.read("run/thesis.tex"), "precious");
}

fn rustix_is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|meta| {
        use std::os::unix::fs::MetadataExt;
        meta.uid() == 0
    })
}

#[test]
fn a_relative_directory_behind_a_link_is_the_same_run() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path().join("real")).unwrap();
    std::os::unix::fs::symlink("real", sandbox.path().join("link")).unwrap();
    let call = |arguments: &[&str]| {
        let mut command = sandbox.command("meanwhile", arguments);
        command.env("MEANWHILE_DIR", "link/run");
        sandbox.outcome(command.spawn().unwrap())
    };
    call(&["start", "a", "sh", "-c", "setsid /bin/sleep 1000 & sleep 1000"]).ok();
    assert!(until(
        || sandbox.census().iter().filter(|(_, l)| l.contains("sleep 1000")).count() >= 2
    ));
    call(&["cancel", "a", "--grace", "1"]).ok();
    assert_eq!(call(&["wait", "a"]).code, 143);
    assert!(sandbox.path().join("real/run/a.log").exists());
    sandbox.assert_empty();
}

#[test]
fn many_starts_at_once_share_one_run() {
    let sandbox = Sandbox::new();
    let children: Vec<_> = (0..20)
        .map(|n| {
            let mut command = sandbox.command(
                "meanwhile",
                &["start", &format!("t{n}"), "sh", "-c", &format!("exit {n}")],
            );
            command.env("MEANWHILE_DIR", sandbox.run_dir());
            command.spawn().unwrap()
        })
        .collect();
    for child in children {
        sandbox.outcome(child).ok();
    }
    for n in 0..20 {
        assert_eq!(with_run(&sandbox, &["wait", &format!("t{n}")]).code, n);
    }
    sandbox.assert_empty();
    assert_eq!(sandbox.journal().matches(" run - ").count(), 1);
}

#[test]
fn old_runs_are_cleaned_and_live_ones_kept() {
    let sandbox = Sandbox::new();
    let shell = crate::sandbox::BASH;
    sandbox.run(shell, "async_run a true; async_wait a").ok();
    let text =
        crate::sandbox::with_glue(shell, "async_run b sleep 1000\n: >ready\nread line <gate || :");
    std::process::Command::new("mkfifo").arg(sandbox.path().join("gate")).status().unwrap();
    let live = sandbox.script(shell, &text).spawn().unwrap();
    assert!(until(|| sandbox.path().join("ready").exists()));
    let output =
        sandbox.outcome(sandbox.command("meanwhile", &["clean", "--all"]).spawn().unwrap());
    assert!(output.ok().stdout.starts_with("removed 1 run, "));
    assert_eq!(sandbox.runs().len(), 1, "the live one stays");
    let output = sandbox.outcome(sandbox.command("meanwhile", &["status"]).spawn().unwrap()).ok();
    assert!(output.stdout.contains("b  running"), "{}", output.stdout);
    std::fs::write(sandbox.path().join("gate"), "go\n").unwrap();
    sandbox.outcome(live).ok();
    // A script that succeeds lets its tasks end by themselves.
    for (pid, line) in sandbox.census() {
        if line.starts_with("sleep") {
            crate::sandbox::kill(pid, "TERM");
        }
    }
    sandbox.assert_empty();
}

#[test]
fn a_wrong_setting_is_called_by_its_name() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command("meanwhile", &["wait", "x"]);
    command.env("MEANWHILE_OUTPUT", "bogus");
    let output = sandbox.finish(command.spawn().unwrap());
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("' or MEANWHILE_OUTPUT: it is replay"), "{}", output.stderr);
    let text = "MEANWHILE_RETRIES=x\nrc=0; async_run f true || rc=$?; echo $rc";
    let output = sandbox.run(crate::sandbox::BASH, text).ok();
    assert_eq!(output.stdout, "2\n");
    assert!(output.stderr.contains("MEANWHILE_RETRIES: it is a number"), "{}", output.stderr);
    // An option that no variable gives.
    let output = sandbox.meanwhile(&["wait", "--timeout", "z", "x"]);
    assert!(!output.stderr.contains("MEANWHILE_TIMEOUT"), "{}", output.stderr);
}

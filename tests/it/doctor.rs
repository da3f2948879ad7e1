//! `meanwhile doctor`: it says what is so, here and where something is taken away.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use crate::sandbox::{BASH, Output, Sandbox, is_root, on_path, shells, with_glue};

/// Its line about a thing.
#[track_caller]
fn line<'a>(output: &'a Output, what: &str) -> &'a str {
    let named =
        |line: &&str| line.get(10..).is_some_and(|rest| rest.starts_with(&format!("{what} ")));
    output.stdout.lines().find(named).unwrap_or_else(|| panic!("no {what}: {}", output.stdout))
}

fn doctor(sandbox: &Sandbox, change: impl FnOnce(&mut Command) -> &mut Command) -> Output {
    let temp = sandbox.path().join("tmp");
    std::fs::create_dir_all(&temp).unwrap();
    let mut command = sandbox.command(env!("CARGO_BIN_EXE_meanwhile"), &["doctor"]);
    change(command.env("TMPDIR", &temp));
    let output = sandbox.finish(command.spawn().unwrap());
    assert_eq!(output.stderr, "");
    assert_eq!(std::fs::read_dir(temp).unwrap().count(), 0, "something is left");
    assert!(!sandbox.path().join("state").exists(), "a place for runs was made");
    output
}

/// A directory to be PATH, with links to these programs.
fn path_of(sandbox: &Sandbox, programs: &[&str]) -> std::path::PathBuf {
    let bin = sandbox.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    for program in programs {
        let path = std::env::var_os("PATH").unwrap();
        let found =
            std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file());
        symlink(found.unwrap(), bin.join(program)).unwrap();
    }
    bin
}

#[test]
fn every_shell_that_is_here_is_tried() {
    let sandbox = Sandbox::new();
    let output = doctor(&sandbox, |command| command).ok();
    for shell in shells() {
        let line = line(&output, shell.name);
        assert!(line.starts_with("ok ") && line.contains(": tasks work"), "{line}");
        // As docs/shells.md has it: who knows lines, and who keeps `set -e`.
        let lines = ["bash", "zsh"].contains(&shell.name);
        assert_eq!(line.contains("lines of the script"), !lines, "{line}");
        let errexit = ["dash", "busybox"].contains(&shell.name);
        assert_eq!(line.contains("`set -e`"), !errexit, "{line}");
    }
    for what in ["kernel", "/proc", "pidfd", "locks", "memfd", "subreaper", "runs", "version"] {
        assert!(line(&output, what).starts_with("ok "), "{}", output.stdout);
    }
}

#[test]
fn shells_and_make_may_be_missing() {
    let sandbox = Sandbox::new();
    let bin = path_of(&sandbox, &["dash"]);
    let output = doctor(&sandbox, |command| command.env("PATH", &bin)).ok();
    assert!(line(&output, "dash").starts_with("ok "), "{}", output.stdout);
    for what in ["bash", "zsh", "make"] {
        assert!(line(&output, what).starts_with("missing "), "{}", output.stdout);
    }
    // One that does not come to an end is not waited for.
    let zsh = sandbox.write("bin/zsh", "#!/bin/sh\nexec /bin/sleep 1000\n");
    std::fs::set_permissions(zsh, std::fs::Permissions::from_mode(0o755)).unwrap();
    let output = doctor(&sandbox, |command| command.env("PATH", &bin)).ok();
    assert!(line(&output, "zsh").starts_with("degraded "), "{}", output.stdout);
    assert!(line(&output, "zsh").contains("no answer within 5 s"), "{}", output.stdout);
    std::fs::remove_file(bin.join("dash")).unwrap();
    let output = doctor(&sandbox, |command| command.env("PATH", &bin));
    assert_eq!(output.code, 1, "{}", output.stdout);
    assert!(line(&output, "shells").starts_with("missing "), "{}", output.stdout);
}

#[test]
fn there_may_be_no_place_for_runs() {
    let sandbox = Sandbox::new();
    for (name, value) in [("XDG_STATE_HOME", "/proc/none"), ("MEANWHILE_DIR", "/proc/none/run")] {
        let output = doctor(&sandbox, |command| command.env(name, value));
        assert_eq!(output.code, 1, "{}", output.stdout);
        let line = line(&output, "runs");
        assert!(line.starts_with("missing ") && line.contains("/proc/none"), "{line}");
    }
    sandbox.write("file", "");
    for (name, value) in [("MEANWHILE_DIR", "file"), ("HOME", "/proc/none")] {
        let output =
            doctor(&sandbox, |command| command.env_remove("XDG_STATE_HOME").env(name, value));
        assert_eq!(output.code, 1, "{}", output.stdout);
        assert!(line(&output, "runs").starts_with("missing "), "{}", output.stdout);
    }
    doctor(&sandbox, |command| command.env("MEANWHILE_DIR", "not/yet/there")).ok();
    let output = doctor(&sandbox, |command| command.env("XDG_STATE_HOME", "/dev/shm/x")).ok();
    assert!(line(&output, "runs").contains("in memory"), "{}", output.stdout);
}

#[test]
fn processes_may_be_few() {
    if !is_root() || !on_path("setpriv") {
        eprintln!("skipped: needs root and setpriv");
        return;
    }
    let sandbox = Sandbox::new();
    let bin = path_of(&sandbox, &["dash"]);
    let text = "ulimit -u 30; exec ./meanwhile doctor";
    let mut command = sandbox.command_of_another_user(&["bash", "-c", text]);
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", bin.display()));
    let output = sandbox.finish(command.spawn().unwrap());
    let line = line(&output, "processes");
    assert!(line.starts_with("degraded ") && line.contains(" more of 30 "), "{line}");
}

#[test]
fn the_make_around_it_and_the_ci_system_are_seen() {
    let sandbox = Sandbox::new();
    let output = doctor(&sandbox, |command| {
        command
            .env("MAKEFLAGS", " -j2 --jobserver-auth=77,78")
            .env("GITLAB_CI", "true")
            .env("CI", "true")
    });
    assert!(line(&output, "jobserver").starts_with("degraded "), "{}", output.stdout);
    assert_eq!(line(&output, "CI"), "ok        CI           GitLab");
    if on_path("make") {
        let line = line(&output, "make");
        assert!(line.starts_with("ok ") && line.contains("takes its jobs"), "{line}");
        sandbox.write("Makefile", "all:\n\t+@meanwhile doctor\n");
        let output = sandbox.finish(sandbox.command("make", &["-j2", "-s"]).spawn().unwrap()).ok();
        assert!(self::line(&output, "jobserver").starts_with("ok "), "{}", output.stdout);
    }
}

#[test]
fn the_glue_of_a_script_tells_its_version() {
    for shell in shells() {
        let sandbox = Sandbox::new();
        let bin = path_of(&sandbox, &["dash"]);
        let text = format!(
            "PATH={}:${{PATH%%:*}}\nmeanwhile doctor --glue \"$_mw_version\"",
            bin.display()
        );
        // (Only the version is asked for: the other shells need not be tried in each.)
        let text = text.replace("PATH=/", "PATH=\"/").replace("%%:*}\n", "%%:*}\"\n");
        let output =
            sandbox.finish(sandbox.script(shell, &with_glue(shell, &text)).spawn().unwrap()).ok();
        assert!(line(&output, "version").ends_with("and so is the glue"), "{}", output.stdout);
    }
    let sandbox = Sandbox::new();
    let output = sandbox.meanwhile(&["doctor", "--glue", "0.0.1"]).ok();
    assert!(line(&output, "version").starts_with("degraded "), "{}", output.stdout);
    let portable = sandbox.meanwhile(&["init", "bash", "--portable"]).ok().stdout;
    assert!(portable.contains(&format!("_mw_version={}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn under_the_wrapper_its_own_runs_are_nobodys_business() {
    let sandbox = Sandbox::new();
    let output = sandbox
        .finish(sandbox.command("meanwhile", &["run", "meanwhile", "doctor"]).spawn().unwrap());
    assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{}", output.stdout);
    let text = "async_run a meanwhile doctor\nasync_wait a";
    let output = sandbox.run(BASH, text).ok();
    assert!(line(&output, "bash").starts_with("ok "), "{}", output.stdout);
}

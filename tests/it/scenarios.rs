//! The scenarios of `tests/scenarios`, in every shell, in parallel and in
//! serial mode, and as under a check.

use crate::sandbox::{Sandbox, Shell, shells};

const LIB: &str = include_str!("../scenarios/lib.sh");

fn scenario(text: &str) {
    for shell in shells() {
        for (mode, parallel) in [("parallel", "1"), ("serial", "0")] {
            run(shell, text, mode, parallel, "");
        }
        // What tells a check the script's lines must not be noticed by it.
        run(shell, text, "parallel", "1", "full");
    }
}

fn run(shell: Shell, text: &str, mode: &str, parallel: &str, check: &str) {
    let sandbox = Sandbox::new();
    let text = format!("set -eu\n{LIB}\n{text}\nfinish\n");
    let mut command = sandbox.script(shell, &text);
    command.env("SCENARIO_SHELL", shell.init).env("SCENARIO_NAME", shell.name);
    command.env("SCENARIO_MODE", mode);
    command.env("MEANWHILE_PARALLEL", parallel).env("MEANWHILE_CHECK", check);
    let output = sandbox.finish(command.spawn().unwrap());
    let passed = output.stdout.lines().last().is_some_and(|line| line.starts_with("passed: "));
    assert!(
        output.code == 0 && passed,
        "{} ({mode} {check}): exit code {}\nstdout:\n{}\nstderr:\n{}",
        shell.name,
        output.code,
        output.stdout,
        output.stderr
    );
}

#[test]
fn contract() {
    scenario(include_str!("../scenarios/contract.sh"));
}

#[test]
fn codes() {
    scenario(include_str!("../scenarios/codes.sh"));
}

#[test]
fn arguments() {
    scenario(include_str!("../scenarios/arguments.sh"));
}

#[test]
fn nested() {
    scenario(include_str!("../scenarios/nested.sh"));
}

#[test]
fn options() {
    scenario(include_str!("../scenarios/options.sh"));
}

#[test]
fn mended_options() {
    scenario(include_str!("../scenarios/mended-options.sh"));
}

#[test]
fn without_the_program() {
    scenario(include_str!("../scenarios/without.sh"));
}

#[test]
fn mended() {
    scenario(include_str!("../scenarios/mended.sh"));
}

#[test]
fn house_rules() {
    scenario(include_str!("../scenarios/house-rules.sh"));
}

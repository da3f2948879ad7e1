//! A script that waits where the test wants to step in.

use std::os::unix::process::CommandExt;

use crate::sandbox::{BASH, DASH, Sandbox, Shell, until, with_glue};

/// The shells that faults are injected in: with and without process groups.
pub const BOTH: [Shell; 2] = [BASH, DASH];

/// A script that holds a gate: it goes on when the test says so.
pub struct Held<'a> {
    sandbox: &'a Sandbox,
    pub child: std::process::Child,
}

/// Starts a script that calls `gate` where the test wants to step in.
pub fn held<'a>(sandbox: &'a Sandbox, shell: Shell, text: &str) -> Held<'a> {
    std::process::Command::new("mkfifo").arg(sandbox.path().join("gate")).status().unwrap();
    let text = format!("MEANWHILE_DIR=$PWD/run\ngate() {{ : >ready; read line <gate; }}\n{text}");
    let child = sandbox.script(shell, &with_glue(shell, &text)).process_group(0).spawn().unwrap();
    assert!(until(|| sandbox.path().join("ready").exists()));
    Held { sandbox, child }
}

impl Held<'_> {
    pub fn open_gate(&self) {
        std::fs::write(self.sandbox.path().join("gate"), "go\n").unwrap();
    }

    /// Opens the gate and waits for the script and all of its processes.
    pub fn go(self) -> crate::sandbox::Output {
        self.open_gate();
        self.sandbox.finish(self.child)
    }
}

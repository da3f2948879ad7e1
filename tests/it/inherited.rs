//! What a script inherits from another one around it: variables of the glue, a
//! run directory, a name from an earlier wait.

use crate::held::BOTH;
use crate::sandbox::{Sandbox, shells, with_glue};

/// Exported by an outer script, by `set -a`, or by a prankster.
#[test]
fn inherited_variables_of_the_glue_mean_nothing() {
    for shell in shells() {
        let sandbox = Sandbox::new();
        let text = with_glue(
            shell,
            "async_run a sh -c 'echo out; exit 3'\nrc=0; async_wait a || rc=$?; echo $rc\n\
            rc=0; async_wait --any 2>/dev/null || rc=$?; echo $rc",
        );
        let mut command = sandbox.script(shell, &text);
        for name in [
            "owner",
            "dir",
            "mode",
            "count",
            "scope",
            "scope_stem",
            "level",
            "calls",
            "depth",
            "script",
            "x",
            "untrap",
            "task_setup",
            "pass_on",
            "key",
            "name",
            "id",
            "stem",
            "child",
            "at",
            "tty",
            "serial",
            "rc",
            "verb",
            "more",
            "asked",
            "rs",
            "shell",
            "name_1",
            "pid_1_0n_a",
            "partial",
        ] {
            command.env(format!("_mw_{name}"), "$(touch pwned) ; touch pwned");
        }
        command.env("ASYNC_NAME", "$(touch pwned)");
        let output = sandbox.finish(command.spawn().unwrap()).ok();
        assert_eq!(output.stdout, "out\n3\n127\n", "{}: {}", shell.name, output.stderr);
        assert!(!sandbox.path().join("pwned").exists(), "{}", shell.name);
    }
}

/// A script inside a script, by exec, as a child and as a task, with and without `set -a`.
#[test]
fn a_script_in_a_script_has_a_run_of_its_own() {
    for shell in shells() {
        for way in ["set -a", ":"] {
            let sandbox = Sandbox::new();
            sandbox.write(
                "inner.sh",
                &with_glue(shell, "async_run a sh -c 'echo inner; exit 4'\nasync_wait a 2>/dev/null || echo inner $?"),
            );
            let inner = format!("{} inner.sh", shell.call.join(" "));
            let text = format!(
                "{way}\nasync_run a sh -c 'echo outer; exit 3'\nasync_run t {inner}\n{inner}\n\
                 rc=0; async_wait a || rc=$?; echo outer $rc\nasync_wait t\nexec {inner}"
            );
            let output = sandbox.run(shell, &text).ok();
            let whole = "inner\ninner 4\n";
            assert_eq!(
                output.stdout,
                format!("{whole}outer\nouter 3\n{whole}{whole}"),
                "{} {way}: {}",
                shell.name,
                output.stderr
            );
        }
    }
}

#[test]
fn an_exported_directory_is_refused_to_an_inner_script() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        sandbox.write("inner.sh", &with_glue(shell, "async_run a touch started"));
        let inner = format!("{} inner.sh", shell.call.join(" "));
        let text = format!(
            "export MEANWHILE_DIR=\"$PWD/run\"\nasync_run a sh -c 'echo outer; exit 3'\n\
             rc=0; {inner} || rc=$?; echo $rc\nasync_run t {inner}\nrc=0; async_wait t || rc=$?; echo $rc\n\
             async_wait a || echo $?"
        );
        let output = sandbox.run(shell, &text).ok();
        let said = format!("is in use by the run of script-{}.sh (pid ", shell.name);
        assert_eq!((output.stderr + &output.stdout).matches(&said).count(), 2);
        assert!(output.stdout.starts_with("125\n") && output.stdout.ends_with("125\nouter\n3\n"));
        assert!(!sandbox.path().join("started").exists());
    }
}

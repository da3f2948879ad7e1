//! Ending tasks: whatever a program lets go of, it is found; what cannot be
//! ended is named.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use crate::held::BOTH;
use crate::sandbox::{
    ANOTHER_USER, Sandbox, copy_program, is_root, kill, on_path, until, with_glue,
};

#[test]
fn a_program_that_lets_go_of_everything_is_still_found() {
    assert!(on_path("setsid"), "this test needs setsid");
    for shell in BOTH {
        let sandbox = Sandbox::new();
        sandbox
            .run(
                shell,
                "escape() {
                    setsid sh -c 'exec </dev/null >/dev/null 2>&1; : >away; sleep 1000; :' &
                    sleep 1000
                }
                async_runfunc escape
                while ! [ -e away ]; do sleep 0.01; done
                async_cancel escape
                async_wait escape || [ $? = 143 ]",
            )
            .ok();
    }
}

/// Where control groups are delegated, not even a program that lets go of
/// its environment, too, escapes (from a task that passes through admission).
#[test]
fn a_control_group_keeps_everything() {
    let root = Path::new("/sys/fs/cgroup");
    let roots = [root.to_owned(), root.join("unified")];
    let Some(base) = roots.into_iter().find(|root| root.join("cgroup.procs").exists()) else {
        eprintln!("skipped: there is no unified hierarchy of control groups");
        return;
    };
    let group = base.join(format!("meanwhile-test-{}", std::process::id()));
    if !is_root() || !on_path("setpriv") || std::fs::create_dir(&group).is_err() {
        eprintln!("skipped: control groups cannot be made here");
        return;
    }
    let user = ANOTHER_USER.parse().ok();
    for file in ["", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"] {
        chown(group.join(file), user, user).unwrap();
    }
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let text = "escape() {
                setsid env -i /bin/sh -c 'exec </dev/null >/dev/null 2>&1; : >away; sleep 777; :' &
                while ! [ -e away ]; do sleep 0.01; done
                sleep 1000
            }
            async_run --lock l escape escape
            while ! [ -e away ]; do sleep 0.01; done
            async_cancel escape
            async_wait --quiet escape || echo $?";
        sandbox.write("script.sh", &with_glue(shell, text));
        let mut arguments = shell.call.to_vec();
        arguments.push("script.sh");
        let mut command = sandbox.command_of_another_user(&arguments);
        let procs = group.join("cgroup.procs");
        // Into the group first; as root, who alone may move a process between
        // groups whose parent is not delegated.
        let line = format!("echo $$ >'{}'; exec \"$@\"", procs.display());
        let mut outer = sandbox.command("sh", &["-c", &line, "sh"]);
        outer.arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            outer.env(key, value.unwrap_or_default());
        }
        command.stdin(std::process::Stdio::null());
        let output = sandbox.finish(outer.spawn().unwrap());
        assert_eq!(output.ok().stdout, "143\n", "{}", shell.name);
        let left = || std::fs::read_to_string(&procs).unwrap();
        assert!(until(|| left().is_empty()), "{}: {}", shell.name, left());
    }
    // Ours inside of it are gone by now, or this fails.
    assert!(until(|| std::fs::remove_dir(&group).is_ok()));
}

/// A process of another user (of `sudo`, say) cannot be ended: it is named,
/// and nobody claims that it is dead.
#[test]
fn what_cannot_be_ended_is_named() {
    if !is_root() || !on_path("setpriv") {
        eprintln!("skipped: needs root and setpriv");
        return;
    }
    for shell in BOTH {
        let sandbox = Sandbox::new();
        // As sudo is: a program that becomes root.
        let sudo = sandbox.path().join("become");
        copy_program(which("setpriv"), &sudo);
        std::fs::set_permissions(&sudo, std::fs::Permissions::from_mode(0o4755)).unwrap();
        let text = "MEANWHILE_GRACE=0.2
            sudo() { ./become --reuid=0 --clear-groups sh -c 'echo $$ >pid; exec sleep 1000' & wait; }
            async_runfunc sudo
            while ! [ -s pid ]; do sleep 0.01; done
            async_cancel sudo || echo cancel $?
            async_wait --quiet sudo || echo $?
            async_print_timing";
        sandbox.write("script.sh", &with_glue(shell, text));
        let mut arguments = shell.call.to_vec();
        arguments.push("script.sh");
        let child = sandbox.command_of_another_user(&arguments).spawn().unwrap();
        let output = sandbox.outcome(child);
        let pid: u32 = sandbox.read("pid").trim().parse().unwrap();
        assert!(Path::new(&format!("/proc/{pid}")).exists(), "{}: it was ended", shell.name);
        kill(pid, "KILL");
        sandbox.assert_empty();
        let named = format!("could not end pid {pid} (sleep)");
        assert!(output.stderr.contains(&named), "{}", output.stderr);
        assert!(output.stdout.starts_with("cancel 125\n143\n"), "{}", output.stdout);
        assert!(
            output.stdout.contains(&format!("left behind sudo: pid {pid}")),
            "{}",
            output.stdout
        );
    }
}

fn which(program: &str) -> std::path::PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.exists()).unwrap()
}

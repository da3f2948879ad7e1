//! Who may do what: run directories are private and verified, links are not
//! followed, nothing that was read is executed, command lines stay private.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::held::{BOTH, held};
use crate::sandbox::{BASH, Output, Sandbox, kill, shells, until, with_glue};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// Runs the same words as the user nobody; none where that is not allowed.
fn as_nobody(sandbox: &Sandbox, words: &[&str]) -> Option<Output> {
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let call = |words: &[&str]| {
        let mut command = sandbox.command("setpriv", &[&nobody[..], words].concat());
        command.env("MEANWHILE_DIR", sandbox.run_dir()).current_dir("/");
        sandbox.outcome(command.spawn().unwrap())
    };
    if !crate::sandbox::on_path("setpriv") || call(&["meanwhile", "--version"]).code != 0 {
        eprintln!("skipped: becoming nobody is not allowed here");
        return None;
    }
    Some(call(words))
}

/// Every file of a run that the program or the glue opens, as a link that somebody planted.
#[test]
fn planted_links_are_not_followed() {
    let mut planted = 0;
    for shell in shells() {
        for name in ["journal", "lock", "watcher", "a.log", "a.out", "a.argv", "answer.1"] {
            let sandbox = Sandbox::new();
            std::fs::create_dir(sandbox.run_dir()).unwrap();
            set_mode(&sandbox.run_dir(), 0o700);
            sandbox.write("victim", "precious");
            symlink("../victim", sandbox.run_dir().join(name)).unwrap();
            let text = "MEANWHILE_DIR=$PWD/run\nasync_run --capture a sh -c 'echo out; exit 130'\n\
                rc=0; async_get v a || rc=$?; echo \"$rc $v\"";
            let output = sandbox.run(shell, text).ok();
            assert_eq!(output.stdout, "130 out\n", "{name}: {}", output.stderr);
            assert_eq!(sandbox.read("victim"), "precious", "{} wrote through {name}", shell.name);
            planted += 1;
        }
    }
    println!("{planted} links planted");
}

#[test]
fn an_answer_is_not_written_through_a_link() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        sandbox.write("victim", "precious");
        // Planted by the script itself once the run is open: only it can.
        let text = "MEANWHILE_DIR=$PWD/run\nasync_run a sh -c 'exit 130'\nln -s ../victim run/answer.$$\n\
            rc=0; async_wait a || rc=$?; echo $rc";
        let output = sandbox.run(shell, text);
        assert_eq!(sandbox.read("victim"), "precious");
        assert_eq!(output.ok().stdout, "130\n");
    }
}

#[test]
fn a_directory_that_others_could_write_to_brings_nothing_along() {
    for mode in [0o777, 0o770, 0o1777, 0o722] {
        let sandbox = Sandbox::new();
        std::fs::create_dir(sandbox.run_dir()).unwrap();
        // All of these names are a run's, but who wrote them?
        let bystander = sandbox.command("sleep", &["1000"]).spawn().unwrap();
        sandbox.write("run/journal", &forged(bystander.id()));
        set_mode(&sandbox.run_dir(), mode);
        let mut start = sandbox.command("meanwhile", &["start", "b", "true"]);
        start.env("MEANWHILE_DIR", sandbox.run_dir());
        let output = sandbox.outcome(start.spawn().unwrap());
        let (pid, alive) = (bystander.id(), until_dead_or_now(bystander.id()));
        kill(pid, "KILL");
        assert!(alive && output.code == 125, "{mode:o}: {output:#?}");
        assert!(output.stderr.contains("is open to other users"), "{}", output.stderr);
        assert_eq!(self::mode(&sandbox.run_dir()), mode, "as it was");
        sandbox.outcome(bystander);
        // An empty one is taken, and closed.
        std::fs::remove_file(sandbox.run_dir().join("journal")).unwrap();
        let text = "MEANWHILE_DIR=$PWD/run\nasync_run a true\nasync_wait a";
        sandbox.run(BASH, text).ok();
        assert_eq!(self::mode(&sandbox.run_dir()), 0o700);
    }
}

/// A journal without an owner, whose task's guard is that process.
fn forged(pid: u32) -> String {
    format!("\x1e1.000000 run - wall=0 skew=0 cpus=1\n\x1e999999999.00 start a pid={pid}\n")
}

fn until_dead_or_now(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn a_run_is_private_whatever_the_umask() {
    for shell in shells() {
        let sandbox = Sandbox::new();
        let text = "umask 000\nMEANWHILE_DIR=$PWD/deep/run\n\
            async_run --capture a sh -c 'echo secret-output; exit 3' secret-word\n\
            rc=0; async_get v a || rc=$?; echo $rc\numask";
        let output = sandbox.run(shell, text).ok();
        assert!(output.stdout.starts_with("3\n") && output.stdout.ends_with("0\n"), "{output:#?}");
        let run = sandbox.path().join("deep/run");
        assert_eq!((mode(&run), mode(run.parent().unwrap())), (0o700, 0o700), "{}", shell.name);
        for name in ["journal", "lock", "watcher"] {
            assert_eq!(mode(&run.join(name)), 0o600, "{name}");
        }
        // What the shell makes has the script's umask, so the directory must keep others out.
        set_mode(sandbox.path(), 0o755);
        set_mode(run.parent().unwrap(), 0o755);
        for name in ["a.argv", "a.log", "a.out"] {
            let path = run.join(name);
            assert!(path.exists());
            if let Some(read) = as_nobody(&sandbox, &["cat", path.to_str().unwrap()]) {
                assert!(read.code != 0 && read.stdout.is_empty(), "{read:#?}");
            }
        }
    }
}

#[test]
fn another_users_run_is_neither_read_nor_joined() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        set_mode(sandbox.path(), 0o755);
        let held =
            held(&sandbox, shell, "async_run a sh -c 'exit 3'\ngate\nasync_wait a || echo $?");
        let text = with_glue(shell, "async_run b touch /tmp/meanwhile-nobody || exit");
        for words in [
            vec!["meanwhile", "status"],
            vec!["meanwhile", "cancel", "a"],
            vec!["meanwhile", "start", "b", "true"],
            vec!["meanwhile", "log", "a"],
            [shell.call, &["-c", &text]].concat(),
        ] {
            if let Some(output) = as_nobody(&sandbox, &words) {
                assert!(output.code == 125 && output.stdout.is_empty(), "{words:?}: {output:#?}");
                assert!(
                    output.stderr.contains("belongs to uid 0")
                        || output.stderr.contains("Permission denied"),
                    "{output:#?}"
                );
            }
        }
        assert_eq!(held.go().ok().stdout, "3\n");
        assert!(!Path::new("/tmp/meanwhile-nobody").exists());
    }
}

#[test]
fn command_lines_are_told_to_nobody_who_did_not_ask() {
    let sandbox = Sandbox::new();
    let text = "MEANWHILE_DIR=$PWD/run\nasync_run a sh -c 'exit 3' --password=hunter2\n\
        async_status 2>&1; async_wait a || :\nasync_print_timing\nasync_run --capture b true hunter2\n\
        async_get v b; async_run left true hunter2\nasync_cleanup";
    let output = sandbox.run(BASH, text).ok();
    let mut told = output.stdout + &output.stderr;
    for arguments in [
        &["report", "run"][..],
        &["report", "--format", "json", "run"],
        &["status", "--dir", "run", "--json"],
        &["status", "--dir", "run"],
        &["log", "--dir", "run", "a"],
    ] {
        let output = sandbox.meanwhile(arguments);
        told += &(output.stdout + &output.stderr);
    }
    assert!(told.contains("exit code 3") && !told.contains("hunter2"), "{told}");
    assert!(!sandbox.journal().contains("hunter2"), "{}", sandbox.journal());
    assert!(sandbox.read("run/a.argv").contains("hunter2"), "it is kept, for the owner");
}

/// Lines that are not the program's, as a journal may hold them.
const HOSTILE: &[&str] = &[
    "1.0 start $(touch${IFS}pwned) pid=1",
    "1.0 start a;touch${IFS}pwned pid=1",
    "1.0 end `touch${IFS}pwned` code=0",
    "1.0 end ../../victim code=0",
    "1.0 start x pid=0 at=$(touch${IFS}pwned):1",
    "1.0 end x code=$(touch${IFS}pwned)",
    "1.0 end x code=a[$(touch${IFS}pwned)]",
    "1.0 collected x at=\x1b]0;pwned\x07\x1b[31m",
    "1.0 start y pid=0 at=\x1b[31mred",
    "1.0 leak y pid=1 comm=\x1b[2J;touch\u{202e}",
    "1.0 start z pid=4294967297 at=x",
    "1.0 start w pid=-1 at=x",
    "1.0 end y code=3",
    "1.0 lost v code=999",
];

#[test]
fn nothing_that_is_read_from_a_journal_is_executed() {
    for shell in shells() {
        let sandbox = Sandbox::new();
        sandbox.write("victim.log", "precious");
        let lines: Vec<String> = HOSTILE.iter().map(|line| format!("\x1e{line}\n")).collect();
        sandbox.write("forged", &lines.concat());
        let text = "MEANWHILE_DIR=$PWD/run\nasync_run real sh -c 'echo out; exit 3'\ncat forged >>run/journal\n\
            async_status; async_pidof x || :\nasync_log y || :\nasync_cancel x y z w 2>&1 || :\n\
            for t in x y z w v '$(touch pwned)' '../../victim'; do async_wait $t || :; done\n\
            async_wait --any || :\nasync_wait --all || :\nrc=0; async_wait real || rc=$?; echo real $rc\n\
            async_run y true || :\nasync_cleanup || :\nasync_print_timing";
        let output = sandbox.run(shell, text).ok();
        let report = sandbox.meanwhile(&["report", "--format", "json", "run"]).ok();
        let json: serde_json::Value = serde_json::from_str(&report.stdout).unwrap();
        assert_eq!(json["damaged"], true);
        let told = output.stdout + &output.stderr;
        assert!(told.contains("real 3\n"), "{}: {told}", shell.name);
        assert!(!told.contains(['\x1b', '\x07']), "{}: {told:?}", shell.name);
        for name in ["pwned", "run/pwned"] {
            assert!(!sandbox.path().join(name).exists(), "{}: {told}", shell.name);
        }
        assert_eq!(sandbox.read("victim.log"), "precious");
    }
}

#[test]
fn nothing_that_is_read_from_an_answer_is_executed() {
    for shell in shells() {
        for answer in [
            "137 0 - x};touch${IFS}pwned;#",
            "137 a[$(touch${IFS}pwned)] - x",
            "137 $(touch${IFS}pwned) a;touch${IFS}pwned x/y~$(touch${IFS}pwned)",
            "partial a[$(touch${IFS}pwned)]",
        ] {
            let sandbox = Sandbox::new();
            crate::sandbox::copy_program(
                env!("CARGO_BIN_EXE_meanwhile"),
                &sandbox.path().join("copy"),
            );
            // The client dies, and leaves what it never would.
            sandbox.write(
                "dying",
                &format!(
                    "#!/bin/sh\nn=1; for w; do case $w in --call=*) n=${{w#*=}};; esac; done\n\
                    printf '%s %s\\n' \"$n\" '{answer}' >run/answer.$PPID\nexit 137\n"
                ),
            );
            set_mode(&sandbox.path().join("dying"), 0o755);
            let text = format!(
                "set -eu\neval \"$(./copy init {})\"\nMEANWHILE_DIR=$PWD/run\n\
                 async_run a sh -c 'exit 3'\nmv dying copy\n\
                 rc=0; async_wait a || rc=$?; echo $rc\nrc=0; async_wait a || rc=$?; echo $rc",
                shell.init
            );
            let output = sandbox.finish(sandbox.script(shell, &text).spawn().unwrap());
            assert!(!sandbox.path().join("pwned").exists(), "{}: {answer}", shell.name);
            assert_eq!(output.ok().stdout, "3\n3\n", "{}: {answer}", shell.name);
        }
    }
}

/// What a run was told of a process is believed only of that very process.
#[test]
fn a_recorded_pid_that_is_another_process_now_is_not_touched() {
    let sandbox = Sandbox::new();
    let bystander = sandbox.command("sleep", &["1000"]).spawn().unwrap();
    let pid = bystander.id();
    let boot = "boot=00000000-0000-0000-0000-000000000000";
    for journal in [
        // It started after the record was written: the number went round.
        format!("\x1e0.500000 run - wall=0 skew=0\n\x1e0.60 start a pid={pid}\n"),
        // It started before, but the record is of another boot of the machine.
        format!("\x1e1.0 run - wall=0 skew=0 {boot}\n\x1e999999999.00 start a pid={pid}\n"),
        format!(
            "\x1e1.0 run - owner={pid} ownerstart=999999999.0 {boot}\n\x1e999999999.00 start a pid={pid}\n"
        ),
    ] {
        std::fs::create_dir(sandbox.run_dir()).unwrap();
        set_mode(&sandbox.run_dir(), 0o700);
        sandbox.write("run/journal", &journal);
        sandbox.write("run/watcher", &format!("{pid} 999999999.000000 {}\n", &boot[5..]));
        sandbox.write("run/a.log", "");
        let call = |arguments: &[&str]| {
            let mut command = sandbox.command("meanwhile", arguments);
            command.env("MEANWHILE_DIR", sandbox.run_dir());
            sandbox.outcome(command.spawn().unwrap())
        };
        let json = call(&["status", "--json"]).ok().stdout;
        assert!(!json.contains("\"state\": \"running\",\n  \"serial"), "{json}");
        call(&["cancel", "a", "--grace", "0"]);
        assert_eq!(call(&["wait", "a"]).code, 137, "{journal}");
        assert!(until_dead_or_now(pid), "killed by {journal:?}");
        // And the directory is free for the next.
        call(&["start", "b", "true"]).ok();
        call(&["wait", "b"]).ok();
        assert!(until(|| sandbox.census().len() == 1), "{:#?}", sandbox.census());
        std::fs::remove_dir_all(sandbox.run_dir()).unwrap();
    }
    kill(pid, "KILL");
    sandbox.finish(bystander);
}

#[test]
fn names_are_no_paths_and_no_code() {
    for shell in shells() {
        let sandbox = Sandbox::new();
        sandbox.write(
            "names",
            "../x\n/etc/x\n.hidden\n-n\n$(touch pwned)\n`touch pwned`\na;touch pwned\n\
            a b\n*\na/b\n~\na%b\na~2\n\\\n'\n\"\n\u{1b}[31m\nä\n",
        );
        let text = "while IFS= read -r n; do rc=0; async_run \"$n\" touch started 2>>err </dev/null || rc=$?\n\
            case $rc in 2) ;; *) echo \"$n: $rc\";; esac\n\
            rc=0; async_wait \"./$n\" 2>>err || rc=$?; [ $rc -eq 2 ] || echo \"wait $n: $rc\"\n\
            done <names\nrc=0; async_run '' true 2>>err || rc=$?; echo $rc\n\
            rc=0; async_run \"x\ny\" true 2>>err || rc=$?; echo $rc";
        let output = sandbox.run(shell, text).ok();
        assert_eq!(output.stdout, "2\n2\n", "{}: {}", shell.name, output.stderr);
        for name in ["pwned", "started", "x.log"] {
            assert!(!sandbox.path().join(name).exists(), "{}", shell.name);
        }
        assert!(!sandbox.read("err").contains('\x1b'), "{}", shell.name);
    }
}

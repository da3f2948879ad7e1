//! The same fault at each moment of a run: the disk fills, the directory goes
//! away or closes, the journal is cut or removed, the program is replaced. No
//! code is lost, and what is lost is said.

use std::os::unix::fs::PermissionsExt;

use crate::held::BOTH;
use crate::sandbox::{Output, Sandbox, Shell, copy_program, on_path, with_glue};

/// When.
const MOMENTS: [&str; 6] = ["open", "started", "running", "ended", "between", "collected"];

/// Calls `fault` at the moment named by $MOMENT. Tasks 1 to 3: the first is over,
/// the second runs, the third is started after it.
const SCRIPT: &str = r#"MEANWHILE_DIR=$PWD/run MEANWHILE_GRACE=1
moment() { case $1 in "$MOMENT") fault;; esac; }
task() { while [ ! -e "go$1" ]; do /bin/sleep 0.01; done; echo "out $1" || :; return "1$1"; }
code() { rc=0; async_wait "t$1" || rc=$?; echo "code $1 $rc"; }
: >go1
# (What cannot be kept from its start on runs there and then.)
case $MOMENT in open) : >go2;; esac
async_init
moment open
async_run t1 task 1
async_run t2 task 2
# (What has not begun yet when its log cannot be made does not begin.)
case $MOMENT in open) ;; *) until [ -s run/t1.argv ] && [ -s run/t2.argv ]; do /bin/sleep 0.01; done;; esac
moment started
code 1
moment running
: >go2
case $MOMENT in ended) until grep -q 'end t2' run/journal; do /bin/sleep 0.01; done;; esac
moment ended
code 2
moment between
: >go3
async_run t3 task 3
code 3
moment collected
rc=0; async_wait --all || rc=$?; echo "all $rc"
async_print_timing >/dev/null || :
echo end
"#;

/// Runs the script with that fault at every moment, in both shells.
fn at_every_moment(fault: &str, mount: bool, check: impl Fn(&Sandbox, &str, &Output)) {
    let mut faults = 0;
    for shell in BOTH {
        for moment in MOMENTS {
            let sandbox = Sandbox::new();
            let output = run(&sandbox, shell, moment, fault, mount);
            let context = format!("{} {moment}: {output:#?}", shell.name);
            assert_eq!(output.code, 0, "{context}");
            for n in 1..=3 {
                let line = format!("code {n} 1{n}\n");
                assert!(output.stdout.contains(&line), "{line}{context}");
            }
            // Without its journal a task may be collected again: with the same code.
            let all = output.stdout.split_once("\nall ").map_or("", |(_, rest)| rest);
            assert!(
                ["0\nend\n", "11\nend\n", "12\nend\n", "13\nend\n"].contains(&all),
                "{context}"
            );
            check(&sandbox, moment, &output);
            faults += 1;
        }
    }
    println!("{fault}: {faults} faults injected, no code lost");
}

fn run(sandbox: &Sandbox, shell: Shell, moment: &str, fault: &str, mount: bool) -> Output {
    let text = with_glue(shell, &format!("fault() {{ {fault}; }}\n{SCRIPT}"));
    let mut command = sandbox.script(shell, &text);
    if mount {
        // A file system of its own, in a mount namespace that goes with the script.
        let inner = "mount -t tmpfs -o size=64k,mode=700 none run && exec \"$@\"";
        let name = format!("script-{}.sh", shell.name);
        let words = [&["-m", "sh", "-c", inner, "sh"], shell.call, &[name.as_str()]].concat();
        std::fs::create_dir_all(sandbox.run_dir()).unwrap();
        command = sandbox.command("unshare", &words);
    }
    command.env("MOMENT", moment);
    sandbox.finish(command.spawn().unwrap())
}

fn may_mount() -> bool {
    let mount = ["-m", "mount", "-t", "tmpfs", "none", "/mnt"];
    let allowed = on_path("unshare")
        && std::process::Command::new("unshare")
            .args(mount)
            .output()
            .is_ok_and(|o| o.status.success());
    if !allowed {
        eprintln!("skipped: mounting a small tmpfs is not allowed here");
    }
    allowed
}

#[test]
fn the_disk_fills() {
    if may_mount() {
        at_every_moment("cat /dev/zero >run/filler 2>/dev/null || :", true, |_, _, _| {});
    }
}

/// Room again: from then on all is as it was.
#[test]
fn the_disk_fills_and_is_cleaned_up() {
    if may_mount() {
        let fault = "cat /dev/zero >run/filler 2>/dev/null || :; rm run/filler";
        at_every_moment(fault, true, |_, moment, output| {
            // (At one moment the first task may be about to write.)
            for n in if moment == "started" { 2..=3 } else { 1..=3 } {
                assert!(output.stdout.contains(&format!("out {n}\n")), "{moment}: {output:#?}");
            }
        });
    }
}

/// The journal's own page is used up in the middle of the run.
#[test]
fn the_disk_fills_under_many_tasks() {
    if !may_mount() {
        return;
    }
    for shell in BOTH {
        for at in [0, 10, 30, 45, 59] {
            let sandbox = Sandbox::new();
            std::fs::create_dir_all(sandbox.run_dir()).unwrap();
            let text = format!(
                "MEANWHILE_DIR=$PWD/run\nf() {{ return \"$1\"; }}\ni=0\nwhile [ $i -lt 60 ]; do\n\
                 [ $i -ne {at} ] || cat /dev/zero >run/filler 2>/dev/null || :\n\
                 async_run t$i f $i; i=$((i + 1))\ndone 2>err\n\
                 i=0; while [ $i -lt 60 ]; do rc=0; async_wait t$i 2>>err || rc=$?\n\
                 [ $rc -eq $i ] || echo \"t$i: $rc\"; i=$((i + 1)); done; echo end"
            );
            sandbox.write("many.sh", &with_glue(shell, &text));
            let inner = "mount -t tmpfs -o size=256k,mode=700 none run && exec \"$@\"";
            let words = [&["-m", "sh", "-c", inner, "sh"], shell.call, &["many.sh"]].concat();
            let output = sandbox.finish(sandbox.command("unshare", &words).spawn().unwrap());
            let context = format!("{} {at}: {}", shell.name, sandbox.read("err"));
            assert_eq!(output.ok().stdout, "end\n", "{context}");
        }
    }
}

#[test]
fn the_directory_is_removed() {
    at_every_moment("until rm -rf run 2>/dev/null; do :; done", false, |_, moment, output| {
        assert!(!output.stderr.is_empty(), "{moment}: it is said");
    });
}

#[test]
fn the_directory_is_moved_away() {
    at_every_moment("mv run elsewhere", false, |_, moment, output| {
        assert!(!output.stderr.is_empty(), "{moment}: it is said");
    });
}

#[test]
fn the_directory_becomes_another_ones() {
    // Of the same user, but not this run: what is there is not overwritten.
    let fault = "mv run elsewhere; mkdir -m 700 run; echo precious >run/t9.log";
    at_every_moment(fault, false, |sandbox, _, _| {
        assert_eq!(sandbox.read("run/t9.log"), "precious\n");
    });
}

#[test]
fn the_directory_is_opened_to_others() {
    at_every_moment("chmod 755 run", false, |_, moment, output| {
        assert!(output.stderr.contains("is open to other users"), "{moment}: {output:#?}");
    });
}

#[test]
fn the_journal_is_removed() {
    at_every_moment("rm run/journal", false, |_, _, _| {});
}

#[test]
fn the_journal_is_emptied() {
    at_every_moment(": >run/journal", false, |_, _, _| {});
}

#[test]
fn the_journal_is_cut() {
    at_every_moment("truncate -s -9 run/journal", false, |_, _, _| {});
}

#[test]
fn the_journal_is_overwritten() {
    at_every_moment("head -c 5000 /dev/urandom >run/journal", false, |_, _, _| {});
}

#[test]
fn the_program_becomes_something_else() {
    for shell in BOTH {
        for (what, replace) in [
            ("cut short", "head -c 4096 copy >new; chmod +x new; mv new copy"),
            ("a directory", "rm copy; mkdir copy"),
            ("not executable", "chmod -x copy"),
            ("empty", ": >new; chmod +x new; mv new copy"),
            ("another version", "cp other new; mv new copy"),
            ("overwritten in use", "cp other copy 2>/dev/null || :"),
            (
                "one that is killed",
                "printf '#!/bin/sh\\nkill -9 $$\\n' >new; chmod +x new; mv new copy",
            ),
        ] {
            let sandbox = Sandbox::new();
            let copy = sandbox.path().join("copy");
            copy_program(env!("CARGO_BIN_EXE_meanwhile"), &copy);
            // A later version: it does the same, and is another file.
            let other = "#!/bin/sh\nexec meanwhile \"$@\"\n";
            sandbox.write("other", other);
            std::fs::set_permissions(
                sandbox.path().join("other"),
                PermissionsExt::from_mode(0o755),
            )
            .unwrap();
            let text = format!(
                "set -eu\neval \"$(./copy init {})\"\nMEANWHILE_DIR=$PWD/run MEANWHILE_GRACE=1\n\
                 f() {{ while [ ! -e go ]; do /bin/sleep 0.01; done; echo \"out $1\"; return \"1$1\"; }}\n\
                 async_run t1 f 1\nasync_run t2 f 2\n{replace}\n: >go\n\
                 rc=0; async_wait t1 || rc=$?; echo code 1 $rc\nasync_run t3 f 3\n\
                 rc=0; async_wait t3 || rc=$?; echo code 3 $rc\nrc=0; async_wait t2 || rc=$?; echo code 2 $rc",
                shell.init
            );
            let output = sandbox.finish(sandbox.script(shell, &text).spawn().unwrap());
            let context = format!("{} {what}: {output:#?}", shell.name);
            assert_eq!(output.code, 0, "{context}");
            for n in 1..=3 {
                assert!(output.stdout.contains(&format!("out {n}\n")), "{context}");
                assert!(output.stdout.contains(&format!("code {n} 1{n}\n")), "{context}");
            }
        }
    }
}

//! What a check has the script's side do: records of who collected and who saw
//! the end of a task, and in bash the trap that tells the script's lines. No
//! script notices the trap (see also `scenarios`).

use crate::sandbox::{BASH, Sandbox, on_path, shells, with_glue};

/// Runs a script in bash with a check's variable set to `check`; all that it said.
fn said(check: &str, text: &str) -> String {
    let sandbox = Sandbox::new();
    // As long with the trap as without.
    let text = format!("eval \"$(meanwhile init bash)\"\n{text}\n");
    let mut command = sandbox.script(BASH, &text);
    command.env("MEANWHILE_CHECK", check);
    let output = sandbox.finish(command.spawn().unwrap());
    format!("{}\n{}\n{}", output.code, output.stdout, output.stderr)
}

#[track_caller]
fn unnoticed(text: &str) {
    let (without, with) = (said("", text), said("full", text));
    assert!(without.starts_with("0\n") && without.contains("end"), "{without}");
    assert_eq!(without, with);
}

#[test]
fn the_trap_keeps_what_the_shell_remembers() {
    unnoticed(
        r#"die() { echo "die $? $_"; }
false || die one two
(exit 4); die
echo one two; echo "last: $_"
true | false | true; echo "${PIPESTATUS[@]}"
[[ abc =~ (b) ]]; echo "${BASH_REMATCH[1]}"
( false; echo "sub $?" )
( trap 'echo exit of sub' EXIT; true )
x=$(false; echo "cs $?"); echo "$x"
for i in 1 2; do echo "$i"; done
read -r a b < <(echo p q); echo "$a $b"
cat <<X
$(echo here) $LINENO
X
echo "$BASH_COMMAND"
f() { local x; x=$(false); echo "f $?"; set -- a b; echo "$_ $#"; return 5; }
f; echo "$?"
trap 'echo exit $?' EXIT
trap 'echo usr1 $?' USR1; (exit 7); kill -USR1 $$; echo $?
eval 'echo eval; false'; echo $?
exec 2>&-
echo gone >&2
echo end"#,
    );
}

#[test]
fn the_trap_lives_with_any_options() {
    unnoticed(
        r#"f() { false; echo "f $1"; return 2; }
shopt -s extdebug; f a; echo $?; shopt -u extdebug
set -euo pipefail
f b || :
(f c) || echo or
trap 'echo ERR $? $BASH_COMMAND >&2' ERR
set -o posix; f d || :; set +o posix
set -f; set -C; IFS=x
echo text >file
set -x
echo traced
f e || :
( echo sub )
set +x
exec 7>trace; BASH_XTRACEFD=7
echo end"#,
    );
}

#[test]
fn the_trap_gives_way_to_traps_of_the_script() {
    for text in [
        // Without functrace a function's RETURN trap is its own.
        "g() { echo g; }; f() { trap 'echo RETURN $FUNCNAME' RETURN; g; (echo sub); }; f; g; echo end",
        "g() { echo g; }; trap 'echo before $BASH_COMMAND' DEBUG; g; trap - DEBUG; g; echo end",
        "f() { trap 'echo in f' DEBUG; true; }; f; true; f; echo end",
        "set -T; g() { echo g; }; trap 'echo RETURN' RETURN; g; echo end",
        "set -o functrace; g() { echo g; }; trap 'echo $BASH_COMMAND' DEBUG; g; echo end",
    ] {
        unnoticed(&format!("set +e\n{text}"));
    }
    // And does not begin where there is one. (That sees the glue being loaded.)
    let early = "trap 'echo before $BASH_COMMAND' DEBUG\neval \"$(meanwhile init bash)\"\n\
        echo loaded; g() { :; }; g; trap -p DEBUG; echo end";
    let after = |check: &str| said(check, early).split_once("loaded").unwrap().1.to_owned();
    assert_eq!(after(""), after("full"));
}

/// The lines that a script's trap tells, as the kernel sees it ask for them.
fn lines(text: &str) -> Vec<String> {
    let sandbox = Sandbox::new();
    sandbox.write("script.sh", &with_glue(BASH, text));
    let calls = ["-f", "-qq", "-e", "trace=%file", "-o", "calls", "bash", "script.sh"];
    let mut command = sandbox.command("strace", &calls);
    command.env("MEANWHILE_CHECK", "full");
    sandbox.finish(command.spawn().unwrap()).ok();
    let calls = sandbox.read("calls");
    let asked = calls.lines().filter_map(|line| line.split_once("\"/.meanwhile-at/"));
    // (Behind `<`: from where a function was called.)
    asked.map(|(_, rest)| rest.split(['"', '<']).next().unwrap().to_owned()).collect()
}

#[test]
fn the_trap_tells_lines_of_the_script_its_functions_and_its_tasks() {
    if !on_path("strace") {
        eprintln!("skipped: strace is not installed");
        return;
    }
    let text = "true\nwork() {\n    true\n    (\n        true\n    )\n}\nasync_run t work\n\
        async_run p true\nasync_wait t p\n. ./other";
    let told = lines(&format!("printf 'true\\ntrue\\n' >./other\n{text}"));
    let of_script: Vec<u32> =
        told.iter().filter_map(|line| line.strip_prefix("script.sh:")?.parse().ok()).collect();
    // (The first two are `set -eu` and the glue.)
    for line in [3, 4, 6, 8, 11, 12, 13, 14] {
        assert!(of_script.contains(&line), "line {line} is not among {told:?}");
    }
    assert!(of_script.iter().all(|line| (2..=14).contains(line)), "of the glue: {told:?}");
    let other: Vec<_> = told.iter().filter(|line| line.starts_with("./other:")).collect();
    assert_eq!(other, ["./other:1", "./other:2"]);
}

#[test]
fn the_trap_is_there_for_a_check_alone() {
    let init = |check: &str, arguments: &[&str]| {
        let sandbox = Sandbox::new();
        let mut command = sandbox.command("meanwhile", &[&["init"], arguments].concat());
        command.env("MEANWHILE_CHECK", check);
        sandbox.finish(command.spawn().unwrap()).ok().stdout
    };
    assert!(init("full", &["bash"]).contains("/.meanwhile-at"));
    for (check, arguments) in [
        ("", &["bash"][..]),
        ("light", &["bash"]),
        ("full", &["bash", "--portable"]),
        ("full", &["sh"]),
    ] {
        assert!(!init(check, arguments).contains("/.meanwhile-at"), "{check} {arguments:?}");
    }
}

#[test]
fn records_say_who_collected_and_who_saw_the_end_later() {
    for shell in shells() {
        let told = |check: &str| {
            let sandbox = Sandbox::new();
            let text = "MEANWHILE_DIR=$PWD/run\n\
                async_run --capture a echo out; async_run b sleep 100\n\
                async_wait a; async_wait a; async_get V a; async_cancel b; async_wait b || :";
            let mut command = sandbox.script(shell, &with_glue(shell, text));
            command.env("MEANWHILE_CHECK", check);
            sandbox.finish(command.spawn().unwrap()).ok();
            let journal = sandbox.journal();
            let records =
                journal.lines().filter_map(|line| line.split_once(' ')?.1.split_once(' '));
            let mut told = Vec::new();
            for (kind, rest) in records.filter(|(kind, _)| ["collected", "seen"].contains(kind)) {
                let by = rest.split(' ').find_map(|field| field.strip_prefix("by="));
                assert!(by.is_some_and(|by| by.parse::<u32>().is_ok()), "{journal}");
                told.push(format!("{kind} {}", rest.split(' ').next().unwrap()));
            }
            told
        };
        assert_eq!(told(""), ["collected a", "collected b"]);
        assert_eq!(
            told("light"),
            ["collected a", "seen a", "seen a", "seen b", "collected b"],
            "{}",
            shell.name
        );
    }
}

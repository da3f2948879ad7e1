//! Fail the Nth system call: of each kind of process that this program is,
//! each call that the system may refuse is refused, once and from then on. The
//! script's codes stay true, or a message says what happened; nothing panics,
//! hangs or is left behind.
//!
//! strace does the refusing (the program makes most of its calls without libc, so no
//! library can step in between), in a wrapper that the glue takes for the
//! program. Some of the calls are refused on each run of the tests, with
//! `MEANWHILE_TEST_FULL=1` all (of one that is made more than 80 times, 80).

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::sandbox::{BASH, Output, Sandbox, kill, until, with_glue};

/// The calls, each with what the system may say to it.
const CALLS: [(&str, &str); 27] = [
    ("openat", "EMFILE"),
    ("read", "EIO"),
    ("pread64", "EIO"),
    ("write", "ENOSPC"),
    ("statx", "ENOMEM"),
    ("newfstatat", "ENOMEM"),
    ("fstat", "ENOMEM"),
    ("fstatfs", "EIO"),
    ("lseek", "EIO"),
    ("readlink", "ENOMEM"),
    ("getdents64", "ENOMEM"),
    ("unlinkat", "EIO"),
    ("mkdir", "ENOSPC"),
    ("fcntl", "EMFILE"),
    ("flock", "ENOLCK"),
    ("poll", "ENOMEM"),
    ("ppoll", "ENOMEM"),
    ("epoll_create1", "EMFILE"),
    ("epoll_ctl", "ENOSPC"),
    ("epoll_wait", "ENOMEM"),
    ("inotify_init1", "EMFILE"),
    ("inotify_add_watch", "ENOSPC"),
    ("pidfd_open", "EMFILE"),
    ("pidfd_send_signal", "EPERM"),
    ("clone3", "EAGAIN"),
    ("clone", "EAGAIN"),
    ("mmap", "ENOMEM"),
];

/// A kind of process, and a script in which it runs.
struct Kind {
    /// The command that makes it.
    command: &'static str,
    script: &'static str,
    /// `code NAME N` in the output, where all is well.
    codes: &'static [(&'static str, i32)],
    /// What stands in the output where the code NAME is the right one.
    outputs: &'static [(&'static str, &'static str)],
    /// The tasks go on when the process is gone: then they may be left, if it cannot live.
    keeps: bool,
}

impl Kind {
    const fn new(
        command: &'static str,
        script: &'static str,
        codes: &'static [(&'static str, i32)],
        outputs: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self { command, script, codes, outputs, keeps: false }
    }
}

/// One refusal.
#[derive(Debug, Clone, Copy)]
struct Fault {
    call: &'static str,
    errno: &'static str,
    nth: usize,
    forever: bool,
}

fn full() -> bool {
    std::env::var_os("MEANWHILE_TEST_FULL").is_some()
}

/// Which of these calls to refuse, spread over all of them, and whether those after it, too.
fn chosen(calls: &RangeInclusive<usize>) -> Vec<(usize, bool)> {
    let count = calls.clone().count();
    if !full() {
        let (middle, last) = (calls.start() + count / 2, *calls.end());
        return if count == 0 { vec![] } else { vec![(middle, true), (last, false)] };
    }
    let most = count.min(80);
    let all = (0..most).map(|n| calls.end() - n * count / most);
    all.flat_map(|nth| [(nth, false), (nth, true)]).collect()
}

fn strace_works() -> bool {
    let arguments = ["-DDD", "-qq", "-o", "/dev/null", "true"];
    let tried = std::process::Command::new("strace").args(arguments).output();
    let works = tried.is_ok_and(|output| output.status.success());
    if !works {
        eprintln!("skipped: strace is not installed, or may not trace here");
    }
    works
}

/// Runs the script; the command is traced the first time that it runs, each
/// time if the fault is for ever.
fn run(kind: &Kind, fault: Option<Fault>) -> (Sandbox, Output) {
    let sandbox = Sandbox::new();
    let real = env!("CARGO_BIN_EXE_meanwhile");
    // With the mark, a call that this architecture lacks is none to trace.
    let calls: Vec<String> = CALLS.iter().map(|(call, _)| format!("?{call}")).collect();
    let (traced, inject, always) = match fault {
        None => (calls.join(","), String::new(), false),
        Some(Fault { call, errno, nth, forever }) => {
            let plus = if forever { "+" } else { "" };
            (call.into(), format!("-e inject={call}:error={errno}:when={nth}{plus}"), forever)
        }
    };
    // The tracer stands apart, so that the process keeps its parent and group.
    let wrapper = format!(
        "#!/bin/sh\ncase $1 in\n{}) if {always} || mkdir \"$HOME/hit\" 2>/dev/null; then\n\
         exec strace -DDD -qq -e signal=none -A -o \"$HOME/trace\" -e trace={traced} {inject} '{real}' \"$@\"\n\
         fi ;;\nesac\nexec '{real}' \"$@\"\n",
        kind.command
    );
    let path = sandbox.write("wrapper", &wrapper);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let text = format!(
        "MEANWHILE_DIR=$PWD/run MEANWHILE_GRACE=1 MEANWHILE_ON_EXIT=cancel\n_mw_bin=$PWD/wrapper\n\
         code() {{ name=$1; shift; rc=0; \"$@\" || rc=$?; echo \"code $name $rc\"; }}\n{}",
        kind.script
    );
    let child = sandbox.script(BASH, &with_glue(BASH, &text)).spawn().unwrap();
    let output = sandbox.outcome(child);
    if kind.keeps && fault.is_some_and(|fault| fault.forever || fault.call == "mmap") {
        // Whoever cannot open a file cannot find what to end.
        until(|| !sandbox.census().iter().any(|(_, line)| line.contains(kind.command)));
        std::thread::sleep(Duration::from_millis(20));
        sandbox.census().iter().for_each(|(pid, _)| kill(*pid, "KILL"));
    }
    sandbox.assert_empty();
    (sandbox, output)
}

/// The first and the last time that each call is made where nothing is refused,
/// without what the loader does: a program built for use is static.
fn calls(kind: &Kind) -> BTreeMap<&'static str, RangeInclusive<usize>> {
    let (sandbox, output) = run(kind, None);
    check(kind, None, &output);
    let trace = sandbox.read("trace");
    // With this Rust's runtime begins: it looks whether the standard three are open.
    let (loader, rest) = trace.split_at(trace.find("poll(").expect(&trace));
    let count = |part: &str, call: &str| {
        part.lines().filter(|line| line.split('(').next() == Some(call)).count()
    };
    CALLS
        .iter()
        .map(|(call, _)| (*call, count(loader, call)))
        .map(|(call, before)| (call, before + 1..=before + count(rest, call)))
        .collect()
}

/// Whether all codes are as if nothing had been refused.
fn check(kind: &Kind, fault: Option<Fault>, output: &Output) -> bool {
    let mut right = true;
    let context =
        || format!("{}: {fault:?}\n{}\n---\n{}", kind.command, output.stdout, output.stderr);
    // Without memory Rust's own runtime gives up: that is a client that was killed.
    let dies = fault.is_some_and(|fault| fault.call == "mmap");
    let panicked = output.stderr.contains("panicked") || output.stdout.contains("panicked");
    assert!(dies || !panicked, "{}", context());
    assert_eq!(output.code, 0, "the script goes on: {}", context());
    // What the system refuses to tell is no reason to give a task up, and to end it.
    let killed = kind.codes.iter().any(|(_, code)| *code == 137);
    let may = killed || kind.command == "__guard";
    assert!(may || !output.stderr.contains("guard was killed"), "{}", context());
    // Where messages cannot be written the code alone must tell.
    let mute = fault.is_some_and(|fault| fault.call == "write");
    let told = mute || dies || output.stderr.contains("meanwhile");
    for (name, expected) in kind.codes {
        let line = output.stdout.lines().find_map(|l| l.strip_prefix(&format!("code {name} ")));
        let code: i32 = line.unwrap_or_else(|| panic!("no code: {}", context())).parse().unwrap();
        if code != *expected {
            assert!(fault.is_some() && code != 0 && told, "{name}: {}", context());
            // A guard that cannot record the code still exits with it.
            assert!(!(mute && kind.command == "__guard"), "{name}: {}", context());
            right = false;
        }
        let said = |text: &str| output.stdout.lines().any(|line| line == text);
        for (_, text) in kind.outputs.iter().filter(|(of, _)| of == name && code == *expected) {
            let lost = ["incomplete", "its output is lost"];
            let told = lost.iter().any(|what| output.stderr.contains(what));
            assert!(said(text) || (fault.is_some() && told), "no {text:?}: {}", context());
        }
    }
    right
}

/// Refuses call after call.
fn refuse(kind: &Kind) {
    if !strace_works() {
        return;
    }
    let calls = calls(kind);
    let (mut hit, mut missed, mut told) = (BTreeMap::<&str, usize>::new(), 0, 0);
    let mut failed = Vec::new();
    for (call, errno) in CALLS {
        for (nth, forever) in chosen(&calls[call]) {
            let fault = Fault { call, errno, nth, forever };
            let tried = std::panic::catch_unwind(|| {
                let (sandbox, output) = run(kind, Some(fault));
                let right = check(kind, Some(fault), &output);
                (sandbox.read("trace").contains("(INJECTED)"), right)
            });
            match tried {
                Ok((true, right)) => {
                    *hit.entry(call).or_default() += 1;
                    told += usize::from(!right);
                }
                Ok((false, _)) => missed += 1,
                Err(_) => failed.push(fault),
            }
        }
    }
    let sum: usize = hit.values().sum();
    println!(
        "{}: {sum} faults injected ({missed} came too late): {} changed no code, {told} were told: {hit:?}",
        kind.command,
        sum - told
    );
    let failed: Vec<String> = failed.iter().map(|fault| format!("{fault:?}\n")).collect();
    assert!(failed.is_empty(), "{} not survived:\n{}", kind.command, failed.concat());
    assert!(sum > 0);
}

const TWO: &str = "async_run a sh -c 'sleep 0.2; echo out a; exit 3'\n\
    async_run b sh -c 'sleep 0.2; echo out b'\n";

#[test]
fn of_the_client() {
    let script =
        format!("{TWO}code a async_wait a b\ncode b async_wait b\ncode again async_wait a");
    let codes = &[("a", 3), ("b", 0), ("again", 3)];
    let outputs = &[("a", "out a"), ("b", "out b")];
    refuse(&Kind::new("wait", script.leak(), codes, outputs));
}

#[test]
fn of_the_client_that_gets_a_value() {
    let script = "async_run --capture v sh -c 'sleep 0.1; echo value; echo log >&2'\n\
        async_run --capture w sh -c 'echo other; exit 4'\n\
        x= y=\ncode v async_get x v\necho \"x is $x\"\ncode w async_get y w\necho \"y is $y\"";
    let outputs = &[("v", "x is value"), ("w", "y is other")];
    refuse(&Kind::new("get", script, &[("v", 0), ("w", 4)], outputs));
}

#[test]
fn of_the_opener() {
    let script = "code start async_run a sh -c 'echo out a; exit 3'\n\
        code other async_run b sh -c 'echo out b'\ncode a async_wait a\ncode b async_wait b";
    let codes = &[("start", 0), ("other", 0), ("a", 3), ("b", 0)];
    refuse(&Kind::new("__open", script, codes, &[("a", "out a"), ("b", "out b")]));
}

/// The watcher that the opener has started gives way to one that is traced.
const WATCHER: &str = "async_init\nkill -9 \"$(cut -d' ' -f1 run/watcher)\"\n\
    \"$_mw_bin\" __watch \"$PWD/run\" </dev/null >/dev/null 2>&1 &\n\
    echo \"$! $(cut -d' ' -f1 /proc/uptime) $(cat /proc/sys/kernel/random/boot_id)\" >run/watcher\n";

#[test]
fn of_the_watcher() {
    let script = format!(
        "{WATCHER}{TWO}async_run k sleep 1000\nkill -9 \"$(async_pidof k)\"\n\
         code a async_wait a\ncode b async_wait b\ncode k async_wait k"
    );
    let codes = &[("a", 3), ("b", 0), ("k", 137)];
    let mut kind = Kind::new("__watch", script.leak(), codes, &[("a", "out a"), ("b", "out b")]);
    kind.keeps = true;
    refuse(&kind);
}

#[test]
fn of_the_watcher_whose_script_ends() {
    let script = format!("{WATCHER}async_run s sleep 1000\necho 'code x 0'");
    let mut kind = Kind::new("__watch", script.leak(), &[("x", 0)], &[]);
    kind.keeps = true;
    refuse(&kind);
}

#[test]
fn of_start() {
    let script = "go() { \"$_mw_bin\" start \"$@\"; }\nexport MEANWHILE_DIR\n\
        code start go a -- sh -c 'echo out a; exit 3'\ncode other go b -- sh -c 'echo out b'\n\
        code a meanwhile wait a\ncode b meanwhile wait b";
    let codes = &[("start", 0), ("other", 0), ("a", 3), ("b", 0)];
    refuse(&Kind::new("start", script, codes, &[("a", "out a"), ("b", "out b")]));
}

/// What could not be started does not run.
#[test]
fn of_a_start_that_fails() {
    let script = "export MEANWHILE_DIR\ncode s \"$_mw_bin\" start s -- sleep 1000\n\
        case $rc in 0) meanwhile cancel s ;; esac";
    refuse(&Kind::new("start", script, &[("s", 0)], &[]));
}

#[test]
fn of_the_guard() {
    // As `start` starts it, but traced.
    let script = "async_init\n\
        guard() {\n: >run/$1.log\n\"$_mw_bin\" __guard \"$PWD/run\" \"$@\" </dev/null >>run/$1.log 2>&1 &\n\
        printf '\\036%s start %s pid=%s\\n' \"$(cut -d' ' -f1 /proc/uptime)\" \"$1\" \"$!\" >>run/journal\n}\n\
        guard a '' sh -c 'echo out a; exit 3'\ncode a async_wait a\nguard b '' sh -c 'echo out b'\ncode b async_wait b";
    refuse(&Kind::new("__guard", script, &[("a", 3), ("b", 0)], &[("a", "out a"), ("b", "out b")]));
}

#[test]
fn of_admission() {
    let script = "MEANWHILE_JOBS=2\nasync_run first sh -c 'echo out first'\n\
        async_run --after first --lock l a sh -c 'echo out a; exit 3'\n\
        async_run --lock l b sh -c 'echo out b'\ncode a async_wait a\ncode b async_wait b\n\
        code first async_wait first";
    let codes = &[("first", 0), ("a", 3), ("b", 0)];
    refuse(&Kind::new("__admit", script, codes, &[("a", "out a"), ("b", "out b")]));
}

#[test]
fn of_the_one_who_lets_try_again() {
    let script = "flaky() { echo x >>tries; [ $(wc -l <tries) -ge 3 ] && echo out 3; }\n\
        async_run --retries 3 a flaky\ncode a async_wait a";
    refuse(&Kind::new("__again", script, &[("a", 0)], &[("a", "out 3")]));
}

#[test]
fn of_the_one_who_shows_live() {
    let script = "async_run --live a sh -c 'echo out a; sleep 0.1; exit 3' 2>/dev/null\n\
        code a async_wait a";
    refuse(&Kind::new("__live", script, &[("a", 3)], &[("a", "out a")]));
}

#[test]
fn of_the_one_who_knows_the_next_id() {
    let script = "async_run a sh -c 'echo out 1; exit 3'\ncode a async_wait a\n\
        code start async_run a sh -c 'echo out 2; exit 4'\ncode b async_wait a";
    let codes = &[("a", 3), ("start", 0), ("b", 4)];
    refuse(&Kind::new("__next", script, codes, &[("a", "out 1"), ("b", "out 2")]));
}

#[test]
fn of_the_one_who_cancels() {
    // What is cancelled with success does not run on.
    let script = "async_run a sh -c 'echo out a; sleep 1000; exit 3'\n\
        until grep -q . run/a.log; do :; done\n\
        rc=0; async_cancel a || rc=$?; echo \"code cancel $rc\"\n\
        case $rc in 0) code a async_wait --timeout 5 a ;; *) echo code a 143 ;; esac\n\
        async_cancel a || :";
    refuse(&Kind::new("cancel", script, &[("cancel", 0), ("a", 143)], &[]));
}

#[test]
fn of_the_report() {
    let script = "async_run a sh -c 'exit 3'\nasync_wait a || :\n\
        rc=0; async_print_timing >text || rc=$?; echo \"code r $rc\"\n\
        grep -q 'failed.*a: exit code 3' text && echo complete || :";
    refuse(&Kind::new("report", script, &[("r", 0)], &[("r", "complete")]));
}

#[test]
fn of_the_one_who_follows() {
    let script = format!("MEANWHILE_PARALLEL=0\n{TWO}code a async_wait a\ncode b async_wait b");
    let outputs = &[("a", "out a"), ("b", "out b")];
    refuse(&Kind::new("__follow", script.leak(), &[("a", 3), ("b", 0)], outputs));
}

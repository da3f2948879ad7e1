//! How many tasks run at once, and what is granted to whom: the pool that
//! tasks share with real `make` children, locks and tokens of killed holders,
//! the limit on processes.

use meanwhile::client::slots;
use meanwhile::process::dir::RunDir;

use crate::held::{BOTH, held};
use crate::sandbox::{
    BASH, DASH, Sandbox, Shell, is_root, kill, on_path, shells, until, with_glue,
};

/// A makefile whose jobs note how many of them are at work.
const MAKEFILE: &str = "SHELL = /bin/sh
all: x1 x2 x3 x4 x5
x%: ; @: >work/$(NAME)$@; ls work | wc -l >>most; sleep 0.03; rm work/$(NAME)$@
";

/// Started by a script: the same as one job.
const JOB: &str = "job() { : >work/$1; ls work | wc -l >>most; sleep 0.03; rm work/$1; }\n";

fn counted(sandbox: &Sandbox) -> (usize, usize) {
    let counts: Vec<usize> =
        sandbox.read("most").lines().map(|line| line.trim().parse().unwrap()).collect();
    (counts.iter().copied().max().unwrap_or(0), counts.len())
}

fn prepare(sandbox: &Sandbox) {
    std::fs::create_dir(sandbox.path().join("work")).unwrap();
    sandbox.write("mk", MAKEFILE);
}

#[test]
fn make_children_share_the_pool() {
    assert!(on_path("make"), "this test needs make");
    for shell in shells() {
        for jobs in ["1", "3"] {
            let sandbox = Sandbox::new();
            prepare(&sandbox);
            let text = format!(
                "{JOB}compile() {{ make -s -f mk NAME=$1; }}\n\
                 for n in m1 m2 m3; do async_run $n compile $n; done\n\
                 for n in j1 j2 j3; do async_run $n job $n; done\n\
                 async_wait --all",
            );
            let mut script = sandbox.script(shell, &with_glue(shell, &text));
            let output = sandbox.finish(script.env("MEANWHILE_JOBS", jobs).spawn().unwrap()).ok();
            assert!(!output.stdout.contains("jobserver"), "{}", output.stdout);
            let (most, jobs_done) = counted(&sandbox);
            assert_eq!(jobs_done, 18, "{}", shell.name);
            assert!(most <= jobs.parse().unwrap(), "{}: {most} at once of {jobs}", shell.name);
            // (That the slots are used: a make alone would keep one busy.)
            assert!(jobs == "1" || most > 1, "{}: {most} at once of {jobs}", shell.name);
        }
    }
}

#[test]
fn a_script_under_make_is_a_client_of_its_pool() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        prepare(&sandbox);
        let text = format!(
            "{JOB}compile() {{ make -s -f mk NAME=$1; }}\n\
             for n in 1 2; do async_run j$n job $1j$n; async_run m$n compile $1m$n; done\n\
             async_wait --all\n: >done.$1",
        );
        let name = "inner.sh";
        sandbox.write(name, &with_glue(shell, &text));
        let call = shell.call.join(" ");
        sandbox.write("outer", &format!("all: s1 s2\ns%: ; +@{call} {name} $@\n"));
        let make = sandbox.command("make", &["-j3", "-f", "outer"]);
        let output = sandbox.finish({ make }.spawn().unwrap()).ok();
        assert!(!output.stderr.contains("INTERNAL"), "{}", output.stderr);
        let (most, jobs) = counted(&sandbox);
        assert_eq!(jobs, 24);
        assert!((2..=3).contains(&most), "{}: {most} at once of 3", shell.name);
        assert!(sandbox.path().join("done.s2").exists());
    }
}

#[test]
fn the_setting_is_checked_and_counted() {
    let sandbox = Sandbox::new();
    for (jobs, code) in [("0", 2), ("many", 2), ("2", 0), ("100%", 0), ("+1", 0), ("", 0)] {
        let mut script = sandbox.script(BASH, &with_glue(BASH, "async_run a true\nasync_wait a"));
        let output = sandbox.finish(script.env("MEANWHILE_JOBS", jobs).spawn().unwrap());
        assert_eq!(output.code, code, "{jobs}: {}", output.stderr);
        assert!(code == 0 || output.stderr.contains("MEANWHILE_JOBS is"), "{}", output.stderr);
    }
}

/// GNU make from 4.4 on names its pool by a path.
#[test]
fn a_pool_that_is_named_by_a_path_gets_its_tokens_back() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        prepare(&sandbox);
        let text =
            format!("{JOB}for n in 1 2 3 4; do async_run j$n job j$n; done\nasync_wait --all");
        sandbox.write("inner.sh", &with_glue(shell, &text));
        // What make does: the pipe is open as long as make is there. (Its
        // name must hold no space, as the sandbox's does.)
        let pipe = tempfile::tempdir().unwrap();
        let outer = format!(
            "cd {} && mkfifo pool && exec 3<>pool && printf + >&3 && cd \"$OLDPWD\"\n\
             MAKEFLAGS=\" -j2 --jobserver-auth=fifo:{}/pool\" {} inner.sh || exit\n\
             dd bs=1 count=1 <&3 2>/dev/null; echo; echo more >&3; head -n 1 <&3",
            pipe.path().display(),
            pipe.path().display(),
            shell.call.join(" ")
        );
        let output = sandbox.finish(sandbox.script(BASH, &outer).spawn().unwrap()).ok();
        assert_eq!(output.stdout, "+\nmore\n", "one token, and no other");
        let (most, jobs) = counted(&sandbox);
        assert_eq!(jobs, 4);
        assert!(most <= 2, "{}: {most} at once of 2", shell.name);
    }
}

/// Tasks inside tasks, siblings that wait for each other's, one slot: nobody hangs.
#[test]
fn one_slot_is_enough() {
    for shell in shells() {
        let sandbox = Sandbox::new();
        let text = "inner() { async_run one echo one; async_run two deeper; async_wait one two; }
            deeper() { async_run three echo three; async_wait three; }
            waits() {
                while ! grep -q ' start last ' run/journal; do sleep 0.01; done
                async_wait last
            }
            MEANWHILE_DIR=$PWD/run
            async_runfunc inner
            async_run other inner
            async_runfunc waits
            async_run last echo last
            async_wait inner other waits last";
        let mut script = sandbox.script(shell, &with_glue(shell, text));
        let output = sandbox.finish(script.env("MEANWHILE_JOBS", "1").spawn().unwrap()).ok();
        assert_eq!(output.stdout, "one\nthree\none\nthree\nlast\n", "{}", shell.name);
    }
}

/// The pid of a task's guard.
fn guard(sandbox: &Sandbox, task: &str) -> u32 {
    let start = format!(" start {task} pid=");
    assert!(until(|| sandbox.journal().contains(&start)));
    let journal = sandbox.journal();
    let rest = &journal[journal.find(&start).unwrap() + start.len()..];
    rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[test]
fn a_killed_holders_lock_is_free() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let script = held(
            &sandbox,
            shell,
            "async_run --lock l first sleep 1000
            while ! grep -q ' begin first ' run/journal; do sleep 0.01; done
            async_run --lock l second echo second
            gate
            async_wait first || echo first $?
            async_wait second",
        );
        let pid = guard(&sandbox, "first");
        assert!(until(|| sandbox.journal().contains(" begin first ")));
        assert!(!sandbox.journal().contains(" begin second "));
        kill(pid, "KILL");
        assert!(until(|| sandbox.journal().contains(" end second code=0")), "{}", shell.name);
        let output = script.go().ok();
        assert_eq!(output.stdout, "first 137\nsecond\n", "{}", shell.name);
    }
}

/// ... and so is its token: put back by the watcher, or without one by
/// whoever waits for a token.
#[test]
fn a_killed_holders_token_comes_back() {
    for shell in BOTH {
        for watched in [true, false] {
            let sandbox = Sandbox::new();
            let script = held(
                &sandbox,
                shell,
                "MEANWHILE_JOBS=1
                async_run first sleep 1000
                while ! grep -q ' begin first ' run/journal; do sleep 0.01; done
                async_run second echo second
                gate
                async_wait first || echo first $?
                async_wait second",
            );
            let pid = guard(&sandbox, "first");
            assert!(until(|| sandbox.journal().contains(" begin first ")));
            if !watched {
                kill(sandbox.watcher(), "KILL");
            }
            kill(pid, "KILL");
            assert!(
                until(|| sandbox.journal().contains(" end second code=0")),
                "{} {watched}: {}",
                shell.name,
                sandbox.journal()
            );
            let output = script.go().ok();
            assert_eq!(output.stdout, "first 137\nsecond\n", "{} {watched}", shell.name);
        }
    }
}

/// A `make` that is killed takes its tokens along; when no task runs they are there again.
#[test]
fn a_killed_makes_tokens_come_back() {
    let sandbox = Sandbox::new();
    prepare(&sandbox);
    sandbox.write("slow", "all: a b c\na b c: ; @: >work/$@; sleep 1000\n");
    let script = held(
        &sandbox,
        BASH,
        "MEANWHILE_JOBS=3
        async_run make make -s -f slow
        gate
        async_wait --quiet make || :
        one() { : >up.$1; while ! [ -e up.1 ] || ! [ -e up.2 ] || ! [ -e up.3 ]; do sleep 0.01; done; }
        for n in 1 2 3; do async_run three$n one $n; done
        async_wait --all",
    );
    let work = sandbox.path().join("work");
    assert!(until(|| std::fs::read_dir(&work).unwrap().count() == 3), "make uses all three");
    let ours = |line: &str| ["make ", "sleep ", "/bin/sh "].iter().any(|own| line.starts_with(own));
    assert!(until(|| {
        let left = sandbox.census().into_iter().filter(|(_, line)| ours(line));
        left.map(|(pid, _)| kill(pid, "KILL")).count() == 0
    }));
    script.go().ok();
}

#[test]
fn a_queued_task_can_be_cancelled_and_never_begins() {
    for shell in BOTH {
        for options in ["--after first", "--lock l", ""] {
            let sandbox = Sandbox::new();
            let output = sandbox.run(
                shell,
                &format!(
                    "MEANWHILE_JOBS=1 MEANWHILE_DIR=$PWD/run
                    async_run --lock l first sleep 1000
                    while ! grep -q ' begin first ' run/journal; do sleep 0.01; done
                    async_run {options} second touch began
                    async_cancel second
                    async_wait second || echo second $?
                    async_status | grep second | cut -c 1-19
                    async_cancel first
                    async_wait --quiet first || :"
                ),
            );
            assert_eq!(output.ok().stdout, "second 143\nsecond  cancelled  \n", "{options}");
            assert!(!sandbox.path().join("began").exists());
        }
    }
}

#[test]
fn a_lost_dependency_skips() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let script = held(
            &sandbox,
            shell,
            "async_run first sleep 1000
            async_run --after first second touch began
            gate
            async_wait second || echo second $?",
        );
        kill(sandbox.watcher(), "KILL");
        kill(guard(&sandbox, "first"), "KILL");
        assert_eq!(script.go().ok().stdout, "second 123\n", "{}", shell.name);
        assert!(!sandbox.path().join("began").exists());
    }
}

#[test]
fn a_deadline_holds_for_a_task_that_ignores_term_and_its_retries() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let output = sandbox.run(
            shell,
            "MEANWHILE_GRACE=0.2
            deaf() { trap '' TERM; while :; do sleep 0.05; done; }
            async_run --timeout 0.2 deaf deaf
            again() { echo x >>tries; sleep 0.05; return 1; }
            async_run --timeout 0.4 --retries 1000 again again
            async_wait deaf || echo deaf $?
            async_wait --quiet again || echo again $?",
        );
        assert_eq!(output.ok().stdout, "deaf 124\nagain 124\n", "{}", shell.name);
        assert!(sandbox.read("tries").lines().count() >= 2);
    }
}

#[test]
fn a_deadline_holds_after_the_script_has_ended() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        sandbox.run(
            shell,
            "MEANWHILE_ON_EXIT=wait MEANWHILE_DIR=$PWD/run
            async_run first sleep 0.1
            async_run --timeout 0.2 --after first second sleep 1000",
        );
        assert!(sandbox.journal().contains(" timeout second"), "{}", sandbox.journal());
    }
}

/// At the limit on processes a shell gives up: `async_run` waits for room
/// before it forks, and says so.
#[test]
fn at_the_limit_on_processes_the_script_waits_for_room() {
    if !on_path("setpriv") || !on_path("prlimit") || !is_root() {
        eprintln!("skipped: needs root, setpriv and prlimit");
        return;
    }
    for shell in [BASH, DASH] {
        limited(shell);
    }
}

fn limited(shell: Shell) {
    let sandbox = Sandbox::new();
    let text = "n=0
        while [ $n -lt 40 ]; do n=$((n + 1)); async_run t$n sh -c \"sleep 1; exit $n\"; done
        n=0
        while [ $n -lt 40 ]; do n=$((n + 1)); rc=0; async_wait --quiet t$n || rc=$?; [ $rc = $n ] || echo t$n: $rc; done";
    sandbox.write("limited.sh", &with_glue(shell, text));
    let mut arguments = vec!["prlimit", "--nproc=30", "--"];
    arguments.extend(shell.call);
    arguments.push("limited.sh");
    let mut command = sandbox.command_of_another_user(&arguments);
    let output = sandbox.finish(command.spawn().unwrap());
    assert_eq!(output.code, 0, "{}: {}", shell.name, output.stderr);
    assert_eq!(output.stdout, "", "{}: {}", shell.name, output.stderr);
    assert!(output.stderr.contains("waiting for a task to end"), "{}", output.stderr);
}

/// `meanwhile start` takes the same options, and keeps them without a script.
#[test]
fn a_start_from_the_command_line_has_the_same_options() {
    let sandbox = Sandbox::new();
    sandbox.write("flaky", "echo x >>tries; echo try $(wc -l <tries); [ $(wc -l <tries) -ge 3 ]\n");
    let text = "export MEANWHILE_DIR=$PWD/run MEANWHILE_JOBS=1
        meanwhile start first -- sh -c 'sleep 0.1; echo first >>order'
        meanwhile start second --after first --lock l -- sh -c 'echo second >>order; exit 4'
        meanwhile start third --after second -- touch never
        meanwhile start slow --timeout 0.2 -- sleep 1000
        meanwhile start flaky --retries 4 -- sh flaky
        meanwhile start live --live -- echo a line
        meanwhile start nobody --after nothing -- true || echo nobody $?
        meanwhile wait first
        for name in second third slow; do meanwhile wait $name || echo $name $?; done
        meanwhile wait flaky
        meanwhile log flaky --attempt 2
        meanwhile wait --quiet live";
    let mut script = sandbox.script(BASH, text);
    let output = sandbox.finish(script.spawn().unwrap()).ok();
    assert_eq!(
        output.stdout, "nobody 2\nsecond 4\nthird 123\nslow 124\ntry 3\ntry 2\n",
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("live | a line\n"), "{}", output.stderr);
    assert_eq!(sandbox.read("order"), "first\nsecond\n");
    assert!(!sandbox.path().join("never").exists());
}

/// A script inside a task takes part in the pool around it, also if it
/// inherits the setting that made that.
#[test]
fn a_setting_is_not_multiplied_by_scripts_inside_tasks() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        prepare(&sandbox);
        let inner =
            format!("{JOB}for n in 1 2 3; do async_run j$n job $1j$n; done\nasync_wait --all");
        sandbox.write("inner.sh", &with_glue(shell, &inner));
        let call = shell.call.join(" ");
        let text =
            format!("for n in 1 2 3; do async_run s$n {call} inner.sh s$n; done\nasync_wait --all");
        let mut script = sandbox.script(shell, &with_glue(shell, &text));
        sandbox.finish(script.env("MEANWHILE_JOBS", "2").spawn().unwrap()).ok();
        let (most, jobs) = counted(&sandbox);
        assert_eq!(jobs, 9);
        assert!(most <= 2, "{}: {most} at once of 2", shell.name);
    }
}

/// The run directory goes away under tasks that wait in a queue: nobody hangs.
#[test]
fn a_queue_whose_directory_is_gone_goes_on() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let text = "MEANWHILE_DIR=$PWD/run
            async_run a sh -c 'while ! [ -e go ]; do sleep 0.01; done'
            while ! grep -q ' begin a ' run/journal; do sleep 0.01; done
            async_run b echo b
            async_run c echo c
            while ! [ -e run/c.argv ] || ! [ -e run/b.argv ]; do sleep 0.01; done
            mv run elsewhere
            : >go
            for n in a b c; do rc=0; async_wait $n 2>/dev/null || rc=$?; echo $n $rc; done";
        let mut script = sandbox.script(shell, &with_glue(shell, text));
        let output = sandbox.finish(script.env("MEANWHILE_JOBS", "1").spawn().unwrap()).ok();
        assert!(output.stdout.starts_with("a 0\n"), "{}", output.stdout);
        assert_eq!(output.stdout.lines().count(), 3, "{}", output.stdout);
    }
}

/// Each of the tasks holds what the other waits for next, unless whoever waits
/// for a lock holds no other.
#[test]
fn locks_in_any_order_are_no_deadlock() {
    for (one, two) in [("A", "B"), ("B", "A")] {
        let sandbox = Sandbox::new();
        let text = format!(
            "p() {{ : >p; while ! [ -e r ]; do sleep 0.01; done; async_run --lock {two} c echo c; async_wait c; }}
            async_run --lock {one} p p
            while ! [ -e p ]; do sleep 0.01; done
            async_run --lock A,B r echo r
            : >r
            async_wait p r"
        );
        sandbox.run(BASH, &text).ok();
    }
}

/// A client that is killed while its task's slot is lent leaves none too many.
#[test]
fn a_lent_slot_is_not_given_twice() {
    let sandbox = Sandbox::new();
    prepare(&sandbox);
    let text = format!(
        "{JOB}waits() {{ async_run in sleep 1000; async_wait in; }}
        MEANWHILE_JOBS=2 MEANWHILE_GRACE=0.5 MEANWHILE_DIR=$PWD/run
        async_run hold sh -c 'while ! [ -e go ]; do sleep 0.01; done'
        for n in 1 2 3; do
            async_run w$n waits
            while ! grep -q \" begin w$n/in \" run/journal; do sleep 0.01; done
            async_cancel w$n
            async_wait --quiet w$n || :
        done
        for n in 1 2 3 4; do async_run j$n job j$n; done
        async_wait j1 j2 j3 j4
        : >go
        async_wait hold"
    );
    sandbox.run(BASH, &text).ok();
    assert_eq!(counted(&sandbox), (1, 4), "beside the one that holds a slot");
}

#[test]
fn a_token_comes_back_though_the_program_that_puts_it_back_is_killed() {
    for shell in [BASH, DASH] {
        let sandbox = Sandbox::new();
        let text = "MEANWHILE_JOBS=2 MEANWHILE_DIR=$PWD/run
            there() { while ! [ -e \"$1\" ]; do sleep 0.01; done; }
            async_run hold there go
            async_run a there end_a
            there next
            async_run b touch b
            async_wait b
            : >go
            async_wait hold a";
        let child = sandbox.script(shell, &with_glue(shell, text)).spawn().unwrap();
        let begun = |name: &str| sandbox.journal().contains(&format!(" begin {name} "));
        assert!(until(|| begun("hold") && begun("a")));
        let dir = RunDir::open(&sandbox.run_dir()).unwrap();
        let gate = slots::gate(&dir).unwrap();
        sandbox.write("end_a", "");
        let free = || sandbox.census().into_iter().find(|(_, line)| line.contains("__free"));
        assert!(until(|| free().is_some()));
        let pid = free().unwrap().0;
        // Asked to end, as the whole task may be, it does not.
        let status = || std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let catches = |line: &str| {
            let mask = line.strip_prefix("SigCgt:").map(str::trim);
            mask.is_some_and(|mask| u64::from_str_radix(mask, 16).unwrap() & (1 << 14) != 0)
        };
        assert!(until(|| status().lines().any(catches)));
        kill(pid, "TERM");
        kill(pid, "INT");
        assert!(free().is_some());
        kill(pid, "KILL");
        assert!(until(|| sandbox.journal().contains(" end a ")));
        drop(gate);
        sandbox.write("next", "");
        sandbox.finish(child).ok();
    }
}

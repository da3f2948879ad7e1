//! Clocks that differ, and many at the same door.

use crate::held::BOTH;
use crate::sandbox::{Sandbox, on_path, shells, until, with_glue};

/// In a time namespace the clock since boot is another one: days ahead. (A step of
/// the wall clock cannot matter: it is read once a run, for people.)
#[test]
fn a_clock_that_is_days_ahead() {
    let ahead = ["--time", "--boottime", "900000", "--monotonic", "900000"];
    let tried = std::process::Command::new("unshare").args(ahead).arg("true").output();
    if !on_path("unshare") || !tried.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: a time namespace is not allowed here");
        return;
    }
    // (In others the killed one is not the guard.)
    for shell in shells().into_iter().filter(|s| ["bash", "dash", "zsh"].contains(&s.name)) {
        let sandbox = Sandbox::new();
        let text = "MEANWHILE_DIR=$PWD/run MEANWHILE_GRACE=1\n\
            async_run a sh -c '/bin/sleep 0.3; exit 3'\nasync_run b /bin/sleep 1000\n\
            async_run c sh -c 'kill -9 $PPID; /bin/sleep 1000'\n\
            for n in a c; do rc=0; async_wait $n || rc=$?; echo $rc; done\n\
            async_cancel b; rc=0; async_wait b || rc=$?; echo $rc";
        sandbox.write("ahead.sh", &with_glue(shell, text));
        let words = [&ahead[..], shell.call, &["ahead.sh"]].concat();
        let output = sandbox.finish(sandbox.command("unshare", &words).spawn().unwrap()).ok();
        assert_eq!(output.stdout, "3\n137\n143\n", "{}: {}", shell.name, output.stderr);
        let report = sandbox.meanwhile(&["report", "--format", "json", "run"]).ok();
        let json: serde_json::Value = serde_json::from_str(&report.stdout).unwrap();
        assert_eq!(json["state"], "finished", "{}", sandbox.journal());
        let seconds = json["tasks"][0]["elapsed_seconds"].as_f64().unwrap();
        assert!((0.25..20.0).contains(&seconds), "{seconds}");
        let journal = sandbox.journal();
        let first = journal.trim_start_matches('\u{1e}').split('.').next().unwrap();
        assert!(first.parse::<u64>().unwrap() >= 900_000, "{journal}");
    }
}

/// Exactly one gets the directory; the others name it and start nothing.
#[test]
fn fifty_scripts_at_one_directory() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let text = "MEANWHILE_DIR=$PWD/run\nasync_run a touch \"started.$$\"\n\
            while [ ! -e go ]; do /bin/sleep 0.02; done\nasync_wait a; echo won";
        sandbox.write("one.sh", &with_glue(shell, text));
        let words = [shell.call, &["one.sh"]].concat();
        let children: Vec<_> =
            (0..50).map(|_| sandbox.command(words[0], &words[1..]).spawn().unwrap()).collect();
        let pids: Vec<u32> = children.iter().map(std::process::Child::id).collect();
        let over = |pid: &u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
            stat.map_or(true, |stat| stat.contains(") Z "))
        };
        // The winner stays until all others have been told.
        assert!(until(|| pids.iter().filter(|pid| over(pid)).count() == 49), "{}", shell.name);
        sandbox.write("go", "");
        let (mut won, mut refused) = (Vec::new(), Vec::new());
        for child in children {
            let pid = child.id();
            let output = sandbox.outcome(child);
            match output.code {
                0 => won.push((pid, output)),
                125 => refused.push(output),
                _ => panic!("{}: {output:#?}", shell.name),
            }
        }
        sandbox.assert_empty();
        assert_eq!((won.len(), refused.len()), (1, 49), "{}", shell.name);
        let winner = won[0].0;
        assert_eq!(won[0].1.stdout, "won\n");
        let named = format!("is in use by the run of one.sh (pid {winner})");
        assert!(refused.iter().all(|output| output.stderr.contains(&named)), "{refused:#?}");
        let started = std::fs::read_dir(sandbox.path()).unwrap().filter_map(Result::ok);
        let started = started.filter(|e| e.file_name().to_string_lossy().starts_with("started."));
        assert_eq!(started.count(), 1);
    }
    println!("100 scripts at 2 directories, 98 refused");
}

/// The watcher is stopped while the script is killed: the tasks outlive it, and are ended when it goes on.
#[test]
fn a_stopped_watcher_catches_up() {
    for shell in BOTH {
        let sandbox = Sandbox::new();
        let text = "MEANWHILE_DIR=$PWD/run MEANWHILE_GRACE=1\nasync_run a /bin/sleep 1000\n\
            async_run b sh -c 'trap \"\" TERM; /bin/sleep 1000; /bin/sleep 1000'\nasync_wait a";
        let child = sandbox.script(shell, &with_glue(shell, text)).spawn().unwrap();
        let sleepers =
            || sandbox.census().iter().filter(|(_, l)| l.contains("bin/sleep 1000")).count();
        assert!(until(|| sleepers() >= 3), "{:#?}", sandbox.census());
        let watcher = sandbox.watcher();
        crate::sandbox::kill(watcher, "STOP");
        crate::sandbox::kill(child.id(), "KILL");
        // The client sees that nobody is there to answer.
        let client = || sandbox.census().iter().any(|(_, l)| l.contains("meanwhile wait"));
        assert!(until(|| !client()));
        assert!(sleepers() >= 3);
        crate::sandbox::kill(watcher, "CONT");
        sandbox.finish(child);
        assert!(sandbox.journal().contains(" close - how=aborted"), "{}", sandbox.journal());
    }
}

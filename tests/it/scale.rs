//! Many tasks, large logs, many runs at once. More of each with MEANWHILE_TEST_FULL=1.

use std::io::Read;

use crate::sandbox::{BASH, DASH, Sandbox, on_path, shells, with_glue};

fn full() -> bool {
    std::env::var_os("MEANWHILE_TEST_FULL").is_some()
}

/// No code of any task is lost: the first by name, the others by --all.
#[test]
fn thousands_of_tasks() {
    let (count, named) = if full() { (10_000, 2_000) } else { (2_000, 100) };
    for shell in shells().into_iter().filter(|s| ["bash", "dash", "zsh"].contains(&s.name)) {
        let sandbox = Sandbox::new();
        let text = format!(
            "MEANWHILE_DIR=$PWD/run\ncode() {{ return \"$1\"; }}\n\
             i=0; while [ $i -lt {count} ]; do async_run t$i code $((i % 256)); i=$((i + 1)); done\n\
             i=0; while [ $i -lt {named} ]; do rc=0; async_wait t$i 2>/dev/null || rc=$?\n\
             [ $rc -eq $((i % 256)) ] || echo \"t$i: $rc\"; i=$((i + 1)); done\n\
             rc=0; async_wait --all 2>/dev/null || rc=$?; echo all $rc"
        );
        let output = sandbox.patient(sandbox.script(shell, &with_glue(shell, &text)));
        let first = (named..count).map(|n| n % 256).find(|code| *code != 0).unwrap();
        assert_eq!(output.ok().stdout, format!("all {first}\n"), "{}", shell.name);
        let report = sandbox.meanwhile(&["report", "--format", "json", "run"]).ok();
        let json: serde_json::Value = serde_json::from_str(&report.stdout).unwrap();
        let tasks = json["tasks"].as_array().unwrap();
        assert_eq!(tasks.len(), count);
        for task in tasks {
            let n: usize = task["id"].as_str().unwrap()[1..].parse().unwrap();
            assert_eq!(task["code"], n % 256, "{task}");
            assert_eq!(task["collected"], true, "{task}");
        }
        println!("{}: {count} tasks, no code lost", shell.name);
    }
}

/// A log is passed on in constant memory, whole.
#[test]
fn a_large_log() {
    let size: u64 = if full() { 1 << 30 } else { 128 << 20 };
    let sandbox = Sandbox::new();
    let run = |arguments: &[&str]| {
        let mut command = sandbox.command("meanwhile", arguments);
        command.env("MEANWHILE_DIR", sandbox.run_dir());
        command
    };
    // Mostly a hole, with something at both ends and in the middle.
    let text = format!(
        "echo begin; truncate -s {} run/big.log; echo middle; \
        truncate -s {} run/big.log; echo end; exit 3",
        size / 2,
        size
    );
    sandbox.outcome(run(&["start", "big", "sh", "-c", &text]).spawn().unwrap()).ok();
    let mut child = run(&["wait", "big"]).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut pipe = child.stdout.take().unwrap();
    let (mut buffer, mut total, mut peak, mut words) = (vec![0; 1 << 16], 0, 0, Vec::new());
    loop {
        // The client still has something to write, so it is there to be asked.
        let resident = std::fs::read_to_string(&status).unwrap_or_default();
        let line = resident.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|l| l.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(kilobytes.unwrap_or(0));
        let read = pipe.read(&mut buffer).unwrap();
        if read == 0 {
            break;
        }
        total += read as u64;
        words.extend(buffer[..read].iter().filter(|b| **b != 0));
    }
    let output = sandbox.outcome(child);
    sandbox.assert_empty();
    assert_eq!((output.code, total), (3, size + "end\n".len() as u64), "{}", output.stderr);
    assert_eq!(String::from_utf8_lossy(&words), "begin\nmiddle\nend\n");
    println!("{total} bytes passed on with {peak} kB resident");
    // Most of it is this unoptimised program itself.
    assert!(peak > 0 && peak < 16_000, "{peak} kB");
}

/// So many scripts of five tasks at once, each with a run of its own.
fn runs_at_once(count: usize, limit: &str, within: &[&str]) {
    for shell in [BASH, DASH] {
        let sandbox = Sandbox::new();
        let text = format!(
            "{limit}\nf() {{ echo \"out $1\"; return \"$1\"; }}\n\
             for n in 0 1 2 3 4; do async_run t$n f $n; done\n\
             for n in 0 1 2 3 4; do rc=0; async_wait t$n || rc=$?; echo $rc; done"
        );
        sandbox.write("many.sh", &with_glue(shell, &text));
        let words = [within, shell.call, &["many.sh"]].concat();
        let children: Vec<_> =
            (0..count).map(|_| sandbox.command(words[0], &words[1..]).spawn().unwrap()).collect();
        for child in children {
            let output = sandbox.outcome(child).ok();
            let expected = [0, 1, 2, 3, 4].map(|n| format!("out {n}\n{n}\n")).concat();
            assert_eq!(output.stdout, expected, "{}", output.stderr);
        }
        sandbox.assert_empty();
        let kept = std::fs::read_dir(sandbox.path().join("state/meanwhile")).unwrap();
        let closed = kept
            .filter(|run| {
                let journal = run.as_ref().unwrap().path().join("journal");
                let journal = std::fs::read_to_string(journal).unwrap_or_default();
                journal.contains(" close - how=finished")
            })
            .count();
        assert_eq!(closed, count, "{}: every run was settled", shell.name);
        println!("{}: {count} runs at once, {} tasks", shell.name, 5 * count);
    }
}

#[test]
fn a_hundred_runs_at_once() {
    runs_at_once(100, "", &[]);
}

#[test]
fn runs_at_once_with_few_descriptors() {
    runs_at_once(25, "ulimit -n 64", &[]);
}

#[test]
fn runs_at_once_without_inotify() {
    // The limit of a user namespace of its own, so that nobody else is hit.
    let none = "echo 0 >/proc/sys/user/max_inotify_instances && \"$@\"";
    let within = ["unshare", "--user", "--map-root-user", "sh", "-c", none, "sh"];
    let words = [&within[..], &["true"]].concat();
    let allowed = on_path("unshare")
        && std::process::Command::new(words[0])
            .args(&words[1..])
            .output()
            .is_ok_and(|output| output.status.success());
    if allowed {
        runs_at_once(25, "", &within);
    } else {
        eprintln!("skipped: a user namespace is not allowed here");
    }
}

//! Reports for other programs: each is read by the program that it is for, or
//! checked by the schema that this one publishes; and each tells what there is
//! of a journal that was damaged.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::sandbox::{BASH, Sandbox, is_root, kill, on_path, until, with_glue};

const FORMATS: [&str; 6] = ["text", "html", "json", "trace", "junit", "joblog"];

/// A run in which most things happen that can, in the sandbox's run directory.
fn eventful() -> Sandbox {
    let sandbox = Sandbox::new();
    let text = "MEANWHILE_DIR=$PWD/run\n\
        flaky() { printf '\\033[1;31mtry\\033[0m </testcase>&\\000\\377]]>\\n'; [ -e ok ] || { touch ok; return 3; }; }\n\
        nest() { async_run inner sleep 0.1; async_wait inner; }\n\
        long() { i=0; while [ $i -lt 20000 ]; do echo \"line $i\"; i=$((i + 1)); done; }\n\
        async_run nest nest\nasync_run --retries 2 flaky flaky\n\
        async_run bad sh -c 'echo \"secret\tword\"; exit 3'\nasync_run --after bad skipped true\n\
        async_run --retries 1 never false\nasync_run cut sleep 100\nasync_run long long\n\
        async_run killed sh -c 'kill -9 $$'\nasync_cancel cut\nasync_wait --all >/dev/null 2>&1 || :";
    sandbox.run(BASH, text).ok();
    sandbox
}

fn report(sandbox: &Sandbox, format: &str, more: &[&str]) -> String {
    sandbox.meanwhile(&[&["report", "run", "--format", format], more].concat()).ok().stdout
}

fn schema() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/junit-10.xsd")
}

fn skip(tool: &str) -> bool {
    let missing = !on_path(tool);
    if missing {
        eprintln!("skipped: {tool} is not installed");
    }
    missing
}

#[test]
fn junit_is_valid_by_the_schema_and_has_the_logs() {
    if skip("xmllint") {
        return;
    }
    let sandbox = eventful();
    sandbox.write("report.xml", &report(&sandbox, "junit", &[]));
    let schema = schema();
    let check = ["--noout", "--schema", schema.to_str().unwrap(), "report.xml"];
    let output = sandbox.finish(sandbox.command("xmllint", &check).spawn().unwrap());
    assert_eq!(output.code, 0, "{}", output.stderr);
    // As a reader of XML finds it.
    let ask = |path: &str| {
        let command = &mut sandbox.command("xmllint", &["--xpath", path, "report.xml"]);
        sandbox.finish(command.spawn().unwrap()).stdout.trim_end().to_owned()
    };
    let count = |path: &str| ask(&format!("string(count({path}))"));
    assert_eq!(count("//testcase"), "9");
    let failed = ["bad", "never", "killed"].map(|name| {
        count(&format!("//testcase[@name='{name}' and @classname='script-bash.sh']/failure"))
    });
    assert_eq!(failed, ["1", "1", "1"]);
    assert_eq!(count("//testcase[@name='cut' or @name='skipped']/skipped"), "2");
    assert_eq!(count("//testcase[@name='never']/rerunFailure"), "1");
    assert_eq!(
        ask("string(//testcase[@name='flaky']/flakyFailure/system-out)"),
        "try </testcase>&\u{fffd}]]>"
    );
    let long = ask("string(//testcase[@name='long']/system-out)");
    assert!(long.starts_with("line 0\n") && long.ends_with("line 19999"));
    assert!(long.contains(" bytes are left out here]\n") && long.len() < 70_000);
}

#[test]
fn the_trace_is_json_with_a_slice_for_each_task() {
    let sandbox = eventful();
    let json: Value = serde_json::from_str(&report(&sandbox, "trace", &[])).unwrap();
    let events = json["traceEvents"].as_array().unwrap();
    let find = |name: &str, phase: &str| {
        let found = events.iter().find(|event| event["name"] == name && event["ph"] == phase);
        found.unwrap_or_else(|| panic!("no {phase} {name}"))
    };
    for name in ["nest", "nest/inner", "flaky", "bad", "never", "cut", "long", "killed"] {
        let slice = find(name, "X");
        assert!(slice["args"]["pid"].as_u64() > Some(1), "{slice}");
        assert!(slice["args"]["started_at"].as_str().unwrap().starts_with("script-bash.sh:"));
    }
    assert_eq!(find("skipped: skipped", "i")["args"]["skipped_because_of"], "bad");
    find("blocked: nest/inner", "X");
    find("attempt 1 failed: 3", "i");
    assert_eq!(json["otherData"]["state"], "finished");
}

#[test]
fn commands_are_told_only_if_asked_for() {
    let sandbox = eventful();
    for format in FORMATS {
        // The page is made to look into: it has them, unless it is to be passed on.
        let more: &[&str] = if format == "html" { &["--without", "commands"] } else { &[] };
        assert!(!report(&sandbox, format, more).contains("exit 3"), "{format}");
    }
    for format in ["json", "trace", "joblog"] {
        assert!(report(&sandbox, format, &["--commands"]).contains("exit 3"), "{format}");
    }
}

#[test]
fn gnu_parallel_reads_the_joblog() {
    if skip("parallel") {
        return;
    }
    let sandbox = Sandbox::new();
    let text = "MEANWHILE_DIR=$PWD/run\nasync_run good sh -c 'echo g >>good'\n\
        async_run bad sh -c 'printf \"%s\" \"a\tb\n\" >>bad; exit 3'\nasync_wait --all || :";
    sandbox.run(BASH, text).ok();
    let output =
        sandbox.meanwhile(&["report", "run", "--format", "joblog", "--commands", "-o", "log"]);
    assert_eq!(output.ok().stdout, "");

    let theirs = ["--joblog", "theirs", ":::", "true", "exit 3", "kill -9 $$"];
    sandbox.outcome(sandbox.command("parallel", &theirs).spawn().unwrap());
    let (ours, theirs) = (sandbox.read("log"), sandbox.read("theirs"));
    assert_eq!(ours.lines().next(), theirs.lines().next(), "the same header");
    // The same in form: digits are 9, and a command is anything.
    let form = |row: &str| {
        let columns: Vec<&str> = row.split('\t').collect();
        assert_eq!(columns.len(), 9, "{row}");
        let nines = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "9");
        (
            columns[1].to_owned(),
            columns[2].len(),
            nines(columns[2]),
            columns[3].len(),
            nines(columns[7]),
        )
    };
    assert_eq!(form(ours.lines().nth(1).unwrap()), form(theirs.lines().nth(1).unwrap()));

    // It runs what failed once more, as it was.
    let mut again = sandbox.command("parallel", &["--retry-failed", "--joblog", "log"]);
    let output = sandbox.outcome(again.env("SHELL", "/bin/bash").spawn().unwrap());
    assert_eq!(output.code, 1, "one failed again: {}", output.stderr);
    assert_eq!((sandbox.read("good"), sandbox.read("bad")), ("g\n".into(), "a\tb\na\tb\n".into()));
}

#[test]
fn the_json_is_documented() {
    fn keys(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.keys().cloned());
                map.values().for_each(|value| keys(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| keys(value, found)),
            _ => {}
        }
    }
    let sandbox = eventful();
    let json: Value = serde_json::from_str(&report(&sandbox, "json", &["--commands"])).unwrap();
    let mut found = BTreeSet::new();
    keys(&json, &mut found);
    assert!(found.len() > 50, "{found:?}");
    let text = include_str!("../../docs/json.md");
    for key in found {
        assert!(text.contains(&format!("`{key}`")), "docs/json.md lacks `{key}`");
    }
    let task = json["tasks"].as_array().unwrap().iter().find(|task| task["id"] == "never").unwrap();
    assert_eq!(task["failed_attempts"][0]["code"], 1);
    assert_eq!(task["options"]["retries"], 1);
    assert_eq!(json["waits"][0]["line"]["file"], "script-bash.sh");
}

#[test]
fn a_report_is_written_whole_or_not_at_all() {
    let sandbox = eventful();
    let file = sandbox.write("kept", "as it was");
    sandbox.meanwhile(&["report", "run", "--format", "json", "-o", "new.json"]).ok();
    let mode = std::fs::metadata(sandbox.path().join("new.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for (target, why) in
        [("/dev/full", "No space left"), ("none/x", "No such file"), (".", "directory")]
    {
        let output = sandbox.meanwhile(&["report", "run", "-o", target]);
        assert_eq!((output.code, output.stdout.as_str()), (125, ""), "{target}");
        assert!(
            output.stderr.starts_with(&format!("meanwhile: cannot write {target}: ")),
            "{}",
            output.stderr
        );
        assert!(output.stderr.contains(why), "{}", output.stderr);
    }
    // A disk that is full: a limit on the size of files is the same to a writer.
    let limited = "ulimit -f 1; trap '' XFSZ; exec meanwhile report run --format junit -o kept";
    let output = sandbox.finish(sandbox.command("bash", &["-c", limited]).spawn().unwrap());
    assert_eq!(output.code, 125, "{}", output.stderr);
    assert_eq!(std::fs::read_to_string(file).unwrap(), "as it was");
    let left = std::fs::read_dir(sandbox.path()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with('.')), "{left:?}");
}

/// Whether a report is what it should be, of whatever journal, and whether it
/// says that something is lost.
fn sound(sandbox: &Sandbox, format: &str) -> bool {
    let text = report(sandbox, format, &[]);
    let json = || -> Value { serde_json::from_str(&text).unwrap() };
    let damage = "the journal is damaged: ";
    match format {
        "json" => json()["damage"].as_str().is_some_and(|text| text.starts_with(damage)),
        "trace" => json()["otherData"]["damage"].is_string(),
        "joblog" => {
            assert!(text.lines().all(|row| row.split('\t').count() == 9), "{text}");
            // The table has no place for it.
            let output = sandbox.meanwhile(&["report", "run", "--format", "joblog"]).ok();
            output.stderr.contains(damage)
        }
        "junit" => {
            assert!(text.trim_end().ends_with("</testsuites>"), "{text}");
            text.contains(damage)
        }
        _ => text.contains(damage),
    }
}

#[test]
fn what_is_left_of_a_journal_is_told_in_every_form() {
    let sandbox = Sandbox::new();
    let text = "MEANWHILE_DIR=$PWD/run\nasync_run a sh -c 'exit 3'\nasync_wait a || :\nasync_run b true\nasync_wait b";
    sandbox.run(BASH, text).ok();
    let path = sandbox.run_dir().join("journal");
    let whole = std::fs::read(&path).unwrap();
    let ends: Vec<usize> =
        whole.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1).collect();
    assert!(ends.len() > 6);
    for format in FORMATS {
        std::fs::write(&path, &whole).unwrap();
        assert!(!sound(&sandbox, format), "{format}: nothing is damaged");
        for (record, end) in ends.iter().enumerate() {
            // Cut between two records, that is as a run that was cut short…
            std::fs::write(&path, &whole[..*end]).unwrap();
            assert!(!sound(&sandbox, format), "{format} after record {record}");
            // … within one it is torn.
            std::fs::write(&path, &whole[..end - 3]).unwrap();
            assert!(sound(&sandbox, format), "{format} in record {record}");
        }
        let garbage =
            [&whole[..ends[2] - 3], &b"\0\xff\n\x1b]0;x\x07\x1e\x1e\n"[..], &whole[ends[3]..]];
        std::fs::write(&path, garbage.concat()).unwrap();
        assert!(sound(&sandbox, format), "{format} with garbage");
        for nothing in [&b""[..], b"\n\n", b"\x1e", &[0; 5000]] {
            std::fs::write(&path, nothing).unwrap();
            assert!(sound(&sandbox, format), "{format} of {nothing:?}");
        }
    }
    // It is said exactly.
    std::fs::write(&path, [&whole[..ends[3]], b"garbage\n", &whole[ends[3]..ends[5] - 3]].concat())
        .unwrap();
    let cut = ends[5] - 3 - ends[4];
    let said = format!(
        "the journal is damaged: a line (7 bytes) is no record; it ends within a record, of which {cut} bytes are there"
    );
    let text = report(&sandbox, "text", &[]);
    assert!(text.contains(&said), "{text}");
}

#[test]
fn what_is_no_journal_is_an_error() {
    let sandbox = Sandbox::new();
    sandbox.run(BASH, "MEANWHILE_DIR=$PWD/run\nasync_run a true\nasync_wait a").ok();
    let path = sandbox.run_dir().join("journal");
    let refused = |what: &str, said: &str| {
        for format in FORMATS {
            let output = sandbox.meanwhile(&["report", "run", "--format", format, "-o", "file"]);
            assert_eq!(output.code, 125, "{what}: {}", output.stderr);
            assert!(output.stderr.contains(said), "{what}: {}", output.stderr);
            assert!(!sandbox.path().join("file").exists(), "{what}");
        }
    };
    std::fs::rename(&path, sandbox.path().join("away")).unwrap();
    refused("missing", "there is no run in ");
    std::fs::create_dir(&path).unwrap();
    refused("a directory", "cannot read the journal of ");
    std::fs::remove_dir(&path).unwrap();
    std::os::unix::fs::symlink("../away", &path).unwrap();
    refused("a link", "cannot read the journal of ");
    std::fs::remove_file(&path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    refused("a pipe", "cannot read the journal of ");
}

#[test]
fn a_journal_that_may_not_be_read_is_an_error() {
    if !is_root() || !on_path("setpriv") {
        eprintln!("skipped: needs root and setpriv");
        return;
    }
    let sandbox = Sandbox::new();
    let text =
        "mkdir -m 700 mine && : >mine/journal && chmod 0 mine/journal && meanwhile report mine";
    let command = &mut sandbox.command_of_another_user(&["sh", "-c", text]);
    let output = sandbox.finish(command.spawn().unwrap());
    assert_eq!(output.code, 125, "{}", output.stderr);
    assert!(output.stderr.contains("cannot read the journal of "), "{}", output.stderr);
    assert!(output.stderr.contains("ermission denied"), "{}", output.stderr);
}

/// Who asks for a report right behind a script gets the run as it ended, also
/// if its watcher is a little later.
#[test]
fn a_report_behind_the_script_is_of_a_run_that_is_over() {
    let sandbox = Sandbox::new();
    let text = "MEANWHILE_DIR=$PWD/run\nasync_run a true\nasync_wait a\nread -r line || :";
    let mut command = sandbox.script(BASH, &with_glue(BASH, text));
    let mut script = command.stdin(Stdio::piped()).spawn().unwrap();
    assert!(until(|| sandbox.journal().contains(" collected a ")));
    let watcher = sandbox.watcher();
    kill(watcher, "STOP");
    drop(script.stdin.take());
    assert!(script.wait().unwrap().success());
    assert!(!sandbox.journal().contains(" close "), "it was stopped in time");
    let report = sandbox.command("meanwhile", &["report", "run", "--format", "json"]).spawn();
    let report = report.unwrap();
    // It has found the watcher, and waits for it.
    let fds = format!("/proc/{}/fdinfo", report.id());
    let held = format!("Pid:\t{watcher}\n");
    let holds = || {
        let files = std::fs::read_dir(&fds).into_iter().flatten().flatten();
        files
            .filter_map(|file| std::fs::read_to_string(file.path()).ok())
            .any(|i| i.contains(&held))
    };
    assert!(until(holds));
    kill(watcher, "CONT");
    let told: Value = serde_json::from_str(&sandbox.finish(report).ok().stdout).unwrap();
    assert_eq!(told["state"], "finished");
}

#[test]
fn a_summary_of_many_failures_is_short() {
    let sandbox = Sandbox::new();
    let text = "MEANWHILE_DIR=$PWD/run\nfor i in 1 2 3 4 5; do for j in 1 2 3 4 5; do\n\
        async_run t$i$j false; done; done\nasync_wait --all 2>/dev/null || :";
    sandbox.run(BASH, text).ok();
    let told = report(&sandbox, "text", &[]);
    assert_eq!(told.matches(": exit code 1 after ").count(), 20, "{told}");
    assert!(told.contains("\n  failed      and 5 more; all of them: meanwhile status\n"), "{told}");
}

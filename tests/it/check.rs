//! `meanwhile check`: from the command line to the report and the exit code.

use std::os::unix::process::CommandExt;
use std::process::Child;

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::sandbox::{BASH, DASH, Output, Sandbox, Shell, kill, on_path, shells, until, with_glue};

/// Starts a check of a bash script with the glue loaded.
fn start(sandbox: &Sandbox, options: &[&str], text: &str) -> Child {
    sandbox.write("script.sh", &with_glue(BASH, text));
    let arguments = [&["check"], options, &["bash", "script.sh"]].concat();
    sandbox.command("meanwhile", &arguments).process_group(0).spawn().unwrap()
}

fn check(sandbox: &Sandbox, options: &[&str], text: &str) -> Output {
    sandbox.finish(start(sandbox, options, text))
}

#[test]
fn every_class_is_documented() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/check.md"));
    let text = text.unwrap();
    for class in meanwhile::check::Class::ALL {
        assert!(text.contains(&format!("| `{}` | ", class.word())), "{}", class.word());
    }
}

#[test]
fn wrong_usage_starts_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("bad", "write-read /a b\n");
    for (options, told) in [
        (&["--format", "json"][..], "hint: standard output is the script's: -o FILE"),
        (&["-o", "none/x"], "cannot write none/x: No such file"),
        (&["-o", "."], "cannot write .: is a directory"),
        (&["--write-baseline", "none/x"], "cannot write none/x: No such file"),
        (&["--suppressions", "none"], "none: No such file"),
        (&["--baseline", "none"], "hint: nothing was started; --write-baseline FILE makes"),
        (&["--suppressions", "bad"], "bad: line 1: 3 words before the comment"),
        (&["-o", "-"], "hint: -o FILE, or a descriptor"),
        (&["--deny", "notes"], "invalid value 'notes'"),
        (&["--user", "no such user"], "there is no user no such user"),
    ] {
        let output = check(&sandbox, options, ": >started");
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{options:?} {output:?}");
        assert!(output.stderr.contains(told), "{options:?}: {}", output.stderr);
    }
    assert!(!sandbox.path().join("started").exists());
}

#[test]
fn what_cannot_be_run_or_starts_no_task_was_not_checked() {
    let sandbox = Sandbox::new();
    for (command, told) in [
        (&["./none"][..], "cannot run ./none: No such file"),
        (&["true"], "nothing was checked: the script opened no run\nhint: "),
        (&["sh", "-c", "exit 3"], "the script opened no run and ended with exit code 3\n"),
        (&["sh", "-c", "kill -KILL $$"], "ended with exit code 137 (SIGKILL)\n"),
    ] {
        let output = sandbox.meanwhile(&[&["check"], command].concat());
        assert_eq!(output.code, 125, "{command:?} {output:?}");
        assert!(output.stderr.contains(told), "{command:?}: {}", output.stderr);
    }
}

#[test]
fn where_no_run_could_be_kept_nothing_was_checked() {
    let sandbox = Sandbox::new();
    // (What cannot be written to ends no shell that ignores it.)
    let text = "trap '' XFSZ; ulimit -f 0; async_run a true; async_wait a";
    let output = check(&sandbox, &[], text);
    assert_eq!(output.code, 125, "{output:?}");
    let told = "no races seen, but no run was begun in ";
    assert!(output.stderr.contains(told), "{}", output.stderr);
}

#[test]
fn what_is_waited_for_by_looking_has_no_way_out_that_never_ends() {
    if !on_path("python3") {
        eprintln!("skipped: python3 is not installed");
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write("serve.py", "import signal, socket\ns = socket.socket(socket.AF_UNIX)\ns.bind('sock'); s.listen(); signal.pause()\n");
    sandbox.write("ask.py", "import socket\nsocket.socket(socket.AF_UNIX).connect('sock')\n");
    let text = "async_run serve python3 -S serve.py
until python3 -S ask.py 2>err; do sleep 0.05; done
async_cancel serve";
    let output = check(&sandbox, &[], text);
    let (found, hints) = (output.stderr.matches("bind-connect]").count(), &output.stderr);
    assert_eq!(found, 1, "{}", output.stderr);
    assert!(!hints.contains("`async_wait serve`") && !hints.contains("start serve"), "{hints}");
    assert!(hints.contains("a line for --suppressions: bind-connect /"), "{hints}");
}

#[test]
fn the_scripts_input_and_output_are_its_own() {
    let sandbox = Sandbox::new();
    let text = "cat; echo complaint >&2; async_run a echo task; async_wait a";
    sandbox.write("input", "from outside\n");
    sandbox.write("script.sh", &with_glue(BASH, text));
    let mut command = sandbox.command("meanwhile", &["check", "bash", "script.sh"]);
    command.stdin(std::fs::File::open(sandbox.path().join("input")).unwrap());
    let output = sandbox.finish(command.spawn().unwrap());
    assert_eq!(output.stdout, "from outside\ntask\n");
    let lines: Vec<&str> = output.stderr.lines().collect();
    assert_eq!(lines.first(), Some(&"complaint"));
    // (How long it took may be too short for an estimate.)
    assert!(lines[1].starts_with("meanwhile: 0."), "the summary of the run: {lines:?}");
    assert!(lines.last().unwrap().starts_with("meanwhile: check: no races seen; "), "{lines:?}");
    assert_eq!(output.code, 0);
}

#[test]
fn a_check_inside_of_another_is_refused() {
    let sandbox = Sandbox::new();
    let output = check(&sandbox, &[], "meanwhile check true || echo \"code $?\"");
    assert_eq!(output.stdout, "code 125\n");
    let told = "this process is traced already, by pid ";
    assert!(output.stderr.contains(told), "{}", output.stderr);
    assert!(output.stderr.contains("hint: a process has one tracer"), "{}", output.stderr);
}

#[test]
fn what_is_left_running_is_ended_and_named() {
    let sandbox = Sandbox::new();
    let text = "async_run a sh -c 'setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >pid'
        async_wait a";
    let output = check(&sandbox, &[], text);
    let told = format!("check: ended pid {} (sleep), which the script", sandbox.read("pid").trim());
    assert!(output.stderr.contains(&told), "{}", output.stderr);
}

#[test]
fn a_signal_ends_all_that_was_started_and_then_the_check() {
    for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let sandbox = Sandbox::new();
        let text = "trap 'echo trapped; exit 3' INT TERM HUP
            async_run a sh -c 'setsid sleep 1000 </dev/null >/dev/null 2>&1 & : >ready; sleep 1000'
            async_wait a";
        let child = start(&sandbox, &[], text);
        assert!(until(|| sandbox.path().join("ready").exists()));
        kill(child.id(), signal);
        let output = sandbox.finish(child);
        assert_eq!(output.code, code, "{output:?}");
        assert_eq!(output.stdout.lines().last(), Some("trapped"), "{output:?}");
        assert!(output.stderr.contains("meanwhile: check: "), "{}", output.stderr);
    }
}

#[test]
fn nothing_outlives_a_check_that_is_killed() {
    let sandbox = Sandbox::new();
    let text =
        "async_run a sh -c 'setsid sleep 1000 </dev/null >/dev/null 2>&1 & : >ready; sleep 1000'
        async_wait a";
    let child = start(&sandbox, &[], text);
    assert!(until(|| sandbox.path().join("ready").exists()));
    kill(child.id(), "KILL");
    assert_eq!(sandbox.finish(child).code, 137);
}

#[test]
fn a_checked_run_is_not_remembered_as_what_is_usual() {
    let sandbox = Sandbox::new();
    let text = "async_run a true; async_wait a";
    check(&sandbox, &[], text).ok();
    let history = |sandbox: &Sandbox| sandbox.meanwhile(&["history"]).ok().stdout;
    assert!(!history(&sandbox).contains("script.sh"), "{}", history(&sandbox));
    sandbox.finish(sandbox.command("bash", &["script.sh"]).spawn().unwrap()).ok();
    assert!(history(&sandbox).contains("script.sh"));
}

/// A script that reads a file before it waits for the task that writes it.
const RACY: &str = "init() { echo new >conf; }
    echo old >conf
    async_run init init
    grep -q . conf || :
    async_wait init";

/// The lines of a report in JSON.
fn lines(sandbox: &Sandbox, file: &str) -> Vec<Value> {
    sandbox.read(file).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_race_is_told_with_both_lines_and_the_way_out_and_following_it_helps() {
    let sandbox = Sandbox::new();
    let output = check(&sandbox, &[], RACY);
    assert_eq!(output.code, 1, "{output:?}");
    let path = sandbox.path().join("conf").display().to_string();
    let told = format!(
        "error[write-read]: {path} is emptied by init and read by the script\n\
         \x20 --> script.sh:3  init (started at script.sh:5, collected at script.sh:7): /usr/bin/bash empties it\n\
         \x20  |  init() {{ echo new >conf; }}\n\
         \x20 --> script.sh:6  the script: /usr/bin/grep reads it\n\
         \x20  |  grep -q . conf || :\n\
         \x20 hint: move `async_wait init` from script.sh:7 to before script.sh:6\n"
    );
    assert!(output.stderr.contains(&told), "{told}\n{}", output.stderr);
    assert!(output.stderr.contains("meanwhile: check: 1 error; "), "{}", output.stderr);
    let mended = RACY.replace("    async_wait init", "");
    let mended = mended.replace("grep", "async_wait init\n    grep");
    let output = check(&sandbox, &[], &mended).ok();
    assert!(output.stderr.contains("meanwhile: check: no races seen; "), "{}", output.stderr);
}

#[test]
fn without_lines_it_is_told_between_which_calls() {
    let sandbox = Sandbox::new();
    let run = |shell: Shell, options: &[&str], text: &str| {
        sandbox.write("script.sh", &with_glue(shell, text));
        let arguments = [&["check"], options, shell.call, &["script.sh"]].concat();
        sandbox.finish(sandbox.command("meanwhile", &arguments).spawn().unwrap())
    };
    // dash tells no lines at all, and the text not this one.
    let output = run(DASH, &[], &RACY.replace("async_run init", "n=init; async_run $n"));
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.stderr.contains("error[write-read]: "), "{}", output.stderr);
    assert!(
        output.stderr.contains("  --> script.sh:7  the script, before script.sh:7: "),
        "{}",
        output.stderr
    );
    let text = RACY.replace("_run init", "_run $n").replace("_wait init", "_wait $n");
    let output = run(DASH, &[], &format!("n=init; {text}"));
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.stderr.contains("  --> in script.sh, after 0."), "{}", output.stderr);
    let told =
        "  hint: put `async_wait init` before `/usr/bin/grep` reads it (in script.sh, after 0.";
    assert!(output.stderr.contains(told), "{}", output.stderr);
    let output = run(BASH, &["--light"], RACY);
    assert_eq!(output.code, 0, "reads were not looked at: {output:?}");
    let told = "no races seen, but reads were not looked at (--light)";
    assert!(output.stderr.contains(told), "{}", output.stderr);
    let output = run(BASH, &["--light"], &RACY.replace("grep -q . conf || :", "echo more >conf"));
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.stderr.contains("error[write-write]: "), "{}", output.stderr);
    let told = "  --> script.sh:5  the script, between script.sh:5 and script.sh:7: ";
    assert!(output.stderr.contains(told), "{}", output.stderr);
}

#[test]
fn where_a_shell_tells_no_lines_the_verbs_are_found_by_the_text() {
    for shell in shells() {
        let sandbox = Sandbox::new();
        sandbox.write("script.sh", &with_glue(shell, RACY));
        let options = ["check", "--format", "json", "-o", "report"];
        let arguments = [&options[..], shell.call, &["script.sh"]].concat();
        let output = sandbox.finish(sandbox.command("meanwhile", &arguments).spawn().unwrap());
        assert_eq!(output.code, 1, "{}: {output:?}", shell.name);
        let says = |text: &str| {
            assert!(output.stderr.contains(text), "{}: {text}\n{}", shell.name, output.stderr);
        };
        says("init (started at script.sh:5, collected at script.sh:7): ");
        says("hint: move `async_wait init` from script.sh:7 ");
        if shell.name != "bash" {
            says("  --> script.sh:5  the script, between script.sh:5 and script.sh:7: ");
            says("up, before `/usr/bin/grep` reads it (between script.sh:5 and script.sh:7)\n");
        }
        let by_text = !matches!(shell.name, "bash" | "zsh");
        let report = lines(&sandbox, "report");
        let by = if by_text { json!("text") } else { Value::Null };
        assert_eq!(report[0]["runs"][0]["by"], by, "{}", shell.name);
        let task = |side: &&Value| side["task"] == "init";
        let side = report[1]["sides"].as_array().unwrap().iter().find(task).unwrap();
        assert_eq!(side["from"], json!({"file": "script.sh", "line": 5}), "{}", shell.name);
        assert_eq!(side["until"], json!({"file": "script.sh", "line": 7}), "{}", shell.name);
    }
}

#[test]
fn the_code_says_what_there_is() {
    let warning = "init() { echo new >new; mv new conf; }
        echo old >conf
        async_run init init
        grep -q . conf || :
        async_wait init";
    let gap = "async_run a strace -o /dev/null true; async_wait a || :";
    for (options, text, code) in [
        (&[][..], warning, 0),
        (&["--deny", "gaps"], warning, 0),
        (&["--deny", "warnings"], warning, 1),
        (&[], gap, 0),
        (&["--deny", "warnings"], gap, 0),
        (&["--deny", "warnings,gaps"], gap, 1),
    ] {
        let sandbox = Sandbox::new();
        let output = check(&sandbox, options, text);
        assert_eq!(output.code, code, "{options:?} {output:?}");
        let told =
            if text == gap { "no races seen, but one thing was not seen" } else { "1 warning" };
        assert!(output.stderr.contains(told), "{}", output.stderr);
    }
}

#[test]
fn a_script_that_fails_was_checked_up_to_there() {
    let sandbox = Sandbox::new();
    let output = check(&sandbox, &[], "async_run a true; async_wait a; exit 3");
    assert_eq!(output.code, 125);
    let told =
        "no races seen, but the script ended with exit code 3, and was checked up to there; ";
    assert!(output.stderr.contains(told), "{}", output.stderr);
    let output = check(&sandbox, &[], &format!("{RACY}; exit 3"));
    assert_eq!(output.code, 1, "what was seen is a race");
    let told = "1 error; the script ended with exit code 3, and was checked up to there; ";
    assert!(output.stderr.contains(told), "{}", output.stderr);
}

#[test]
fn what_the_user_says_is_harmless_does_not_count() {
    let sandbox = Sandbox::new();
    sandbox.write("own", "# why\nwrite-read **/conf init script # read again\n* /none a b\n");
    let output = check(&sandbox, &["--suppressions", "own"], RACY).ok();
    assert!(output.stderr.contains("no races seen; 1 suppressed"), "{}", output.stderr);
    let unused = "check: own:3: nothing needs this line any more: * /none a b\n";
    assert!(output.stderr.contains(unused), "{}", output.stderr);
    let options = ["--suppressions", "own", "--notes"];
    let output = check(&sandbox, &options, RACY).ok();
    let why = "  harmless: the suppressions file says that it does no harm\n";
    assert!(output.stderr.contains(why), "{}", output.stderr);
}

#[test]
fn with_a_baseline_only_what_is_new_counts() {
    let sandbox = Sandbox::new();
    assert_eq!(check(&sandbox, &["--write-baseline", "known"], RACY).code, 1);
    let output = check(&sandbox, &["--baseline", "known"], RACY).ok();
    assert!(output.stderr.contains("no races seen; 1 in the baseline; "), "{}", output.stderr);
    let more =
        RACY.replace("echo new", "echo x >two; echo new").replace("grep", "echo y >two; grep");
    let output = check(&sandbox, &["--baseline", "known"], &more);
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("1 error; 1 in the baseline; "), "{}", output.stderr);
    // Written again over itself, it has both.
    check(&sandbox, &["--baseline", "known", "--write-baseline", "known"], &more);
    check(&sandbox, &["--baseline", "known"], &more).ok();
}

#[test]
fn programs_read_a_line_for_each_thing() {
    let sandbox = Sandbox::new();
    let output = check(&sandbox, &["--format", "json", "-o", "report"], RACY);
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("error[write-read]"), "people are told as well");
    let lines = lines(&sandbox, "report");
    assert_eq!((&lines[0]["t"], &lines[0]["format"]), (&json!("check"), &json!(1)));
    assert_eq!(lines[0]["command"], json!(["bash", "script.sh"]));
    assert_eq!(lines[0]["runs"][0]["script"], "script.sh");
    let finding = lines.iter().find(|line| line["level"] == "error").unwrap();
    assert_eq!(finding["class"], "write-read");
    assert_eq!(finding["sides"][1]["at"], json!({"file": "script.sh", "line": 6}));
    assert_eq!(finding["fixes"][0]["kind"], "wait-before");
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["t"], &last["errors"], &last["whole"]),
        (&json!("summary"), &json!(1), &json!(true))
    );
    assert_eq!(last["tasks"], 1);
}

#[test]
fn the_page_draws_what_was_found() {
    let sandbox = Sandbox::new();
    assert_eq!(check(&sandbox, &["--format", "html", "-o", "page.html"], RACY).code, 1);
    let text = sandbox.read("page.html");
    assert!(text.contains("is emptied by init and read by the script"));
    let Some(mut browser) = Browser::start() else { return };
    let file = sandbox.path().join("page.html");
    browser.open(&file);
    assert_eq!(browser.number("document.querySelectorAll('.timeline .race').length"), 2);
    assert_eq!(browser.number("document.querySelectorAll('.clashes line.error').length"), 1);
    browser.click(".races [data-race='0']");
    browser.until("document.querySelectorAll('.timeline .race.current').length === 2");
    browser.assert_quiet(&file);
}

#[test]
fn of_several_runs_the_page_shows_the_one_with_most_tasks() {
    let sandbox = Sandbox::new();
    sandbox.write("two.sh", &with_glue(BASH, "async_run a true; async_run b true; async_wait a b"));
    let text = "async_run one true; async_wait one; bash two.sh";
    let output = check(&sandbox, &["--format", "html", "-o", "page.html"], text).ok();
    let told = "check: the page is that of two.sh, which has the most tasks of 2 runs\n";
    assert!(output.stderr.contains(told), "{}", output.stderr);
    assert!(sandbox.read("page.html").contains("<h1>two.sh</h1>"));
}

#[test]
fn two_orders_tell_which_findings_do_harm() {
    let sandbox = Sandbox::new();
    let text = "init() { echo new >conf; : >mark; date +%N >stamp; }
        other() { cat conf >/dev/null; }
        async_run init init
        async_run other other
        if grep -q new conf; then echo new; else echo old; fi >result
        cat mark >/dev/null 2>&1 || :
        async_wait other
        async_wait init";
    sandbox.write("reset", "echo old >conf; rm -f result mark stamp; echo again >>resets");
    sandbox.finish(sandbox.command("sh", &["reset"]).spawn().unwrap()).ok();
    let options = ["--confirm", "echo resetting; sh ./reset", "--format", "json", "-o", "report"];
    let output = check(&sandbox, &options, text);
    assert_eq!(output.code, 1, "{output:?}");
    assert_eq!(sandbox.read("resets"), "again\n".repeat(4), "one by us, and before each time");
    assert_eq!(output.stderr.matches("check: once more, each task").count(), 3);
    assert_eq!(output.stderr.matches("resetting").count(), 3, "what it prints is shown");
    let result = sandbox.path().join("result").display().to_string();
    let told = format!("  harmful: what is in {result} differs\n");
    assert!(output.stderr.contains(&told), "{}", output.stderr);
    let lines = lines(&sandbox, "report");
    let finding = |other: &str| {
        let is = |line: &&Value| line["level"] == "error" && line["sides"][1]["who"] == other;
        lines.iter().find(is).unwrap()["confirmed"].clone()
    };
    let content = json!({"kind": "content", "path": result});
    assert_eq!(finding("script"), json!({"verdict": "harmful", "differences": [content]}));
    // `other` comes behind `init` at its start, and before it if they are waited for; but all
    // that differs is a file that always does.
    assert_eq!(finding("task")["verdict"], "unclear", "{lines:?}");
}

#[test]
fn an_order_that_changes_a_code_does_harm_and_one_that_changes_nothing_is_told() {
    let sandbox = Sandbox::new();
    let options = ["--confirm", "echo old >conf"];
    let text = "init() { echo new >conf; }
        async_run init init
        grep -q new conf || exit 3
        async_wait init";
    sandbox.write("conf", "new\n");
    let output = check(&sandbox, &options, text);
    let told = "  harmful: the exit code of the script is 0 if tasks run at their start, 3 if";
    assert!(output.stderr.contains(told), "{}", output.stderr);
    let output = check(&sandbox, &options, RACY);
    let told = "  not confirmed: both orders came to the same\n";
    assert!(output.stderr.contains(told), "{}", output.stderr);
    let text = "init() { echo new >conf; }
        use() { grep -q new conf; }
        async_run use use
        async_run init init
        async_wait init
        async_wait use || :";
    let output = check(&sandbox, &options, text);
    let told =
        "  harmful: the exit code of use is 1 if tasks run at their start, 0 if they run when";
    assert!(output.stderr.contains(told), "{}", output.stderr);
    let two = "a() { echo 1 >x; }; b() { echo 2 >x; }
        async_run a a; async_run b b; async_wait a; async_wait b";
    let output = check(&sandbox, &options, two);
    let told = "  not confirmed: the two came in the same order both times\n";
    assert!(output.stderr.contains(told), "{}", output.stderr);
}

#[test]
fn nothing_is_confirmed_where_it_cannot_begin_again() {
    let sandbox = Sandbox::new();
    let output = check(&sandbox, &["--confirm", "exit 4"], RACY);
    assert_eq!(output.code, 1, "the races are there");
    let told = "check: nothing is confirmed: the reset command ended with exit code 4\n";
    assert!(output.stderr.contains(told), "{}", output.stderr);
    let output = check(&sandbox, &["--confirm", "touch reset"], "async_run a true; async_wait a");
    output.ok();
    assert!(!sandbox.path().join("reset").exists(), "there is nothing to confirm");
}

#[test]
fn what_a_run_leaves_is_gone_before_the_next_and_a_signal_ends_the_check() {
    let sandbox = Sandbox::new();
    let text =
        "init() { echo new >conf; setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >>pids; }
        for pid in $(cat pids); do grep -q '^State:.[^ZX]' /proc/$pid/status && echo $pid >>left; done
        async_run init init
        grep -q . conf || :
        async_wait init
        [ \"${MEANWHILE_CONFIRM-}\" != lazy ] || { : >again; sleep 1000; }";
    sandbox.write("conf", "old\n");
    sandbox.write("pids", "");
    let child = start(&sandbox, &["--confirm", ":"], text);
    assert!(until(|| sandbox.path().join("again").exists()));
    kill(child.id(), "TERM");
    let output = sandbox.finish(child);
    assert_eq!(output.code, 143, "{output:?}");
    assert!(output.stderr.contains("error[write-read]: "), "it is told: {}", output.stderr);
    assert!(!sandbox.path().join("left").exists(), "{}", sandbox.read("left"));
    let pids = sandbox.read("pids");
    assert_eq!(pids.lines().count(), 3, "{pids}");
    let gone = |pid: &str| !std::path::Path::new("/proc").join(pid).exists();
    assert!(pids.lines().all(|pid| until(|| gone(pid))), "{pids}");
}

#[test]
fn runs_that_are_removed_or_replaced_are_judged_all_the_same() {
    let sandbox = Sandbox::new();
    let text =
        format!("export MEANWHILE_DIR=$(mktemp -d)\ntrap 'rm -rf \"$MEANWHILE_DIR\"' EXIT\n{RACY}");
    let output = check(&sandbox, &[], &text);
    assert!(output.stderr.contains("meanwhile: check: 1 error; 1 task, "), "{}", output.stderr);
    assert_eq!(output.code, 1);
    sandbox.write("one.sh", &with_glue(BASH, &RACY.replace("conf", "one")));
    sandbox.write("two.sh", &with_glue(BASH, &RACY.replace("conf", "two")));
    let text =
        "export MEANWHILE_DIR=$PWD/run; bash one.sh; meanwhile status >/dev/null; bash two.sh";
    sandbox.write("both.sh", text);
    let arguments = ["check", "--format", "html", "-o", "page.html", "bash", "both.sh"];
    let output = sandbox.meanwhile(&arguments);
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("meanwhile: check: 2 errors; 2 tasks, "), "{}", output.stderr);
    assert!(output.stderr.contains("is emptied by init of one.sh and read"), "{}", output.stderr);
    // The first is gone by now.
    assert!(sandbox.read("page.html").contains("<h1>two.sh</h1>"), "{}", output.stderr);
}

//! Log groups in CI: markers where an agent reads the log, and in nobody's
//! data. `agent.py` stands for the agent, in an environment without its own
//! variables, as an agent is.

use crate::sandbox::{BASH, Output, Sandbox, Shell, is_root, on_path, shells, with_glue};

const SYSTEMS: [&str; 5] = [
    "GITHUB_ACTIONS=true",
    "GITLAB_CI=true",
    "BUILDKITE=true",
    "TF_BUILD=True",
    "TEAMCITY_VERSION=1",
];

const AGENT: &str = include_str!("agent.py");

/// Runs a command as a step of a job.
fn step(sandbox: &Sandbox, variables: &str, command: &[&str]) -> Output {
    sandbox.write("agent.py", AGENT);
    let arguments = [&["agent.py", variables], command].concat();
    sandbox.finish(sandbox.command("python3", &arguments).spawn().unwrap())
}

/// Runs a script, with the glue loaded, as a step of a job.
fn script_step(sandbox: &Sandbox, shell: Shell, variables: &str, text: &str) -> Output {
    println!("shell: {}, {variables}", shell.name);
    sandbox.write("step.sh", &with_glue(shell, text));
    step(sandbox, variables, &[shell.call, &["step.sh"]].concat())
}

/// With the figures that differ from run to run made equal.
fn masked(text: &str) -> String {
    let mut out = String::new();
    for (at, part) in text.split(" after ").enumerate() {
        if at == 0 {
            out.push_str(part);
        } else {
            let rest = part.split_once('s').map_or(part, |(_, rest)| rest);
            out.push_str(&format!(" after Ns{rest}"));
        }
    }
    out
}

/// One task of each kind: what the markers say, and where.
const TWO: &str = "
good() { printf 'fine'; }
bad() { echo 'not fine'; return 3; }
async_run good good
async_run bad bad
async_wait good bad || echo \"code $?\"
";

#[test]
fn each_system_has_its_markers() {
    let good = "good: succeeded after Ns, started at step.sh:6";
    let bad = "bad: exit code 3 after Ns, started at step.sh:7";
    for (system, expected) in [
        (
            SYSTEMS[0],
            format!(
                "::group::{good}\nfine\n::endgroup::\n{bad}\nnot fine\n::error title=bad::{bad}\ncode 3\n"
            ),
        ),
        (SYSTEMS[2], format!("--- {good}\nfine\n+++ {bad}\nnot fine\n+++ step.sh:8\ncode 3\n")),
        (
            SYSTEMS[3],
            format!(
                "##[group]{good}\nfine\n##[endgroup]\n{bad}\nnot fine\n##vso[task.logissue type=error]{bad}\ncode 3\n"
            ),
        ),
        (
            SYSTEMS[4],
            format!(
                "##teamcity[blockOpened name='{good}']\nfine\n##teamcity[blockClosed name='{good}']\n\
                 {bad}\nnot fine\n##teamcity[message text='{bad}' status='ERROR']\ncode 3\n"
            ),
        ),
    ] {
        let sandbox = Sandbox::new();
        let output = script_step(&sandbox, BASH, system, TWO).ok();
        assert_eq!(masked(&output.stdout), expected, "{system}");
        assert!(output.stderr.contains("meanwhile: bad: exit code 3"), "{}", output.stderr);
    }
}

#[test]
fn gitlabs_sections_have_the_tasks_own_times() {
    let sandbox = Sandbox::new();
    // Both end long before they are collected.
    let text =
        format!("MEANWHILE_DIR=$PWD/run\n{}", TWO.replace("async_wait", "sleep 2.2\nasync_wait"));
    let output = script_step(&sandbox, BASH, SYSTEMS[1], &text).ok();
    let journal = sandbox.journal();
    let field = |line: &str, key: &str| -> Option<String> {
        line.split(' ').find_map(|word| word.strip_prefix(key).map(str::to_owned))
    };
    let record = |begin: &str| -> &str {
        journal.lines().find(|line| line.contains(begin)).unwrap_or_else(|| panic!("{begin}"))
    };
    // In microseconds.
    let time = |line: &str| -> i64 {
        let text = line.trim_start_matches('\x1e').split(' ').next().unwrap();
        let (seconds, fraction) = text.split_once('.').unwrap();
        format!("{seconds}{fraction:0<6}").parse().unwrap()
    };
    let run = record(" run - ");
    let wall = field(run, "wall=").unwrap().parse::<i64>().unwrap() - time(run);
    let mut sections = Vec::new();
    for (name, option) in [("good", "[collapsed=true]"), ("bad", "")] {
        let mark = |kind: &str| {
            let begin = format!("\x1b[0Ksection_{kind}:");
            output
                .stdout
                .split(&begin)
                .skip(1)
                .filter_map(|rest| rest.split_once(':'))
                .find(|(_, rest)| rest.starts_with(&format!("{name}.")))
                .map(|(seconds, rest)| (seconds.parse::<i64>().unwrap(), rest.to_owned()))
                .unwrap()
        };
        let ((from, open), (until, close)) = (mark("start"), mark("end"));
        assert_eq!(from, (wall + time(record(&format!(" start {name} ")))) / 1_000_000, "{name}");
        assert_eq!(until, (wall + time(record(&format!(" end {name} ")))) / 1_000_000, "{name}");
        let section = close.split_once('\r').unwrap().0;
        let letter = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        assert!(section.chars().all(letter), "{section}");
        assert!(open.starts_with(&format!("{section}{option}\r\x1b[0K{name}: ")), "{open:?}");
        assert!(close.starts_with(&format!("{section}\r\x1b[0K\n")), "{close:?}");
        sections.push(section.to_owned());
    }
    assert_ne!(sections[0], sections[1]);
}

/// Each line of this gives a task's output to somebody who wants it as it is.
const DATA: &str = "
f() { printf 'a line\\n::group::x\\n--- y\\n##[group]z\\nno end'; }
async_run one f; x=$(async_wait one); printf '%s.\\n' \"$x\" >1
async_run two f; async_wait two | cat >2
async_run three f; async_wait three >3
async_run four f; ( async_wait four ) >4
async_run five f; { async_wait five; } >5
async_run six f; { echo; async_wait six; } | sed 1d >6
async_run seven f; async_wait seven | while IFS= read -r line; do echo \"$line\"; done >7
g() { async_wait eight; }
async_run eight f; x=$(g 2>&1); printf '%s.\\n' \"$x\" >8
async_run nine f; async_wait nine 2>&1 | cat >9
x=$(async_print_timing); case $x in meanwhile:*MARK*) echo marked ;; meanwhile:*) ;; *) echo nothing ;; esac
async_run last f; async_wait last >/dev/null
echo done
";

#[test]
fn what_is_captured_is_as_it_was_written() {
    let log = "a line\n::group::x\n--- y\n##[group]z\nno end";
    for shell in shells() {
        for system in SYSTEMS {
            let sandbox = Sandbox::new();
            let text = format!("{DATA}\nasync_run seen f; async_wait seen");
            let output = script_step(&sandbox, shell, system, &text).ok();
            assert!(output.stdout.starts_with("done\n"), "{}", output.stdout);
            let seen = output.stdout.contains("seen: succeeded after");
            assert!(seen, "{}: {}\n{}", shell.name, output.stdout, output.stderr);
            for (name, data) in [
                ("1", format!("{log}.\n")),
                ("2", log.to_owned()),
                ("3", log.to_owned()),
                ("4", log.to_owned()),
                ("5", log.to_owned()),
                ("6", log.to_owned()),
                ("7", "a line\n::group::x\n--- y\n##[group]z\n".to_owned()),
                ("8", format!("{log}.\n")),
                ("9", log.to_owned()),
            ] {
                assert_eq!(sandbox.read(name), data, "{name}");
            }
        }
    }
}

#[test]
fn a_setting_forces_the_groups_but_not_into_data() {
    for shell in shells() {
        let sandbox = Sandbox::new();
        let text = format!("MEANWHILE_GROUPS=github\n{DATA}\nasync_run seen f; async_wait seen");
        // The test reads it, which is no agent.
        let output = sandbox.run(shell, &text).ok();
        let seen = output.stdout.starts_with("done\n::group::seen: succ");
        assert!(seen, "{}", output.stdout);
        let log = "a line\n::group::x\n--- y\n##[group]z\nno end";
        for name in ["2", "3", "4", "5", "6", "9"] {
            assert_eq!(sandbox.read(name), log, "{name}");
        }
    }
}

#[test]
fn a_script_whose_output_somebody_wants_gets_no_markers() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "inner.sh",
        &with_glue(BASH, "async_run f echo data\nasync_wait f\nasync_print_timing >&2"),
    );
    let around = "
x=$(bash inner.sh); echo \"[$x]\"
bash inner.sh | sed 's/^/piped: /'
bash inner.sh >file; sed 's/^/file: /' file
bash inner.sh > >(sed 's/^/process: /'); wait $!
x=$(bash inner.sh 2>/dev/null); echo \"[$x]\"
x=$(python3 -c 'import subprocess; print(subprocess.check_output([\"bash\", \"inner.sh\"]).decode(), end=\"\")'); echo \"[$x]\"
env bash inner.sh
";
    sandbox.write("around.sh", around);
    for system in SYSTEMS {
        let output = step(&sandbox, system, &["bash", "around.sh"]).ok();
        let (data, shown) = output.stdout.split_at(output.stdout.rfind("data\n").unwrap());
        let open = data.rfind("[data]\n").unwrap() + "[data]\n".len();
        let expected = "[data]\npiped: data\nfile: data\nprocess: data\n[data]\n[data]\n";
        assert_eq!(&data[..open], expected, "{system}");
        // Nobody but the agent reads the last.
        assert!(data[open..].contains("f: succeeded"), "{system}: {data}");
        assert!(shown.starts_with("data\n"));
    }
}

#[test]
fn a_shell_script_called_by_its_name_is_a_shell() {
    let sandbox = Sandbox::new();
    sandbox.write("inner.sh", &with_glue(BASH, "async_run f echo data\nasync_wait f"));
    // Whoever captures both outputs is known only by being a shell. To the
    // kernel it has the name of the file.
    for name in ["build", "build.sh"] {
        sandbox.write(name, "#!/bin/sh\nx=$(bash inner.sh 2>&1); echo \"[$x]\"");
        sandbox.command("chmod", &["+x", name]).status().unwrap();
        for system in SYSTEMS {
            let output = step(&sandbox, system, &[&format!("./{name}")]).ok();
            assert_eq!(output.stdout, "[data]\n", "{system} {name}");
        }
    }
}

#[test]
fn never_is_never_and_a_wrong_word_costs_only_the_groups() {
    let sandbox = Sandbox::new();
    let plain = "finenot fine\ncode 3\n";
    let text = format!("export MEANWHILE_GROUPS=never\n{TWO}");
    let output = script_step(&sandbox, BASH, SYSTEMS[0], &text).ok();
    assert_eq!(output.stdout, plain);
    let text = format!("MEANWHILE_GROUPS=travis\n{TWO}");
    let output = script_step(&sandbox, BASH, SYSTEMS[0], &text).ok();
    assert_eq!(output.stdout, plain);
    assert!(
        output
            .stderr
            .contains("meanwhile: MEANWHILE_GROUPS is \"travis\", which counts as never\nhint: it is auto, never"),
        "{}",
        output.stderr
    );
    let output = script_step(&sandbox, BASH, "MEANWHILE_GROUPS= OTHER_CI=true", TWO).ok();
    assert_eq!(output.stdout, plain);
    // Not even text.
    for export in ["", "export "] {
        let text = format!("{export}MEANWHILE_GROUPS=$(printf '\\377')\n{TWO}async_print_timing");
        let output = script_step(&sandbox, BASH, SYSTEMS[0], &text).ok();
        assert!(output.stdout.starts_with(&format!("{plain}meanwhile: ")), "{}", output.stdout);
    }
}

#[test]
fn a_calls_own_options_are_above_the_settings() {
    let settings = "MEANWHILE_GROUPS=never MEANWHILE_PROGRESS=never MEANWHILE_HEARTBEAT=0\n";
    for (option, markers) in
        [("--groups=github", true), ("--progress=auto", false), ("--heartbeat 30s", false)]
    {
        let sandbox = Sandbox::new();
        let text = format!("{settings}async_run f echo data\nasync_wait {option} f");
        let output = script_step(&sandbox, BASH, SYSTEMS[0], &text).ok();
        assert_eq!(output.stdout.contains("::group::"), markers, "{}", output.stdout);
        assert!(output.stdout.contains("data\n"), "{}", output.stdout);
    }
}

#[test]
fn what_is_not_replayed_has_no_group() {
    for (options, expected) in [
        ("--quiet", ""),
        (
            "--output failed",
            "bad: exit code 3 after Ns, started at step.sh:7\nnot fine\n::error title=bad::bad: exit code 3 after Ns, started at step.sh:7\n",
        ),
        // Both were shown already: what is left is to mark the failure.
        ("--output live", "::error title=bad::bad: exit code 3 after Ns, started at step.sh:7\n"),
    ] {
        let sandbox = Sandbox::new();
        // (Of a task that had ended before it was looked at, the lines are replayed.)
        let seen =
            |name: &str| format!("{{ until grep -q ' live {name} ' run/journal; do :; done;");
        let mut text = TWO
            .replace("async_wait", &format!("async_wait {options}"))
            .replace("\"code $?\"", "end");
        if options.ends_with("live") {
            text = text.replace("async_run", "async_run --live");
            text = text.replace("{ printf", &(seen("good") + " printf"));
            text = text.replace("{ echo", &(seen("bad") + " echo"));
        }
        let text = format!("MEANWHILE_DIR=$PWD/run{text}");
        let output = script_step(&sandbox, BASH, SYSTEMS[0], &text).ok();
        assert_eq!(masked(&output.stdout), format!("{expected}end\n"), "{options}");
    }
}

#[test]
fn a_tasks_own_markers_do_not_break_ours() {
    let sandbox = Sandbox::new();
    // Cut into pieces of all sizes by what writes them.
    sandbox.write(
        "hostile",
        "::endgroup::\n  ::Group title=x::mine\n##[endgroup]\nfoo ##[GROUP]bar\nprogress\r::endgroup::\n\
         ::add-mask::secret\n::stop-commands::abc\n::error::not now\n",
    );
    let text = "
f() { cat hostile; }
g() { i=0; while IFS= read -r line; do printf '%s\\n' \"$line\"; done <hostile; }
async_run f f; async_run g g; async_wait f g";
    let output = script_step(&sandbox, BASH, SYSTEMS[0], text).ok();
    let body = ": :endgroup::\n  : :Group title=x::mine\n## [endgroup]\nfoo ## [GROUP]bar\n\
                progress\r: :endgroup::\n::add-mask::secret\n::stop-commands::abc\n::error::not now\n\
                ::abc::\n";
    for name in ["f", "g"] {
        let group = output.stdout.split(&format!("::group::{name}: ")).nth(1).unwrap();
        let group = group.split_once('\n').unwrap().1;
        assert!(group.starts_with(&format!("{body}::endgroup::\n")), "{}", output.stdout);
    }
}

#[test]
fn failures_come_last() {
    let sandbox = Sandbox::new();
    let text = "
bad() { for i in $(seq 30); do echo \"line $i\"; done; printf '::error::once'; return 3; }
async_run bad bad
async_run --after bad later true
async_run good echo fine
async_wait bad later good || :
async_print_timing";
    let output = script_step(&sandbox, BASH, SYSTEMS[0], text).ok();
    let last = output.stdout.split_once("meanwhile: failed: ").unwrap().1;
    let lines: Vec<String> = (12..=30).map(|i| format!("    line {i}\n")).collect();
    let lines = lines.concat();
    let expected = format!(
        "2 tasks\nbad: exit code 3 after Ns, started at step.sh:5\n    ...\n{lines}    : :error::once\n\
         later: skipped, since bad failed with 3 (exit code 123), started at step.sh:6\n"
    );
    assert_eq!(masked(last), expected);
    // One failure is one mark, however many tasks depend on it.
    assert_eq!(output.stdout.matches("::error title=").count(), 1, "{}", output.stdout);
    // As it was told already, the wrapper does not tell it again.
    let text = text.replace("async_print_timing", "");
    sandbox.write("step.sh", &with_glue(BASH, &text));
    let output = step(&sandbox, SYSTEMS[2], &["meanwhile", "run", "bash", "step.sh"]).ok();
    let (_, last) = output.stderr.split_once("+++ meanwhile: failed: 2 tasks\nbad: exit").unwrap();
    assert!(last.contains("    line 30\n") && !last.contains("line 11\n"), "{}", output.stderr);
}

#[test]
fn a_long_log_is_filtered_in_constant_memory() {
    let sandbox = Sandbox::new();
    // 100 MB, every second line a marker; the client may not have as much.
    let text = "
f() { yes '::endgroup::
some text that stands in a line' | head -c 100000000; }
async_run f f
ulimit -v 60000
async_wait f";
    let output = script_step(&sandbox, BASH, SYSTEMS[0], text).ok();
    assert!(output.stdout.len() > 100_000_000);
    assert_eq!(output.stdout.matches("\n::endgroup::").count(), 1);
    assert!(output.stdout.contains("\n: :endgroup::\n"));
}

#[test]
fn github_gets_a_page() {
    let sandbox = Sandbox::new();
    sandbox.write("page", "from others");
    sandbox.write(
        "inner.sh",
        &with_glue(BASH, "async_run in-a-task true; async_wait in-a-task; async_print_timing"),
    );
    let text = "
bad() { return 3; }
async_run bad bad
async_run nested bash inner.sh
async_print_timing >/dev/null
async_wait bad nested || :
async_print_timing >/dev/null
echo 'from others, later' >>page";
    sandbox.write("step.sh", &with_glue(BASH, text));
    let page = sandbox.path().join("page").display().to_string();
    assert!(page.contains(' '), "variables of a step are told in words");
    let variables = "GITHUB_ACTIONS=true GITHUB_STEP_SUMMARY=page";
    step(&sandbox, variables, &["meanwhile", "run", "bash", "step.sh"]).ok();
    let page = sandbox.read("page");
    assert!(page.starts_with("from others\n<!-- meanwhile "), "{page}");
    assert!(page.ends_with(" -->\nfrom others, later\n"), "{page}");
    assert_eq!(page.matches("<!-- meanwhile ").count(), 1, "{page}");
    assert_eq!(page.matches("| <code>bad</code> | **failed** | 3 |").count(), 1, "{page}");
    assert!(page.contains("| <code>nested</code> | succeeded | 0 |"), "{page}");
    assert!(!page.contains("in&#45;a"), "{page}");
    // One that cannot be written is no failure.
    let text = "async_run f true; async_wait f; async_print_timing >/dev/null; echo end";
    let output =
        script_step(&sandbox, BASH, "GITHUB_ACTIONS=true GITHUB_STEP_SUMMARY=/nonexistent/x", text)
            .ok();
    assert_eq!(output.stdout.lines().last(), Some("end"));
    assert!(
        output.stderr.contains("meanwhile: cannot write GITHUB_STEP_SUMMARY: "),
        "{}",
        output.stderr
    );
    // Nor is one that is full; it stays as it is.
    let full = "x".repeat(1024 * 1024);
    sandbox.write("page", &full);
    let output = script_step(&sandbox, BASH, variables, text).ok();
    assert!(output.stderr.contains("longer than 1 MiB"), "{}", output.stderr);
    assert_eq!(sandbox.read("page"), full);
}

#[test]
fn a_page_that_somebody_keeps_keeps_nobody() {
    let sandbox = Sandbox::new();
    let text = "async_run f true; async_wait f; async_print_timing >/dev/null; echo end";
    sandbox.write("step.sh", &with_glue(BASH, text));
    sandbox.write("page", "from others\n");
    let variables = "GITHUB_ACTIONS=true GITHUB_STEP_SUMMARY=page";
    let output = step(&sandbox, variables, &["flock", "page", "bash", "step.sh"]).ok();
    assert_eq!(output.stdout.lines().last(), Some("end"));
    let said = "meanwhile: cannot write GITHUB_STEP_SUMMARY: ";
    assert!(output.stderr.contains(&format!("{said}somebody holds its lock")), "{}", output.stderr);
    assert_eq!(sandbox.read("page"), "from others\n");
    // A pipe that nobody reads takes some, and then no more.
    sandbox.command("mkfifo", &["pipe"]).status().unwrap();
    let many = "for n in $(seq 300); do async_run \"$(printf x%.0s $(seq 100))$n\" true; done";
    let text = format!("{many}\nasync_wait --all\n{}", text.replace("f true", "f false"));
    let text = text.replace("async_wait f;", "async_wait f || :;");
    let variables = "GITHUB_ACTIONS=true GITHUB_STEP_SUMMARY=pipe";
    let output = script_step(&sandbox, BASH, variables, &text).ok();
    assert_eq!(output.stdout.lines().last(), Some("end"));
    assert!(output.stderr.contains(said), "{}", output.stderr);
}

#[test]
fn devstacks_lines_stand_around_the_group() {
    let sandbox = Sandbox::new();
    let text = "eval \"$(meanwhile init bash --devstack)\"\nDEST=$PWD\nasync_init\n\
                async_run f echo fine\nasync_wait f\n";
    sandbox.write("step.sh", text);
    let output = step(&sandbox, SYSTEMS[0], &["bash", "step.sh"]).ok();
    let lines: Vec<&str> = output.stdout.lines().collect();
    let has = |at: usize, text: &str| assert!(lines[at].contains(text), "{}", output.stdout);
    has(1, "Waiting for completion of echo fine");
    has(2, "finished successfully");
    has(3, "::group::f: succeeded");
    assert_eq!(&lines[4..6], ["fine", "::endgroup::"]);
    has(6, "finished echo fine with result 0");
}

#[test]
fn a_step_that_waits_for_a_task_of_an_earlier_one() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "step.sh",
        "export MEANWHILE_DIR=$PWD/run; meanwhile start docs -- echo built; meanwhile wait docs\n\
         meanwhile start more -- echo built; x=$(meanwhile wait more); echo \"[$x]\"\n\
         meanwhile start third -- echo built; meanwhile wait third | cat",
    );
    let output = step(&sandbox, SYSTEMS[0], &["bash", "step.sh"]).ok();
    let rest = output.stdout.strip_prefix("::group::docs: succeeded after ").unwrap();
    let rest = rest.split_once('\n').unwrap().1;
    assert_eq!(rest, "built\n::endgroup::\n[built]\nbuilt\n");
}

#[test]
fn in_a_container_the_agent_is_out_of_sight() {
    if !is_root() || !on_path("unshare") {
        eprintln!("skipped: this needs root and unshare");
        return;
    }
    let sandbox = Sandbox::new();
    let text = "
f() { printf 'data'; }
async_run seen f; async_wait seen
async_run a f; x=$(async_wait a); echo \"[$x]\"
async_run b f; async_wait b | sed 's/$/ piped/'
async_run c f; async_wait c > >(sed 's/$/ in a process/' >file); wait $!
async_run d f; async_wait d >all 2>&1; cat file all";
    sandbox.write("step.sh", &with_glue(BASH, text));
    let command = ["unshare", "--pid", "--fork", "--mount-proc", "bash", "step.sh"];
    let output = step(&sandbox, SYSTEMS[0], &command).ok();
    let (seen, rest) = output.stdout.split_once("data\n::endgroup::\n").unwrap();
    assert!(seen.starts_with("::group::seen: succeeded"), "{}", output.stdout);
    assert_eq!(rest.replace('\n', ""), "[data]data pipeddata in a processdata");
}

#[test]
fn a_terminal_is_a_log() {
    // Buildkite's agent gives a step one.
    if !on_path("script") {
        eprintln!("skipped: script is not installed");
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write("step.sh", &with_glue(BASH, TWO));
    let output = step(&sandbox, SYSTEMS[2], &["script", "-qec", "bash step.sh", "typescript"]).ok();
    assert!(output.stdout.contains("--- good: succeeded"), "{}", output.stdout);
}

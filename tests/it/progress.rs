//! What a client shows while it blocks: the lines on a terminal, which leave
//! no trace, and the heartbeat in CI. Nothing anywhere else.

use crate::held::held;
use crate::pty::Terminal;
use crate::sandbox::{BASH, DASH, Sandbox, Shell, kill, on_path, shells, until, with_glue};

const XTERM: (&str, &str) = ("TERM", "xterm-256color");

fn no_terminal() -> bool {
    let missing = !on_path("setsid");
    if missing {
        eprintln!("skipped: setsid (util-linux) is not installed");
    }
    missing
}

fn three() -> Vec<Shell> {
    shells().into_iter().filter(|shell| ["bash", "zsh", "dash"].contains(&shell.name)).collect()
}

/// A script, and the gates at which its tasks wait.
fn prepare(sandbox: &Sandbox, shell: Shell, gates: &[&str], text: &str) -> Vec<String> {
    for gate in gates {
        std::process::Command::new("mkfifo").arg(sandbox.path().join(gate)).status().unwrap();
    }
    let text = format!("MEANWHILE_DIR=$PWD/run\npass() {{ read line <$1; }}\n{text}");
    sandbox.write("script.sh", &with_glue(shell, &text));
    shell.call.iter().map(|word| (*word).to_owned()).chain(["script.sh".to_owned()]).collect()
}

fn open_gate(sandbox: &Sandbox, gate: &str) {
    std::fs::write(sandbox.path().join(gate), "go\n").unwrap();
}

fn start<'a>(
    sandbox: &'a Sandbox,
    words: &[String],
    variables: &[(&str, &str)],
    size: (u16, u16),
) -> Terminal<'a> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Terminal::with(sandbox, &words, variables, size)
}

/// Waits until a client that began to block later than the script's has shown
/// something, twice: by then that one would have, too.
fn control(sandbox: &Sandbox, task: &str) {
    let blocks = || sandbox.journal().contains(&format!(" wait {task} "));
    assert!(until(blocks), "{}\n{:#?}", sandbox.journal(), sandbox.census());
    let words = ["meanwhile", "wait", "--quiet", "--timeout", "1000", task];
    let dir = sandbox.run_dir();
    let variables = [XTERM, ("MEANWHILE_DIR", dir.to_str().unwrap())];
    let terminal = Terminal::with(sandbox, &words, &variables, (24, 80));
    let frames = || String::from_utf8_lossy(&terminal.bytes()).matches("\x1b7").count();
    assert!(until(|| frames() >= 2), "{}", terminal.screen().contents());
    terminal.keys("\x03");
    let mut child = terminal.child;
    child.wait().unwrap();
}

const TWO: &str = "f() { echo \"$1 says 漢字\"; pass $1; echo \"$1 is through\"; }\n\
    async_run first f a\nasync_run second f b\nprintf 'before '\n";

#[test]
fn a_line_for_each_task_awaited_and_no_trace_of_them_afterwards() {
    if no_terminal() {
        return;
    }
    for shell in three() {
        let screens = ["auto", "never"].map(|progress| {
            let sandbox = Sandbox::new();
            let text = format!("{TWO}async_wait first second\nprintf 'after\\n> '");
            let words = prepare(&sandbox, shell, &["a", "b"], &text);
            let variables = [XTERM, ("MEANWHILE_PROGRESS", progress)];
            let terminal = start(&sandbox, &words, &variables, (24, 60));
            if progress == "auto" {
                let both = |text: &str| text.contains("\nfirst ") && text.contains("\nsecond ");
                let seen = terminal.sees("both tasks", both);
                let lines: Vec<&str> = seen.lines().collect();
                assert_eq!(lines[0].trim_end(), "before", "the script's own line stays: {seen}");
                let (first, second) = (lines[1], lines[2]);
                assert!(first.starts_with("first   0s  a says 漢字"), "{seen}");
                assert!(second.starts_with("second  0s  b says 漢字"), "{seen}");
                // The cursor rests behind what the script has printed.
                assert_eq!(terminal.screen().cursor_position(), (0, 7));
                open_gate(&sandbox, "a");
                // Its log is replayed where the lines were; then the other's line is back.
                let only = |text: &str| text.contains("\nsecond ") && text.contains("through\n");
                let seen = terminal.sees("one task", only);
                assert!(!seen.contains("\nfirst  "), "{seen}");
                open_gate(&sandbox, "b");
            } else {
                open_gate(&sandbox, "a");
                open_gate(&sandbox, "b");
            }
            let screen = terminal.ended();
            assert!(!screen.hide_cursor());
            (screen.contents(), screen.cursor_position(), screen.fgcolor())
        });
        assert_eq!(screens[0], screens[1], "{}", shell.name);
        assert!(screens[0].0.contains("b is through\nafter\n>"), "{}", screens[0].0);
    }
}

#[test]
fn at_the_bottom_of_a_screen_only_lines_scroll() {
    if no_terminal() {
        return;
    }
    let texts = ["auto", "never"].map(|progress| {
        let sandbox = Sandbox::new();
        let text = format!("seq 30\n{TWO}async_wait first second\necho after");
        let words = prepare(&sandbox, BASH, &["a", "b"], &text);
        let variables = [XTERM, ("MEANWHILE_PROGRESS", progress)];
        let terminal = start(&sandbox, &words, &variables, (10, 60));
        if progress == "auto" {
            terminal.sees("the tasks", |text| text.contains("\nsecond "));
        }
        open_gate(&sandbox, "a");
        open_gate(&sandbox, "b");
        let mut screen = terminal.ended();
        screen.set_scrollback(1000);
        // All that there ever was to see, without the empty end.
        let mut lines = Vec::new();
        for back in (0..=screen.scrollback()).rev() {
            screen.set_scrollback(back);
            lines.push(screen.rows(0, 60).next().unwrap());
        }
        screen.set_scrollback(0);
        lines.extend(screen.rows(0, 60).skip(1));
        lines.join("\n").trim_end().to_owned()
    });
    assert_eq!(texts[0], texts[1]);
    assert!(
        texts[0]
            .ends_with("30\nbefore a says 漢字\na is through\nb says 漢字\nb is through\nafter"),
        "{}",
        texts[0]
    );
}

#[test]
fn where_it_is_not_wanted_nothing_is_drawn() {
    if no_terminal() {
        return;
    }
    for (shell, name, value) in [
        (BASH, "TERM", "dumb"),
        (DASH, "TERM", ""),
        (DASH, "CI", "true"),
        (BASH, "MEANWHILE_PROGRESS", "never"),
    ] {
        let sandbox = Sandbox::new();
        let text = "f() { echo in f; pass a; }\nasync_run t f\nasync_wait t\necho after";
        let words = prepare(&sandbox, shell, &["a"], text);
        let terminal = start(&sandbox, &words, &[XTERM, (name, value)], (24, 60));
        control(&sandbox, "t");
        let bytes = terminal.bytes();
        open_gate(&sandbox, "a");
        assert!(bytes.is_empty(), "{name}: {:?}", String::from_utf8_lossy(&bytes));
        let screen = terminal.ended();
        assert_eq!(screen.contents(), "in f\nafter");
    }
}

#[test]
fn nothing_is_drawn_where_standard_error_is_no_terminal() {
    if no_terminal() {
        return;
    }
    let sandbox = Sandbox::new();
    let text = "async_run t pass a\nasync_wait t 2>errors";
    let words = prepare(&sandbox, BASH, &["a"], text);
    let terminal = start(&sandbox, &words, &[XTERM], (24, 60));
    control(&sandbox, "t");
    open_gate(&sandbox, "a");
    assert_eq!(terminal.ended().contents(), "");
    assert_eq!(sandbox.read("errors"), "");
}

#[test]
fn a_setting_that_is_not_exported_counts_too() {
    if no_terminal() {
        return;
    }
    let sandbox = Sandbox::new();
    let text = "MEANWHILE_PROGRESS=never\nasync_run t pass a\nasync_wait t";
    let words = prepare(&sandbox, DASH, &["a"], text);
    let terminal = start(&sandbox, &words, &[XTERM], (24, 60));
    control(&sandbox, "t");
    open_gate(&sandbox, "a");
    assert_eq!(terminal.ended().contents(), "");
}

#[test]
fn a_job_in_the_background_draws_nothing_and_is_not_stopped_for_it() {
    if no_terminal() {
        return;
    }
    for shell in three() {
        let sandbox = Sandbox::new();
        let text = "async_run t pass a\nasync_wait t\n: >done";
        let words = prepare(&sandbox, shell, &["a"], text);
        let bash = ["bash", "--norc", "--noediting", "-i"].map(str::to_owned);
        let terminal = start(&sandbox, &bash, &[XTERM], (24, 60));
        terminal.wait_for("next> ");
        terminal.keys(&format!("stty tostop; {} &\n", words.join(" ")));
        control(&sandbox, "t");
        assert!(!terminal.text().contains("\x1b7"), "{}", terminal.text());
        // In the foreground it does.
        terminal.keys("fg\n");
        terminal.sees("the task", |text| text.contains("\nt  "));
        open_gate(&sandbox, "a");
        assert!(until(|| sandbox.path().join("done").exists()), "{}", terminal.text());
        terminal.leave();
    }
}

#[test]
fn names_have_colours_unless_nobody_wants_any() {
    if no_terminal() {
        return;
    }
    for (variables, coloured) in [(vec![XTERM], true), (vec![XTERM, ("NO_COLOR", "1")], false)] {
        let sandbox = Sandbox::new();
        let text = "f() { echo loud; pass $1; }\nasync_run --live t f a\nasync_run u pass b\n\
            async_wait --quiet t u";
        let words = prepare(&sandbox, BASH, &["a", "b"], text);
        let terminal = start(&sandbox, &words, &variables, (24, 60));
        terminal.sees("the task", |text| text.contains("\nt  0s") && text.contains("t | loud"));
        assert_eq!(terminal.text().contains("\x1b[38;5;"), coloured, "{:?}", terminal.text());
        let colour = |row, column| terminal.screen().cell(row, column).unwrap().fgcolor();
        assert_eq!(colour(0, 0) == vt100::Color::Default, !coloured);
        let line = terminal.screen().contents().lines().position(|l| l.starts_with("t  0s"));
        assert_eq!(colour(line.unwrap() as u16, 0), colour(0, 0), "the same for the same name");
        assert_eq!(colour(0, 2), vt100::Color::Default, "the name alone");
        open_gate(&sandbox, "a");
        open_gate(&sandbox, "b");
        terminal.ended();
    }
}

/// One that shows its lines writes over what is drawn; nothing of both is mixed.
#[test]
fn lines_of_a_live_task_push_the_drawing_down() {
    if no_terminal() {
        return;
    }
    let sandbox = Sandbox::new();
    let text = "f() { pass a; echo one; pass b; echo two; echo three; pass c; }\n\
        async_run --live t f\nasync_run a-very-long-name-of-a-task pass d\n\
        async_wait --quiet t a-very-long-name-of-a-task\necho after";
    let words = prepare(&sandbox, BASH, &["a", "b", "c", "d"], text);
    let terminal = start(&sandbox, &words, &[XTERM], (24, 60));
    let drawn_below = |above: &'static str| {
        move |text: &str| {
            text.starts_with(&format!("{above}\nt  ")) && text.contains("\na-very-long")
        }
    };
    terminal.sees("the tasks", drawn_below(""));
    open_gate(&sandbox, "a");
    terminal.sees("a line", drawn_below("t | one\n"));
    open_gate(&sandbox, "b");
    // At once, so that the second is written over a line that is drawn.
    terminal.sees("three lines", drawn_below("t | one\nt | two\nt | three\n"));
    open_gate(&sandbox, "c");
    open_gate(&sandbox, "d");
    assert_eq!(terminal.ended().contents(), "t | one\nt | two\nt | three\nafter");
}

#[test]
fn however_small_or_narrow_the_terminal_is() {
    if no_terminal() {
        return;
    }
    let sandbox = Sandbox::new();
    let text = "for n in 1 2 3 4 5 6 7 8; do async_run task-$n pass $n; done\n\
        async_run liar sh -c \"printf 'x\\\\033[2J\\\\033[31m\\\\n%0200d' 7; read line <9\"\n\
        async_wait liar task-1 task-2 task-3 task-4 task-5 task-6 task-7 task-8\necho after";
    let gates = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let words = prepare(&sandbox, BASH, &gates, text);
    let terminal = start(&sandbox, &words, &[XTERM], (12, 40));
    let seen = terminal.sees("some of them", |text| text.contains("\nand 4 more"));
    assert_eq!(seen.lines().count(), 7, "half of the screen: {seen}");
    assert!(seen.lines().nth(1).unwrap().starts_with("liar    0s  00000"), "{seen}");
    assert!(seen.lines().all(|line| line.chars().count() <= 40), "{seen}");
    for (rows, columns, sight) in [
        (40, 60, "\ntask-8  "),
        (4, 20, "\nand 8 more"),
        (3, 9, "\n9 tasks"),
        (2, 1, "\n…"),
        (24, 80, "\ntask-8  "),
    ] {
        terminal.resize(rows, columns);
        terminal.sees("at the new size", |text| text.contains(sight));
    }
    // Of a line alone there is no below.
    terminal.resize(1, 80);
    control(&sandbox, "liar");
    let drawn = terminal.bytes().len();
    control(&sandbox, "liar");
    assert_eq!(terminal.bytes().len(), drawn);
    terminal.resize(24, 80);
    for gate in gates {
        open_gate(&sandbox, gate);
    }
    terminal.sees("the end", |text| text.ends_with("7after"));
    assert!(!terminal.ended().contents().contains("task-8  "));
}

#[test]
fn control_c_leaves_nothing_of_it() {
    if no_terminal() {
        return;
    }
    for shell in three() {
        let sandbox = Sandbox::new();
        let text = "async_run some-task /bin/sleep 1000\nasync_wait some-task\necho not this";
        let words = prepare(&sandbox, shell, &[], text);
        let bash = ["bash", "--norc", "--noediting", "-i"].map(str::to_owned);
        let terminal = start(&sandbox, &bash, &[XTERM, ("MEANWHILE_GRACE", "1")], (24, 60));
        terminal.wait_for("next> ");
        terminal.keys(&format!("{}\n", words.join(" ")));
        terminal.sees("the task", |text| text.contains("\nsome-task  "));
        terminal.interrupt_alone();
        let seen = terminal.screen().contents();
        let lines: Vec<&str> = seen.lines().collect();
        assert_eq!(lines[0], format!("next> {}", words.join(" ")));
        let rest = &lines[1..];
        assert!(
            rest.iter().all(|line| ["^C", "", "next>", "next> ^C"].contains(&line.trim())),
            "{seen}"
        );
        let screen = terminal.screen();
        assert!(!screen.hide_cursor() && screen.fgcolor() == vt100::Color::Default);
        terminal.leave();
    }
}

#[test]
fn control_z_takes_it_away_and_fg_brings_it_back() {
    if no_terminal() {
        return;
    }
    for shell in three() {
        let sandbox = Sandbox::new();
        let text = "async_run some-task pass a\nasync_wait some-task\necho through";
        let words = prepare(&sandbox, shell, &["a"], text);
        let bash = ["bash", "--norc", "--noediting", "-i"].map(str::to_owned);
        let terminal = start(&sandbox, &bash, &[XTERM], (24, 60));
        terminal.wait_for("next> ");
        terminal.keys(&format!("{}\n", words.join(" ")));
        terminal.sees("the task", |text| text.contains("\nsome-task  "));
        terminal.keys("\x1a");
        terminal.sees("no task", |text| text.contains("Stopped") && !text.contains("some-task  "));
        terminal.keys("fg\n");
        terminal.sees("the task again", |text| text.contains("\nsome-task  "));
        open_gate(&sandbox, "a");
        terminal
            .sees("the end", |text| text.contains("\nthrough\n") && !text.contains("some-task "));
        terminal.leave();
    }
}

#[test]
fn a_client_that_is_ended_takes_it_away() {
    if no_terminal() {
        return;
    }
    for signal in ["TERM", "HUP", "USR1"] {
        let sandbox = Sandbox::new();
        let text = "async_run some-task pass a\nrc=0\nmeanwhile wait --dir run some-task || rc=$?\n\
            echo \"code $rc\"\nread line <b\nasync_wait some-task";
        let words = prepare(&sandbox, BASH, &["a", "b"], text);
        let terminal = start(&sandbox, &words, &[XTERM], (24, 60));
        terminal.sees("the task", |text| text.contains("\nsome-task  "));
        let client = || sandbox.census().into_iter().find(|(_, l)| l.contains("meanwhile wait"));
        kill(client().expect("a client").0, signal);
        let seen = terminal.sees("the code", |text| text.contains("code "));
        let code =
            [("TERM", 143), ("HUP", 129), ("USR1", 138)].into_iter().find(|(s, _)| *s == signal);
        assert!(seen.contains(&format!("code {}", code.unwrap().1)), "{seen}");
        assert!(!seen.contains("some-task  "), "{signal}: {seen}");
        open_gate(&sandbox, "a");
        open_gate(&sandbox, "b");
        terminal.ended();
    }
}

/// What is asked of a value's task while the shell waits for `$(…)`.
#[test]
fn async_get_shows_what_it_waits_for() {
    if no_terminal() {
        return;
    }
    let sandbox = Sandbox::new();
    let text =
        "f() { pass a; echo value; }\nasync_run --capture t f\nasync_get v t\necho \"v is $v\"";
    let words = prepare(&sandbox, BASH, &["a"], text);
    let terminal = start(&sandbox, &words, &[XTERM], (24, 60));
    terminal.sees("the task", |text| text.contains("\nt  "));
    open_gate(&sandbox, "a");
    assert_eq!(terminal.ended().contents(), "v is value");
}

#[test]
fn how_long_it_usually_takes_comes_from_earlier_runs() {
    if no_terminal() {
        return;
    }
    let sandbox = Sandbox::new();
    let text = "async_run t pass a\nasync_wait t";
    let words = prepare(&sandbox, BASH, &["a"], text);
    for told in ["\nt  0s\n", "\nt  0s, usually <1s\n"] {
        let terminal = start(&sandbox, &words, &[XTERM], (24, 60));
        if told.contains("usually") {
            terminal.sees(told, |text| (text.to_owned() + "\n").contains(told));
        }
        open_gate(&sandbox, "a");
        terminal.ended();
    }
}

// ---- the heartbeat ---------------------------------------------------------

#[test]
fn in_ci_a_line_now_and_then_says_what_is_waited_for() {
    for shell in three() {
        let sandbox = Sandbox::new();
        let text = "MEANWHILE_HEARTBEAT=0.2 CI=true\nexport CI\nasync_run init_nova gate\n\
            async_run db_sync true\nasync_wait init_nova db_sync 2>errors";
        let script = held(&sandbox, shell, text);
        assert!(until(|| sandbox.read("errors").lines().count() >= 3));
        script.go().ok();
        let line = sandbox.read("errors").lines().nth(1).unwrap().to_owned();
        assert!(line.starts_with("meanwhile: waiting for init_nova (0s)"), "{line}");
    }
}

#[test]
fn a_heartbeat_that_nobody_takes_is_left_out() {
    let sandbox = Sandbox::new();
    // Whoever reads the errors has stopped, and the pipe is full.
    let text = "mkfifo pipe; exec 3<>pipe\n\
        dd if=/dev/zero of=pipe bs=4096 oflag=nonblock 2>said || :\n\
        export CI=1 MEANWHILE_HEARTBEAT=0.1\nasync_run t sleep 1\nasync_wait t 2>&3; echo end";
    let output = sandbox.run(BASH, text).ok();
    assert_eq!(output.stdout, "end\n");
    let said = sandbox.read("said");
    assert!(said.contains("Resource temporarily unavailable"), "{said}");
}

#[test]
fn no_heartbeat_without_ci_nor_where_it_is_denied_or_off() {
    for settings in [
        "MEANWHILE_HEARTBEAT=0.1",
        "MEANWHILE_HEARTBEAT=0.1 CI=false",
        "MEANWHILE_HEARTBEAT=0 CI=1",
    ] {
        let sandbox = Sandbox::new();
        let text = format!("export {settings}\nasync_run t gate\nasync_wait t");
        let script = held(&sandbox, BASH, &text);
        if !no_terminal() {
            control(&sandbox, "t");
        }
        assert_eq!(script.go().ok().stderr, "", "{settings}");
    }
}

/// The standard error of a task is its log, which is shown as the task wrote it.
#[test]
fn a_task_that_waits_has_no_heartbeat_in_its_log() {
    let sandbox = Sandbox::new();
    let text = "export MEANWHILE_HEARTBEAT=0.1 CI=1\nouter() { async_run t gate; async_wait t; }\n\
        async_run o outer\nasync_wait o 2>errors";
    let script = held(&sandbox, BASH, text);
    let inside = || sandbox.journal().contains(" wait o/t ");
    assert!(until(inside), "{}", sandbox.journal());
    let told = sandbox.read("errors").lines().count();
    assert!(until(|| sandbox.read("errors").lines().count() >= told + 6));
    assert_eq!(script.go().ok().stdout, "");
}

#[test]
fn a_wrong_setting_is_told_once_and_fails_nothing() {
    for shell in three() {
        let sandbox = Sandbox::new();
        let text = "MEANWHILE_HEARTBEAT=soon MEANWHILE_PROGRESS=maybe\n\
            for t in a b c; do async_run $t true; async_wait $t; done";
        let output = sandbox.run(shell, text).ok();
        for told in [
            "meanwhile: MEANWHILE_HEARTBEAT is \"soon\", which counts as 30s\nhint: ",
            "meanwhile: MEANWHILE_PROGRESS is \"maybe\", which counts as auto\nhint: ",
        ] {
            assert_eq!(output.stderr.matches(told).count(), 1, "{}", output.stderr);
        }
        assert_eq!(output.stderr.lines().count(), 4, "{}", output.stderr);
    }
}

//! What the summary advises is true: the line is moved in the script, and the
//! run gets shorter by what was promised.

use crate::sandbox::{BASH, Sandbox, shells};

/// Runs a script of sleeps; returns its summary and how long it took, in seconds.
fn run(lines: &[&str]) -> (String, f64) {
    let sandbox = Sandbox::new();
    let text = format!("eval -- \"$(meanwhile init bash)\"\n{}\n", lines.join("\n"));
    let mut script = sandbox.script(BASH, &text);
    script.env("MEANWHILE_DIR", sandbox.run_dir());
    sandbox.finish(script.spawn().unwrap()).ok();
    let json = sandbox.meanwhile(&["report", "--format", "json", "run"]).ok().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let summary = sandbox.meanwhile(&["report", "run"]).ok().stdout;
    (summary, json["elapsed_seconds"].as_f64().unwrap())
}

/// The first advice, without its figures, and what it promises.
fn advice(summary: &str) -> (String, f64) {
    let line = summary.lines().find_map(|line| line.trim().strip_prefix("next")).expect(summary);
    let (_, saves) = line.split_once("saves up to ").expect(line);
    let seconds = saves.split('s').next().unwrap().parse().expect(line);
    let words = line.split_whitespace().map(|word| {
        let figure = word.trim_end_matches([';', ',']).strip_suffix('s');
        if figure.is_some_and(|figure| figure.parse::<f64>().is_ok()) { "_" } else { word }
    });
    (words.collect::<Vec<_>>().join(" "), seconds)
}

/// Whether the move is told, and saves what was said, and what it is worth. A machine that is busy
/// elsewhere may spoil a run, so it may be tried again; a wrong figure is wrong each time.
fn holds(before: &[&str], expected: &str, worth: f64, after: &[&str]) {
    let mut tried = Vec::new();
    for _ in 0..3 {
        let (summary, old) = run(before);
        let (told, promised) = advice(&summary);
        assert_eq!(told, expected, "{summary}");
        let saved = old - run(after).1;
        println!("promised {promised}, saved {saved:.2}");
        // Figures are told to 0.1 s.
        let true_to = |figure: f64| saved <= figure + 0.2 && saved >= figure * 0.8 - 0.1;
        if true_to(promised) && true_to(worth) {
            return;
        }
        tried.push((promised, saved));
    }
    panic!("promised and saved: {tried:?}");
}

#[test]
fn a_start_that_goes_up_saves_what_was_promised() {
    holds(
        &[
            "async_run db sleep 0.2",
            "async_wait db",
            "sleep 1.5",
            "async_run nova sleep 2.5",
            "sleep 0.2",
            "async_wait nova",
        ],
        "script-bash.sh:7 async_wait nova blocked _ nova started at :5; nothing before it was \
         waited for since :3, starting it there saves up to _",
        1.5,
        &[
            "async_run db sleep 0.2",
            "async_wait db",
            "async_run nova sleep 2.5",
            "sleep 1.5",
            "sleep 0.2",
            "async_wait nova",
        ],
    );
}

#[test]
fn it_is_clipped_by_what_else_is_waited_for() {
    holds(
        &[
            "async_run other sleep 2.5",
            "sleep 1.5",
            "async_run nova sleep 2",
            "async_wait nova other",
        ],
        "script-bash.sh:5 async_wait nova blocked _ nova started at :4; nothing was waited \
         for before it, starting it at the beginning saves up to _",
        1.0,
        &[
            "async_run nova sleep 2",
            "async_run other sleep 2.5",
            "sleep 1.5",
            "async_wait nova other",
        ],
    );
}

#[test]
fn a_wait_that_goes_down_saves_what_was_promised() {
    holds(
        &["async_run nova sleep 2", "async_wait nova", "sleep 1.2"],
        "script-bash.sh:3 async_wait nova blocked _ unless the _ of own work up to the end \
         need it, waiting behind them saves up to _",
        1.2,
        &["async_run nova sleep 2", "sleep 1.2", "async_wait nova"],
    );
}

#[test]
fn every_shell_tells_the_chain_and_the_moves() {
    for shell in shells() {
        let sandbox = Sandbox::new();
        let text = "async_run db sleep 0.1\nasync_wait db\nsleep 0.5\nasync_run nova sleep 0.6\n\
                    async_wait nova\nasync_print_timing";
        let summary = sandbox.run(shell, text).ok().stdout;
        let critical = summary.lines().find(|line| line.starts_with("  critical")).expect(&summary);
        let next = summary.lines().find(|line| line.starts_with("  next")).expect(&summary);
        // (Where the shell does not know its lines, the script's text does.)
        assert!(critical.contains("(blocked :"), "{summary}");
        assert!(critical.contains("db 0.") && critical.contains("→ nova 0."), "{summary}");
        assert!(next.contains("async_wait nova blocked") && next.contains("since :"), "{summary}");
    }
}

#[test]
fn a_text_that_is_not_the_one_that_ran_tells_no_lines() {
    let sandbox = Sandbox::new();
    let dash = shells().into_iter().find(|shell| shell.name == "dash").unwrap();
    let text = "MEANWHILE_DIR=$PWD/run\nasync_run db sleep 0.1\nasync_wait db";
    sandbox.run(dash, text).ok();
    let report = || {
        let mut report = sandbox.command("meanwhile", &["report", "--format", "json", "run"]);
        sandbox.finish(report.spawn().unwrap()).ok().stdout
    };
    let told = report();
    assert!(
        told.contains("\"script-dash.sh:4\"") && told.contains("\"script-dash.sh:5\""),
        "{told}"
    );
    let script = sandbox.path().join("script-dash.sh");
    let old = std::fs::read_to_string(&script).unwrap();
    std::fs::write(&script, format!("# A line more.\n{old}")).unwrap();
    assert!(!report().contains("script-dash.sh:"), "{}", report());
    std::fs::remove_file(&script).unwrap();
    assert!(!report().contains("script-dash.sh:"), "{}", report());
}

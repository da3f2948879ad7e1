//! The corpus of the race check: small scripts (`tests/corpus-check`), each with
//! what is to be found in it, at its head:
//!
//! ```text
//! # shell: dash mksh                  which shells run it (bash); `all`
//! # needs: python3 root               else it is skipped
//! # expect: LEVEL CLASS PATH WHO WHO  a finding; `none`: there is no error and no warning
//! # maybe: LEVEL CLASS PATH WHO WHO   a finding that there may be
//! # more: LEVEL PATH                  any findings of that level about these paths, besides
//! # told: NUMBER                     so many errors and warnings are shown, whatever they stand for
//! # at: PATH WHO MARK                 this side of a finding is at the line that ends in `# MARK`
//! # fix: TEXT                         the first way out of a finding; {MARK} is a line's number
//! # suppress: LINE                    a line of the suppressions
//! # twin: SED                         changes the script to one that has no error and no warning
//! # not: lazy as-it-comes             in these orders it may come to something else
//! # unfixable: WHY                    the printed ways out need not lead to a clean script
//! ```
//! LEVEL, CLASS and PATH may be several, with `|` between; in PATH `*` is anything, and
//! `%0a` is a character by its number. WHO is `script`, a task's id, with `@N` if
//! it is of the run N, or `left:` before it. Notes need not be named.
//!
//! Each script runs in several orders, as far apart as can be: as it comes, one
//! task at a time, each task at the point of its start, each when it is waited
//! for. It must come to the same each time: that is what the check promises.

pub mod case;
pub mod following;

use std::path::Path;

use case::{Case, Found, cases};

use crate::sandbox::{Sandbox, Shell, is_root, on_path};

/// Ways to run a script.
const ORDERS: [(&str, &[(&str, &str)]); 4] = [
    ("as-it-comes", &[]),
    ("one-at-a-time", &[("MEANWHILE_JOBS", "1")]),
    ("eager", &[("MEANWHILE_PARALLEL", "0")]),
    ("lazy", &[("MEANWHILE_CONFIRM", "lazy")]),
];

/// What came of a check.
pub struct Checked {
    pub code: i32,
    pub found: Vec<Found>,
    /// How many errors and warnings it says there are.
    pub counted: u64,
    /// What it said, for whoever reads that a test failed.
    pub said: String,
}

/// Checks a script in a fresh directory.
pub fn check(case: &Case, text: &str, shell: Shell, order: &[(&str, &str)]) -> Checked {
    run(case, text, shell, order, &[])
}

/// The same, with more options.
fn run(
    case: &Case,
    text: &str,
    shell: Shell,
    order: &[(&str, &str)],
    options: &[&'static str],
) -> Checked {
    let sandbox = Sandbox::new();
    let work = sandbox.path().join("work");
    std::fs::create_dir(&work).unwrap();
    let name = format!("{}.sh", case.name);
    std::fs::write(work.join(&name), text).unwrap();
    let mut arguments = vec!["check", "--format", "json", "-o", "../out.json"];
    if !case.suppress.is_empty() {
        sandbox.write("suppressions", &(case.suppress.join("\n") + "\n"));
        arguments.extend(["--suppressions", "../suppressions"]);
    }
    arguments.extend(options);
    arguments.extend(shell.call);
    arguments.push(&name);
    let mut command = sandbox.command("meanwhile", &arguments);
    command.current_dir(&work).env("INIT", shell.init).envs(order.iter().copied());
    let output = sandbox.finish(command.spawn().unwrap());
    let json = sandbox.read("out.json");
    // (The kernel's name for it, if there are links on the way.)
    let work = std::fs::canonicalize(&work).unwrap();
    let said = format!("code {}\n{}\n{}\n{json}", output.code, output.stdout, output.stderr);
    let summary = json.lines().last().unwrap_or_default();
    let summary: serde_json::Value = serde_json::from_str(summary).unwrap();
    let count = |level: &str| summary[level].as_u64().unwrap();
    let counted = count("errors") + count("warnings");
    Checked { code: output.code, found: Found::of(&json, &work), counted, said }
}

/// Why a script cannot run here.
fn lacks(case: &Case) -> Option<&str> {
    case.needs.iter().map(String::as_str).find(|need| match *need {
        "root" => !is_root(),
        "dpkg" => !Path::new("/var/lib/dpkg/lock-frontend").exists(),
        program => !on_path(program),
    })
}

/// Runs `test` with every script that can run here.
fn each(mut test: impl FnMut(&Case, Shell) -> Result<(), String>) {
    let mut failed = Vec::new();
    for case in cases() {
        if let Some(lack) = lacks(&case) {
            eprintln!("skipped: {}: there is no {lack}", case.name);
            continue;
        }
        for shell in case.shells() {
            if let Err(why) = test(&case, shell) {
                failed.push(format!("==== {} ({})\n{why}", case.name, shell.name));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn as_expected(order: usize) {
    let (name, order) = ORDERS[order];
    each(|case, shell| {
        if case.not.iter().any(|not| not == name) {
            return Ok(());
        }
        let checked = check(case, &case.text, shell, order);
        case.compare(&checked).map_err(|why| format!("{name}: {why}\n{}", checked.said))
    });
}

#[test]
fn there_are_enough() {
    let cases = cases();
    assert!(cases.len() >= 40);
    for case in &cases {
        assert!(!case.expects.is_empty(), "{} expects nothing", case.name);
        let bad = case.expects.iter().any(|expected| !expected.levels.contains(&"note".to_owned()));
        assert!(!bad || !case.twins.is_empty(), "{}: what is bad has a twin", case.name);
    }
}

#[test]
fn as_it_comes() {
    as_expected(0);
}

#[test]
fn one_at_a_time() {
    as_expected(1);
}

#[test]
fn each_task_at_its_start() {
    as_expected(2);
}

#[test]
fn each_task_when_it_is_waited_for() {
    as_expected(3);
}

#[test]
fn light_finds_what_is_between_changes_and_nothing_else() {
    each(|case, shell| {
        if case.not.iter().any(|not| *not == ORDERS[0].0) {
            return Ok(());
        }
        let checked = run(case, &case.text, shell, &[], &["--light"]);
        case.compare_changes(&checked).map_err(|why| format!("{why}\n{}", checked.said))
    });
}

#[test]
fn twins_are_clean() {
    each(|case, shell| {
        for twin in &case.twins {
            let text = case.twin(twin);
            for (name, order) in &ORDERS[..1] {
                let checked = check(case, &text, shell, order);
                let bad: Vec<_> = checked.found.iter().filter(|found| found.bad()).collect();
                if !bad.is_empty() || checked.code != 0 {
                    return Err(format!("{twin} ({name}): {bad:#?}\n{}\n{text}", checked.said));
                }
            }
        }
        Ok(())
    });
}

#[test]
fn ways_out_lead_out() {
    each(|case, shell| {
        // Where the shell tells no lines there may be nothing to follow.
        if case.unfixable || case.twins.is_empty() || shell.name != "bash" {
            return Ok(());
        }
        following::to_the_end(case, shell)
    });
}

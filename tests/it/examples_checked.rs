//! The examples are free of races; with a wait moved the check finds what that
//! breaks, and what it prints leads back.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::corpus_check::case::Found;
use crate::corpus_check::following::Sources;
use crate::sandbox::{Sandbox, on_path};

/// An example, and one way to break it.
struct Example {
    dir: &'static str,
    script: &'static str,
    /// Where it is to make what it makes.
    place: &'static str,
    needs: &'static [&'static str],
    /// The wait that is moved.
    sed: &'static str,
    /// Between whom there is a race then, and about which file.
    who: [&'static str; 2],
    path: &'static str,
}

const CI: Example = Example {
    dir: "ci",
    script: "ci.sh",
    place: "OUT",
    needs: &["make", "cc", "ar", "python3", "tar"],
    sed: "/^async_wait docs/d; s/^async_wait lint_c/async_wait docs lint_c/",
    who: ["docs", "script"],
    path: "docs/words.md",
};

const PROVISION: Example = Example {
    dir: "provision",
    script: "provision.sh",
    place: "ROOT",
    needs: &["python3", "sqlite3"],
    sed: "/^async_wait users/d; s/^async_wait install database/async_wait users install database/",
    who: ["script", "users"],
    path: "etc/passwd",
};

const MINISTACK: Example = Example {
    dir: "ministack",
    script: "stack-async.sh",
    place: "STACK_DIR",
    needs: &["python3"],
    sed: "s/^async_wait build-image /async_wait /; s/^async_wait catalog-identity/async_wait build-image catalog-identity/",
    who: ["build-image", "upload-image"],
    path: "data/mini.img",
};

/// What a check says about an example.
fn check(example: &Example, source: &Path) -> (i32, Vec<Found>, String) {
    let sandbox = Sandbox::new();
    // (make cannot live with a space in a name.)
    let place = tempfile::Builder::new().prefix("mw-made-").tempdir().unwrap();
    let made = place.path().canonicalize().unwrap();
    let report = ["check", "--format", "json", "-o", "out.json", "bash"];
    let script = source.join(example.script);
    let arguments = [&report[..], &[script.to_str().unwrap()]].concat();
    let mut command = sandbox.command("meanwhile", &arguments);
    command.env(example.place, &made);
    let output = sandbox.patient(command);
    let json = sandbox.read("out.json");
    let said = format!("{}\n{}", output.stderr, output.stdout);
    (output.code, Found::of(&json, &made), said)
}

/// A copy of an example, so that it can be changed.
fn copy(example: &Example, to: &Path) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example.dir);
    let to = to.join(example.dir);
    let copied = std::process::Command::new("cp").arg("-r").args([&from, &to]).status().unwrap();
    assert!(copied.success());
    to
}

fn scripts(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(scripts(&path));
        } else if path.extension().is_some_and(|extension| extension == "sh") {
            found.push(path);
        }
    }
    found
}

/// Does what a finding says first.
fn follow(dir: &Path, fix: &Value) {
    let mut sources = Sources::default();
    let paths = scripts(dir);
    for path in &paths {
        sources.add(path, &std::fs::read_to_string(path).unwrap());
    }
    assert!(sources.apply(fix).is_some(), "cannot follow: {fix}");
    for path in &paths {
        std::fs::write(path, sources.text(path)).unwrap();
    }
}

fn is_clean_and_can_be_mended(example: &Example) {
    if let Some(need) = example.needs.iter().find(|need| !on_path(need)) {
        eprintln!("skipped: {need} is not installed");
        return;
    }
    let temp = tempfile::Builder::new().prefix("mw-example-").tempdir().unwrap();
    let dir = copy(example, &temp.path().canonicalize().unwrap());
    let (code, found, said) = check(example, &dir);
    let bad: Vec<_> = found.iter().filter(|found| found.bad()).collect();
    assert!(bad.is_empty() && code == 0, "as it is: code {code}\n{said}");

    let script = dir.join(example.script);
    let before = std::fs::read_to_string(&script).unwrap();
    let edited = std::process::Command::new("sed").args(["-i", example.sed]).arg(&script).status();
    assert!(edited.unwrap().success());
    assert_ne!(before, std::fs::read_to_string(&script).unwrap());
    let (code, found, said) = check(example, &dir);
    let mut wrong = found.iter().filter(|found| found.level == "error");
    let race = wrong.find(|found| found.is_about(example.path, example.who));
    let Some(race) = race.filter(|_| code == 1) else {
        panic!("with a wait moved: code {code}\n{said}\n{found:#?}");
    };
    let fix = race.fixes.first().expect("a way out");
    follow(&dir, fix);
    let (code, found, said) = check(example, &dir);
    let bad: Vec<_> = found.iter().filter(|found| found.bad()).collect();
    assert!(bad.is_empty() && code == 0, "after {fix}: code {code}\n{said}");
}

#[test]
fn ci() {
    is_clean_and_can_be_mended(&CI);
}

#[test]
fn provision() {
    is_clean_and_can_be_mended(&PROVISION);
}

#[test]
fn ministack() {
    is_clean_and_can_be_mended(&MINISTACK);
}

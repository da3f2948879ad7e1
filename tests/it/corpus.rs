//! What fuzzing has found worth keeping, replayed: each file of
//! `fuzz/corpus/TARGET` goes through the same function as under the fuzzer
//! (`fuzz/run.sh`), which panics if a promise is broken.

use std::path::Path;

mod files;
mod history;
mod journal;
mod name;
mod record;
mod search;
mod text;

fn replay(target: &str, check: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let Ok(entries) = std::fs::read_dir(dir) else {
        eprintln!("skipped: there is no corpus (it is not part of the package)");
        return;
    };
    let mut count = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        // Shown if the test fails.
        println!("{}", path.display());
        check(&std::fs::read(&path).unwrap());
        count += 1;
    }
    assert!(count > 0, "an empty corpus");
}

#[test]
fn of_files() {
    replay("files", files::check);
}

#[test]
fn of_histories() {
    replay("history", history::check);
}

#[test]
fn of_journals() {
    replay("journal", journal::check);
}

#[test]
fn of_names() {
    replay("name", name::check);
}

#[test]
fn of_records() {
    replay("record", record::check);
}

#[test]
fn of_searches() {
    replay("search", search::check);
}

#[test]
fn of_texts() {
    replay("text", text::check);
}

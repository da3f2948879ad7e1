//! The house keeps its rules: an import only points down, `run` knows no
//! operating system, files stay readable.

use std::path::{Path, PathBuf};

/// The floors, from the top.
const FLOORS: [&str; 7] = ["cli", "report", "check", "watch", "client", "process", "run"];

fn sources() -> Vec<(PathBuf, String)> {
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut found = Vec::new();
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}

/// The floor a file is on: its folder in `src`. (What stands before that is
/// where somebody has put the project, which may be called anything.)
fn floor(path: &Path) -> Option<usize> {
    let own = path.strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap();
    let first = own.iter().next().unwrap();
    FLOORS.iter().position(|floor| first == *floor)
}

#[test]
fn imports_point_down() {
    for (path, text) in sources() {
        let Some(own) = floor(&path) else { continue };
        for (at, _) in text.match_indices("crate::") {
            let rest = &text[at + "crate::".len()..];
            let target = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
            if let Some(theirs) = FLOORS.iter().position(|floor| *floor == target) {
                assert!(theirs >= own, "{} looks up to {target}", path.display());
            }
        }
    }
}

#[test]
fn the_ground_floor_is_pure() {
    for (path, text) in sources() {
        if floor(&path) == Some(FLOORS.len() - 1) {
            for word in
                ["std::fs", "std::process", "std::env", "std::os", "rustix", "libc::", "Instant"]
            {
                assert!(!text.contains(word), "{} uses {word}", path.display());
            }
        }
    }
}

#[test]
fn reports_read_no_files() {
    for (path, text) in sources() {
        if floor(&path).is_some_and(|floor| ["report", "check"].contains(&FLOORS[floor])) {
            for word in ["std::fs", "crate::process", "crate::client", "rustix"] {
                assert!(!text.contains(word), "{} uses {word}", path.display());
            }
        }
    }
}

#[test]
fn files_are_of_one_idea() {
    for (path, text) in sources() {
        assert!(text.lines().count() <= 500, "{} is long", path.display());
        // (What a page is made of says so in its own way.)
        if path.extension().is_some_and(|extension| extension == "rs") {
            assert!(text.starts_with("//!"), "{} does not say what it is for", path.display());
        }
    }
}

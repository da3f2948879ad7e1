//! The lines of the script: to be quoted, and to find the verbs by its text where
//! its shell tells no lines.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::check::script::Script;
use crate::run::Run;
use crate::run::ran::decode_path;

/// No script is longer, bytes.
const LONGEST: u64 = 4 << 20;

/// Files that were read; `None` cannot be.
#[derive(Debug, Default)]
pub struct Sources(RefCell<HashMap<String, Option<Vec<String>>>>);

impl Sources {
    /// The line that `FILE:LINE` names, relative to where the script was started.
    pub fn line(&self, at: &str) -> Option<String> {
        let (file, line) = at.rsplit_once(':')?;
        let line: usize = line.parse().ok()?;
        let mut known = self.0.borrow_mut();
        let lines = known.entry(file.to_owned()).or_insert_with(|| lines(Path::new(file)));
        lines.as_ref()?.get(line.checked_sub(1)?).cloned()
    }
}

fn lines(path: &Path) -> Option<Vec<String>> {
    Some(text(path)?.lines().map(str::to_owned).collect())
}

/// Puts the lines into a run that are found by the text of its script. Whether there are any.
pub fn place(run: &mut Run) -> bool {
    let Some(path) = run.path.as_deref().map(decode_path) else { return false };
    let path = PathBuf::from(OsString::from_vec(path));
    let script = text(&path).as_deref().map(Script::new).unwrap_or_default();
    // As somebody calls it who is where the check was started.
    let here = std::env::current_dir().unwrap_or_default();
    let name = path.strip_prefix(&here).unwrap_or(&path).to_string_lossy();
    run.place(|id, call| Some(format!("{name}:{}", script.line(id, call)?).into()))
}

fn text(path: &Path) -> Option<String> {
    // (Whatever lies there must not block the report.)
    let mut options = std::fs::OpenOptions::new();
    let file =
        options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path).ok()?;
    file.metadata().ok().filter(|meta| meta.is_file() && meta.len() <= LONGEST)?;
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_and_what_is_no_file_is_not_read() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a:b.sh");
        std::fs::write(&path, b"one\ntwo \xff\n").unwrap();
        let sources = Sources::default();
        let at = |line: &str| sources.line(&format!("{}:{line}", path.display()));
        assert_eq!(at("1").as_deref(), Some("one"));
        assert_eq!(at("2").as_deref(), Some("two \u{fffd}"));
        for line in ["0", "3", "x", "-1"] {
            assert_eq!(at(line), None, "{line}");
        }
        assert_eq!(sources.line("/dev/zero:1"), None);
        assert_eq!(sources.line("no line"), None);
    }
}

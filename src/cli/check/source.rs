//! The lines of the script, to be quoted.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;

use crate::cli::script;

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
    Some(script::text(path, None)?.lines().map(str::to_owned).collect())
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

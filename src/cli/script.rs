//! The text of a run's script, for the lines of the verbs where its shell tells none.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::run::Run;
use crate::run::ran::decode_path;
use crate::run::script::Script;

/// No script is longer, bytes.
const LONGEST: u64 = 4 << 20;

/// Puts the lines into a run that are found by the text of its script, as long as that is the
/// text which ran; `name` says how its file is called. Whether there are any.
pub fn place(run: &mut Run, name: impl Fn(&Path) -> String) -> bool {
    if run.has_lines() {
        return false;
    }
    let Some(path) = run.path.as_deref().map(decode_path) else { return false };
    let path = PathBuf::from(OsString::from_vec(path));
    let Some(script) = text(&path, run.wall).as_deref().map(Script::new) else { return false };
    let name = name(&path);
    run.place(|id, call| Some(format!("{name}:{}", script.line(id, call)?)))
}

/// The text of a file; none if it is too long, or was changed after `before`, microseconds since
/// 1970.
pub fn text(path: &Path, before: Option<i64>) -> Option<String> {
    // (Whatever lies there must not block the report.)
    let mut options = std::fs::OpenOptions::new();
    let file =
        options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path).ok()?;
    let meta = file.metadata().ok()?;
    let changed = meta.ctime().checked_mul(1_000_000)?.checked_add(meta.ctime_nsec() / 1000)?;
    if !meta.is_file() || meta.len() > LONGEST || before.is_some_and(|before| changed > before) {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

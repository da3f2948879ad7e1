//! Which file a shell runs as its script.
//!
//! `$0` is what somebody wrote: relative to a directory that the script may have left,
//! a link, or anything at all (`sh -c TEXT NAME`). But a shell keeps the script that it reads open, under a
//! high number; so the file of that name among the shell's open files is the
//! script, and the kernel tells its path. A shell that reads its commands elsewhere (`-c`,
//! standard input, a terminal) has no such file.

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Below this number descriptors are the script's own.
const OWN: u32 = 10;

/// The path, without links, of the script that the shell `pid` runs, whose `$0` this is.
pub fn path(pid: u32, zero: &Path) -> Option<PathBuf> {
    // What it is by its name, if the script still is where it was started.
    let meant = fs::metadata(Path::new(&format!("/proc/{pid}/cwd")).join(zero)).ok();
    let meant = meant.map(|meta| (meta.dev(), meta.ino()));
    let mut named = None;
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten() {
        let number: Option<u32> = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if number.is_none_or(|number| number < OWN) {
            continue;
        }
        let Some(meta) = fs::metadata(entry.path()).ok().filter(fs::Metadata::is_file) else {
            continue;
        };
        let Some(path) = fs::read_link(entry.path()).ok().map(living) else { continue };
        if meant == Some((meta.dev(), meta.ino())) {
            return Some(path);
        }
        if path.file_name() == zero.file_name() {
            named = Some(path);
        }
    }
    named.filter(|path| path.is_absolute())
}

/// Without what the kernel puts behind the path of a file that was removed,
/// as by an editor that wrote it anew.
fn living(path: PathBuf) -> PathBuf {
    let mut bytes = path.into_os_string().into_vec();
    if bytes.ends_with(b" (deleted)") {
        bytes.truncate(bytes.len() - b" (deleted)".len());
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

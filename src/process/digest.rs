//! What is at a path, as a number: to see whether two moments differ.

use std::collections::hash_map::DefaultHasher;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Of a longer file the beginning is taken, and its length; bytes.
const LONGEST: u64 = 256 << 20;

/// A digest of a file's bytes, a link's target, a directory's names; of anything else of its
/// kind. None: there is nothing. Digests are of one process: no other has the same.
pub fn of(path: &Path) -> Option<u64> {
    let meta = path.symlink_metadata().ok()?;
    let kind = meta.file_type();
    let mut hasher = DefaultHasher::new();
    if kind.is_file() {
        (0, meta.len()).hash(&mut hasher);
        // (What it is may have changed: that must not block.)
        let mut options = File::options();
        let file = options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW).open(path);
        match file {
            Ok(file) => bytes(file, &mut hasher),
            Err(error) => error.raw_os_error().hash(&mut hasher),
        }
    } else if kind.is_symlink() {
        (1, std::fs::read_link(path).ok()).hash(&mut hasher);
    } else if kind.is_dir() {
        let entries = std::fs::read_dir(path).into_iter().flatten();
        let mut names: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
        names.sort_unstable();
        2.hash(&mut hasher);
        for name in names {
            name.as_bytes().hash(&mut hasher);
        }
    } else {
        (3, kind.is_fifo(), kind.is_socket()).hash(&mut hasher);
    }
    Some(hasher.finish())
}

/// Takes in what can be read.
fn bytes(file: File, hasher: &mut DefaultHasher) {
    let mut file = file.take(LONGEST);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => hasher.write(&buffer[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return error.raw_os_error().hash(hasher),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_told_from_what_is_not_the_same() {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        assert_eq!(of(&at("none")), None);
        std::fs::write(at("a"), "one").unwrap();
        std::fs::write(at("b"), "one").unwrap();
        std::fs::write(at("c"), "two").unwrap();
        std::os::unix::fs::symlink("a", at("link")).unwrap();
        assert_eq!(of(&at("a")), of(&at("b")));
        assert_ne!(of(&at("a")), of(&at("c")));
        assert_ne!(of(&at("a")), of(&at("link")), "the link itself");
        let before = of(temp.path());
        assert_eq!(of(temp.path()), before);
        std::fs::write(at("d"), "").unwrap();
        assert_ne!(of(temp.path()), before, "a directory is its names");
    }
}

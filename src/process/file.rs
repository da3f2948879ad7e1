//! Writing a file so that it is there whole or not at all.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Writes `bytes` to `path`, for its owner alone: beside it first, then in its
/// place, so that a full disk leaves no half file and what was there before
/// stays. A link is followed; what is no file (a pipe), or open already
/// (`/dev/stdout`), is written to as it is.
///
/// # Errors
/// What the system says.
pub fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    match place(path) {
        Place::Open => std::fs::File::create(path)?.write_all(bytes),
        Place::Device => std::fs::OpenOptions::new().write(true).open(path)?.write_all(bytes),
        Place::File(target) => {
            let mut file = beside(&target)?;
            file.write_all(bytes).map_err(unnamed)?;
            file.persist(&target).map_err(|error| unnamed(error.error))?;
            Ok(())
        }
    }
}

/// Whether [`replace`] would find a place for a file; nothing stays of that.
///
/// # Errors
/// What the system says.
pub fn replaceable(path: &Path) -> std::io::Result<()> {
    match place(path) {
        Place::Open => Ok(()),
        Place::Device if std::fs::metadata(path)?.is_dir() => {
            Err(std::io::ErrorKind::IsADirectory.into())
        }
        // (A pipe cannot be tried without its reader's noticing.)
        Place::Device => Ok(()),
        Place::File(target) => beside(&target).map(drop),
    }
}

/// What a path leads to.
enum Place {
    /// Something that is open already, and more may come there.
    Open,
    /// Something that is there and no file.
    Device,
    /// A file, or nothing yet.
    File(PathBuf),
}

fn place(path: &Path) -> Place {
    let open = ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc"];
    if open.iter().any(|open| path.starts_with(open)) {
        return Place::Open;
    }
    // Of a link, what it leads to is replaced.
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match std::fs::metadata(&target) {
        Ok(meta) if !meta.is_file() => Place::Device,
        _ => Place::File(target),
    }
}

/// A new file in the same directory.
fn beside(target: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let dir = target.parent().filter(|dir| !dir.as_os_str().is_empty());
    tempfile::Builder::new()
        .prefix(".meanwhile-")
        .permissions(std::fs::Permissions::from_mode(0o600))
        .tempfile_in(dir.unwrap_or(Path::new(".")))
        .map_err(unnamed)
}

/// An error without the name of the file beside, which says nothing to anybody.
fn unnamed(error: std::io::Error) -> std::io::Error {
    let told = error.to_string();
    let what = told.split_once(" at path \"").map(|(what, _)| what.to_owned());
    what.map_or(error, std::io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_a_link_followed() {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        std::fs::write(at("old"), "before, and longer").unwrap();
        std::os::unix::fs::symlink("old", at("link")).unwrap();
        replace(&at("link"), b"after").unwrap();
        assert_eq!(std::fs::read(at("old")).unwrap(), b"after");
        assert!(at("link").symlink_metadata().unwrap().is_symlink());
        let mode = at("old").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        for path in [&at("none/x"), temp.path()] {
            assert!(replace(path, b"").is_err());
            let error = replaceable(path).unwrap_err().to_string();
            assert!(!error.contains(".meanwhile-"), "{error}");
        }
        for path in [&at("link"), &at("new"), Path::new("/dev/null"), Path::new("/dev/fd/1")] {
            replaceable(path).unwrap();
        }
        replace(Path::new("/dev/null"), b"x").unwrap();
        assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 2, "nothing is left beside");
    }
}

//! Writing a file so that it is there whole or not at all.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes `bytes` to `path`, for its owner alone: beside it first, then in its
/// place, so that a full disk leaves no half file and what was there before
/// stays. A link is followed; what is no file (a pipe), or open already
/// (`/dev/stdout`), is written to as it is.
///
/// # Errors
/// What the system says.
pub fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // These name what is open already, and more may come there.
    let open = ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc"];
    if open.iter().any(|open| path.starts_with(open)) {
        return std::fs::File::create(path)?.write_all(bytes);
    }
    // Of a link, what it leads to is replaced.
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match std::fs::metadata(&target) {
        Ok(meta) if !meta.is_file() => {
            return std::fs::OpenOptions::new().write(true).open(path)?.write_all(bytes);
        }
        _ => {}
    }
    let dir = target.parent().filter(|dir| !dir.as_os_str().is_empty());
    let mut file = tempfile::Builder::new()
        .prefix(".meanwhile-")
        .permissions(std::fs::Permissions::from_mode(0o600))
        .tempfile_in(dir.unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.persist(&target).map_err(|error| error.error)?;
    Ok(())
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
        assert!(replace(&at("none/x"), b"").is_err());
        assert!(replace(temp.path(), b"").is_err());
        replace(Path::new("/dev/null"), b"x").unwrap();
        assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 2, "nothing is left beside");
    }
}

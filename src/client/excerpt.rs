//! Reading the beginning and the end of a task's log, for reports that embed
//! logs and must stay of a size that a program can open.

use std::fs::File;
use std::os::unix::fs::FileExt;

use rustix::fs::OFlags;

use crate::process::dir::RunDir;
use crate::run::excerpt::Excerpt;
use crate::run::{Id, files};

/// At most `limit` bytes of the log of a task's attempt (counted from 1): one
/// third from its beginning, the rest from its end, where the reason for a
/// failure stands. None if it is gone or cannot be read.
pub fn excerpt(dir: &RunDir, id: &Id, attempt: u32, limit: u64) -> Option<Excerpt> {
    // Whatever lies there must not block a report.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    let file = dir.file(&files::of_attempt(id, attempt, files::LOG), flags).ok()?;
    let meta = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let bytes = meta.len();
    if bytes <= limit {
        return Some(Excerpt::new(read(&file, 0, bytes)?, Vec::new(), bytes));
    }
    let head = read(&file, 0, limit / 3)?;
    let tail = read(&file, bytes - (limit - limit / 3), limit - limit / 3)?;
    Some(Excerpt::new(head, tail, bytes))
}

/// So many bytes from there on, or as many as there are.
fn read(file: &File, mut from: u64, length: u64) -> Option<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    let mut got = 0;
    while got < bytes.len() {
        match file.read_at(&mut bytes[got..], from) {
            Ok(0) => break,
            Ok(read) => (got, from) = (got + read, from + read as u64),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    bytes.truncate(got);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{FileType, Mode, mknodat};

    #[test]
    fn head_and_tail_of_a_long_log_and_all_of_a_short_one() {
        let temp = tempfile::tempdir().unwrap();
        let dir = RunDir::create(&temp.path().join("run")).unwrap();
        let text = (0..1000).fold(String::new(), |text, n| text + &format!("line {n}\n"));
        std::fs::write(dir.path().join("a.log"), &text).unwrap();
        std::fs::write(dir.path().join("a,2.log"), "again\n").unwrap();
        std::fs::create_dir(dir.path().join("d.log")).unwrap();
        let id = |text| Id::parse(text).unwrap();

        let cut = excerpt(&dir, &id("a"), 1, 900).unwrap();
        assert!(cut.head.starts_with(b"line 0\n") && cut.head.ends_with(b"\n"));
        assert!(cut.tail.starts_with(b"line ") && cut.tail.ends_with(b"line 999\n"));
        assert!(cut.head.len() > 200 && cut.tail.len() > 500);
        assert_eq!(cut.bytes, text.len() as u64);
        assert_eq!(cut.cut, cut.bytes - (cut.head.len() + cut.tail.len()) as u64);

        let whole = excerpt(&dir, &id("a"), 1, 1 << 20).unwrap();
        assert_eq!((whole.head, whole.cut), (text.into_bytes(), 0));
        assert_eq!(excerpt(&dir, &id("a"), 2, 100).unwrap().head, b"again\n");
        assert!(excerpt(&dir, &id("b"), 1, 100).is_none(), "there is none");
        assert!(excerpt(&dir, &id("d"), 1, 100).is_none(), "that is no file");
        assert_eq!(excerpt(&dir, &id("a"), 1, 0).unwrap().cut, 8890);
    }

    #[test]
    fn what_is_no_file_blocks_nobody() {
        let temp = tempfile::tempdir().unwrap();
        let dir = RunDir::create(&temp.path().join("run")).unwrap();
        mknodat(&dir, "p.log", FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        assert!(excerpt(&dir, &Id::parse("p").unwrap(), 1, 100).is_none());
    }
}

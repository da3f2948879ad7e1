//! The journal as a file: appended to in whole records, read as it grows.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;

use rustix::fs::OFlags;

use super::clock;
use super::dir::RunDir;
use crate::run::journal::Reader;
use crate::run::{Id, Kind, Run, files, journal, record};

/// An open journal and what it has folded to so far.
#[derive(Debug)]
pub struct Journal {
    file: File,
    /// How far it has been read. The file's own offset will not do: an append
    /// moves it past what others have appended since.
    offset: u64,
    reader: Reader,
}

impl Journal {
    /// Begins the journal of a new run.
    ///
    /// # Errors
    /// When there is one, or it cannot be made.
    pub fn create(dir: &RunDir) -> std::io::Result<Self> {
        Self::at(dir, OFlags::CREATE | OFlags::EXCL)
    }

    /// Opens a journal and folds all of it.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn open(dir: &RunDir) -> std::io::Result<Self> {
        let mut journal = Self::at(dir, OFlags::empty())?;
        journal.catch_up()?;
        Ok(journal)
    }

    /// Opens a journal and folds what it says about these names (see
    /// [`journal::about`]); what is appended later is folded whole.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn about(dir: &RunDir, names: &[String]) -> std::io::Result<Self> {
        let mut this = Self::at(dir, OFlags::empty())?;
        let bytes = this.unread()?;
        // What follows the last whole record stays pending, as in a full fold.
        let whole = journal::whole_lines(&bytes);
        this.reader.feed(&journal::about(&bytes[..whole], names));
        this.reader.feed(&bytes[whole..]);
        Ok(this)
    }

    /// Opens a journal for reading only, as a report does.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn read(dir: &RunDir) -> std::io::Result<Self> {
        let file = dir.file(files::JOURNAL, OFlags::RDONLY)?;
        let mut journal = Self { file, offset: 0, reader: Reader::default() };
        journal.catch_up()?;
        Ok(journal)
    }

    fn at(dir: &RunDir, flags: OFlags) -> std::io::Result<Self> {
        let file = dir.file(files::JOURNAL, OFlags::RDWR | OFlags::APPEND | flags)?;
        Ok(Self { file, offset: 0, reader: Reader::default() })
    }

    /// Folds what was appended since; returns how many records that were.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn catch_up(&mut self) -> std::io::Result<usize> {
        let bytes = self.unread()?;
        Ok(self.reader.feed(&bytes))
    }

    fn unread(&mut self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            let length = self.file.metadata()?.len().saturating_sub(self.offset) as usize;
            let from = bytes.len();
            // One byte more than there is: a short read then says that this is all.
            bytes.resize(from + length + 1, 0);
            let read = self.file.read_at(&mut bytes[from..], self.offset)?;
            bytes.truncate(from + read);
            self.offset += read as u64;
            if read <= length {
                return Ok(bytes);
            }
        }
    }

    /// Appends one record, stamped now.
    ///
    /// # Errors
    /// When the record could not be written whole.
    pub fn append(
        &mut self,
        kind: Kind,
        id: Option<&Id>,
        fields: &[(&str, String)],
    ) -> std::io::Result<()> {
        let line = record::encode(clock::now(), kind, id, fields);
        match self.file.write(line.as_bytes())? {
            written if written == line.len() => Ok(()),
            _ => Err(rustix::io::Errno::NOSPC.into()),
        }
    }

    /// Folds, without writing it, that a guard is gone: what is left when
    /// the record could not be written.
    pub fn presume_lost(&mut self, id: &Id, code: Option<u8>) {
        let fields: Vec<_> = code.map(|code| ("code", code.to_string())).into_iter().collect();
        let line = record::encode(clock::now(), Kind::Lost, Some(id), &fields);
        self.reader.feed(line.as_bytes());
    }

    /// What it says.
    pub fn run(&self) -> &Run {
        &self.reader.run
    }

    /// Whether it ends in a record that was cut short.
    pub fn torn(&self) -> bool {
        self.reader.torn()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_append_skips_nothing_that_others_appended() {
        let temp = tempfile::tempdir().unwrap();
        let dir = RunDir::create(&temp.path().join("run")).unwrap();
        let mut mine = Journal::create(&dir).unwrap();
        let mut theirs = Journal::open(&dir).unwrap();
        let id = |text| Id::parse(text).unwrap();
        for name in ["a", "b", "c"] {
            theirs.append(Kind::Start, Some(&id(name)), &[("pid", "7".into())]).unwrap();
            mine.append(Kind::Collected, Some(&id(name)), &[]).unwrap();
        }
        mine.catch_up().unwrap();
        for name in ["a", "b", "c"] {
            let task = mine.run().task(&id(name)).unwrap();
            assert!(task.guard.is_some() && task.collected.is_some(), "{name}");
        }
        assert!(Journal::create(&dir).is_err(), "a journal is begun once");
    }
}

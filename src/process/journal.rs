//! The journal as a file: appended to in whole records, read as it grows.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;

use rustix::fs::OFlags;

use super::clock;
use super::dir::RunDir;
use crate::run::journal::Reader;
use crate::run::{Id, Kind, Run, files, journal, record};

/// How much of a journal is searched at a time.
const CHUNK: u64 = 64 * 1024;

/// How much of its end tells what is under way now.
const TAIL: u64 = 256 * 1024;

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

    /// Opens a journal to watch it for long: see [`Run::lean`].
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn watch(dir: &RunDir) -> std::io::Result<Self> {
        let mut journal = Self::at(dir, OFlags::empty())?;
        journal.reader.run.lean = true;
        journal.catch_up()?;
        Ok(journal)
    }

    /// Opens a journal and folds what it says about the latest start of these
    /// names, and its first record; what is appended later is folded whole.
    ///
    /// It is searched from its end, and no further than to the `start` of
    /// each, and a little: of a fast task the `end` may stand before it. So
    /// one that is not found has to be asked for in the whole journal before
    /// its task is given up (see [`Self::open`]).
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn about(dir: &RunDir, names: &[String]) -> std::io::Result<Self> {
        Self::about_in_chunks(dir, names, CHUNK)
    }

    /// The same, so many bytes at a time.
    ///
    /// # Errors
    /// As [`Self::about`].
    pub fn about_in_chunks(dir: &RunDir, names: &[String], size: u64) -> std::io::Result<Self> {
        let mut this = Self::at(dir, OFlags::empty())?;
        this.offset = this.file.metadata()?.len();
        let mut missing: Vec<&String> = names.iter().collect();
        // The matching lines and, first, the journal's unfinished tail; newest first.
        let mut parts: Vec<Vec<u8>> = Vec::new();
        let mut from = this.offset;
        let mut rest = Vec::new();
        let mut more = 1;
        while from > 0 && (!missing.is_empty() || more > 0) {
            more -= u32::from(missing.is_empty() && more > 0);
            let begin = from.saturating_sub(size);
            let mut bytes = vec![0; (from - begin) as usize];
            this.file.read_exact_at(&mut bytes, begin)?;
            bytes.extend_from_slice(&rest);
            if parts.is_empty() {
                parts.push(bytes.split_off(journal::whole_lines(&bytes)));
            }
            // The line that began before this chunk goes to the next.
            let lines = match memchr::memchr(b'\n', &bytes) {
                _ if begin == 0 => 0,
                Some(at) => at + 1,
                None => bytes.len(),
            };
            parts.push(journal::about(&bytes[lines..], names));
            for record in parts.last().into_iter().flat_map(|part| journal::records(part)) {
                if record.kind == Kind::Start {
                    missing.retain(|name| record.id.as_ref().is_none_or(|id| id.name() != *name));
                }
            }
            bytes.truncate(lines);
            (rest, from) = (bytes, begin);
        }
        this.feed_first(this.offset)?;
        for part in parts.iter().rev() {
            this.reader.feed(part);
        }
        Ok(this)
    }

    /// Opens a journal and folds its first record and the last of the others:
    /// what is under way now, for the most part.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn tail(dir: &RunDir) -> std::io::Result<Self> {
        let mut this = Self::at(dir, OFlags::empty())?;
        this.reader.run.lean = true;
        let length = this.file.metadata()?.len();
        if length <= TAIL {
            this.catch_up()?;
            return Ok(this);
        }
        this.feed_first(length)?;
        let mut rest = vec![0; TAIL as usize];
        this.file.read_exact_at(&mut rest, length - TAIL)?;
        let begin = memchr::memchr(b'\n', &rest).map_or(rest.len(), |at| at + 1);
        this.reader.feed(&rest[begin..]);
        this.offset = length;
        Ok(this)
    }

    fn feed_first(&mut self, length: u64) -> std::io::Result<()> {
        let mut first = vec![0; record::MAX_BYTES.min(length as usize)];
        self.file.read_exact_at(&mut first, 0)?;
        let end = memchr::memchr(b'\n', &first).map_or(0, |at| at + 1);
        self.reader.feed(&first[..end]);
        Ok(())
    }

    /// Opens a journal for reading only, as a report does.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn read(dir: &RunDir) -> std::io::Result<Self> {
        // (Whatever lies there must not block a report.)
        Self::of(dir.file(files::JOURNAL, OFlags::RDONLY | OFlags::NONBLOCK)?)
    }

    /// Reads one that is open already.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(file: File) -> std::io::Result<Self> {
        if !file.metadata()?.is_file() {
            return Err(std::io::Error::other("its journal is no file"));
        }
        let mut journal = Self { file, offset: 0, reader: reader() };
        journal.catch_up()?;
        Ok(journal)
    }

    fn at(dir: &RunDir, flags: OFlags) -> std::io::Result<Self> {
        let file = dir.file(files::JOURNAL, OFlags::RDWR | OFlags::APPEND | flags)?;
        Ok(Self { file, offset: 0, reader: reader() })
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

    /// What it says, to be kept.
    pub fn into_run(self) -> Run {
        self.reader.run
    }

    /// Whether it ends in a record that was cut short.
    pub fn torn(&self) -> bool {
        self.reader.torn()
    }
}

/// A reader that tells a run of this boot from older ones.
fn reader() -> Reader {
    let mut reader = Reader::default();
    reader.run.boot = clock::boot();
    reader
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever stands in the journal, the latest start of a name comes
        /// out of a search from the end as it does of a fold of everything.
        #[test]
        fn asking_for_names_equals_folding_everything(
            picks in proptest::collection::vec((0usize..6, 0usize..3), 0..40),
            size in 30u64..300,
            torn in any::<bool>(),
        ) {
            let temp = tempfile::tempdir().unwrap();
            let dir = RunDir::create(&temp.path().join("run")).unwrap();
            let mut text = "\x1e0.00 run - owner=7 ownerstart=0.50\n".to_owned();
            let mut starts = [0; 6];
            for (n, (which, kind)) in picks.iter().enumerate() {
                let name = ["a", "ab", "b", "a/b", "end", "start"][*which];
                if starts[*which] == 0 && *kind == 2 {
                    continue; // collected before it was started: cannot be
                }
                starts[*which] += usize::from(*kind == 0);
                let count = starts[*which].max(1);
                let id = if count > 1 { format!("{name}~{count}") } else { name.into() };
                let kind = ["start", "end", "collected"][*kind];
                text += &format!("\x1e{n}.00 {kind} {id} pid={n} code={}\n", n % 3);
            }
            text += if torn { "\x1e99.00 end a co" } else { "" };
            std::fs::write(dir.path().join("journal"), &text).unwrap();
            let full = Journal::open(&dir).unwrap();
            for name in ["a", "ab", "a/b", "end", "start"] {
                let some = Journal::about_in_chunks(&dir, &[name.into()], size).unwrap();
                let started = |journal: &Journal| {
                    let task = journal.run().latest(name).filter(|task| task.guard.is_some());
                    task.map(|task| (task.id.clone(), task.guard, task.collected))
                };
                prop_assert_eq!(started(&full), started(&some));
                prop_assert_eq!(full.torn(), some.torn());
                prop_assert_eq!(some.run().owner.map(|o| o.pid), Some(7));
            }
        }
    }

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

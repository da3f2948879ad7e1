//! Reading the journal's bytes: which of them are records, and which of the
//! records are about the names that somebody asks for.

use memchr::memmem;

use super::{Record, Run, record};

/// Folds a journal that is still being written: feed it what was appended.
#[derive(Debug, Default)]
pub struct Reader {
    /// What the records read so far amount to.
    pub run: Run,
    pending: Vec<u8>,
}

impl Reader {
    /// Takes the next bytes of the journal; returns how many whole records
    /// they brought. A last line without its end waits for more: it may still
    /// be growing.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        self.pending.extend_from_slice(bytes);
        let whole = whole_lines(&self.pending);
        let mut count = 0;
        for line in self.pending[..whole].split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            // Before the separator stands what was torn off an earlier record.
            let (torn, body) = match memchr::memrchr(record::RS as u8, line) {
                Some(at) => (at, &line[at + 1..]),
                None => (line.len(), &[][..]),
            };
            let mut damaged = torn;
            match Record::parse(body) {
                Some(record) => {
                    self.run.apply(&record);
                    count += 1;
                }
                None => damaged = line.len(),
            }
            self.run.damaged += usize::from(damaged > 0);
            self.run.damaged_bytes = self.run.damaged_bytes.saturating_add(damaged as u64);
        }
        self.pending.drain(..whole);
        self.run.unfinished = self.pending.len() as u64;
        count
    }

    /// Whether the journal ends in a record that was cut short.
    pub fn torn(&self) -> bool {
        !self.pending.is_empty()
    }
}

/// The lines of `journal` that may be about one of `names`, any start of
/// each, or about tasks inside those: a client that waits for one task among ten thousand reads past the
/// others at the speed of a byte search.
pub fn about(journal: &[u8], names: &[String]) -> Vec<u8> {
    let mut ranges = Vec::new();
    for name in names {
        let needle = format!(" {name}");
        for at in memmem::find_iter(journal, needle.as_bytes()) {
            if matches!(journal.get(at + needle.len()), Some(b' ' | b'~' | b'/' | b'\n')) {
                ranges.push(line_around(journal, at));
            }
        }
    }
    ranges.sort_unstable();
    ranges.dedup();
    ranges.into_iter().flat_map(|(from, to)| &journal[from..to]).copied().collect()
}

/// The records in whole lines.
pub fn records(lines: &[u8]) -> impl Iterator<Item = Record<'_>> {
    lines.split(|b| *b == b'\n').filter_map(|line| Record::parse(line.strip_prefix(b"\x1e")?))
}

/// How many of these bytes are whole lines.
pub fn whole_lines(bytes: &[u8]) -> usize {
    memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1)
}

fn line_around(bytes: &[u8], at: usize) -> (usize, usize) {
    let from = memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |i| i + 1);
    let to = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |i| at + i + 1);
    (from, to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Id, State};
    use proptest::prelude::*;

    const JOURNAL: &str = "\x1e1.00 run - owner=7 ownerstart=0.50 wall=1000000\n\
        \x1e2.00 start a pid=10 at=x.sh:1\n\x1e2.00 start ab pid=11\n\x1e3.00 end a code=0\n\
        \x1e3.10 collected a code=0\n\x1e3.20 start a~2 pid=12\n\x1e4.00 end a~2 code=3\n";

    fn read(bytes: &[u8]) -> Reader {
        let mut reader = Reader::default();
        reader.feed(bytes);
        reader
    }

    #[test]
    fn a_journal_folds_in_pieces_as_in_one() {
        let whole = read(JOURNAL.as_bytes());
        for cut in 0..JOURNAL.len() {
            let mut reader = Reader::default();
            reader.feed(&JOURNAL.as_bytes()[..cut]);
            reader.feed(&JOURNAL.as_bytes()[cut..]);
            assert_eq!(reader.run, whole.run, "cut at {cut}");
            assert!(!reader.torn());
        }
    }

    #[test]
    fn a_torn_tail_is_ignored_and_spoils_nothing_after_it() {
        let mut reader = read(b"\x1e2.00 start a pid=10\n\x1e3.00 end a code=1");
        assert!(reader.torn());
        assert_eq!(reader.run.tasks()[0].state(), State::Running);
        reader.feed(b"\x1e4.00 end a code=15\n");
        assert_eq!(reader.run.tasks()[0].state(), State::Failed(15));
        assert_eq!((reader.run.damaged, reader.torn()), (1, false));
        reader.feed(b"5.00 end b code=0\n");
        assert_eq!((reader.run.damaged, reader.run.tasks().len()), (2, 1));
        assert_eq!(
            reader.run.damaged_bytes,
            18 + 17,
            "what was torn, and the line without a beginning"
        );
    }

    #[test]
    fn asking_for_a_name_finds_its_starts_and_no_other_task() {
        let lines = about(JOURNAL.as_bytes(), &["a".into()]);
        let run = read(&lines).run;
        let ids: Vec<&str> = run.tasks().iter().map(|t| t.id.as_str()).collect();
        assert_eq!(ids, ["a", "a~2"]);
        assert!(read(&about(JOURNAL.as_bytes(), &["b".into()])).run.tasks().is_empty());
    }

    proptest! {
        /// Whatever stands in the journal, what is asked for by name comes out
        /// as it does in a fold of everything.
        #[test]
        fn asking_equals_folding(picks in proptest::collection::vec((0usize..5, 0usize..4), 0..40)) {
            let ids = ["a", "ab", "a~2", "a/b", "b"];
            let mut text = String::new();
            for (n, (id, kind)) in picks.iter().enumerate() {
                let kind = ["start", "end", "collected", "lost"][*kind];
                text += &format!("\x1e{n}.00 {kind} {}", ids[*id]);
                if n % 4 > 0 { text += &format!(" pid={n} code={}", n % 3); }
                text.push('\n');
            }
            let full = read(text.as_bytes()).run;
            let some = read(&about(text.as_bytes(), &["a".into(), "a/b".into()])).run;
            for id in ["a", "a~2", "a/b"] {
                let id = Id::parse(id).unwrap();
                prop_assert_eq!(full.task(&id), some.task(&id));
            }
        }

        #[test]
        fn hostile_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut reader = read(&bytes);
            reader.feed(JOURNAL.as_bytes());
            prop_assert!(reader.run.task(&Id::parse("ab").unwrap()).is_some());
        }
    }
}

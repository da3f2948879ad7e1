//! One line of the journal.
//!
//! ```text
//! RS TIME KIND ID key=value key=value LF
//! ```
//! A record begins with the ASCII record separator and ends with a newline
//! (the framing of RFC 7464). So a record that was cut short (a full disk, a
//! killed writer) is recognised as torn, can never be read with half a
//! number, and cannot spoil the one written after it. The newline stands last
//! and only there, because shells flush their output at newlines: a record is
//! one `write` of at most [`MAX_BYTES`], and appends of that size do not
//! interleave. `TIME` is in seconds since boot (see [`Time`]); ID is
//! `-` in records about the whole run. Values hold no white space.

use std::fmt::Write as _;

use super::{Id, Time};

/// The longest record. Measured: appends of up to 4,000 bytes by 4 writers at
/// once are never torn, of 9,000 bytes a quarter is.
pub const MAX_BYTES: usize = 4_000;

/// Begins a record.
pub const RS: char = '\x1e';
/// Ends a record.
pub const LF: char = '\n';

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The run was opened: `owner`, `ownerstart`, `wall`, `skew`, `cpus`, `script`, …
    Run,
    /// A task was started: `pid` of its guard, `at` the script's line, `capture`,
    /// `after`, `lock`, `timeout` (microseconds), `retries`, `queued=1` if it has to be
    /// admitted; `idle`, as `/proc/uptime` has it, in this and in any other record.
    Start,
    /// A queued task was admitted: `token` of the jobserver that it took, and the
    /// `cgroup` that it got, if it did.
    Begin,
    /// A task (`-`: the script) has lent its token to the pool, since it waits.
    Lend,
    /// It has taken one back.
    Back,
    /// A task's token is in the pool again, for good.
    Free,
    /// An attempt failed and another follows: `code`.
    Attempt,
    /// A task ended: `code`, `cpu` (microseconds) where the guard knows it,
    /// `errexit=off` where the script's errexit had no effect in it.
    End,
    /// A client begins to block on a task (`-`: on any): `at`, `by` (its pid), `in`.
    Wait,
    /// That client no longer blocks: `by`.
    Woken,
    /// A task was collected: `code`, `at`, `by` (the client's pid), `cpu` (of the whole
    /// script so far, microseconds).
    Collected,
    /// A client saw the end of a task that was collected before, or cancelled it: `by`, `at`.
    /// Written only while a check traces the script.
    Seen,
    /// A task's output was shown while it ran (serial mode): no replay.
    Shown,
    /// A guard died without an `end`: `code`, if the kernel still knew it.
    Lost,
    /// A task's time is up.
    Timeout,
    /// A task is being cancelled.
    Cancel,
    /// A task will not begin: `root`, the task that failed, and its `code`.
    Skip,
    /// A process shows a task's output while it runs: `pid`; `done=1`: all of it was shown.
    Live,
    /// A task ended but left a process running: `pid`, `comm`.
    Leak,
    /// The script has ended.
    Exit,
    /// The watcher was found dead.
    Unwatched,
    /// The run is over: `how=finished|aborted`.
    Close,
}

const KINDS: [(Kind, &str); 22] = [
    (Kind::Run, "run"),
    (Kind::Start, "start"),
    (Kind::Begin, "begin"),
    (Kind::Lend, "lend"),
    (Kind::Back, "back"),
    (Kind::Free, "free"),
    (Kind::Attempt, "attempt"),
    (Kind::End, "end"),
    (Kind::Wait, "wait"),
    (Kind::Woken, "woken"),
    (Kind::Collected, "collected"),
    (Kind::Seen, "seen"),
    (Kind::Shown, "shown"),
    (Kind::Lost, "lost"),
    (Kind::Timeout, "timeout"),
    (Kind::Cancel, "cancel"),
    (Kind::Skip, "skip"),
    (Kind::Live, "live"),
    (Kind::Leak, "leak"),
    (Kind::Exit, "exit"),
    (Kind::Unwatched, "unwatched"),
    (Kind::Close, "close"),
];

/// A parsed record, borrowing from the journal's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// When.
    pub time: Time,
    /// Whether `time` has the two decimals of `/proc/uptime` itself (a shell
    /// wrote it), which containers may shift against the kernel's clock.
    pub from_uptime: bool,
    /// What.
    pub kind: Kind,
    /// Of which task; none in records about the run.
    pub id: Option<Id>,
    fields: &'a str,
}

impl<'a> Record<'a> {
    /// Reads what stands between RS and LF. None if it is not a record that
    /// this version knows.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        // Nobody writes anything else, and it must not reach a terminal.
        let printable = line.iter().all(|b| b.is_ascii_graphic() || *b == b' ');
        let body = std::str::from_utf8(line).ok().filter(|_| printable)?;
        let mut parts = body.splitn(4, ' ');
        let stamp = parts.next()?;
        let time = Time::parse(stamp)?;
        let word = parts.next()?;
        let kind = KINDS.iter().find(|(_, name)| *name == word)?.0;
        let id = match parts.next()? {
            "-" => None,
            id => Some(Id::parse(id)?),
        };
        let from_uptime = stamp.split_once('.').is_some_and(|(_, fraction)| fraction.len() <= 2);
        Some(Self { time, from_uptime, kind, id, fields: parts.next().unwrap_or("") })
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        get(self.fields, key)
    }

    /// All of its fields.
    pub fn fields(&self) -> &'a str {
        self.fields
    }

    /// The value of `key`, as a number.
    pub fn number<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.get(key)?.parse().ok()
    }
}

/// The value of `key` among `key=value key=value`.
pub fn get<'a>(fields: &'a str, key: &str) -> Option<&'a str> {
    fields
        .split(' ')
        .filter_map(|field| field.split_once('='))
        .find_map(|(k, value)| (k == key).then_some(value))
}

/// Writes one record as the bytes of one `write`. Values are reduced to the
/// alphabet of records: anything but a printable ASCII character becomes `_`.
pub fn encode(time: Time, kind: Kind, id: Option<&Id>, fields: &[(&str, String)]) -> String {
    let word = KINDS.iter().find(|(k, _)| *k == kind).map_or("-", |(_, word)| word);
    let mut line = format!("{RS}{time} {word} {}", id.map_or("-", Id::as_str));
    for (key, value) in fields {
        let value: String =
            value.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
        if line.len() + key.len() + value.len() + 3 <= MAX_BYTES {
            // Writing to a String cannot fail.
            let _ = write!(line, " {key}={value}");
        }
    }
    line.push(LF);
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_a_shell_writes() {
        let record = Record::parse(b"415.17 start ks-project pid=4711 at=stack.sh:88").unwrap();
        assert_eq!((record.time, record.kind), (Time(415_170_000), Kind::Start));
        assert!(record.from_uptime);
        assert_eq!(record.id.as_ref().map(Id::as_str), Some("ks-project"));
        assert_eq!((record.number("pid"), record.get("at")), (Some(4711), Some("stack.sh:88")));
        assert_eq!(record.get("code"), None);
        assert!(Record::parse(b"1.5 close -").is_some_and(|r| r.id.is_none()));
    }

    #[test]
    fn forged_and_foreign_lines_are_no_records() {
        for line in [
            &b""[..],
            b" ",
            b"x end a",
            b"1.0 end ../../x code=0",
            b"1.0",
            b"1.0 end",
            b"1.0 fin a code=0",
            b"1.0 end a\xff code=0",
            b"1.0 end  code=0",
            b"1.0 start a at=\x1b[31m",
        ] {
            assert_eq!(Record::parse(line), None, "{}", line.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(record) = Record::parse(&line) { let _ = record.number::<u32>("pid"); }
        }

        #[test]
        fn no_value_breaks_its_record(value in ".*", micros in 0u64..1 << 50) {
            let id = Id::parse("a/b~2").unwrap();
            let line = encode(Time(micros), Kind::End, Some(&id),
                &[("at", value), ("code", "7".into())]);
            prop_assert!(line.len() <= MAX_BYTES);
            let body = line.strip_prefix(RS).and_then(|line| line.strip_suffix(LF)).unwrap();
            prop_assert!(!body.contains([RS, LF]));
            let record = Record::parse(body.as_bytes()).unwrap();
            prop_assert_eq!((record.time, record.id.clone()), (Time(micros), Some(id)));
            prop_assert_eq!(record.number("code"), Some(7));
        }
    }
}

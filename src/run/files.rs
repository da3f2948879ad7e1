//! The names of the files in a run directory.
//!
//! ```text
//! journal        the truth: one record a line, append only
//! lock           held for a moment by whoever opens the run or starts in it
//! watcher        the watcher's pid, when it was started, and in which boot
//! locks          its bytes are locked: by tasks that exclude each other, for
//!                slots, and to count tokens; it holds nothing
//! jobs           a named pipe: the tokens of the run's jobserver
//! ID.log         the task's output
//! ID.out         its standard output alone, if it was started with --capture
//! ID.argv        its command, NUL after each word; then, once it has ended,
//!                what the shell's `times` printed
//! ID.vars        the variables that it exports (--export), as shell assignments
//! ID,N.log       the output of its Nth attempt, from the second on (--retries);
//!                the same with .out
//! answer.PID     what a client told the shell PID, where an exit code alone
//!                would be ambiguous
//! ```
//! `/` in the id of a nested task stands as `%`, which no name contains.

use super::task::Process;
use super::{Id, Time};

/// The journal.
pub const JOURNAL: &str = "journal";
/// The file whose lock makes opening and starting one step.
pub const LOCK: &str = "lock";
/// The file that names the watcher.
pub const WATCHER: &str = "watcher";
/// The file whose bytes are locked.
pub const LOCKS: &str = "locks";
/// The named pipe of the run's jobserver.
pub const JOBS: &str = "jobs";
/// The command by which a guard puts its token back: this program with that word.
pub const FREE: &str = "__free";
/// Suffix of a task's log.
pub const LOG: &str = "log";
/// Suffix of a task's captured standard output.
pub const OUT: &str = "out";
/// Suffix of a task's command.
pub const ARGV: &str = "argv";
/// Suffix of a task's exported variables.
pub const VARS: &str = "vars";

/// The file of task `id` with that suffix.
pub fn of_task(id: &Id, suffix: &str) -> String {
    format!("{}.{suffix}", id.as_str().replace('/', "%"))
}

/// The same of its Nth attempt, counted from 1.
pub fn of_attempt(id: &Id, attempt: u32, suffix: &str) -> String {
    match attempt {
        0 | 1 => of_task(id, suffix),
        _ => format!("{},{attempt}.{suffix}", id.as_str().replace('/', "%")),
    }
}

/// The task whose file this is; none of what lies in a directory below.
pub fn task_of(file: &str) -> Option<Id> {
    attempt_of(file).map(|(id, _)| id)
}

/// The same, and which of its attempts, counted from 1.
pub fn attempt_of(file: &str) -> Option<(Id, u32)> {
    let (stem, suffix) = file.rsplit_once('.').filter(|_| !file.contains('/'))?;
    let (stem, attempt) = match (stem.split_once(','), suffix) {
        (Some((stem, number)), LOG | OUT) => {
            let attempt: u32 = number.parse().ok()?;
            (stem, Some(attempt).filter(|n| *n > 1 && n.to_string() == number)?)
        }
        (None, LOG | OUT | ARGV | VARS) => (stem, 1),
        _ => return None,
    };
    Some((Id::parse(&stem.replace('%', "/"))?, attempt))
}

/// Whether a run directory's file of this name is one of ours, to be removed with the run.
pub fn is_ours(file: &str) -> bool {
    [JOURNAL, LOCK, WATCHER, LOCKS, JOBS].contains(&file)
        || file.strip_prefix("answer.").is_some_and(|pid| pid.bytes().all(|b| b.is_ascii_digit()))
        || task_of(file).is_some()
}

/// The FNV-1a hash of a text (Fowler, Noll, Vo; 64 bits): the same in every
/// version of the program.
pub fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, b| {
        (hash ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
    })
}

/// The watcher that its file names, and the boot that it lives in, if the
/// file has that.
pub fn parse_watcher(text: &str) -> Option<(Process, Option<&str>)> {
    let mut words = text.split_whitespace();
    let (pid, started) = (words.next()?.parse().ok()?, Time::parse(words.next()?)?);
    Some((Process { pid, started }, words.next()))
}

/// What a task's `.argv` file tells.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Command {
    /// The command and its arguments.
    pub argv: Vec<Vec<u8>>,
    /// CPU time (user and system) of the task and its waited-for children,
    /// in microseconds, from the shell's `times`.
    pub cpu: Option<u64>,
}

impl Command {
    /// Reads an `.argv` file. The last four `XmY.Zs` of its tail are the
    /// user and system times of the guard and of its children (POSIX `times`).
    pub fn parse(bytes: &[u8]) -> Self {
        let mut argv: Vec<Vec<u8>> = bytes.split(|b| *b == 0).map(<[u8]>::to_vec).collect();
        let tail = argv.pop().unwrap_or_default();
        let tail = String::from_utf8_lossy(&tail);
        let spans: Vec<u64> = tail.split_whitespace().filter_map(parse_times).collect();
        let cpu =
            spans.last_chunk::<4>().map(|four| four.iter().copied().fold(0, u64::saturating_add));
        Self { argv, cpu }
    }

    /// The command as one line to read or paste: words quoted where a shell needs it.
    pub fn display(&self) -> String {
        let words = self.argv.iter().map(|word| {
            shlex::bytes::try_quote(word).map_or_else(|_| word.clone(), |quoted| quoted.to_vec())
        });
        let line = words.collect::<Vec<_>>().join(&b' ');
        String::from_utf8_lossy(&line).into_owned()
    }
}

/// `0m1.250s`, as `times` prints it, in microseconds.
fn parse_times(word: &str) -> Option<u64> {
    let (minutes, seconds) = word.strip_suffix('s')?.split_once('m')?;
    let minutes: u64 = minutes.parse().ok()?;
    Some(
        minutes.checked_mul(60_000_000)?.saturating_add(Time::parse(&seconds.replace(',', "."))?.0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_our_files_are_ours() {
        for ours in [
            "journal",
            "lock",
            "locks",
            "jobs",
            "a.log",
            "a~2.argv",
            "p%c.out",
            "answer.12",
            "a.b.log",
            "a,2.log",
            "a~2,13.out",
            "a.vars",
        ] {
            assert!(is_ours(ours), "{ours}");
        }
        for other in [
            "a/b.log",
            "id_rsa",
            "x y.log",
            ".log",
            "notes.txt",
            "answer.x",
            "a%.log",
            "%.log",
            "a,.log",
            "a,x.log",
            "a,1.log",
            "a,02.log",
            "a,2.argv",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }

    #[test]
    fn a_command_keeps_every_byte_and_reads_its_times() {
        let read =
            Command::parse(b"echo\0two words\0\0a\nb\x000m0.01s 0m0.02s\n1m2.500s 0m0.25s\n");
        assert_eq!(read.argv, [&b"echo"[..], b"two words", b"", b"a\nb"]);
        assert_eq!(read.cpu, Some(62_780_000));
        assert_eq!(read.display(), "echo 'two words' '' 'a\nb'");
        assert_eq!(Command::parse(b"x\0").cpu, None);
        assert_eq!(Command::parse(b"x\0user 0m0.0s\n").cpu, None);
        // zsh prints two digits, dash six, bash three and the locale's comma.
        assert_eq!(Command::parse(b"x\x000m0,1s 0m0,1s\n0m0,100s 0m0,0s\n").cpu, Some(300_000));
    }

    #[test]
    fn absurd_times_add_up_to_no_more_than_there_is() {
        let most = format!("{}m0s ", u64::MAX / 60_000_000).repeat(4);
        assert_eq!(Command::parse(most.as_bytes()).cpu, Some(u64::MAX));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Command::parse(&bytes).display();
        }

        #[test]
        fn argv_round_trips(argv in proptest::collection::vec("[^\0]{0,8}", 1..6)) {
            let mut bytes = Vec::new();
            for word in &argv { bytes.extend(word.as_bytes()); bytes.push(0); }
            let expected: Vec<Vec<u8>> = argv.iter().map(|w| w.as_bytes().to_vec()).collect();
            prop_assert_eq!(Command::parse(&bytes).argv, expected);
        }
    }
}

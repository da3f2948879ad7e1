//! How much of each task's log goes into the page: all of it where there is
//! room, else its beginning and, for the most part, its end. What failed comes
//! first, and the smaller logs give what they do not need to the larger ones.

use super::clean;

/// So much of one log at most, bytes.
pub const EACH: u64 = 128 * 1024;
/// So much of all of them.
pub const ALL: u64 = 8 * 1024 * 1024;

/// What was read of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// Its beginning.
    pub head: Vec<u8>,
    /// Its end; empty if all of it is in `head`.
    pub tail: Vec<u8>,
    /// How long it is, bytes.
    pub size: u64,
}

/// Divides the room: how much of each log to read. Of each its size, and
/// whether its task failed.
pub fn shares(logs: &[(u64, bool)]) -> Vec<u64> {
    let mut shares = vec![0; logs.len()];
    let mut room = ALL;
    for failed in [true, false] {
        let mut turn: Vec<usize> = (0..logs.len()).filter(|n| logs[*n].1 == failed).collect();
        turn.sort_by_key(|n| logs[*n].0);
        for (taken, n) in turn.iter().enumerate() {
            let fair = room / (turn.len() - taken) as u64;
            shares[*n] = logs[*n].0.min(EACH).min(fair);
            room -= shares[*n];
        }
    }
    shares
}

/// A log of that size, of which so much is read: how much from its beginning
/// and how much from its end.
pub fn split(size: u64, share: u64) -> (u64, u64) {
    if size <= share { (size, 0) } else { (share / 4, share - share / 4) }
}

/// An excerpt as it is shown.
#[derive(Debug, PartialEq, Eq)]
pub struct Shown {
    /// The beginning.
    pub head: String,
    /// The end; empty if nothing is left out.
    pub tail: String,
    /// How many bytes are left out in between, about.
    pub cut: u64,
}

impl Excerpt {
    /// As it is shown.
    pub fn shown(&self) -> Shown {
        let cut = self.size.saturating_sub((self.head.len() + self.tail.len()) as u64);
        if cut == 0 {
            let whole = [&self.head[..], &self.tail].concat();
            return Shown { head: clean::log(&whole), tail: String::new(), cut };
        }
        Shown {
            head: clean::log(whole_at_its_end(&self.head)),
            tail: clean::log(whole_at_its_start(&self.tail)),
            cut,
        }
    }
}

/// So much of all logs as the page has them, bytes: only logs of little but
/// characters that have to be escaped come to that.
const ROOM: usize = 14 * 1024 * 1024;

/// Keeps the page within its size, whatever the tasks have printed.
pub fn fit(logs: &mut [Option<Shown>]) {
    fit_into(logs, ROOM);
}

fn fit_into(logs: &mut [Option<Shown>], room: usize) {
    let all: usize = logs.iter().flatten().map(Shown::cost).sum();
    if all > room {
        for log in logs.iter_mut().flatten() {
            // In this order there is no overflow where `usize` has 64 bits.
            log.shorten(log.cost() * room / all);
        }
    }
}

impl Shown {
    fn cost(&self) -> usize {
        self.head.chars().chain(self.tail.chars()).map(clean::cost).sum()
    }

    /// Leaves out more in the middle.
    fn shorten(&mut self, room: usize) {
        let whole = std::mem::take(&mut self.head) + &self.tail;
        let mut left = room / 4;
        let head = whole.chars().take_while(|c| spend(&mut left, *c)).map(char::len_utf8).sum();
        let mut left = room - room / 4;
        let tail = whole.chars().rev().take_while(|c| spend(&mut left, *c));
        let tail = whole.len() - tail.map(char::len_utf8).sum::<usize>();
        self.cut += tail.saturating_sub(head) as u64;
        self.tail = whole[tail.max(head)..].to_owned();
        self.head = whole;
        self.head.truncate(head);
    }
}

fn spend(left: &mut usize, c: char) -> bool {
    let rest = left.checked_sub(clean::cost(c));
    *left = rest.unwrap_or(0);
    rest.is_some()
}

/// Up to the last line that is whole, if that is near; at least up to a whole character.
fn whole_at_its_end(head: &[u8]) -> &[u8] {
    if let Some(at) = memchr::memrchr(b'\n', head).filter(|at| head.len() - at <= NEAR) {
        return &head[..=at];
    }
    let begun = head.iter().rev().take(3).position(|b| *b >= 0xc0);
    &head[..begun.map_or(head.len(), |back| head.len() - back - 1)]
}

/// From the first line that is whole, if that is near; at least from a whole character.
fn whole_at_its_start(tail: &[u8]) -> &[u8] {
    if let Some(at) = memchr::memchr(b'\n', tail).filter(|at| *at <= NEAR && at + 1 < tail.len()) {
        return &tail[at + 1..];
    }
    let rest = tail.iter().take(3).take_while(|b| (0x80..0xc0).contains(*b)).count();
    &tail[rest..]
}

/// A line that was cut goes, if so much is left of it at most.
const NEAR: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_logs_are_whole_and_what_failed_comes_first() {
        assert_eq!(shares(&[(10, false), (0, true)]), [10, 0]);
        assert_eq!(shares(&[(10 * EACH, false)]), [EACH]);
        let many = vec![(EACH, false); 1000];
        assert_eq!(shares(&many).iter().sum::<u64>(), ALL);
        let mut some = many.clone();
        some[7].1 = true;
        some[8].0 = 5;
        let shares = shares(&some);
        assert_eq!((shares[7], shares[8]), (EACH, 5));
        assert!(shares.iter().sum::<u64>() <= ALL && shares[9] > 8000);
    }

    #[test]
    fn a_log_is_cut_in_its_middle_at_lines() {
        let (before, after) = split(1000, 100);
        assert_eq!((before, after), (25, 75));
        let log = Excerpt { head: b"one\ntw".into(), tail: b"e\nfour\n".into(), size: 100 };
        let shown = log.shown();
        assert_eq!((shown.head.as_str(), shown.tail.as_str()), ("one\n", "four\n"));
        assert_eq!(shown.cut, 87);
        let one_line = Excerpt {
            head: "aé".as_bytes()[..2].into(),
            tail: "é東b".as_bytes()[1..].into(),
            size: 50,
        };
        assert_eq!((&one_line.shown().head[..], &one_line.shown().tail[..]), ("a", "東b"));
    }

    #[test]
    fn logs_of_nothing_but_markup_are_kept_within_the_page() {
        let log = |c: &str| Some(Shown { head: c.repeat(1000), tail: String::new(), cut: 0 });
        let mut logs = [log("<"), None, log("a")];
        fit_into(&mut logs, 3500);
        let cost: usize = logs.iter().flatten().map(Shown::cost).sum();
        assert!((3400..=3500).contains(&cost), "{cost}");
        let first = logs[0].as_ref().unwrap();
        assert_eq!(first.head.len() + first.tail.len() + first.cut as usize, 1000);
        let mut small = [log("a")];
        fit_into(&mut small, 1000);
        assert_eq!(small, [log("a")]);
    }

    proptest! {
        #[test]
        fn no_cut_panics(
            head in proptest::collection::vec(any::<u8>(), 0..40),
            tail in proptest::collection::vec(any::<u8>(), 0..40),
            size in 0u64..200,
            room in 0usize..100,
        ) {
            let mut shown = Excerpt { head, tail, size }.shown();
            shown.shorten(room);
            prop_assert!(shown.cost() <= room);
        }

        #[test]
        fn no_share_is_more_than_there_is(
            logs in proptest::collection::vec((0..3 * EACH, any::<bool>()), 0..200),
        ) {
            let shares = shares(&logs);
            prop_assert!(shares.iter().sum::<u64>() <= ALL);
            for (share, (size, _)) in shares.iter().zip(&logs) {
                prop_assert!(share <= size && *share <= EACH);
                let (head, tail) = split(*size, *share);
                prop_assert_eq!(head + tail, *share);
            }
        }
    }
}

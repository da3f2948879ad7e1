//! How much of each task's log goes into the page: all of it where there is
//! room, else its beginning and, for the most part, its end. What failed comes
//! first, and the smaller logs give what they do not need to the larger ones.

use super::visible::visible;
use crate::report::clean;
use crate::run::excerpt::Excerpt;

/// So much of one log at most, bytes.
const EACH: u64 = 128 * 1024;
/// So much of all of them.
const ALL: u64 = 8 * 1024 * 1024;
/// So much of all of them as they stand in the page. Only logs of little but
/// characters that have to be escaped come to that.
const ROOM: usize = 12 * 1024 * 1024;

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

impl Shown {
    /// Without escape sequences, and with nothing that hides.
    pub fn new(excerpt: &Excerpt) -> Self {
        let text = |bytes: &[u8]| visible(&clean::text(bytes)).into_owned();
        // What is cut in the middle of a character leaves bytes of it.
        let trim = |text: String| text.trim_matches('\u{fffd}').to_owned();
        let (head, tail) = (text(&excerpt.head), text(&excerpt.tail));
        match excerpt.cut {
            0 => Self { head, tail, cut: 0 },
            cut => Self { head: trim(head), tail: trim(tail), cut },
        }
    }

    /// How much of the page it takes (see `data::json`), bytes.
    fn cost(&self) -> usize {
        self.head.chars().chain(self.tail.chars()).map(cost).sum()
    }

    /// Leaves out more in the middle.
    fn shorten(&mut self, room: usize) {
        let whole = std::mem::take(&mut self.head) + &self.tail;
        let mut left = room / 4;
        let head = whole.chars().take_while(|c| spend(&mut left, *c)).map(char::len_utf8).sum();
        let mut left = room - room / 4;
        let tail = whole.chars().rev().take_while(|c| spend(&mut left, *c));
        let tail = (whole.len() - tail.map(char::len_utf8).sum::<usize>()).max(head);
        self.cut += (tail - head) as u64;
        whole[tail..].clone_into(&mut self.tail);
        self.head = whole;
        self.head.truncate(head);
    }
}

/// Keeps the page within its size, whatever the tasks have printed.
pub fn fit(logs: &mut [Option<Shown>]) {
    fit_into(logs, ROOM);
}

fn fit_into(logs: &mut [Option<Shown>], room: usize) {
    let all: usize = logs.iter().flatten().map(Shown::cost).sum();
    if all > room {
        for log in logs.iter_mut().flatten() {
            let share = log.cost() as u128 * room as u128 / all as u128;
            log.shorten(share as usize);
        }
    }
}

fn cost(c: char) -> usize {
    match c {
        '<' => 6,
        '"' | '\\' | '\n' | '\t' => 2,
        _ => c.len_utf8(),
    }
}

fn spend(left: &mut usize, c: char) -> bool {
    let rest = left.checked_sub(cost(c));
    *left = rest.unwrap_or(0);
    rest.is_some()
}

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
    fn a_log_is_shown_without_what_acts_and_without_half_characters() {
        let excerpt = |head: &[u8], tail: &[u8], cut| {
            Shown::new(&Excerpt { head: head.into(), tail: tail.into(), cut, bytes: 99 })
        };
        let whole = excerpt("\x1b[31mred\u{202e}\u{fffd}\n".as_bytes(), b"", 0);
        assert_eq!(whole.head, "red‹U+202E›\u{fffd}\n");
        let cut = excerpt(&"aé".as_bytes()[..2], &"é東b".as_bytes()[1..], 90);
        assert_eq!((&cut.head[..], &cut.tail[..], cut.cut), ("a", "東b", 90));
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
        fn no_cut_panics(head in ".{0,40}", tail in ".{0,40}", room in 0usize..100) {
            let all = head.len() + tail.len();
            let mut shown = Shown { head, tail, cut: 0 };
            shown.shorten(room);
            prop_assert!(shown.cost() <= room);
            prop_assert_eq!(shown.head.len() + shown.tail.len() + shown.cut as usize, all);
        }

        #[test]
        fn no_share_is_more_than_there_is(
            logs in proptest::collection::vec((0..3 * EACH, any::<bool>()), 0..200),
        ) {
            let shares = shares(&logs);
            prop_assert!(shares.iter().sum::<u64>() <= ALL);
            prop_assert!(shares.iter().zip(&logs).all(|(share, log)| *share <= log.0.min(EACH)));
        }
    }
}

//! How many tasks may run at once, as the user writes it and the journal
//! keeps it.

use std::fmt;

/// What limits the tasks of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Jobs {
    /// A pool of the run's own: so many at once.
    Own(u32),
    /// The pool of the `make` that the script runs under, whose pipe the
    /// script has open: descriptors to read from and to write to.
    Pipe(u32, u32),
    /// The same, by the path of a named pipe (GNU make 4.4 and later).
    Fifo(String),
    /// Each task begins when somebody waits for it: see `client::lazy`.
    Lazy,
}

/// The rule, as messages print it.
pub const RULE: &str = "it is a number of tasks (4), a share of the processors (50%), or so many \
    more than there are processors (+2)";

impl Jobs {
    /// Reads what `MEANWHILE_JOBS` may be, on a machine of so many processors:
    /// `N`, `N%`, `+N` (as GNU parallel's `--jobs`). At least one task may run.
    ///
    /// # Errors
    /// The rule.
    pub fn of_setting(text: &str, processors: u32) -> Result<Self, String> {
        let number = |digits: &str| -> Option<u32> {
            let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            digits.parse().ok().filter(|n| plain && *n <= MOST)
        };
        let count = if let Some(more) = text.strip_prefix('+') {
            number(more).map(|more| processors.saturating_add(more))
        } else if let Some(share) = text.strip_suffix('%') {
            number(share).filter(|share| *share > 0).map(|share| {
                let exact = u64::from(processors) * u64::from(share) / 100;
                u32::try_from(exact).unwrap_or(MOST).max(1)
            })
        } else {
            number(text).filter(|count| *count > 0)
        };
        count.map(|count| Self::Own(count.min(MOST))).ok_or_else(|| RULE.to_owned())
    }

    /// The pool that `MAKEFLAGS` names: that of a `make -jN` around the
    /// script. GNU make 4.2 and later say `--jobserver-auth=R,W` (or, from
    /// 4.4, `fifo:PATH`), older ones `--jobserver-fds=R,W`; the last one counts.
    pub fn of_makeflags(flags: &str) -> Option<Self> {
        let mut auth = flags.split_whitespace().rev().filter_map(|word| {
            let auth = word.strip_prefix("--jobserver-auth=");
            auth.or_else(|| word.strip_prefix("--jobserver-fds="))
        });
        match auth.next()? {
            auth if auth.starts_with("fifo:/") => Some(Self::Fifo(auth[5..].to_owned())),
            auth => {
                let (read, write) = auth.split_once(',')?;
                Some(Self::Pipe(read.parse().ok()?, write.parse().ok()?))
            }
        }
    }

    /// Reads what a `run` record says.
    pub fn parse(text: &str) -> Option<Self> {
        if text == LAZY {
            return Some(Self::Lazy);
        }
        match text.split_once(':') {
            Some(("fifo", path)) => Some(Self::Fifo(path.to_owned())),
            Some(("pipe", ends)) => {
                let (read, write) = ends.split_once(',')?;
                Some(Self::Pipe(read.parse().ok()?, write.parse().ok()?))
            }
            _ => text.parse().ok().filter(|n| (1..=MOST).contains(n)).map(Self::Own),
        }
    }
}

/// The word for that; a user's setting cannot be it.
const LAZY: &str = "lazy";

/// More tokens than this do not fit into a pipe (64 KiB by default).
pub const MOST: u32 = 32_768;

impl fmt::Display for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(count) => write!(f, "{count}"),
            Self::Pipe(read, write) => write!(f, "pipe:{read},{write}"),
            Self::Fifo(path) => write!(f, "fifo:{path}"),
            Self::Lazy => f.write_str(LAZY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_a_number_a_share_and_a_surplus() {
        for (text, count) in
            [("1", 1), ("7", 7), ("+0", 8), ("+2", 10), ("50%", 4), ("1%", 1), ("200%", 16)]
        {
            assert_eq!(Jobs::of_setting(text, 8), Ok(Jobs::Own(count)), "{text}");
        }
        for bad in ["", "0", "0%", "-1", "+", "%", "x", "1.5", "+-1", "99999999999", " 2"] {
            assert!(Jobs::of_setting(bad, 8).is_err(), "{bad}");
        }
    }

    #[test]
    fn reads_what_make_says() {
        let read = Jobs::of_makeflags;
        assert_eq!(read(" -j4 --jobserver-auth=3,4"), Some(Jobs::Pipe(3, 4)));
        assert_eq!(read("k -j --jobserver-fds=3,4 --jobserver-auth=5,6"), Some(Jobs::Pipe(5, 6)));
        assert_eq!(read("-j4 --jobserver-auth=fifo:/tmp/G"), Some(Jobs::Fifo("/tmp/G".into())));
        for none in ["", "-j4", "w", "--jobserver-auth=", "--jobserver-auth=-2,-2"] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".*", processors in 1u32..1 << 20) {
            let _ = (Jobs::of_setting(&text, processors), Jobs::of_makeflags(&text));
            if let Some(jobs) = Jobs::parse(&text) {
                prop_assert_eq!(Jobs::parse(&jobs.to_string()), Some(jobs));
            }
        }
    }
}

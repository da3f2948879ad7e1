//! Time inside a run: microseconds since boot.
//!
//! Every record is stamped with the clock behind `/proc/uptime`
//! (`CLOCK_BOOTTIME`): any shell can read it without a fork, it never steps
//! when somebody sets the date, and it is the clock that the kernel stamps
//! processes with, so that a pid can be told from a recycled one. The `run`
//! record pairs it with the wall clock once, for people.

use std::fmt;

/// A moment, in microseconds since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub u64);

impl Time {
    /// Reads `SECONDS[.FRACTION]`, the form of `/proc/uptime` and of records.
    /// Digits past the microsecond are dropped.
    pub fn parse(text: &str) -> Option<Self> {
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if seconds.is_empty() || !digits(seconds) || !digits(fraction) {
            return None;
        }
        let seconds: u64 = seconds.parse().ok()?;
        let micros = fraction
            .bytes()
            .take(6)
            .fold((0, 100_000), |(sum, unit), b| (sum + u64::from(b - b'0') * unit, unit / 10));
        Some(Self(seconds.checked_mul(1_000_000)?.checked_add(micros.0)?))
    }

    /// Microseconds from `earlier` to this moment; 0 if it is not earlier.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This moment moved by a signed number of microseconds.
    #[must_use]
    pub fn shifted(self, micros: i64) -> Self {
        Self(self.0.saturating_add_signed(micros))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_proc_uptime_prints() {
        assert_eq!(Time::parse("415.17"), Some(Time(415_170_000)));
        assert_eq!(Time::parse("7"), Some(Time(7_000_000)));
        assert_eq!(Time::parse("0.1234567"), Some(Time(123_456)));
        for bad in ["", ".5", "-1.0", "1,5", "1.5s", "99999999999999999999", "18446744073709551615"]
        {
            assert_eq!(Time::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn prints_what_it_reads(micros in 0..u64::MAX / 2) {
            prop_assert_eq!(Time::parse(&Time(micros).to_string()), Some(Time(micros)));
        }
    }
}

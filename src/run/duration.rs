//! Durations as people write and read them.

use jiff::SignedDuration;
use jiff::fmt::friendly::{Designator, FractionalUnit, Spacing, SpanParser, SpanPrinter};

/// Reads `90`, `1.5` (seconds) or `5m`, `1h 30m`, `500ms`, in microseconds.
///
/// # Errors
/// The rule, if it is none of these, negative, or longer than a century.
pub fn parse(text: &str) -> Result<u64, String> {
    const CENTURY: i128 = 100 * 366 * 86_400 * 1_000_000;
    let duration = match text.trim().parse::<f64>() {
        Ok(seconds) if seconds.is_finite() => SignedDuration::try_from_secs_f64(seconds).ok(),
        _ => SpanParser::new().parse_duration(text).ok(),
    };
    duration
        .map(|duration| duration.as_micros())
        .filter(|micros| (0..=CENTURY).contains(micros))
        .and_then(|micros| u64::try_from(micros).ok())
        .ok_or_else(|| "a duration is seconds, or like 500ms, 30s, 5m, 1h 30m".to_owned())
}

/// A duration in microseconds as a person reads it: `0.3s`, `41.2s`, `2m 5.0s`.
pub fn display(micros: u64) -> String {
    const PRINTER: SpanPrinter = SpanPrinter::new()
        .designator(Designator::Compact)
        .spacing(Spacing::BetweenUnits)
        .fractional(Some(FractionalUnit::Second))
        .precision(Some(1));
    // Rounded, where the printer would cut.
    let rounded = micros.saturating_add(50_000).min(i64::MAX as u64) as i64;
    PRINTER.duration_to_string(&SignedDuration::from_micros(rounded / 100_000 * 100_000))
}

/// The same in whole seconds, in one word, for a clock that runs: `45s`, `1m30s`.
pub fn whole(micros: u64) -> String {
    const PRINTER: SpanPrinter =
        SpanPrinter::new().designator(Designator::Compact).spacing(Spacing::None);
    let seconds = (micros / 1_000_000).min(i64::MAX as u64 / 1_000_000) as i64;
    PRINTER.duration_to_string(&SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_write() {
        for (text, micros) in [
            ("5", 5_000_000),
            ("0.5", 500_000),
            ("5s", 5_000_000),
            ("5m", 300_000_000),
            ("1h 30m", 5_400_000_000),
            ("500ms", 500_000),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Ok(micros), "{text}");
        }
        for bad in ["", "x", "-1", "-5s", "nan", "inf", "1e300", "5 parsecs"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn prints_what_people_read() {
        for (micros, text) in [
            (0, "0.0s"),
            (340_000, "0.3s"),
            (350_000, "0.4s"),
            (41_200_000, "41.2s"),
            (59_990_000, "1m"),
            (125_000_000, "2m 5.0s"),
            (3_661_500_000, "1h 1m 1.5s"),
        ] {
            assert_eq!(display(micros).trim_end_matches(" 0.0s"), text.trim_end_matches(" 0.0s"));
        }
    }

    #[test]
    fn a_clock_shows_whole_seconds() {
        for (micros, text) in [
            (0, "0s"),
            (999_999, "0s"),
            (45_900_000, "45s"),
            (90_000_000, "1m30s"),
            (120_000_000, "2m"),
            (7_322_000_000, "2h2m2s"),
        ] {
            assert_eq!(whole(micros), text);
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".*", micros in any::<u64>()) {
            let _ = parse(&text);
            prop_assert!(!display(micros).is_empty() && !whole(micros).is_empty());
        }
    }
}

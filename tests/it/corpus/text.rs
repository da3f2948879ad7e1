//! Durations, times, limits, and `/proc/PID/stat`.

use meanwhile::process::stat::Stat;
use meanwhile::run::jobs::Jobs;
use meanwhile::run::{Time, duration};

/// Panics if a promise is broken.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(micros) = duration::parse(&text) {
        assert!(!duration::display(micros).is_empty());
    }
    if let Some(time) = Time::parse(&text) {
        assert_eq!(Time::parse(&time.to_string()), Some(time));
        assert!(!duration::display(time.0).is_empty());
        assert_eq!(time.since(time), 0);
        let _ = (time.shifted(i64::MIN), time.shifted(i64::MAX));
    }
    for jobs in [Jobs::of_setting(&text, 8).ok(), Jobs::of_makeflags(&text), Jobs::parse(&text)] {
        if let Some(jobs) = jobs.filter(|jobs| !jobs.to_string().contains(char::is_whitespace)) {
            assert_eq!(Jobs::parse(&jobs.to_string()), Some(jobs));
        }
    }
    if let Some(stat) = Stat::parse(&text) {
        let _ = stat.alive();
        assert!(text.contains(&stat.comm));
    }
}

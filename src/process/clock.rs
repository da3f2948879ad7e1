//! The clocks of a run.

use rustix::time::{ClockId, clock_gettime};

use crate::run::Time;

/// Now, on the kernel's clock since boot.
pub fn now() -> Time {
    Time(micros(ClockId::Boottime))
}

/// Which boot of the machine that clock counts from; none where it is not told.
pub fn boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim_end().to_owned()).filter(|id| !id.is_empty())
}

/// Now, on the wall clock, in microseconds since 1970.
pub fn wall() -> i64 {
    micros(ClockId::Realtime) as i64
}

/// The machine's idle time since boot, summed over its processors, in the
/// form of `/proc/uptime`.
pub fn idle() -> Option<String> {
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    Some(uptime.split_whitespace().nth(1)?.to_owned())
}

/// The machine's processors.
pub fn processors() -> usize {
    // Each has a line in /proc/stat, whatever this process may use of them.
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let is_one = |line: &&str| {
        line.strip_prefix("cpu").is_some_and(|l| l.starts_with(|c: char| c.is_ascii_digit()))
    };
    stat.lines().filter(is_one).count().max(1)
}

/// What `/proc/uptime` lags behind the kernel's clock, in microseconds.
///
/// 0 on an ordinary machine. In a container whose `/proc/uptime` tells the
/// container's age (lxcfs), shells stamp their records with that age.
/// Differences below 0.1 s are the reading's own coarseness.
pub fn skew() -> i64 {
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let Some(uptime) = uptime.split(' ').next().and_then(Time::parse) else { return 0 };
    let lag = now().0 as i64 - uptime.0 as i64;
    if lag.abs() < 100_000 { 0 } else { lag }
}

fn micros(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1_000
}

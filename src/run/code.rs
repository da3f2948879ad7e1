//! Exit codes, each with the reason it has this number.

/// Success.
pub const OK: u8 = 0;
/// A check has found races (the number of linters and of `diff`).
pub const RACES: u8 = 1;
/// The command line was wrong; nothing was started (as in every shell builtin).
pub const USAGE: u8 = 2;
/// A dependency failed, so the task never began.
pub const SKIPPED: u8 = 123;
/// A task's time was up, or `wait --timeout` gave up (the number of coreutils `timeout`).
pub const TIMED_OUT: u8 = 124;
/// meanwhile itself failed (the number of coreutils `timeout`, `env`, `nohup`).
pub const FAILED: u8 = 125;
/// A command that is there but cannot be run (the number of POSIX shells).
pub const CANNOT_RUN: u8 = 126;
/// No task of that name (the number of POSIX `wait` for an unknown pid), or no such
/// command (that of POSIX shells).
pub const UNKNOWN: u8 = 127;
/// Ended by SIGTERM: 128 + 15.
pub const TERMINATED: u8 = 143;
/// A task whose guard was killed with SIGKILL: 128 + 9.
pub const LOST: u8 = 137;

/// The signal that a shell means by this exit code: 128 + N for N in 1..=64.
pub fn signal(code: u8) -> Option<u8> {
    (129..=192).contains(&code).then(|| code - 128)
}

/// The usual name of a signal on Linux (x86-64 and aarch64 agree), if it has one.
pub fn signal_name(signal: u8) -> Option<&'static str> {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
        "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    NAMES.get(usize::from(signal).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_above_128_names_its_signal() {
        assert_eq!(signal(137).and_then(signal_name), Some("KILL"));
        assert_eq!(signal(143).and_then(signal_name), Some("TERM"));
        assert_eq!(signal(159).and_then(signal_name), Some("SYS"));
        assert_eq!(signal(128), None);
        assert_eq!(signal(255), None);
        assert_eq!(signal_name(0), None);
        assert_eq!(signal_name(40), None);
    }
}

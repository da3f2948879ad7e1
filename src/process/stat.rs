//! `/proc/PID/stat`: who a process is, and what it has used.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::run::Time;
use crate::run::task::Process;

/// Clock ticks per second in `/proc`: 100 on every Linux architecture
/// (`USER_HZ`, fixed in the kernel's user-space interface).
const TICKS: u64 = 100;

/// One process at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Its pid.
    pub pid: u32,
    /// Its command name (at most 15 bytes).
    pub comm: String,
    /// Its state letter; `Z` and `X` are dead.
    pub state: char,
    /// Its parent.
    pub ppid: u32,
    /// Its process group; 0 when that is led from outside of this pid namespace.
    pub pgrp: u32,
    /// Its session; 0 likewise.
    pub session: u32,
    /// Its CPU time (user and system) with that of its waited-for children, microseconds.
    pub cpu: u64,
    /// When it started.
    pub started: Time,
    /// The wait status that a zombie has for its parent.
    pub exit_status: Option<i32>,
}

impl Stat {
    /// Reads the process `pid`; none if there is none.
    ///
    /// # Errors
    /// When the system does not tell (`EMFILE`, `ENOMEM`): there may well be one.
    pub fn read(pid: u32) -> std::io::Result<Option<Self>> {
        match fs::read(format!("/proc/{pid}/stat")) {
            Ok(bytes) => Ok(Self::parse(&String::from_utf8_lossy(&bytes))),
            // While it was read, it ended.
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The process `pid`, as far as can be told.
    pub fn of(pid: u32) -> Option<Self> {
        Self::read(pid).ok().flatten()
    }

    /// Whether it still runs (a zombie does not).
    pub fn alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X')
    }

    /// Whether it runs the program that this process runs.
    pub fn is_this_program(&self) -> bool {
        let file = |of: &str| {
            let meta = fs::metadata(format!("/proc/{of}/exe")).ok()?;
            Some((meta.dev(), meta.ino()))
        };
        file("self").is_some_and(|mine| file(&self.pid.to_string()) == Some(mine))
    }

    /// Who it is.
    pub fn process(&self) -> Process {
        Process { pid: self.pid, started: self.started }
    }

    /// All processes.
    pub fn all() -> Vec<Self> {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(Self::of)
            .collect()
    }

    /// Reads the fields of proc(5): the command stands in parentheses and may
    /// hold anything, so the numbers are counted from the last one.
    pub fn parse(text: &str) -> Option<Self> {
        let (head, tail) = text.rsplit_once(')')?;
        let (pid, comm) = head.split_once('(')?;
        let fields: Vec<&str> = tail.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let ticks = |field: usize| number(field)?.checked_mul(1_000_000 / TICKS);
        let state = fields.first()?.chars().next()?;
        let exit_status = number(52).filter(|_| state == 'Z').map(|status| status as i32);
        Some(Self {
            exit_status,
            pid: pid.trim().parse().ok()?,
            comm: comm.to_owned(),
            state,
            ppid: number(4)? as u32,
            pgrp: number(5)? as u32,
            session: number(6)? as u32,
            cpu: (14..=17)
                .try_fold(0, |sum: u64, field| Some(sum.saturating_add(ticks(field)?)))?,
            started: Time(ticks(22)?),
        })
    }
}

/// More generations than a process has.
pub const GENERATIONS: usize = 1000;

/// This process and those that it comes from, as far as they can be seen.
pub fn ancestors() -> Vec<u32> {
    let parent = |pid: &u32| Stat::of(*pid).map(|stat| stat.ppid).filter(|pid| *pid > 0);
    std::iter::successors(Some(std::process::id()), parent).take(GENERATIONS).collect()
}

/// The process that traces this one (a debugger, strace, a check), if any does.
pub fn tracer() -> Option<u32> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("TracerPid:"))?;
    line.trim().parse().ok().filter(|pid| *pid > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_itself() {
        let me = Stat::of(std::process::id()).unwrap();
        assert_eq!(me.pid, std::process::id());
        assert!(me.alive() && me.started > Time(0));
        assert!(Stat::all().iter().any(|stat| stat.pid == me.pid));
    }

    #[test]
    fn a_hostile_command_name_confuses_nothing() {
        let line = "42 (a) S 9 (b) R 7 8 8 0 -1 4 1 2 3 4 10 20 30 40 20 0 1 0 4117 1 1";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.pid, stat.comm.as_str(), stat.ppid), (42, "a) S 9 (b", 7));
        assert_eq!((stat.pgrp, stat.cpu, stat.started), (8, 1_000_000, Time(41_170_000)));
        assert_eq!(Stat::parse("42 (short) S 1"), None);
        let most = u64::MAX / 10_000;
        let absurd = format!("1 (x) S 1 1 1 0 -1 4 1 2 3 4 {most} {most} {most} {most} 2 0 1 0 1");
        assert_eq!(Stat::parse(&absurd).map(|stat| stat.cpu), Some(u64::MAX));
    }
}

//! What is below this process: everything that it or its children started,
//! if it is a subreaper: an orphan is then its child.

use std::collections::HashMap;

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::kill::{self, Survivor};
use super::stat::Stat;

/// Makes this process the parent of all orphans below it.
///
/// # Errors
/// When the system refuses; then orphans escape.
pub fn adopt_orphans() -> std::io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// Whether it can be; it is not afterwards.
///
/// # Errors
/// When the system refuses.
pub fn try_to_adopt() -> std::io::Result<()> {
    adopt_orphans()?;
    Ok(rustix::process::set_child_subreaper(None)?)
}

/// The live processes below this one.
pub fn all() -> Vec<Stat> {
    let mut children: HashMap<u32, Vec<Stat>> = HashMap::new();
    for process in Stat::all() {
        children.entry(process.ppid).or_default().push(process);
    }
    let mut found: Vec<Stat> = children.remove(&std::process::id()).unwrap_or_default();
    let mut next = 0;
    while let Some(process) = found.get(next) {
        found.extend(children.remove(&process.pid).unwrap_or_default());
        next += 1;
    }
    found.retain(Stat::alive);
    found
}

/// Whether the process `pid` is below this one.
pub fn is_below(pid: u32) -> bool {
    let me = std::process::id();
    let parent = |pid: &u32| Stat::of(*pid).map(|stat| stat.ppid);
    // A pid may go round while the way is walked; it is not endless.
    std::iter::successors(parent(&pid), parent).take(1000).any(|ancestor| ancestor == me)
}

/// Reaps the children that have ended.
pub fn reap() {
    children().into_iter().for_each(reap_one);
}

/// The same, but for `spared`.
pub fn reap_all_but(spared: u32) {
    children().into_iter().filter(|child| *child != spared).for_each(reap_one);
}

fn reap_one(child: u32) {
    if let Some(pid) = Pid::from_raw(child as i32) {
        let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
    }
}

fn children() -> Vec<u32> {
    let me = std::process::id();
    match std::fs::read_to_string(format!("/proc/self/task/{me}/children")) {
        Ok(list) => list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect(),
        // A kernel without such lists.
        Err(_) => Stat::all().into_iter().filter(|s| s.ppid == me).map(|s| s.pid).collect(),
    }
}

/// Kills everything below but what is `spared`; returns what is still there.
pub fn kill_all(spared: impl Fn(&Stat) -> bool) -> Vec<Survivor> {
    kill::kill_all(|| {
        let below = all().into_iter().filter(|stat| !spared(stat));
        below.map(|stat| (None, stat)).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_below_and_a_parent_is_not() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        assert!(all().iter().any(|stat| stat.pid == child.id()));
        assert!(is_below(child.id()));
        let parent = Stat::of(std::process::id()).unwrap().ppid;
        assert!(!is_below(parent) && !is_below(std::process::id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

//! A control group for a task, where this process may make one: of all marks
//! the only one that no process can get rid of.
//!
//! It takes a group of the unified hierarchy (cgroup v2) that was delegated
//! to this user: it belongs to them, or systemd has marked it
//! (`user.delegate`, CGROUP_DELEGATION of systemd). The group is a mark alone;
//! no controller is switched on, and the guard, which is in it with its task,
//! is not killed with it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::clock;

/// What the names of our groups begin with.
const PREFIX: &str = "meanwhile-";

/// Makes a group for the process `guard` and what it will start, and moves it
/// there; none where that is not granted.
pub fn enter(guard: u32) -> Option<PathBuf> {
    if guard <= 1 {
        return None;
    }
    let group = delegated()?.join(format!("{PREFIX}{guard}-{}", clock::now().0));
    fs::create_dir(&group).ok()?;
    if fs::write(group.join("cgroup.procs"), guard.to_string()).is_err() {
        leave(&group);
        return None;
    }
    Some(group)
}

/// Makes a group and removes it.
///
/// # Errors
/// Why none can be made.
pub fn try_one() -> Result<(), String> {
    let Some(around) = delegated() else {
        return Err("none is delegated to this user".to_owned());
    };
    let group = around.join(format!("{PREFIX}{}-{}", std::process::id(), clock::now().0));
    fs::create_dir(&group).map_err(|error| error.to_string())?;
    leave(&group);
    Ok(())
}

/// The processes in a group that [`enter`] made.
pub fn members(group: &Path) -> Vec<u32> {
    let text = if is_ours(group) {
        fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default()
    } else {
        String::new()
    };
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Removes a group that [`enter`] made, if nobody is in it.
pub fn leave(group: &Path) {
    if is_ours(group) {
        let _ = fs::remove_dir(group);
    }
}

fn is_ours(group: &Path) -> bool {
    let name = group.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(PREFIX)) && group.join("cgroup.procs").exists()
}

/// The group that this process is in, if it may make others in there.
fn delegated() -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let group = mounts.lines().find_map(|line| mounted(line, own))?;
    let me = rustix::process::geteuid();
    let owner = fs::metadata(&group).ok()?.uid();
    let granted = (owner == me.as_raw() && !me.is_root()) || marked(&group);
    let printable = group.to_str()?.bytes().all(|b| b.is_ascii_graphic());
    let open = rustix::fs::access(&group, rustix::fs::Access::WRITE_OK).is_ok();
    (granted && printable && open).then_some(group)
}

/// Where the group `own` is found under this mount (a line of
/// proc_pid_mountinfo(5)), if the unified hierarchy is mounted there.
fn mounted(line: &str, own: &str) -> Option<PathBuf> {
    let (place, kind) = line.split_once(" - ")?;
    if kind.split(' ').next() != Some("cgroup2") {
        return None;
    }
    let mut fields = place.split(' ').skip(3);
    let (root, point) = (fields.next()?, fields.next()?);
    let within = Path::new(own).strip_prefix(root).ok()?;
    Some(Path::new(point).join(within))
}

fn marked(group: &Path) -> bool {
    ["user.delegate", "trusted.delegate"].iter().any(|name| {
        let mut value = [0; 8];
        rustix::fs::getxattr(group, *name, &mut value).is_ok_and(|length| &value[..length] == b"1")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_under_its_mount() {
        let line = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw";
        assert_eq!(mounted(line, "/a/b"), Some("/sys/fs/cgroup/a/b".into()));
        let inner = "30 23 0:26 /docker/x /cg rw - cgroup2 none rw";
        assert_eq!(mounted(inner, "/docker/x/y"), Some("/cg/y".into()));
        assert_eq!(mounted(inner, "/elsewhere"), None);
        assert_eq!(mounted("22 1 0:20 / /proc rw - proc proc rw", "/"), None);
        assert!(members(Path::new("/etc")).is_empty(), "nothing else is taken for one");
    }
}

//! How many more processes may be forked: at the limit a shell gives up, and
//! takes its script along.
//!
//! Two limits are looked at: `RLIMIT_NPROC`, on the threads of a user
//! (getrlimit(2); none for root and the like), and `pids.max` of the control
//! groups around this process.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit, getuid};

/// One limit: how many there may be, and how many there are.
struct Limit {
    most: u64,
    used: u64,
}

/// The lowest of the limits on how many processes there may be, if there is any.
pub fn ceiling() -> Option<u64> {
    limits().into_iter().map(|limit| limit.most).min()
}

/// How many more processes there may be, if that is limited.
pub fn left() -> Option<u64> {
    limits().into_iter().map(|limit| limit.most.saturating_sub(limit.used)).min()
}

fn limits() -> Vec<Limit> {
    let mut limits = groups();
    if let Some(most) = getrlimit(Resource::Nproc).current.filter(|_| !exempt()) {
        limits.push(Limit { most, used: threads() });
    }
    limits
}

/// Whether `RLIMIT_NPROC` does not bind this process: it is root's, or may
/// administer the system or its resources (capabilities 21 and 24).
fn exempt() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix("CapEff:")?.trim(), 16).ok())
        .unwrap_or(0);
    getuid().is_root() || effective & (1 << 21 | 1 << 24) != 0
}

/// The threads of this process's user.
fn threads() -> u64 {
    use std::os::unix::fs::MetadataExt;
    let me = getuid().as_raw();
    let Ok(entries) = fs::read_dir("/proc") else { return 0 };
    let mine = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let numeric = entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit);
        (numeric && entry.metadata().ok()?.uid() == me).then(|| entry.path())
    });
    let count = |process: PathBuf| fs::read_dir(process.join("task")).map_or(0, Iterator::count);
    mine.map(count).sum::<usize>() as u64
}

/// The limits of the control groups that this process is in.
fn groups() -> Vec<Limit> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut limits = Vec::new();
    for line in own.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let roots = match controllers {
            "" => ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"],
            "pids" => ["/sys/fs/cgroup/pids", ""],
            _ => continue,
        };
        for root in roots.into_iter().filter(|root| !root.is_empty()) {
            let inner = Path::new(root).join(path.trim_start_matches('/'));
            let around = inner.ancestors().take_while(|group| group.starts_with(root));
            limits.extend(around.filter_map(group));
        }
    }
    limits
}

fn group(path: &Path) -> Option<Limit> {
    let number = |file| fs::read_to_string(path.join(file)).ok()?.trim().parse().ok();
    Some(Limit { most: number("pids.max")?, used: number("pids.current")? })
}

//! What the tracer cannot see, or changes by being there.
//!
//! - A process in another root or mount namespace names other files by the
//!   same paths. It is left alone from then on.
//! - Without privileges of its own, the tracer takes them from set-user-ID
//!   programs: the kernel does not let a process raise what another controls.
//! - Nobody can be traced twice: a tracer among the tracees is refused by the kernel.

use rustix::fs::StatVfsMountFlags;
use rustix::io::Errno;

use super::file::{File, proc_link};
use super::table::Who;
use super::tracer::Tracer;
use crate::run::footprint::{Blind, FileId};

impl Tracer {
    /// Something was not seen.
    pub(super) fn gap(&mut self, why: Blind, who: Who) {
        self.recorder.gap(why, who.group, who.program);
    }

    /// What is to be had of a tracee. If that is refused, something is not seen; of what is gone by
    /// now, nobody misses anything.
    pub(super) fn had<T>(&mut self, who: Who, got: Result<T, Errno>) -> Option<T> {
        if let Err(Errno::PERM | Errno::ACCESS) = got {
            self.gap(Blind::Unreadable, who);
        }
        got.ok()
    }

    /// A process asks to be traced, or to trace this one.
    pub(super) fn traces(&mut self, who: Who, other: u32, asks: bool) {
        if asks || self.table.threads.contains_key(&other) {
            self.gap(Blind::Ptrace, who);
        }
    }

    /// A process has changed its root, mounts or mount namespace.
    pub(super) fn moved(&mut self, who: Who) {
        self.forget();
        let elsewhere = is_elsewhere(who.pid);
        if elsewhere && !who.elsewhere {
            self.gap(Blind::Elsewhere, who);
        }
        if let Some(process) = self.table.process(who.tid) {
            process.elsewhere = elsewhere;
        }
    }

    /// A process has begun a program: whether it is what it would be untraced.
    pub(super) fn ran(&mut self, who: Who, program: &[u8], file: File) {
        let raised = file.mode & libc::S_ISUID != 0 && !is_nosuid(program);
        let lost = raised && effective_user(who.pid).is_some_and(|user| user != file.owner);
        // Root has all capabilities, whatever the file says.
        let limited = self.unprivileged && self.has_capabilities(program, file.id);
        if lost || (limited && effective_user(who.pid) != Some(0)) {
            self.gap(Blind::Setuid, who);
        }
    }

    fn has_capabilities(&mut self, program: &[u8], id: FileId) -> bool {
        let ask = || {
            let mut value = [0u8; 64];
            rustix::fs::getxattr(program, "security.capability", &mut value[..]).is_ok()
        };
        *self.capabilities.entry(id).or_insert_with(ask)
    }
}

/// Whether a path means something else to a process than to this one.
fn is_elsewhere(pid: u32) -> bool {
    let namespace = |of: &str| std::fs::read_link(format!("/proc/{of}/ns/mnt")).ok();
    let mine = namespace("self");
    mine.is_none()
        || namespace(&pid.to_string()) != mine
        || proc_link(pid, "root").as_deref() != Some(b"/")
}

fn is_nosuid(program: &[u8]) -> bool {
    rustix::fs::statvfs(program).is_ok_and(|fs| fs.f_flag.contains(StatVfsMountFlags::NOSUID))
}

/// As whom a process acts.
fn effective_user(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

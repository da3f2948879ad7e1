//! Guards of tasks, by what they do first: a shell's writes its `.argv`, and
//! this program's is told by its arguments. With a guard a group begins.

use super::resolve::{proc_link, stat};
use super::table::Who;
use super::tracer::Tracer;
use crate::run::footprint::Op;

impl Tracer {
    /// Some opens say what becomes of a run.
    pub(super) fn heed(&mut self, who: Who, path: &[u8], flags: u32) {
        let has = |flag: i32| flags & flag as u32 != 0;
        if let (true, Some(dir)) = (has(libc::O_APPEND), path.strip_suffix(b"/journal")) {
            self.recorder.advance();
            if who.own
                && has(libc::O_EXCL)
                && let Ok(dir) = self.paths.directory(dir)
            {
                self.recorder.run(&dir.path);
            }
        }
        if has(libc::O_CREAT) && !has(libc::O_APPEND) && path.ends_with(b".argv") {
            self.begin_group(who.tid);
        }
    }

    /// A process is a task's guard. (If it is not, no harm is done.)
    pub(super) fn begin_group(&mut self, tid: u32) {
        let Some(process) = self.table.process(tid) else { return };
        if process.leads {
            return;
        }
        process.group = self.recorder.group(process.group, process.pid, process.born);
        process.leads = true;
        if let Some(who) = self.table.who(tid) {
            self.inherits(Who { own: false, ..who });
        }
    }

    /// The task can write to what its guard has open for writing. (That in the
    /// run's directory is nobody else's.)
    fn inherits(&mut self, who: Who) {
        let Ok(entries) = std::fs::read_dir(format!("/proc/{}/fd", who.pid)) else { return };
        for entry in entries.flatten() {
            let Some(fd) = entry.file_name().to_str().map(str::to_owned) else { continue };
            let name = format!("fd/{fd}");
            let file = stat(format!("/proc/{}/{name}", who.pid).as_bytes(), true);
            let Some(file) = file.ok().filter(super::resolve::File::is_regular) else { continue };
            if is_writable(who.pid, &fd)
                && let Some(path) = proc_link(who.pid, &name)
            {
                self.touch(who, Op::Inherit, &path, Some(file.id));
            }
        }
    }
}

/// Whether a descriptor is open for writing.
fn is_writable(pid: u32, fd: &str) -> bool {
    let info = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & libc::O_ACCMODE != libc::O_RDONLY)
}

/// Whether a process of this program is the guard of a task.
pub fn is_guard(pid: u32) -> bool {
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    words.split(|b| *b == 0).nth(1) == Some(b"__guard")
}

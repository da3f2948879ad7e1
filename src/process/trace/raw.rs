//! The tracer's system calls that no safe crate offers: ptrace(2) with all
//! signals and stops (nix knows no real-time signals and no `PTRACE_LISTEN`),
//! seccomp(2), and a fork whose child waits to be traced.

#![expect(unsafe_code, reason = "these calls have no safe wrapper yet")]

use std::ffi::{CStr, CString, c_char, c_void};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::io::Errno;

use super::User;
use super::spawn::Stage;
use crate::process::raw::Inherited;

/// Requests of ptrace(2); libc has them in a type of each C library's own, if at all.
const SEIZE: u32 = 0x4206;
const LISTEN: u32 = 0x4208;
const CONT: u32 = 7;
const SYSCALL: u32 = 24;
const GETEVENTMSG: u32 = 0x4201;
const GET_SYSCALL_INFO: u32 = 0x420e;
#[cfg(target_arch = "x86_64")]
const POKEUSER: u32 = 6;
#[cfg(target_arch = "aarch64")]
const GETREGSET: u32 = 0x4204;
#[cfg(target_arch = "aarch64")]
const SETREGSET: u32 = 0x4205;
#[cfg(target_arch = "aarch64")]
const NT_ARM_SYSTEM_CALL: usize = 0x404;

/// What a tracee's new children, execs and filtered calls do: they stop it.
/// TRACESYSGOOD, FORK, VFORK, CLONE, EXEC, SECCOMP, EXITKILL.
const OPTIONS: usize = 1 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 7 | 1 << 20;

/// One ptrace(2) request.
fn ptrace(request: u32, tid: u32, at: usize, data: usize) -> io::Result<u64> {
    // SAFETY: the requests made here take numbers, or addresses that their
    // callers keep valid for as many bytes as the request wants.
    let result = unsafe {
        libc::ptrace(request as _, tid as libc::pid_t, at as *mut c_void, data as *mut c_void)
    };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result as u64) }
}

/// Traces a process from now on, and all that comes of it; it is not stopped.
/// If this process is killed, so are they.
pub fn seize(pid: u32) -> io::Result<()> {
    ptrace(SEIZE, pid, 0, OPTIONS).map(drop)
}

/// How a stopped tracee goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// To its next stop.
    On,
    /// To the end of the call that it is in.
    ToExit,
    /// Not at all: it stays stopped, as its job is, until that is continued.
    Listen,
}

/// Lets a tracee go on, with a signal or none (0). One that is gone is no matter.
pub fn resume(tid: u32, how: Resume, signal: i32) {
    let request = match how {
        Resume::On => CONT,
        Resume::ToExit => SYSCALL,
        Resume::Listen => LISTEN,
    };
    let _ = ptrace(request, tid, 0, signal as usize);
}

/// What the kernel says along with an event: a new pid, or a former one.
pub fn message(tid: u32) -> Option<u32> {
    let mut message: libc::c_ulong = 0;
    ptrace(GETEVENTMSG, tid, 0, (&raw mut message) as usize).ok()?;
    u32::try_from(message).ok()
}

/// `struct ptrace_syscall_info` of linux/ptrace.h; the union as words.
#[repr(C)]
#[derive(Default)]
struct Info {
    op: u8,
    reserved: [u8; 3],
    arch: u32,
    instruction: u64,
    stack: u64,
    words: [u64; 8],
}

/// Why a tracee is stopped, as far as calls go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Before a call that the filter picked.
    Before {
        /// The call's number.
        number: u64,
        /// The arguments.
        arguments: [u64; 6],
        /// What the filter says along with it.
        data: u16,
    },
    /// Behind a call.
    After {
        /// What it returned; an error is negative.
        result: i64,
    },
    /// Neither.
    Elsewhere,
}

fn info(tid: u32) -> Option<Info> {
    let mut info = Info::default();
    ptrace(GET_SYSCALL_INFO, tid, size_of::<Info>(), (&raw mut info) as usize).ok()?;
    Some(info)
}

/// Where a stopped tracee is; none if it is gone.
pub fn stopped(tid: u32) -> Option<Stopped> {
    let Info { op, words, .. } = info(tid)?;
    Some(match op {
        2 => Stopped::After { result: words[0] as i64 },
        3 => {
            let mut arguments = [0; 6];
            arguments.copy_from_slice(&words[1..7]);
            Stopped::Before { number: words[0], arguments, data: words[7] as u16 }
        }
        _ => Stopped::Elsewhere,
    })
}

/// The architecture (`AUDIT_ARCH_…`) that a stopped tracee makes its calls in.
pub fn architecture(tid: u32) -> Option<u32> {
    info(tid).map(|info| info.arch)
}

/// Reads a tracee's memory; how much of it was there.
///
/// # Errors
/// `EPERM`, if this process may not; others are the tracee's own.
pub fn read_memory(tid: u32, at: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
    let local = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let remote = libc::iovec { iov_base: at as *mut c_void, iov_len: buffer.len() };
    // SAFETY: writes at most `buffer.len()` bytes to `buffer`; the other
    // address is the tracee's, which the kernel checks.
    let read = unsafe {
        libc::process_vm_readv(tid as libc::pid_t, &raw const local, 1, &raw const remote, 1, 0)
    };
    usize::try_from(read).map_err(|_| Errno::from_raw_os_error(errno()))
}

/// Makes a tracee that is stopped before a call not make it: it fails with `ENOSYS`.
#[cfg(target_arch = "x86_64")]
pub fn refuse(tid: u32) {
    // (What is to be returned is ENOSYS already, there.)
    let at = std::mem::offset_of!(libc::user_regs_struct, orig_rax);
    let _ = ptrace(POKEUSER, tid, at, usize::MAX);
}

/// Changes the first argument of the call that a tracee is stopped before.
#[cfg(target_arch = "x86_64")]
pub fn set_first_argument(tid: u32, value: u64) {
    let at = std::mem::offset_of!(libc::user_regs_struct, rdi);
    let _ = ptrace(POKEUSER, tid, at, value as usize);
}

/// Makes a tracee that is stopped before a call not make it: it fails with `ENOSYS`.
#[cfg(target_arch = "aarch64")]
pub fn refuse(tid: u32) {
    let mut none: libc::c_int = -1;
    let _ = registers(SETREGSET, tid, NT_ARM_SYSTEM_CALL, &mut none);
    set_first_argument(tid, i64::from(-libc::ENOSYS) as u64);
}

/// Changes the first argument of the call that a tracee is stopped before,
/// which is also where its result will be.
#[cfg(target_arch = "aarch64")]
pub fn set_first_argument(tid: u32, value: u64) {
    const NT_PRSTATUS: usize = 1;
    // struct user_pt_regs: 31 registers, stack, instruction, state.
    let mut all = [0u64; 34];
    if registers(GETREGSET, tid, NT_PRSTATUS, &mut all).is_ok() {
        all[0] = value;
        let _ = registers(SETREGSET, tid, NT_PRSTATUS, &mut all);
    }
}

/// Reads or writes a set of a tracee's registers.
#[cfg(target_arch = "aarch64")]
fn registers<T>(request: u32, tid: u32, set: usize, values: &mut T) -> io::Result<()> {
    let mut vector = libc::iovec { iov_base: (&raw mut *values).cast(), iov_len: size_of::<T>() };
    ptrace(request, tid, set, (&raw mut vector) as usize).map(drop)
}

/// Elsewhere nothing is traced (see `filter`).
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub fn refuse(_: u32) {}

/// As above.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub fn set_first_argument(_: u32, _: u64) {}

/// All that a child needs between its fork and its exec, where nothing may be
/// allocated.
pub struct Child<'a> {
    /// The program.
    pub program: &'a CStr,
    /// Its arguments.
    pub argv: &'a [CString],
    /// Its environment.
    pub environment: &'a [CString],
    /// The filter.
    pub filter: &'a [libc::sock_filter],
    /// Who it becomes.
    pub user: Option<&'a User>,
    /// The signals as it is to find them.
    pub signals: Inherited,
    /// A byte is read from here when it is traced.
    pub go: OwnedFd,
    /// The other end: the child must not be the one that keeps it open.
    pub starter: &'a OwnedFd,
    /// What went wrong is written here: a [`Stage`] and an error number.
    pub report: OwnedFd,
}

/// Forks a child that waits for its `go`, sets itself up, and runs its program.
pub fn fork(child: &Child<'_>) -> io::Result<u32> {
    let pointers = |strings: &[CString]| -> Vec<*const c_char> {
        strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (argv, environment) = (pointers(child.argv), pointers(child.environment));
    // SAFETY: the child only makes system calls on memory that was set up
    // before, and ends in an exec or an exit.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let (stage, error) = become_program(child, &argv, &environment);
            report(child, stage, error);
            // SAFETY: ends this process without running anything of its parent's.
            unsafe { libc::_exit(127) }
        }
        pid => Ok(pid as u32),
    }
}

fn report(child: &Child<'_>, stage: Stage, error: i32) {
    let [a, b, c, d] = error.to_ne_bytes();
    let record = [stage as u8, a, b, c, d];
    // SAFETY: reads `record`, which outlives the call.
    unsafe { libc::write(child.report.as_raw_fd(), record.as_ptr().cast(), record.len()) };
}

fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// Returns only if something went wrong.
fn become_program(
    child: &Child<'_>,
    argv: &[*const c_char],
    environment: &[*const c_char],
) -> (Stage, i32) {
    // SAFETY: closes a descriptor that this process only has a copy of, and never uses.
    unsafe { libc::close(child.starter.as_raw_fd()) };
    let mut byte = 0u8;
    // SAFETY: writes one byte to `byte`.
    while unsafe { libc::read(child.go.as_raw_fd(), (&raw mut byte).cast(), 1) } != 1 {
        if errno() != libc::EINTR {
            return (Stage::Go, errno());
        }
    }
    crate::process::raw::restore_signals(child.signals);
    let program = libc::sock_fprog {
        len: child.filter.len() as u16,
        filter: child.filter.as_ptr().cast_mut(),
    };
    let filter = || {
        // SAFETY: the kernel copies the filter, which outlives the call.
        let done = unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
                &raw const program,
            )
        };
        if done == 0 { 0 } else { errno() }
    };
    // With privileges a filter may stand without this, and set-user-ID
    // programs keep theirs.
    let mut failed = filter();
    if failed == libc::EACCES {
        report(child, Stage::NoNewPrivileges, 0);
        // SAFETY: takes numbers only.
        unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1u64, 0u64, 0u64, 0u64) };
        failed = filter();
    }
    if failed != 0 {
        return (Stage::Filter, failed);
    }
    if let Some(user) = child.user {
        // Not by the C library's functions, which mean all threads, and there is one.
        // SAFETY: reads the numbers of the groups, as many as there are.
        let done = unsafe {
            libc::syscall(libc::SYS_setgroups, user.groups.len(), user.groups.as_ptr()) == 0
                && libc::syscall(libc::SYS_setresgid, user.gid, user.gid, user.gid) == 0
                && libc::syscall(libc::SYS_setresuid, user.uid, user.uid, user.uid) == 0
        };
        if !done {
            return (Stage::User, errno());
        }
    }
    // SAFETY: strings and arrays end in nulls and outlive the call.
    unsafe { libc::execve(child.program.as_ptr(), argv.as_ptr(), environment.as_ptr()) };
    (Stage::Exec, errno())
}

/// Looks a user up by name or, failing that, by number.
pub fn user(name: &CStr) -> Option<User> {
    let mut buffer = vec![0 as c_char; 64 * 1024];
    let mut entry = std::mem::MaybeUninit::<libc::passwd>::uninit();
    let mut found: *mut libc::passwd = std::ptr::null_mut();
    let number: Option<u32> = name.to_str().ok().and_then(|name| name.parse().ok());
    // SAFETY: all of `entry`, `buffer` and `found` outlive the calls.
    unsafe {
        let (entry, to, room) = (entry.as_mut_ptr(), buffer.as_mut_ptr(), buffer.len());
        libc::getpwnam_r(name.as_ptr(), entry, to, room, &raw mut found);
        if let (true, Some(number)) = (found.is_null(), number) {
            libc::getpwuid_r(number, entry, to, room, &raw mut found);
        }
    }
    if found.is_null() {
        return None;
    }
    // SAFETY: it was found, so the entry is filled in, with strings in `buffer`.
    let (entry, name, home) = unsafe {
        let entry = entry.assume_init();
        (entry, CStr::from_ptr(entry.pw_name).to_owned(), CStr::from_ptr(entry.pw_dir).to_owned())
    };
    let mut groups = vec![0; 64];
    loop {
        let mut count = groups.len() as libc::c_int;
        // SAFETY: writes at most `count` numbers to `groups`, and says how many there are.
        let enough = unsafe {
            libc::getgrouplist(name.as_ptr(), entry.pw_gid, groups.as_mut_ptr(), &raw mut count)
        };
        let more = count as usize > groups.len();
        groups.resize(count as usize, 0);
        if enough >= 0 || !more {
            break;
        }
    }
    let text = |s: CString| std::os::unix::ffi::OsStringExt::from_vec(s.into_bytes());
    Some(User { uid: entry.pw_uid, gid: entry.pw_gid, groups, name: text(name), home: text(home) })
}

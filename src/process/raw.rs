//! The system calls that no safe crate offers yet. The only `unsafe` code.

#![expect(unsafe_code, reason = "these calls have no safe wrapper yet")]

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;

/// Closes all descriptors but the standard three: what a long-lived process
/// must do with the files and pipes that its caller happened to have open.
pub fn close_inherited() {
    // SAFETY: close_range takes numbers only. The caller holds no descriptor
    // above 2: this is called before any is opened.
    unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
}

/// Makes INT, TERM and HUP do nothing to this process but leave the programs
/// it starts with the default (which an ignored signal would not).
pub fn outlive_polite_signals() {
    extern "C" fn nothing(_: libc::c_int) {}
    let handler = nothing as extern "C" fn(libc::c_int);
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: the handler does nothing, so it is safe at any moment.
        unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    }
}

/// Has the kernel kill this process when its parent ends.
pub fn die_with_parent() {
    // SAFETY: prctl with these arguments takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong) };
}

/// Whether another open file description can write to this file.
///
/// A read lease is refused (`EAGAIN`) exactly while somebody has the file
/// open for writing (fcntl(2)); it is given back when `file` is closed. Where
/// the file system has no leases the answer is no.
pub fn has_writer(file: impl AsFd) -> bool {
    let fd = file.as_fd().as_raw_fd();
    // SAFETY: F_SETLEASE takes an int and touches no memory of ours; the
    // descriptor is borrowed and so open.
    let taken = unsafe { libc::fcntl(fd, libc::F_SETLEASE, libc::F_RDLCK) };
    if taken == 0 {
        // SAFETY: as above.
        unsafe { libc::fcntl(fd, libc::F_SETLEASE, libc::F_UNLCK) };
        return false;
    }
    std::io::Error::last_os_error().raw_os_error() == Some(libc::EAGAIN)
}

/// What a lock on a byte does to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// It keeps all others out.
    Exclusive,
    /// It keeps exclusive ones out.
    Shared,
}

/// Locks one byte of a file for the open file description (`F_OFD_SETLK` of
/// fcntl(2)): it is held by whoever has that description, across fork and
/// exec, until it is unlocked or the last of them has closed it or died.
/// False if another keeps it out and this shall not `wait`.
///
/// # Errors
/// What fcntl(2) says. A signal does not interrupt the waiting.
pub fn lock_byte(file: impl AsFd, at: u64, lock: Lock, wait: bool) -> std::io::Result<bool> {
    let kind = match lock {
        Lock::Exclusive => libc::F_WRLCK,
        Lock::Shared => libc::F_RDLCK,
    };
    set_lock(file, at, kind, if wait { libc::F_OFD_SETLKW } else { libc::F_OFD_SETLK })
}

/// Gives the lock on one byte back.
///
/// # Errors
/// What fcntl(2) says.
pub fn unlock_byte(file: impl AsFd, at: u64) -> std::io::Result<()> {
    set_lock(file, at, libc::F_UNLCK, libc::F_OFD_SETLK).map(drop)
}

fn set_lock(file: impl AsFd, at: u64, kind: i32, command: i32) -> std::io::Result<bool> {
    let mut lock = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: at as libc::off_t,
        l_len: 1,
        l_pid: 0, // as OFD locks want it
    };
    loop {
        // SAFETY: `lock` outlives the call; the descriptor is borrowed and so open.
        if unsafe { libc::fcntl(file.as_fd().as_raw_fd(), command, &raw mut lock) } == 0 {
            return Ok(true);
        }
        let error = std::io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EAGAIN | libc::EACCES) if command == libc::F_OFD_SETLK => return Ok(false),
            _ => return Err(error),
        }
    }
}

/// The wait status of a process that has ended, as `wait` would give it to
/// its parent. Needs Linux 6.15; none before, and none if it is not known.
pub fn exit_status(pidfd: impl AsFd) -> Option<i32> {
    // struct pidfd_info of linux/pidfd.h in its first published size: `ids`
    // are pid, tgid, ppid and four pairs of uid and gid.
    #[repr(C)]
    #[derive(Default)]
    struct PidfdInfo {
        mask: u64,
        cgroupid: u64,
        ids: [u32; 11],
        exit_code: i32,
    }
    const PIDFD_INFO_EXIT: u64 = 1 << 3;
    const DIR_READ_WRITE: libc::c_ulong = 3;
    const PIDFS_MAGIC: libc::c_ulong = 0xFF;
    const PIDFD_GET_INFO: libc::c_ulong = (DIR_READ_WRITE << 30)
        | ((size_of::<PidfdInfo>() as libc::c_ulong) << 16)
        | (PIDFS_MAGIC << 8)
        | 0xB;

    let mut info = PidfdInfo { mask: PIDFD_INFO_EXIT, ..PidfdInfo::default() };
    let fd = pidfd.as_fd().as_raw_fd();
    // SAFETY: the kernel writes at most the size that the request encodes,
    // which is the size of `info`; an older kernel refuses the request.
    let rc = unsafe { libc::ioctl(fd, PIDFD_GET_INFO as _, &raw mut info) };
    (rc == 0 && info.mask & PIDFD_INFO_EXIT != 0).then_some(info.exit_code)
}

/// The exit code a shell would give for a wait status.
pub fn shell_code(status: i32) -> u8 {
    if libc::WIFSIGNALED(status) {
        128 + (libc::WTERMSIG(status) & 0x7f) as u8
    } else {
        libc::WEXITSTATUS(status) as u8
    }
}

/// Whether SIGPIPE was ignored when this program was started. Only code that
/// runs before `main` can know: Rust's runtime ignores it then.
static PIPE_WAS_IGNORED: AtomicBool = AtomicBool::new(false);

#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = {
    extern "C" fn look() {
        PIPE_WAS_IGNORED.store(is_ignored(libc::SIGPIPE), Ordering::Relaxed);
        refuse_output();
    }
    look
};

/// Makes writes to a closed standard output fail (`EBADF`), as they do in
/// other programs: Rust's runtime would open /dev/null there for writing, and
/// output would be lost without a word.
fn refuse_output() {
    // SAFETY: only a number that is no open descriptor is given a meaning.
    unsafe {
        if libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) != -1 {
            return;
        }
        let fd = libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY);
        if fd >= 0 && fd != libc::STDOUT_FILENO {
            libc::dup2(fd, libc::STDOUT_FILENO);
            libc::close(fd);
        }
    }
}

fn is_ignored(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action this only fills in `action`, which is read
    // only if it did.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// What a program finds when it is started, as far as [`take_signals`]
/// changes it.
#[derive(Clone, Copy)]
pub struct Inherited {
    mask: libc::sigset_t,
    pipe_ignored: bool,
    child_ignored: bool,
}

/// Signals that say that this very process did something wrong: they are not
/// taken.
const OWN_FAULTS: [i32; 10] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGSYS,
    libc::SIGABRT,
    libc::SIGPIPE,
    libc::SIGXCPU,
    libc::SIGXFSZ,
];

/// From here on signals do nothing to this process but become readable from
/// the descriptor (signalfd(2)). Those that were ignored stay ignored, except
/// CHLD, for then the kernel would keep no child's exit code. With `children`
/// off CHLD is left out: it does nothing.
///
/// # Errors
/// When there are no descriptors left.
pub fn take_signals(children: bool) -> std::io::Result<(OwnedFd, Inherited)> {
    let mut taken = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    let mut mask = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    let child_ignored = is_ignored(libc::SIGCHLD);
    // SAFETY: both sets are filled in before they are read; signalfd makes a
    // descriptor that nobody else knows.
    unsafe {
        if child_ignored {
            libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        }
        libc::sigfillset(taken.as_mut_ptr());
        for signal in 1..=libc::SIGRTMAX() {
            let left_out = signal == libc::SIGCHLD && !children;
            if OWN_FAULTS.contains(&signal) || is_ignored(signal) || left_out {
                libc::sigdelset(taken.as_mut_ptr(), signal);
            }
        }
        let taken = taken.assume_init();
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const taken, mask.as_mut_ptr());
        let mask = mask.assume_init();
        let fd = libc::signalfd(-1, &raw const taken, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        if fd < 0 {
            let error = std::io::Error::last_os_error();
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const mask, std::ptr::null_mut());
            return Err(error);
        }
        let pipe_ignored = PIPE_WAS_IGNORED.load(Ordering::Relaxed);
        Ok((OwnedFd::from_raw_fd(fd), Inherited { mask, pipe_ignored, child_ignored }))
    }
}

/// Lets signals do again what they did before [`take_signals`], those too that have come since.
pub fn give_back_signals(inherited: Inherited) {
    let mask = inherited.mask;
    // SAFETY: the set is an initialised copy.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const mask, std::ptr::null_mut()) };
}

/// Makes `command` find the signals as this program found them.
pub fn pass_on(command: &mut Command, inherited: Inherited) {
    let restore = move || {
        restore_signals(inherited);
        Ok(())
    };
    // SAFETY: the closure only makes system calls and allocates nothing.
    unsafe { command.pre_exec(restore) };
}

/// The same for a child of this process, between its fork and its exec: it
/// only makes system calls.
pub fn restore_signals(inherited: Inherited) {
    let ignored =
        [(libc::SIGPIPE, inherited.pipe_ignored), (libc::SIGCHLD, inherited.child_ignored)];
    for (signal, ignored) in ignored {
        let action = if ignored { libc::SIG_IGN } else { libc::SIG_DFL };
        // SAFETY: signal(2) may be called between fork and exec.
        unsafe { libc::signal(signal, action) };
    }
    let mask = inherited.mask;
    // SAFETY: as above; the set is an initialised copy.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const mask, std::ptr::null_mut()) };
}

/// Starts a command in a session of its own, before it is anybody's to signal:
/// done by the program itself it would come too late for a ^C in the meantime.
pub fn set_apart(command: &mut Command) -> &mut Command {
    let apart = || {
        // SAFETY: setsid takes nothing. A process just forked leads no group.
        unsafe { libc::setsid() };
        Ok(())
    };
    // SAFETY: the closure only makes a system call and allocates nothing.
    unsafe { command.pre_exec(apart) }
}

/// Lets `signal` through to this process, once: it stops or ends it, as the
/// signal does by default.
pub fn suffer(signal: i32) {
    let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the set is emptied before it is used; no handler is installed
    // that could run.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), signal);
        libc::raise(signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), std::ptr::null_mut());
        libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut());
    }
}

/// Gives `signal` its default action.
pub fn make_default(signal: i32) {
    // SAFETY: no handler of ours is lost that anything relies on.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// The signal with this number, also a real-time one.
pub fn signal(number: i32) -> Option<Signal> {
    let real_time = || {
        let valid = (libc::SIGRTMIN()..=libc::SIGRTMAX()).contains(&number);
        // SAFETY: a signal of that number exists and the C library does not use it itself.
        valid.then(|| unsafe { Signal::from_raw_unchecked(number) })
    };
    Signal::from_named_raw(number).or_else(real_time)
}

//! The system calls that no safe crate offers yet. The only `unsafe` code.

#![expect(unsafe_code, reason = "these calls have no safe wrapper yet")]

use std::os::fd::{AsFd, AsRawFd};

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

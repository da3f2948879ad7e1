//! The system calls that are looked at: which arguments of each say what, and
//! when it can be let pass unseen.

use libc::c_long;

/// See fchmodat2(2); not yet in libc everywhere. The number is that of all architectures.
const SYS_FCHMODAT2: c_long = 452;
/// See openat(2): `O_TMPFILE` without `O_DIRECTORY`.
pub const TMPFILE: u32 = 0o20_000_000;
/// The kernel's `O_LARGEFILE`; the C library's may be 0, but programs have another one.
pub const LARGEFILE: u32 = if cfg!(target_arch = "aarch64") { 0o400_000 } else { 0o100_000 };
/// Flags of open(2) that can change something.
pub const CHANGES: u32 =
    (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC) as u32 | TMPFILE;

/// Which arguments are a path: its directory's descriptor, if it has one, and
/// the path itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// The descriptor's place.
    pub dir: Option<u8>,
    /// The path's place.
    pub path: u8,
}

const fn plain(path: u8) -> At {
    At { dir: None, path }
}

const fn at(dir: u8) -> At {
    At { dir: Some(dir), path: dir + 1 }
}

/// Where the flags of an open are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flags {
    /// In this argument.
    Argument(u8),
    /// In the structure that this argument points to (openat2).
    Structure(u8),
    /// Nowhere: they are those of creat(2).
    #[cfg(target_arch = "x86_64")]
    Creat,
}

/// Whether the last name is followed if it is a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Always.
    Yes,
    /// Never.
    #[cfg(target_arch = "x86_64")]
    No,
    /// Unless `AT_SYMLINK_NOFOLLOW` is in this argument.
    Unless(u8),
    /// If `AT_SYMLINK_FOLLOW` is in this argument.
    If(u8),
}

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Opens.
    Open(At, Flags),
    /// Looks up.
    Look(At, Follow),
    /// Reads the entries of the directory in the first argument.
    List,
    /// Runs a program.
    Exec(At, Follow),
    /// Changes the working directory.
    Chdir(At),
    /// The same, by a descriptor.
    Fchdir,
    /// Makes a directory.
    MakeDir(At),
    /// Makes something that must not be there: symlink, mknod.
    Make(At),
    /// Removes an entry.
    Remove(At),
    /// Gives a file a second name.
    Link(At, At, Follow),
    /// Renames; flags in the last place, if it has some.
    Rename(At, At, Option<u8>),
    /// Sets mode, owner or times.
    Meta(At, Follow),
    /// Sets the length.
    Truncate,
    /// Binds a socket.
    Bind,
    /// Connects a socket.
    Connect,
    /// flock(2).
    Flock,
    /// fcntl(2) about a lock.
    FcntlLock,
    /// Asks for an io_uring.
    IoUring,
    /// Asks to trace.
    Ptrace,
    /// Changes root, mounts or mount namespace.
    Root,
    /// Makes a child that is not to be traced, or one in another mount namespace.
    Clone,
    /// Installs a filter whose decisions another process takes.
    Listener,
    /// A call of another architecture's table.
    Foreign,
}

/// When a call is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// Not if only changes are.
    Full,
    /// The same, and not for a descriptor alone: unless both `AT_EMPTY_PATH`
    /// is in the second argument here and the first is a descriptor. (A path
    /// that is not empty all the same is missed then.)
    FullByPath(u8, u8),
    /// Always, but of opens with flags in this argument only those that
    /// change something if only changes are looked at.
    Opens(u8),
    /// If any of these bits is set in this argument.
    Bits(u8, u32),
    /// If this argument is one of these.
    OneOf(u8, &'static [u32]),
    /// If this argument is no null pointer.
    NotNull(u8),
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The call's number.
    pub number: c_long,
    /// What it does.
    pub call: Call,
    /// When it is looked at.
    pub when: When,
}

const fn row(number: c_long, call: Call, when: When) -> Row {
    Row { number, call, when }
}

/// Commands of fcntl(2) about locks.
const LOCKS: &[u32] = &[
    libc::F_SETLK as u32,
    libc::F_SETLKW as u32,
    libc::F_OFD_SETLK as u32,
    libc::F_OFD_SETLKW as u32,
];
/// Requests of ptrace(2) by which one begins to trace: TRACEME, ATTACH, SEIZE.
const TRACES: &[u32] = &[0, 16, 0x4206];

/// All of them that the architectures share, and last those of old that only
/// x86-64 has. A row's place in here is what the filter says along with a call.
pub static TABLE: &[Row] = {
    use {Call as C, Follow as F, When as W};
    &[
        row(libc::SYS_openat, C::Open(at(0), Flags::Argument(2)), W::Opens(2)),
        row(libc::SYS_openat2, C::Open(at(0), Flags::Structure(2)), W::Always),
        // (Some architectures where nothing is traced do not have it.)
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        row(libc::SYS_newfstatat, C::Look(at(0), F::Unless(3)), W::FullByPath(0, 3)),
        row(libc::SYS_statx, C::Look(at(0), F::Unless(2)), W::FullByPath(0, 2)),
        row(libc::SYS_faccessat, C::Look(at(0), F::Yes), W::Full),
        row(libc::SYS_faccessat2, C::Look(at(0), F::Unless(3)), W::FullByPath(0, 3)),
        row(libc::SYS_getdents64, C::List, W::Full),
        row(libc::SYS_execve, C::Exec(plain(0), F::Yes), W::Full),
        row(libc::SYS_execveat, C::Exec(at(0), F::Unless(4)), W::FullByPath(0, 4)),
        row(libc::SYS_chdir, C::Chdir(plain(0)), W::Full),
        row(libc::SYS_fchdir, C::Fchdir, W::Full),
        row(libc::SYS_mkdirat, C::MakeDir(at(0)), W::Always),
        row(libc::SYS_mknodat, C::Make(at(0)), W::Always),
        row(libc::SYS_symlinkat, C::Make(at(1)), W::Always),
        row(libc::SYS_unlinkat, C::Remove(at(0)), W::Always),
        row(libc::SYS_linkat, C::Link(at(0), at(2), F::If(4)), W::Always),
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        row(libc::SYS_renameat, C::Rename(at(0), at(2), None), W::Always),
        row(libc::SYS_renameat2, C::Rename(at(0), at(2), Some(4)), W::Always),
        row(libc::SYS_fchmodat, C::Meta(at(0), F::Yes), W::Always),
        row(SYS_FCHMODAT2, C::Meta(at(0), F::Unless(3)), W::Always),
        row(libc::SYS_fchownat, C::Meta(at(0), F::Unless(4)), W::Always),
        row(libc::SYS_utimensat, C::Meta(at(0), F::Unless(3)), W::NotNull(1)),
        row(libc::SYS_truncate, C::Truncate, W::Always),
        row(libc::SYS_bind, C::Bind, W::Always),
        row(libc::SYS_connect, C::Connect, W::Always),
        row(libc::SYS_flock, C::Flock, W::Always),
        row(libc::SYS_fcntl, C::FcntlLock, W::OneOf(1, LOCKS)),
        row(libc::SYS_io_uring_setup, C::IoUring, W::Always),
        row(libc::SYS_ptrace, C::Ptrace, W::OneOf(0, TRACES)),
        row(libc::SYS_unshare, C::Root, W::Bits(0, libc::CLONE_NEWNS as u32)),
        row(libc::SYS_setns, C::Root, W::Always),
        row(libc::SYS_chroot, C::Root, W::Always),
        row(libc::SYS_pivot_root, C::Root, W::Always),
        row(libc::SYS_mount, C::Root, W::Always),
        row(libc::SYS_umount2, C::Root, W::Always),
        row(libc::SYS_move_mount, C::Root, W::Always),
        row(
            libc::SYS_clone,
            C::Clone,
            W::Bits(0, (libc::CLONE_UNTRACED | libc::CLONE_NEWNS) as u32),
        ),
        row(
            libc::SYS_seccomp,
            C::Listener,
            W::Bits(1, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER as u32),
        ),
        row(FOREIGN, C::Foreign, W::Always),
        #[cfg(target_arch = "x86_64")]
        row(libc::SYS_open, C::Open(plain(0), Flags::Argument(1)), W::Opens(1)),
        #[cfg(target_arch = "x86_64")]
        row(libc::SYS_creat, C::Open(plain(0), Flags::Creat), W::Always),
        #[cfg(target_arch = "x86_64")]
        row(libc::SYS_stat, C::Look(plain(0), F::Yes), W::Full),
        #[cfg(target_arch = "x86_64")]
        row(libc::SYS_lstat, C::Look(plain(0), F::No), W::Full),
        #[cfg(target_arch = "x86_64")]
        row(libc::SYS_access, C::Look(plain(0), F::Yes), W::Full),
        #[cfg(target_arch = "x86_64")]
        row(libc::SYS_getdents, C::List, W::Full),
        #[cfg(target_arch = "x86_64")]
        row(libc::SYS_mkdir, C::MakeDir(plain(0)), W::Always),
        #[cfg(target_arch = "x86_64")]
        row(libc::SYS_mknod, C::Make(plain(0)), W::Always),
        #[cfg(target_arch = "x86_64")]
        row(libc::SYS_symlink, C::Make(plain(1)), W::Always),
        #[cfg(target_arch = "x86_64")]
        row(libc::SYS_unlink, C::Remove(plain(0)), W::Always),
        #[cfg(target_arch = "x86_64")]
        row(libc::SYS_rmdir, C::Remove(plain(0)), W::Always),
        #[cfg(target_arch = "x86_64")]
        row(libc::SYS_link, C::Link(plain(0), plain(1), F::No), W::Always),
        #[cfg(target_arch = "x86_64")]
        row(libc::SYS_rename, C::Rename(plain(0), plain(1), None), W::Always),
        #[cfg(target_arch = "x86_64")]
        row(libc::SYS_chmod, C::Meta(plain(0), F::Yes), W::Always),
        #[cfg(target_arch = "x86_64")]
        row(libc::SYS_chown, C::Meta(plain(0), F::Yes), W::Always),
        #[cfg(target_arch = "x86_64")]
        row(libc::SYS_lchown, C::Meta(plain(0), F::No), W::Always),
        #[cfg(target_arch = "x86_64")]
        row(libc::SYS_utime, C::Meta(plain(0), F::Yes), W::Always),
        #[cfg(target_arch = "x86_64")]
        row(libc::SYS_utimes, C::Meta(plain(0), F::Yes), W::Always),
        #[cfg(target_arch = "x86_64")]
        row(libc::SYS_futimesat, C::Meta(at(0), F::Yes), W::NotNull(1)),
    ]
};

/// No call has this number: calls of another table (x32) are said to be this one.
pub const FOREIGN: c_long = -1;

impl When {
    /// Whether such a call is ever looked at.
    pub fn ever(self, light: bool) -> bool {
        !(light && matches!(self, Self::Full | Self::FullByPath(..)))
    }

    /// What of an open's flags must be set for it to be looked at; 0: nothing.
    pub fn bits(self, light: bool) -> Option<(u8, u32)> {
        match self {
            Self::Opens(argument) => Some((argument, if light { CHANGES } else { 0 })),
            Self::Bits(argument, bits) => Some((argument, bits)),
            _ => None,
        }
    }
}

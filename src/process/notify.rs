//! Being told that a file or directory changed (inotify): the alternative to polling.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::inotify;

/// Watched paths.
#[derive(Debug)]
pub struct Notify(OwnedFd);

impl Notify {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// When the user's inotify instances are used up (`EMFILE`).
    pub fn new() -> std::io::Result<Self> {
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        Ok(Self(inotify::init(flags)?))
    }

    /// Watches a file for writes and for its removal.
    ///
    /// # Errors
    /// When it is not there, or the user's watches are used up (`ENOSPC`).
    pub fn file(&self, path: &Path) -> std::io::Result<()> {
        use inotify::WatchFlags as W;
        inotify::add_watch(&self.0, path, W::MODIFY | W::ATTRIB | W::MOVE_SELF | W::DELETE_SELF)?;
        Ok(())
    }

    /// Takes note of all that has happened, so that the next wait blocks.
    pub fn drain(&self) {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.0, &mut buffer);
        while events.next().is_ok() {}
    }
}

impl AsFd for Notify {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

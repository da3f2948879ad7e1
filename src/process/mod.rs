//! The operating system: clocks, processes, run directories, files that
//! grow. The only floor with `unsafe` (in `raw` and `trace::raw`), and the only one that
//! signals a process.

pub mod below;
pub mod cgroup;
pub mod clock;
pub mod digest;
pub mod dir;
pub mod file;
pub mod headroom;
pub mod jobserver;
pub mod journal;
pub mod kill;
pub mod locks;
pub mod notify;
pub mod output;
pub mod pidfd;
pub mod probe;
pub mod raw;
pub mod registry;
pub mod script;
pub mod signals;
pub mod stat;
pub mod terminal;
pub mod trace;
pub mod tree;
pub mod trial;

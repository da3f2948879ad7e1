//! The ground floor: what a run *is*, as pure data. Nothing here reads a
//! file, a clock or the process table, so everything here can be tested
//! without any of them.

pub mod code;
pub mod cycle;
pub mod duration;
pub mod excerpt;
pub mod files;
pub mod footprint;
pub mod jobs;
pub mod journal;
pub mod machine;
pub mod name;
pub mod past;
pub mod ran;
pub mod record;
pub mod script;
pub mod state;
pub mod task;
pub mod time;

pub use name::{Id, Name};
pub use record::{Kind, Record};
pub use state::Run;
pub use task::{State, Task};
pub use time::Time;

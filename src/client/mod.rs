//! What a caller does with a run: open it, start tasks in it, collect them,
//! cancel them. Everything here talks through the journal; nothing here
//! prints (see [`collect::Teller`]).

pub mod cancel;
pub mod clean;
pub mod collect;
pub mod error;
pub mod guard;
pub mod open;
pub mod replay;
pub mod start;

pub use error::Error;

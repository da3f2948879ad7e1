//! What a caller does with a run: open it, start tasks in it, collect them,
//! cancel them. Everything here talks through the journal; nothing here
//! prints (see [`request::Teller`]).

pub mod admit;
pub mod cancel;
pub mod clean;
pub mod collect;
pub mod error;
pub mod excerpt;
pub mod follow;
pub mod guard;
pub mod history;
pub mod lazy;
pub mod leaks;
pub mod live;
pub mod lost;
pub mod observe;
pub mod open;
pub mod replay;
pub mod request;
pub mod room;
pub mod slots;
pub mod start;

pub use error::Error;

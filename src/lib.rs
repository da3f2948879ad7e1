//! meanwhile: symbolic futures for shell scripts.
//!
//! The floors of the house, top to bottom; an import only ever points down
//! (`tests/house.rs` checks it):
//!
//! - `cli`: one file per command: parse, call, print
//! - `report`: what a run bought, in several formats
//! - `check`: which accesses of a traced run nothing orders
//! - `watch`: the process beside a run that keeps its promises
//! - `client`: opening a run, starting, collecting and cancelling tasks
//! - `process`: the operating system
//! - `run`: the ground floor, pure: record, journal, state, names, time
//!
//! `ARCHITECTURE.md` tells how they work together.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod check;
pub mod cli;
pub mod client;
pub mod process;
pub mod report;
pub mod run;
pub mod watch;

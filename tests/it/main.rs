//! The integration tests, one binary. `sandbox` runs a script in a shell and
//! makes sure that it ends and leaves nothing behind; the other files mirror
//! what is promised: the contract in every shell (`scenarios`), the original's
//! faults (`fourteen`), faults injected (`faults`, `broken`, `moments`, `worlds`,
//! `steps`, `signals`, `syscalls`, `terminal`), limits and how tasks are ended
//! (`limits`, `ladder`), random programs (`model`), the wrapper (`wrapped`, and at a
//! terminal), what is shown at a terminal (`progress`, `status_watch`, by `pty`) and
//! in CI (`groups`), reports (`moves`, `exports`, `html`), the race check (`check`, `check_page`,
//! `checked`, `corpus_check`, `examples_checked`), the history, scale, security, the command
//! line (`cli`, `doctor`), devstack, the documents, the house.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stderr, clippy::print_stdout)]

mod broken;
mod browser;
mod check;
mod check_page;
mod checked;
mod cli;
mod corpus;
mod corpus_check;
mod devstack;
mod docs;
mod doctor;
mod examples_checked;
mod exports;
mod faults;
mod fourteen;
mod groups;
mod held;
mod history;
mod house;
mod html;
mod inherited;
mod ladder;
mod lazy;
mod limits;
mod made;
mod model;
mod moments;
mod moves;
mod progress;
mod pty;
mod sandbox;
mod scale;
mod scenarios;
mod security;
mod signals;
mod status_watch;
mod steps;
mod storm;
mod syscalls;
mod terminal;
mod trace;
mod worlds;
mod wrapped;
mod wrapped_terminal;

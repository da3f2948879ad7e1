//! The program; see `src/lib.rs` for the house.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(meanwhile::cli::main(std::env::args_os().collect()))
}

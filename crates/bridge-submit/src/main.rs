//! The client of a bridge.

use std::process::ExitCode;

fn main() -> ExitCode {
    ops_core::cli::main::<bridge_submit::args::Args>()
}

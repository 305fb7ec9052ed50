//! The reporter of a bridge.

use std::process::ExitCode;

fn main() -> ExitCode {
    ops_core::cli::main::<bridge_report::args::Args>()
}

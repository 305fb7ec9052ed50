//! Reaches the operator.

use std::process::ExitCode;

fn main() -> ExitCode {
    ops_core::cli::main::<notify::args::Args>()
}

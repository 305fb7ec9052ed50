//! Carries out signed commands within strict limits, and leaves evidence.

use std::process::ExitCode;

fn main() -> ExitCode {
    ops_core::cli::main::<bridge_exec::args::Args>()
}

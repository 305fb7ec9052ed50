//! The review gate.

use std::process::ExitCode;

fn main() -> ExitCode {
    ops_core::cli::main::<review_gate::args::Args>()
}

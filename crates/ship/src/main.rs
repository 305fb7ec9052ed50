//! Ships what is approved.

use std::process::ExitCode;

fn main() -> ExitCode {
    ops_core::cli::main::<ship::args::Args>()
}

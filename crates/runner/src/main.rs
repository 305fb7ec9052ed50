//! Read-only jobs over other repositories.

use std::process::ExitCode;

fn main() -> ExitCode {
    ops_core::cli::main::<runner::args::Args>()
}

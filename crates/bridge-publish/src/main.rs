//! The binary: arguments in, report and exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    ops_core::cli::main::<bridge_publish::args::Args>()
}

//! Secrets: found, stored, rotated and handed over, never shown.

use std::process::ExitCode;

fn main() -> ExitCode {
    ops_core::cli::main::<key::args::Args>()
}

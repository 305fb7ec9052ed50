//! The healer of one host.

use std::process::ExitCode;

fn main() -> ExitCode {
    ops_core::cli::main::<heal::args::Args>()
}

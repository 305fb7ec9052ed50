//! The watcher of one host.

use std::process::ExitCode;

fn main() -> ExitCode {
    ops_core::cli::main::<guard::args::Args>()
}

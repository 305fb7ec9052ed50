//! The router's command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    ops_core::cli::main::<llm::args::Args>()
}

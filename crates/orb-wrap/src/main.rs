//! One job over another repository.

use std::process::ExitCode;

fn main() -> ExitCode {
    ops_core::cli::main::<orb_wrap::args::Args>()
}

//! Judges whether a host is private and healthy, by facts and policy.

use std::process::ExitCode;

fn main() -> ExitCode {
    ops_core::cli::main::<doctor::args::Args>()
}

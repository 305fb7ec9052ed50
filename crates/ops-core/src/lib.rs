//! What every ops command shares.
//!
//! A command observes the host, decides in pure code, acts, and reports.
//! This crate owns the first and last step; deciding belongs to the command.

pub mod alert;
pub mod cli;
pub mod config;
pub mod progress;
pub mod record;
pub mod redact;
pub mod report;

pub use ops_host::{failure, host, time};

/// Version and git commit of this build, as `--version` prints them.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("AIOPS_COMMIT"), ")");

//! The real binary: ordinary jobs and hostile ones, over real repositories.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests set the scene")]

mod cli;
mod hostile;
mod remotes;
mod support;

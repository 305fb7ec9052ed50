//! The real binary: ordinary jobs and hostile ones, over real repositories.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests set the scene")]

mod bombs;
mod cli;
mod crash;
mod escape;
mod hostile;
mod quota;
mod remotes;
mod support;
mod terminal;
mod twice;

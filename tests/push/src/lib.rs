//! Remotes that are really pushed to, and checkouts that really push: over file://, over ssh to a
//! real sshd, over smart HTTP to git's own server program.
//!
//! Everything lies in a temporary folder, listens on loopback alone, knows no configuration of the
//! machine or its user, and ends with the value that started it.
#![expect(
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    reason = "the support of tests sets the scene itself, and a scene that fails is a failed test"
)]

mod checkout;
mod hermetic;
mod hook;
mod http;
mod remote;
mod ssh;
mod tree;
mod verdicts;

pub use checkout::Checkout;
pub use hermetic::{Format, Hermetic, zeros};
pub use hook::{Hook, quoted};
pub use remote::{Remote, Transport};
pub use tree::Tree;
pub use verdicts::{Draft, Reviewer};

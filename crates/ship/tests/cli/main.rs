//! The real binary: from a clean work tree to a remote that holds what is approved, and every place
//! where it stops. Needs the binary review-gate, which the hook starts: cargo build -p review-gate.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "sets up files and processes")]

#[path = "../../../review-gate/tests/cli/desk.rs"]
mod desk;
mod heals;
mod ships;
mod yard;

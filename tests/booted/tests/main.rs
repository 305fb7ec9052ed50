//! The harness itself: does a machine do what tests of other crates rely on?
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set the scene themselves"
)]

mod boots;
mod docker;
mod leftovers;
mod reach;
mod tailscale;

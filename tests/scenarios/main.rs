//! Scenarios: real processes, real files, real git. One file for each, named after its story.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set the scene themselves, and a scene that fails is a failed test"
)]

mod chain;
mod every_reason;
mod failing_calls;
mod interrupted;
mod killed;

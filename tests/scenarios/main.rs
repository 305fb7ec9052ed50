//! Scenarios: real processes, real files, real git. One file for each, named after its story.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set the scene themselves, and a scene that fails is a failed test"
)]

mod chain;
mod disk;
mod every_reason;
mod failing_calls;
mod foreign_changes;
mod held;
mod interrupted;
mod killed;
mod memory;
mod one_at_a_time;
mod racing_links;
mod restless_clients;
mod rotation;
mod version_two;

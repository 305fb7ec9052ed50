//! The real binary: every documented call, and the clients and service files that go with it.
#![expect(clippy::disallowed_methods, reason = "tests start real processes")]

#[path = "cli/calls.rs"]
mod calls;
#[path = "cli/clients.rs"]
mod clients;
#[path = "cli/fixture.rs"]
mod fixture;
#[path = "cli/services.rs"]
mod services;

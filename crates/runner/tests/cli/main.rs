//! The binary as it is used: an API, workers, clients, and what happens when they are killed.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set the scene themselves"
)]

mod attacks;
mod calls;
mod crashes;
mod fixture;
mod http;
mod left;
mod operator;
mod real;
mod schema;
mod schemathesis;
mod wire;

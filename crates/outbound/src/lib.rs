//! The one HTTP client of this workspace; nothing else links `ureq`.
//!
//! A call ends in one of three ways ([`Outcome`]), and the difference is what retries and
//! duplicates hang on: an answer came; it is *certain* that the service cannot have acted; or it
//! may have. To know, the client counts the bytes of a request that its own socket accepted.
//!
//! What it does not do: retries, redirects, cookies, compression, plain HTTP beyond loopback.
//! Certificates are checked against Mozilla's roots, compiled in.

mod answer;
mod base;
mod client;
mod proxy;
mod request;
mod socket;
mod watch;
mod why;

pub use answer::{Answer, LONGEST_WAIT, retry_after};
pub use base::Base;
pub use client::{Client, Limits, Outcome};
pub use proxy::Proxy;
pub use request::{Request, segment};
pub use why::Cause;

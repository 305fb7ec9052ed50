//! The real binary, on real repositories, against providers that speak the real formats.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "sets up files and processes")]

mod desk;
mod reviews;

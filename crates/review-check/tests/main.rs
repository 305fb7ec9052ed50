//! Pushes in real repositories, made by the real git.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "makes repositories")]

mod coverage;
mod forms;
mod isolation;
mod support;
mod trust;

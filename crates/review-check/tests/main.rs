//! Pushes in real repositories, made by the real git.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "makes repositories, and says what it skips"
)]

mod coverage;
mod forms;
mod isolation;
mod support;
mod trust;

//! The real binary, on real repositories, against providers that speak the real formats.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "sets up files and processes")]

mod branches;
mod calls;
mod codex;
mod desk;
mod failing;
mod guarded;
mod holes;
mod hook_text;
mod hooks;
mod hostile;
mod reviews;
mod same;
mod traced;
mod waivers;

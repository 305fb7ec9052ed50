//! The machine, and why an answer could not be given: what every other crate stands on.

pub mod failure;
pub mod host;
pub mod time;

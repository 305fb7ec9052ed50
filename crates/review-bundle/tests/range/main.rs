//! The library on repositories that real git made, hostile ones among them.
#![expect(clippy::disallowed_methods, reason = "tests make repositories with git and files")]

mod git;
mod hostile;
mod kinds;
mod packets;
mod places;
mod whole;

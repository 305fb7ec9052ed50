//! The crate on real folders: path rules, faults, the table of situations, and races.
#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set up and look at real folders, behind the back of the code under test"
)]

mod faults;
mod paths;
mod races;
mod steps;
mod support;
mod table;

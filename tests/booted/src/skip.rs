//! Tests that cannot run here say so, and never look passed.

use std::fmt;
use std::io::Write;

/// Why no machine can be booted here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// For people, one line.
    pub reason: String,
}

impl Skipped {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Skipped {}

/// The value, or `None` after telling standard error which test is skipped and why. What
/// [`or_skip!`](crate::or_skip) expands to.
///
/// # Panics
/// When skipping is not allowed: `AIOPS_REQUIRE_BOOTED=1`, or `AIOPS_REQUIRE_ALL=1`.
pub fn or_told<T>(wanted: Result<T, Skipped>) -> Option<T> {
    match wanted {
        Ok(value) => Some(value),
        Err(why) => {
            let required = std::env::var_os("AIOPS_REQUIRE_BOOTED").is_some_and(|it| it == "1");
            assert!(!required, "AIOPS_REQUIRE_BOOTED=1, and cannot boot: {why}");
            skipped::told(skipped::this_test(), why);
            None
        }
    }
}

/// The value of a `Result<_, Skipped>`; else tells that the test is skipped, with the reason, and
/// returns from it. With `AIOPS_REQUIRE_BOOTED=1` the test fails instead.
#[macro_export]
macro_rules! or_skip {
    ($wanted:expr) => {
        match $crate::or_told($wanted) {
            Some(value) => value,
            None => return,
        }
    };
}

/// Tells a figure on standard error, also when the test passes.
pub fn note(what: &str) {
    let test = skipped::this_test();
    let told = writeln!(std::io::stderr().lock(), "NOTE {test}: {what}");
    drop(told);
}

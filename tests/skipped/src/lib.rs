//! What cannot run on a machine says so, and never looks passed.
//!
//! ```no_run
//! fn strace_sees_every_call() {
//!     if std::process::Command::new("strace").arg("-V").output().is_err() {
//!         return skipped::told(skipped::this_test(), "strace is not installed");
//!     }
//! }
//! ```

use std::fmt::Display;
use std::io::Write;

/// Writes one line, `SKIPPED <test>: <why>`, to the real standard error, also where the test runner
/// hides what a passing test says. `ops/test.sh` collects these lines.
///
/// Where only part of a test is left out, `test` says which. White space of any kind becomes a
/// single space, so that the words of another program stay on the line.
///
/// # Panics
/// When everything has to run here: `AIOPS_REQUIRE_ALL=1`.
#[track_caller]
pub fn told(test: impl Display, why: impl Display) {
    let line = line(&test, &why);
    #[expect(clippy::disallowed_methods, reason = "support of tests has no Host")]
    let required = std::env::var_os("AIOPS_REQUIRE_ALL").is_some_and(|it| it == "1");
    assert!(!required, "AIOPS_REQUIRE_ALL=1, and {line}");
    // Straight to the stream, which the runner does not capture; in one piece, so that lines of
    // tests that run at the same time do not mix.
    let _unheard = std::io::stderr().lock().write_all(format!("{line}\n").as_bytes()).is_err();
}

fn line(test: &impl Display, why: &impl Display) -> String {
    let told = format!("SKIPPED {test}: {why}");
    told.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The name of the test that this thread runs, with its modules: for what several tests share.
///
/// Only the test's own thread knows it; on one that a test started it is `a test`.
pub fn this_test() -> String {
    std::thread::current().name().unwrap_or("a test").to_owned()
}

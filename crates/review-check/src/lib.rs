//! Whether a push may go: for every protected reference it moves there is a trusted verdict about
//! exactly what is new on the remote.
//!
//! `lines` reads what git says on standard input, `observe` reads the repository, `decide` judges.
//! Nothing turns it off: it takes no flag, and of the environment only where the repository lies.

mod report;

use std::path::Path;

use ops_core::failure::Failure;
use ops_core::host::Host;
use verdict::in_force::Fallback;

pub use report::{CheckReport, Moved, Outcome, Refusal};

/// Which hook asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// Before a push, in the repository that pushes. Verdicts lie in its git directory.
    PrePush,
    /// Before references move, in the repository that is pushed to. Verdicts are git notes.
    PreReceive,
}

/// What a hook was called with.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Which hook.
    pub mode: Mode,
    /// Where it runs.
    pub cwd: &'a Path,
    /// Its standard input.
    pub lines: &'a [u8],
    /// The remote's name (or URL) as git gives it to pre-push; may hold a password, is never shown.
    pub remote: Option<&'a str>,
    /// Where rules come from that a commit does not carry.
    pub fallback: Fallback<'a>,
}

/// Decides a push.
///
/// # Errors
/// No answer, and so no: 69 when the repository cannot be read.
pub fn check(host: &Host, call: &Call<'_>) -> Result<CheckReport, Failure> {
    let _unused = (host, call);
    Ok(CheckReport::new(call.mode))
}

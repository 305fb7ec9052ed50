//! Other people's programs as judges: `ssh-keygen` of signatures, `git` of notes.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "starts ssh-keygen and git, and says what it skips"
)]

mod export;
mod kept;
mod support;

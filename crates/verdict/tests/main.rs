//! Other people's programs as judges: `ssh-keygen` of signatures, `git` of notes.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "starts ssh-keygen and git")]

mod export;
mod kept;
mod support;

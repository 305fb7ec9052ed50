//! The sshd fix as heal calls it, and what came of it in words that other programs read.

use std::path::PathBuf;
use std::time::Duration;

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure};
use ops_core::host::Host;
use sshd_fix::act::{self, Ended, Options, Outcome};
use sshd_fix::places::Place;

use crate::documents::Ended as Word;

/// This very program, which the dead man's switch and sshd's service call.
pub(crate) fn program(host: &Host) -> Result<PathBuf, Failure> {
    let program = host.program().and_then(|path| host.resolve(&path).ok());
    program.ok_or_else(|| Failure::new(Exit::Unavailable, "find the path of this program"))
}

/// The fix on this machine. With `confirm` it is undone after so many seconds unless confirmed.
pub(crate) fn fix(context: &Context, confirm: Option<u32>) -> Result<act::Fix<'_>, Failure> {
    let mut options = Options::new(program(&context.host)?);
    options.confirm_within = confirm.map(|seconds| Duration::from_secs(u64::from(seconds)));
    Ok(act::Fix::new(context, Place::default(), options))
}

/// One word for how it ended, and why where there is more to say.
pub(crate) fn words(outcome: &Outcome) -> (Word, String) {
    match &outcome.ended {
        Ended::Refused(refusal) => (Word::Refused, refusal.to_string()),
        Ended::NothingToDo => (Word::Unchanged, String::new()),
        Ended::Applied => (Word::Fixed, String::new()),
        Ended::AwaitingConfirmation { .. } => {
            (Word::AwaitingConfirmation, outcome.ended.to_string())
        }
        Ended::Confirmed => (Word::Confirmed, String::new()),
        Ended::NotConfirmed { because } => (Word::NotConfirmed, because.clone()),
        Ended::PutBack => (Word::PutBack, String::new()),
        Ended::NothingPending => (Word::NothingPending, outcome.ended.to_string()),
        Ended::RolledBack { because } => (Word::RolledBack, because.clone()),
        Ended::AlreadyEnded => (Word::AlreadyEnded, outcome.ended.to_string()),
        Ended::RollbackFailed { .. } => (Word::RollbackFailed, outcome.ended.to_string()),
    }
}

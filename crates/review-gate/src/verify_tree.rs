//! `verify-tree`: nothing in ops/ and .githooks/ goes round the hooks, and the hook that git will
//! run is ours. With `CHECK_VERDICT=1` HEAD must be approved as well.

use std::path::Path;

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};

use review_bundle::Repository;

use crate::commit::Checkout;
use crate::documents::Outcome;
use crate::ground::Ground;
use crate::{approval, guarded, hooks};

/// Looks at the guarded folders as HEAD, the index and the work tree have them, and at the hook.
///
/// # Errors
/// Exit 69 when git cannot be asked, 78 outside of a work tree.
pub fn look(context: &Context, folder: &Path) -> Result<Outcome, Failure> {
    let checkout = Checkout::at(&context.host, folder)?;
    let mut outcome = Outcome::of("verify-tree");
    outcome.commit = checkout.commit("HEAD")?;
    let paths = guarded::all(&checkout)?;
    for seen in paths.iter().flatten() {
        let place = &seen.place;
        match &seen.bytes {
            Err(why) => outcome = outcome.but(format!("{place}: {why}")),
            Ok(bytes) => {
                let found = hook_bypass::lines(bytes).or_fail(Exit::Internal, "read lines")?;
                for (line, text) in found {
                    outcome = outcome.but(format!("{place}:{line} goes round the hooks: {text}"));
                }
            }
        }
    }
    let folders = guarded::FOLDERS.join(" and ");
    outcome = outcome.did(format!("looked through {} files of {folders}", paths.len()));
    for problem in hooks::problems(&checkout)? {
        outcome = outcome.but(problem);
    }
    if !outcome.ok {
        outcome = outcome.then("review-gate install-hooks");
    }
    if context.host.env("CHECK_VERDICT").is_some_and(|it| it == "1") {
        outcome = verdict(context, folder, outcome)?;
    }
    Ok(outcome)
}

/// Demands that everything which HEAD, or what it advances the baseline to, has beyond the remote's
/// protected branch is approved. The baseline is not asked: HEAD's authors wrote it.
fn verdict(context: &Context, folder: &Path, outcome: Outcome) -> Result<Outcome, Failure> {
    let host = &context.host;
    let repository = Repository::discover(folder)?;
    let head = repository.commit("HEAD")?;
    let branch = match Ground::of(host, &repository)? {
        Ground::Branch(branch) => branch,
        Ground::Unknown { why, hint } => return Ok(outcome.but(why).then(hint)),
        Ground::NoRemote => {
            let why = "there is no remote, so nothing to hold HEAD against";
            return Ok(outcome.but(why).then("git remote add origin URL, git fetch origin"));
        }
    };
    let mut told = Vec::new();
    let below = approval::advanced(&repository, head)?;
    for to in below.into_iter().chain([head]) {
        match branch.approved(host, &repository, to)? {
            Ok(who) => return Ok(outcome.did(format!("{to} is approved, signed by {who}"))),
            Err(reasons) => told.extend(reasons),
        }
    }
    let told = told.into_iter().fold(outcome, Outcome::but);
    Ok(told.then("review-gate run --gate, or fetch refs/notes/aiops-verdicts"))
}

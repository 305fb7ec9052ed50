//! `finish`: moves the baseline to the approved commit, in a commit of its own that touches nothing
//! else. Doing it again changes nothing.

use std::path::Path;

use gix::ObjectId;
use ops_core::cli::Context;
use ops_core::failure::Failure;
use review_bundle::Repository;

use crate::approval;
use crate::commit::{Checkout, File};
use crate::documents::Outcome;
use crate::init::BASELINE;

/// Advances the baseline to HEAD, if HEAD is approved.
///
/// # Errors
/// Exit 69 when git cannot be asked, 75 when HEAD moved meanwhile, 78 when there is no baseline.
pub fn finish(context: &Context, folder: &Path) -> Result<Outcome, Failure> {
    let host = &context.host;
    let checkout = Checkout::at(host, folder)?;
    let repository = Repository::discover(folder)?;
    let mut outcome = Outcome::of("finish");
    let head = repository.commit("HEAD")?;
    outcome.commit = Some(head.to_string());
    if let Some(approved) = settle(&checkout, &repository)? {
        return Ok(outcome.did(format!("the baseline is {approved} already; nothing was changed")));
    }
    let (_, who) = match approval::of(host, &repository, head)? {
        Ok(found) => found,
        Err(reasons) => {
            for why in reasons {
                outcome = outcome.but(why);
            }
            return Ok(outcome.then("review-gate run --gate"));
        }
    };
    let approved = head.to_string();
    let files = [file(&approved)];
    if let Some(why) = checkout.in_the_way(&approved, &files)? {
        return Ok(outcome.but(why));
    }
    let message = format!(
        "review-gate: baseline {approved:.12}\n\nEverything up to there is approved; signed by {who}."
    );
    let commit = checkout.commit_on(&approved, &files, &message)?;
    outcome.commit = Some(commit.clone());
    Ok(outcome
        .did(format!("{approved} is approved, signed by {who}"))
        .did(format!("moved the baseline there, in commit {commit}"))
        .then("git push"))
}

/// Brings index and work tree up where a call died after it had moved HEAD. Returns what HEAD
/// advances the baseline to, where it does.
///
/// # Errors
/// Exit 69 when git cannot be asked.
pub fn settle(
    checkout: &Checkout<'_>,
    repository: &Repository,
) -> Result<Option<ObjectId>, Failure> {
    let approved = approval::advanced(repository, repository.commit("HEAD")?)?;
    if let Some(approved) = approved {
        checkout.settle(&[file(&approved.to_string())])?;
    }
    Ok(approved)
}

fn file(approved: &str) -> File {
    File { path: BASELINE.into(), executable: false, bytes: format!("{approved}\n").into() }
}

//! `verify-tree`: nothing in ops/ and .githooks/ goes round the hooks, and the hook that git will
//! run is ours. With `CHECK_VERDICT=1` HEAD must be approved as well.

use std::path::Path;

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Kind;

use review_bundle::Repository;

use crate::commit::Checkout;
use crate::documents::Outcome;
use crate::ground::Ground;
use crate::{approval, hooks};

/// Folders in which nothing may go round the hooks.
const GUARDED: [&str; 2] = ["ops", ".githooks"];

/// The largest tracked file that is looked through, bytes. A larger one is a no: it was not seen.
const LARGEST: u64 = 32 << 20;

/// Looks at the tree of HEAD, at the work tree's own version of the guarded folders, and at the hook.
///
/// # Errors
/// Exit 69 when git cannot be asked, 78 outside of a work tree.
pub fn look(context: &Context, folder: &Path) -> Result<Outcome, Failure> {
    let checkout = Checkout::at(&context.host, folder)?;
    let mut outcome = Outcome::of("verify-tree");
    outcome.commit = checkout.commit("HEAD")?;
    let mut files = 0;
    for (place, bytes) in guarded(&checkout)? {
        files += 1;
        match bytes {
            Err(why) => outcome = outcome.but(format!("{place}: {why}")),
            Ok(bytes) => {
                let found = hook_bypass::lines(&bytes).or_fail(Exit::Internal, "read lines")?;
                for (line, text) in found {
                    outcome = outcome.but(format!("{place}:{line} goes round the hooks: {text}"));
                }
            }
        }
    }
    outcome = outcome.did(format!("looked through {files} files of {}", GUARDED.join(" and ")));
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

/// Every file of the guarded folders, as HEAD has it and as the work tree has it where they differ.
type Looked = (String, Result<Vec<u8>, String>);

fn guarded(checkout: &Checkout<'_>) -> Result<Vec<Looked>, Failure> {
    let mut all = Vec::new();
    let Some(head) = checkout.commit("HEAD")? else { return Ok(all) };
    let listed = ["ls-tree", "-r", "-z", "--full-tree", &head, "--"];
    let listed = checkout.git.said(listed.into_iter().chain(GUARDED))?;
    for entry in listed.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
        let entry = String::from_utf8_lossy(entry);
        let Some((about, name)) = entry.split_once('\t') else { continue };
        let words: Vec<&str> = about.split(' ').collect();
        let &[mode, "blob", blob] = words.as_slice() else {
            all.push((
                name.to_owned(),
                Err("it is no file: a submodule is not looked into".into()),
            ));
            continue;
        };
        if mode == "120000" {
            all.push((
                name.to_owned(),
                Err("it is a link: where it leads is not looked into".into()),
            ));
            continue;
        }
        let committed = checkout.git.run(&checkout.git.quiet(["cat-file", "blob", blob]))?;
        let committed = committed.stdout;
        let there = checkout.host.look(&checkout.top.join(name));
        if let Ok(Some(entry)) = there
            && entry.kind == Kind::File
        {
            let read = checkout.host.read(&checkout.top.join(name), LARGEST);
            match read {
                Ok(bytes) if bytes == committed => {}
                Ok(bytes) => all.push((format!("{name} (work tree)"), Ok(bytes))),
                Err(err) => all.push((format!("{name} (work tree)"), Err(err.to_string()))),
            }
        }
        all.push((name.to_owned(), Ok(committed)));
    }
    Ok(all)
}

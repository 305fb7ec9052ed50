//! `waive`: a signed, expiring word that one finding about one commit is borne.

use std::path::Path;

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::time::{self, SignedDuration};
use review_bundle::Repository;
use verdict::document::Finding;
use verdict::statement::Signed;
use verdict::store::Store;
use verdict::waiver::{Schema, Waiver};

use crate::args::WaiveArgs;
use crate::documents::Outcome;
use crate::{approval, signing};

/// The fewest digits that name a finding.
const SHORTEST: usize = 8;

/// Signs and keeps a waiver.
///
/// # Errors
/// Exit 77 when there is no key, 69 when the repository cannot be read or written.
pub fn waive(context: &Context, args: &WaiveArgs, folder: &Path) -> Result<Outcome, Failure> {
    let host = &context.host;
    let mut outcome = Outcome::of("waive");
    if args.reason.trim().is_empty() {
        return Ok(outcome.but("a waiver without a reason is none"));
    }
    let repository = Repository::discover(folder)?;
    let to = repository.commit(&args.to)?;
    let kept = approval::kept(host, &repository, to)?;
    let mut found: Vec<&Finding> = Vec::new();
    let all = kept.iter().map(Signed::verdict);
    for (verdict, finding) in all.flat_map(|it| it.findings().map(move |found| (it, found))) {
        let is_named =
            args.finding.len() >= SHORTEST && finding.fingerprint.starts_with(&args.finding);
        if !is_named {
            continue;
        }
        if let Some(why) = verdict.unwaivable(finding) {
            let why = format!("no waiver answers {:?}: {why}", finding.title);
            return Ok(outcome.but(why).then(format!("review-gate show {to}")));
        }
        if !found.iter().any(|it| it.fingerprint == finding.fingerprint) {
            found.push(finding);
        }
    }
    let [finding] = found.as_slice() else {
        let why = match found.len() {
            0 => format!("no verdict about {to} has a finding {}", args.finding),
            many => format!("{} names {many} findings: give more digits", args.finding),
        };
        return Ok(outcome.but(why).then(format!("review-gate show {to}")));
    };
    let key = signing::need(context)?;
    let now = host.now();
    let end = now.checked_add(SignedDuration::from_hours(24 * i64::from(args.days)));
    let waiver = Waiver {
        schema: Schema::V1,
        to_sha: to.to_string(),
        fingerprint: finding.fingerprint.clone(),
        reason: args.reason.trim().to_owned(),
        created_at: time::rfc3339_seconds(now),
        expires_at: time::rfc3339_seconds(end.or_fail(Exit::Internal, "reckon the waiver's end")?),
    };
    let signed = waiver.sign(&key).or_fail(Exit::NotPermitted, "sign the waiver")?;
    let store = Store::of(repository.git());
    store.put_waiver(host, &waiver.to_sha, &waiver.fingerprint, &signed)?;
    outcome.commit = Some(to.to_string());
    Ok(outcome
        .did(format!("waived until {}: {}", waiver.expires_at, finding.title))
        .then("review-gate run (it asks nobody again, and shows the waiver in the verdict)"))
}

//! `run`: look at the range, ask reviewers, derive the verdict, keep it.

mod ask;
mod keep;
pub(crate) mod look;
mod memory;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure};
use ops_core::host::Host;
use ops_core::report::Report;
use ops_core::time;
use review_bundle::Repository;
use serde_json::{Value, json};
use verdict::document::{
    Decision, Digests, Meta, Range, Reviewer as Who, ReviewerKind, Tool, Verdict,
};
use verdict::render::{self, Format};
use verdict::store::Store;
use verdict::waiver::{Granted, granted};
use verdict::{Inputs, derive};

use crate::args::{Reviewer, RunArgs};
use crate::basis::Basis;
use crate::documents::Outcome;
use crate::{approval, range, signing};

use ask::Asked;
use look::Looked;

/// What a review came to.
#[derive(Debug)]
pub enum Reviewed {
    /// There is nothing between the two commits, which is no approval.
    Nothing(Outcome),
    /// A verdict, kept.
    Verdict(Box<Kept>),
}

/// A verdict and where it lies.
#[derive(Debug)]
pub struct Kept {
    /// The verdict.
    pub verdict: Verdict,
    /// Whether an earlier review answered, without a call.
    pub cached: bool,
    /// The folder of the review's files.
    pub folder: PathBuf,
    /// Whether a BLOCKED ends with 1.
    pub gate: bool,
    /// Why an approval counts for nobody; empty where it does, and for everything else.
    pub distrust: Vec<String>,
    /// Where something stands that looks like a secret and was sent, since a waiver says that it is
    /// none.
    pub sent_waived: Vec<String>,
}

/// Reviews a range.
///
/// # Errors
/// No answer: 69 when nobody answered, 75 when another review of this repository runs, 77 when a key
/// is missing, 78 when the rules in force are invalid.
pub fn review(context: &Context, folder: &Path, args: &RunArgs) -> Result<Reviewed, Failure> {
    let host = &context.host;
    let repository = Repository::discover(folder)?;
    let range = range::resolve(&repository, &args.range)?;
    let basis = Basis::at(host, &repository, range.since)?;
    let asked_for = Range { since_sha: range.since.to_string(), to_sha: range.to.to_string() };
    let (since, to) = (asked_for.since_sha.as_str(), asked_for.to_sha.as_str());
    if approval::advanced(&repository, range.to)? == Some(range.since) {
        return Ok(Reviewed::Nothing(nothing(since, to)));
    }
    context.say(&format!("looking at {since:.12}..{to:.12}"));
    let lock = host.lock(&repository.git().common_dir().join("aiops/run.lock"))?;
    let _lock = lock.map_err(|busy| busy.failure("review of this repository"))?;
    let looked = Looked::at(host, &repository, &range, &basis)?;
    if looked.manifest.files.is_empty() {
        return Ok(Reviewed::Nothing(nothing(since, to)));
    }
    let simulated = args.simulate || host.env("CODEX_SKIP").is_some_and(|it| it == "1");
    let key = if simulated { signing::find(context)? } else { Some(signing::need(context)?) };
    let signers = basis.in_force.signers();
    if key.as_ref().is_some_and(|it| signers.of_key(it.public_key().key_data()).next().is_none()) {
        context.say("the signing key is not in configs/allowed_signers as of the range's start: the verdict will count for nobody");
    }
    let store = Store::of(repository.git());
    let waivers = waivers(host, &store, &basis, to)?;
    let home = keep::folder(context)?;
    context.note_artifact(&home);
    let review = Review { context, repository: &repository, basis: &basis, looked: &looked };
    let review = ask::Session { review, kind: kind(args.reviewer), home: &home };
    let (open, waived) = looked.secrets(&waivers, to, host.now());
    let asked = match open.first() {
        Some(place) => {
            context.say(&format!("{place} looks like a secret: nothing was sent"));
            Asked::nobody(&review)?
        }
        None if simulated => Asked::simulated(&review)?,
        None => review.answers(key.as_ref())?,
    };
    let verdict = derive(Inputs {
        range: asked_for.clone(),
        answers: &asked.answers,
        rules: &looked.rules,
        changed: &looked.changed,
        policy: &basis.policy,
        waivers: &waivers,
        now: host.now(),
        meta: meta(host, &basis, &looked, &asked),
    });
    let cached = asked.cached;
    let sent_waived = if asked.answers.is_empty() || asked.simulated { vec![] } else { waived };
    let verdict = keep::keep(&review, &store, key.as_ref(), verdict, cached)?;
    let distrust = distrust(host, &repository, &range, &verdict)?;
    let gate = args.gate;
    Ok(Reviewed::Verdict(Box::new(Kept {
        verdict,
        cached,
        folder: home,
        gate,
        distrust,
        sent_waived,
    })))
}

/// Why a kept approval counts for nobody, as every gate will find.
fn distrust(
    host: &Host,
    repository: &Repository,
    range: &review_bundle::Range,
    verdict: &Verdict,
) -> Result<Vec<String>, Failure> {
    if verdict.verdict != Decision::Approved || verdict.meta.simulated {
        return Ok(vec![]);
    }
    let mut why = Vec::new();
    for signed in approval::kept(host, repository, range.to)? {
        if signed.range() == &verdict.range {
            match approval::judged(host, repository, range, &signed)? {
                Ok(_) => return Ok(vec![]),
                Err(reasons) => why.extend(reasons),
            }
        }
    }
    Ok(why)
}

/// What every step of a review works with.
#[derive(Clone, Copy, Debug)]
struct Review<'a> {
    context: &'a Context,
    repository: &'a Repository,
    basis: &'a Basis,
    looked: &'a Looked,
}

fn kind(reviewer: Reviewer) -> ReviewerKind {
    match reviewer {
        Reviewer::Api => ReviewerKind::Api,
        Reviewer::Codex => ReviewerKind::CodexCli,
    }
}

fn nothing(since: &str, to: &str) -> Outcome {
    Outcome::of("run")
        .but(format!(
            "nothing to review: {since:.12}..{to:.12} changes nothing but the baseline, and nothing is not approved"
        ))
        .then("commit something, or name another range with --since")
}

/// The waivers of a commit that count.
fn waivers(host: &Host, store: &Store, basis: &Basis, to: &str) -> Result<Vec<Granted>, Failure> {
    let signers = basis.in_force.signers();
    let found = store.waivers(host, to)?;
    Ok(found.iter().filter_map(|bytes| granted(bytes, &signers, host.now()).ok()).collect())
}

fn meta(host: &Host, basis: &Basis, looked: &Looked, asked: &Asked) -> Meta {
    let digests = &basis.digests;
    Meta {
        simulated: asked.simulated,
        tool: Tool { name: "review-gate".into(), version: env!("CARGO_PKG_VERSION").into() },
        reviewer: Who {
            kind: asked.kind,
            provider: asked.provider.clone(),
            model: asked.model.clone(),
            version: asked.version.clone(),
        },
        requested_model: asked.requested.clone(),
        replied_models: asked.replied.clone(),
        endpoint_host: asked.endpoint_host.clone(),
        fallback_used: asked.fallback_used,
        transient_class: asked.transient_class,
        cost_usd: asked.cost.usd(),
        usage: asked.usage,
        created_at: time::rfc3339(host.now()),
        tree_oid: looked.manifest.to.tree.clone(),
        digests: Digests {
            bundle: looked.manifest.bundle_sha256.clone(),
            prompt: digests.prompt.clone(),
            policy: digests.policy.clone(),
            configuration: digests.configuration.clone(),
            signers: digests.signers.clone(),
        },
    }
}

impl Reviewed {
    /// The verdict, if there is one.
    pub fn verdict(&self) -> Option<&Verdict> {
        match self {
            Self::Nothing(_) => None,
            Self::Verdict(kept) => Some(&kept.verdict),
        }
    }
}

impl Report for Reviewed {
    fn exit(&self) -> Exit {
        match self {
            Self::Nothing(outcome) => outcome.exit(),
            Self::Verdict(kept) => {
                let verdict = &kept.verdict;
                let is_yes = verdict.verdict == Decision::Approved
                    && !verdict.meta.simulated
                    && kept.distrust.is_empty();
                if kept.gate && !is_yes { Exit::No } else { Exit::Ok }
            }
        }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Nothing(outcome) => outcome.write_human(out),
            Self::Verdict(kept) => {
                render::write(&kept.verdict, Format::Text, &|_, _| None, out)?;
                let how = if kept.cached { "answered by an earlier review; " } else { "" };
                writeln!(out, "{how}files: {}", kept.folder.display())?;
                for place in &kept.sent_waived {
                    let place = render::plain(place);
                    writeln!(
                        out,
                        "sent: {place} looks like a secret; a waiver says that it is none"
                    )?;
                }
                for why in &kept.distrust {
                    writeln!(out, "NO: it does not count: {}", render::plain(why))?;
                }
                let next = match kept.verdict.verdict {
                    Decision::Approved if !kept.distrust.is_empty() => {
                        "sign with a key that configs/allowed_signers had at the range's start"
                    }
                    _ if kept.verdict.meta.simulated => "none: a simulated verdict opens no gate",
                    Decision::Approved => "review-gate finish, then git push",
                    Decision::Blocked => "mend the blockers, commit, review-gate run",
                };
                writeln!(out, "next: {next}")
            }
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Nothing(outcome) => outcome.json(),
            Self::Verdict(kept) => json!(kept.verdict),
        }
    }
}

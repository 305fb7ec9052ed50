//! Whether a commit is approved, as anybody with the repository can tell: by the verdicts in the git
//! directory and in the notes, held against what was in force where the range starts.

use gix::ObjectId;
use ops_core::failure::{Exit, Failure};
use ops_core::host::Host;
use review_bundle::{Range, Repository};
use verdict::in_force::InForce;
use verdict::notes;
use verdict::objects::Objects;
use verdict::statement::Signed;
use verdict::store::Store;
use verdict::trust::{Distrust, Expected, judge};

use crate::args::RangeArgs;
use crate::{basis, ground, range};

/// Every verdict that is kept about a commit: read, but not yet believed.
///
/// # Errors
/// Exit 69 when they cannot be read.
pub fn kept(host: &Host, repository: &Repository, to: ObjectId) -> Result<Vec<Signed>, Failure> {
    let name = to.to_string();
    let mut all = Store::of(repository.git()).verdicts(host, &name)?;
    all.extend(notes::read(repository.git(), to)?);
    let mut read: Vec<Signed> = Vec::new();
    for signed in all.iter().filter_map(|bytes| Signed::read(bytes).ok()) {
        if signed.range().to_sha == name
            && !read.iter().any(|it| it.envelope().to_bytes() == signed.envelope().to_bytes())
        {
            read.push(signed);
        }
    }
    Ok(read)
}

/// Who vouches for a verdict about a range, or why it does not count; that somebody vouches for the
/// rules at the start of its range is part of it.
///
/// # Errors
/// Exit 69 when the rules in force cannot be read, 78 when they are invalid.
pub fn judged(
    host: &Host,
    repository: &Repository,
    range: &Range,
    signed: &Signed,
) -> Result<Result<String, Vec<String>>, Failure> {
    let mut why = match judged_alone(host, repository, range, signed)? {
        Ok(who) => match ground::vouch(host, repository, range.since) {
            Ok(()) => return Ok(Ok(who)),
            Err(failure) if failure.exit == Exit::No => vec![failure.to_string()],
            Err(failure) => return Err(failure),
        },
        Err(reasons) => reasons.iter().map(ToString::to_string).collect::<Vec<_>>(),
    };
    why.dedup();
    Ok(Err(why))
}

/// The same by the rules at the start of its range, whoever wrote them.
///
/// # Errors
/// As [`judged`].
pub fn judged_alone(
    host: &Host,
    repository: &Repository,
    range: &Range,
    signed: &Signed,
) -> Result<Result<String, Vec<Distrust>>, Failure> {
    let in_force =
        InForce::at(host, &Objects::of(repository.git()), range.since, &basis::fallback())?;
    let expected = Expected {
        to: &range.to.to_string(),
        tree: &range.to_tree.to_string(),
        since: &range.since.to_string(),
        signers: &in_force.signers(),
        digests: &in_force.digests(),
        policy: &in_force.policy()?,
        now: host.now(),
        is_published: false,
    };
    Ok(judge(signed, &expected))
}

/// A verdict that approves everything from the baseline up to a commit, and who vouches for it; else
/// why there is none.
///
/// # Errors
/// As [`judged`], and exit 78 when there is no baseline.
pub fn of(
    host: &Host,
    repository: &Repository,
    to: ObjectId,
) -> Result<Result<(Signed, String), Vec<String>>, Failure> {
    let args = RangeArgs { since: None, to: to.to_string() };
    let range = range::resolve(repository, &args)?;
    let mut why = Vec::new();
    for signed in kept(host, repository, to)? {
        match judged(host, repository, &range, &signed)? {
            Ok(who) => return Ok(Ok((signed, who))),
            Err(reasons) => why.extend(reasons),
        }
    }
    if why.is_empty() {
        why.push(format!("there is no verdict about {:.12}..{to:.12}", range.since));
    }
    Ok(Err(why))
}

/// The commit that a baseline advance stands on; `None` when the commit is none.
///
/// # Errors
/// Exit 69 when the commit cannot be read.
pub fn advanced(repository: &Repository, commit: ObjectId) -> Result<Option<ObjectId>, Failure> {
    Objects::of(repository.git()).advanced(commit)
}

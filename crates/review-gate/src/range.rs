//! Which range is reviewed.

use gix::ObjectId;
use ops_core::failure::{Exit, Failure, OrFail};
use review_bundle::{Range, Repository};

use crate::args::RangeArgs;
use crate::init::{BASELINE, POLICY, SIGNERS};

/// Resolves what was asked for; by default baseline..HEAD, read from the commit.
///
/// # Errors
/// Exit 65 when the baseline file is malformed, 69 when a commit cannot be found, 78 when there is
/// no baseline, 1 when the range's start is no ancestor of its end.
pub fn resolve(repository: &Repository, args: &RangeArgs) -> Result<Range, Failure> {
    let range = if let Some(since) = &args.since {
        repository.range(since, &args.to)?
    } else {
        let to = repository.commit(&args.to)?;
        let baseline = baseline(repository, to)?;
        let since = begun(repository, &baseline, to)?;
        repository.range(&since, &to.to_string())?
    };
    if !is_ancestor(repository, range.since, range.to)? {
        let (since, to) = (range.since, range.to);
        return Err(Failure::new(Exit::No, format!("review {since:.12}..{to:.12}"))
            .because("the range's start is no ancestor of its end, so nothing could be pushed so")
            .hint("rebase, or name the start with --since"));
    }
    Ok(range)
}

/// The approved commit as a commit has it.
///
/// # Errors
/// Exit 65 when the file holds anything but one commit and a newline, 78 when there is none.
pub fn baseline(repository: &Repository, at: ObjectId) -> Result<String, Failure> {
    let bytes = repository.file_at(at, BASELINE)?.ok_or_else(|| {
        Failure::new(Exit::Config, format!("find the baseline: {BASELINE} is not in {at:.12}"))
            .hint("review-gate init makes the first one; --since names another start")
    })?;
    parse(&bytes).ok_or_else(|| {
        Failure::new(Exit::Malformed, format!("read the baseline: {BASELINE} of {at:.12}"))
            .because("it does not hold one commit in full and a newline, and nothing else")
    })
}

/// 40 or 64 hex digits and a newline.
pub fn parse(bytes: &[u8]) -> Option<String> {
    let oid = std::str::from_utf8(bytes.strip_suffix(b"\n")?).ok()?;
    verdict::is_oid(oid).then(|| oid.to_owned())
}

/// Where the range starts: the baseline, or the commit of `init` directly on top of it.
fn begun(repository: &Repository, baseline: &str, to: ObjectId) -> Result<String, Failure> {
    let start = repository.commit(baseline)?;
    let doing = || format!("walk {baseline:.12}..{to:.12}");
    let git = repository.git();
    let walk = git.rev_walk([to]).with_hidden([start]).all().or_fail(Exit::Unavailable, doing())?;
    for info in walk {
        let info = info.or_fail(Exit::Unavailable, doing())?;
        let parents: Vec<ObjectId> = info.parent_ids().map(gix::Id::detach).collect();
        if parents == [start] && is_init(repository, start, info.id)? {
            return Ok(info.id.to_string());
        }
    }
    Ok(baseline.to_owned())
}

/// Whether a commit changes nothing but what `init` adds, the baseline among it.
fn is_init(repository: &Repository, start: ObjectId, commit: ObjectId) -> Result<bool, Failure> {
    let range = repository.range(&start.to_string(), &commit.to_string())?;
    let changes = review_bundle::changes(repository, &range)?;
    let is_ours = |path: &[u8]| {
        [BASELINE, SIGNERS, POLICY].iter().any(|it| it.as_bytes() == path)
            || path.starts_with(b".githooks/")
    };
    let paths: Vec<&[u8]> = changes.iter().map(|change| change.path.as_slice()).collect();
    // Only the beginning: what replaces a baseline is no init.
    let begins =
        changes.iter().any(|it| it.path.as_slice() == BASELINE.as_bytes() && it.old.is_none());
    Ok(begins && paths.iter().all(|path| is_ours(path)))
}

/// Whether one commit is another or comes before it.
///
/// # Errors
/// Exit 69 when history is missing (a shallow clone): what cannot be shown does not hold.
pub fn is_ancestor(repository: &Repository, old: ObjectId, new: ObjectId) -> Result<bool, Failure> {
    if old == new {
        return Ok(true);
    }
    let doing = || format!("tell whether {old:.12} comes before {new:.12}");
    let walk = repository.git().rev_walk([new]).with_hidden([old]);
    // `old` is hidden itself, so it is seen as the parent of a commit that is not.
    let walk = walk.all().or_fail(Exit::Unavailable, doing())?;
    for info in walk {
        let info = info.or_fail(Exit::Unavailable, doing())?;
        if info.parent_ids().any(|parent| parent.detach() == old) {
            return Ok(true);
        }
    }
    Ok(false)
}

//! Whether an allowed reference reaches a commit. Read by gix: no process is started.

use std::path::Path;

use gix::ObjectId;
use gix::revision::walk::Sorting;
use gix::traverse::commit::simple::CommitTimeOrder;
use jobs::RefPattern;
use ops_core::failure::{Exit, Failure, OrFail};

/// What a mirror knows of a commit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Known {
    /// An allowed reference reaches it.
    Reached,
    /// It is there, and no allowed reference reaches it.
    Unreached,
    /// It is not there, or no commit.
    Absent,
}

/// Opens a repository by its own words alone.
pub(crate) fn open(folder: &Path) -> Result<gix::Repository, Failure> {
    let options = gix::open::Options::isolated()
        .open_path_as_is(true)
        .config_overrides(["core.useReplaceRefs=false", "gitoxide.core.useReplaceRefs=false"]);
    gix::open_opts(folder, options)
        .or_fail(Exit::Unavailable, format!("open the mirror {}", folder.display()))
}

/// Looks for a commit.
///
/// # Errors
/// Exit 69 when the mirror cannot be read, such as when it is corrupt.
pub(crate) fn look_for(
    repository: &gix::Repository,
    commit: ObjectId,
    patterns: &[RefPattern],
) -> Result<Known, Failure> {
    let doing = || "look for the commit in its mirror";
    let found = repository.try_find_object(commit).or_fail(Exit::Unavailable, doing())?;
    let Some(Ok(object)) = found.map(gix::Object::try_into_commit) else {
        return Ok(Known::Absent);
    };
    let time = object.time().or_fail(Exit::Unavailable, doing())?.seconds;
    let tips = tips(repository, patterns)?;
    if tips.is_empty() {
        return Ok(Known::Unreached);
    }
    let order = CommitTimeOrder::NewestFirst;
    // Times are whatever their authors say. What is not found among younger ones is looked for
    // among all.
    let sortings =
        [Sorting::ByCommitTimeCutoff { order, seconds: time }, Sorting::ByCommitTime(order)];
    for sorting in sortings {
        let walk = repository.rev_walk(tips.clone()).sorting(sorting).all();
        for info in walk.or_fail(Exit::Unavailable, doing())? {
            if info.or_fail(Exit::Unavailable, doing())?.id == commit {
                return Ok(Known::Reached);
            }
        }
    }
    Ok(Known::Unreached)
}

/// Reads every commit that an allowed reference reaches.
///
/// # Errors
/// Exit 69 when one is missing or cannot be read: the mirror is corrupt.
pub(crate) fn is_whole(
    repository: &gix::Repository,
    patterns: &[RefPattern],
) -> Result<(), Failure> {
    let doing = || "read the history in its mirror";
    let walk = repository.rev_walk(tips(repository, patterns)?).all();
    for info in walk.or_fail(Exit::Unavailable, doing())? {
        let _read = info.or_fail(Exit::Unavailable, doing())?;
    }
    Ok(())
}

/// The commits that allowed references name.
fn tips(repository: &gix::Repository, patterns: &[RefPattern]) -> Result<Vec<ObjectId>, Failure> {
    let doing = || "read the references of the mirror";
    let references = repository.references().or_fail(Exit::Unavailable, doing())?;
    let mut tips = vec![];
    for reference in references.all().or_fail(Exit::Unavailable, doing())? {
        let mut reference = reference
            .map_err(|err| Failure::new(Exit::Unavailable, doing()).because(err.to_string()))?;
        let name = reference.name().as_bstr().to_string();
        if !patterns.iter().any(|pattern| pattern.matches(&name)) {
            continue;
        }
        // One that leads nowhere, or to no commit, reaches nothing.
        if let Ok(commit) = reference.peel_to_commit() {
            tips.push(commit.id);
        }
    }
    Ok(tips)
}

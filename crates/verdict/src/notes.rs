//! Verdicts as git notes under refs/notes/aiops-verdicts: one envelope for each line, as
//! `git notes --ref=aiops-verdicts show` prints them and `notes.mergeStrategy=cat_sort_uniq` merges
//! them.

use gix::ObjectId;
use gix::objs::FindExt;
use gix::refs::FullNameRef;
use ops_core::failure::{Exit, Failure, OrFail};

use crate::dsse;
use crate::objects::Objects;
use crate::statement::Signed;

/// The reference.
pub const REFERENCE: &str = "refs/notes/aiops-verdicts";

/// The largest note that is read, bytes.
const LARGEST: usize = 64 << 20;

/// The most lines of a note that are looked at.
const MOST: usize = 256;

/// The envelopes noted on a commit, as of a notes commit; none where that is `None`.
///
/// # Errors
/// Exit 69 when the notes cannot be read.
pub fn read_at(
    objects: &Objects<'_>,
    notes: Option<ObjectId>,
    to: ObjectId,
) -> Result<Vec<Vec<u8>>, Failure> {
    let doing = || format!("read the verdicts of {to} from {REFERENCE}");
    let Some(notes) = notes else { return Ok(Vec::new()) };
    let commit = objects.commit(notes)?;
    let tree = commit
        .ok_or_else(|| Failure::new(Exit::Unavailable, doing()).because("it is no commit"))?
        .tree;
    let mut state =
        gix::note::plumbing::State::new(tree, objects).or_fail(Exit::Unavailable, doing())?;
    let blob = state.get(&to, objects).or_fail(Exit::Unavailable, doing())?;
    let Some(blob) = blob else { return Ok(Vec::new()) };
    let mut bytes = Vec::new();
    let blob = objects.find_blob(&blob, &mut bytes).or_fail(Exit::Unavailable, doing())?;
    if blob.data.len() > LARGEST {
        let why = format!("the note is larger than {LARGEST} bytes");
        return Err(Failure::new(Exit::Unavailable, doing()).because(why));
    }
    Ok(lines(blob.data).take(MOST).map(<[u8]>::to_vec).collect())
}

/// The commit that the reference names, if it exists.
///
/// # Errors
/// Exit 69 when it cannot be read.
pub fn tip(git: &gix::Repository) -> Result<Option<ObjectId>, Failure> {
    let found = git.try_find_reference(REFERENCE);
    let found = found.or_fail(Exit::Unavailable, format!("read {REFERENCE}"))?;
    Ok(found.and_then(|it| it.target().try_id().map(ToOwned::to_owned)))
}

/// The envelopes noted on a commit.
///
/// # Errors
/// Exit 69 when the notes cannot be read.
pub fn read(git: &gix::Repository, to: ObjectId) -> Result<Vec<Vec<u8>>, Failure> {
    read_at(&Objects::of(git), tip(git)?, to)
}

/// Notes a verdict on its commit, beside those that are there. One about the same range gives way.
/// Needs a committer in the repository's configuration; [`gix::Repository::committer_or_set_fallback`]
/// sets one.
///
/// # Errors
/// Exit 69 when it cannot be written, 65 when the verdict is about no commit.
pub fn write(git: &gix::Repository, signed: &Signed) -> Result<(), Failure> {
    let range = signed.range();
    let doing = || format!("note the verdict about {}", range.to_sha);
    let to = ObjectId::from_hex(range.to_sha.as_bytes()).or_fail(Exit::Malformed, doing())?;
    let mut kept: Vec<Vec<u8>> = read(git, to)?
        .into_iter()
        .filter(|line| {
            !matches!(Signed::read(line), Ok(old) if old.range().since_sha == range.since_sha)
        })
        .collect();
    kept.push(signed.envelope().to_bytes());
    kept.sort();
    kept.dedup();
    let mut note = kept.join(&b'\n');
    note.push(b'\n');
    let name: &FullNameRef = REFERENCE.try_into().or_fail(Exit::Internal, doing())?;
    let notes = git.notes().or_fail(Exit::Unavailable, doing())?;
    let mut notes = notes.with_commit_message("Notes added by review-gate\n");
    notes.replace_at_ref(name, to, note).or_fail(Exit::Unavailable, doing())?;
    Ok(())
}

/// The lines of a note that could hold a verdict.
fn lines(note: &[u8]) -> impl Iterator<Item = &[u8]> {
    note.split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty() && line.len() <= dsse::LARGEST)
}

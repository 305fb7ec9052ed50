//! Verdicts as git notes under refs/notes/aiops-verdicts: one envelope for each line, as
//! `git notes --ref=aiops-verdicts show` prints them and `notes.mergeStrategy=cat_sort_uniq` merges
//! them.

use gix::ObjectId;
use gix::note::plumbing::State;
use gix::objs::FindExt;
use gix::refs::FullName;
use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog};
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;

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
    let mut state = State::new(tree, objects).or_fail(Exit::Unavailable, doing())?;
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

/// Notes a verdict on its commit, beside those that are there; one about the same range gives way.
/// The objects are flushed before the reference names them. A reference that moved meanwhile is
/// left alone.
///
/// # Errors
/// Exit 69 when it cannot be written or the reference moved, 65 when the verdict is about no commit.
pub fn write(host: &Host, git: &gix::Repository, signed: &Signed) -> Result<(), Failure> {
    let range = signed.range();
    let doing = || format!("note the verdict about {}", range.to_sha);
    let to = ObjectId::from_hex(range.to_sha.as_bytes()).or_fail(Exit::Malformed, doing())?;
    let tip = tip(git)?;
    let objects = Objects::of(git);
    let mut kept: Vec<Vec<u8>> = read_at(&objects, tip, to)?
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
    let tree = match tip {
        Some(tip) => objects.commit(tip)?.map(|it| it.tree),
        None => None,
    };
    let tree = tree.unwrap_or_else(|| ObjectId::empty_tree(git.object_hash()));
    let tree = note_in(git, tree, to, &note).or_fail(Exit::Unavailable, doing())?;
    let seconds = host.now().as_second();
    commit(host, git, tip, tree, seconds).or_fail(Exit::Unavailable, doing())
}

fn note_in(
    git: &gix::Repository,
    tree: ObjectId,
    to: ObjectId,
    note: &[u8],
) -> gix::Result<ObjectId> {
    let blob = git.write_blob(note)?.detach();
    let mut state = State::new(tree, git)?;
    Ok(state.replace(to, blob, git)?.tree)
}

/// Commits a tree of notes and lets the reference name it, if it still names `tip`.
fn commit(
    host: &Host,
    git: &gix::Repository,
    tip: Option<ObjectId>,
    tree: ObjectId,
    seconds: i64,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let name: FullName = REFERENCE.try_into()?;
    let time = format!("{seconds} +0000");
    let who = gix::actor::SignatureRef {
        name: "review-gate".into(),
        email: "review-gate@localhost".into(),
        time: &time,
    };
    let commit = git.new_commit_as(who, who, "Notes added by review-gate\n", tree, tip)?;
    host.sync_file_system(git.common_dir())?;
    let expected = match tip {
        Some(tip) => PreviousValue::MustExistAndMatch(tip.into()),
        None => PreviousValue::MustNotExist,
    };
    let log = LogChange {
        mode: RefLog::AndReference,
        force_create_reflog: false,
        message: "notes: added by review-gate".into(),
    };
    let change = Change::Update { log, expected, new: commit.id.into() };
    git.edit_references_as([RefEdit { change, name, deref: false }], Some(who))?;
    Ok(())
}

/// The lines of a note that could hold a verdict.
fn lines(note: &[u8]) -> impl Iterator<Item = &[u8]> {
    note.split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty() && line.len() <= dsse::LARGEST)
}

//! What commits and trees say. No judgement here.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet, VecDeque};

use gix::ObjectId;
use gix::bstr::ByteSlice;
use gix::objs::tree::{EntryKind, EntryRef, name_order};
use gix::objs::{CommitRefIter, TreeRefIter};
use ops_core::failure::{Exit, Failure, OrFail};

/// How many commits one question may look at. Beyond that the answer is the careful one.
const FARTHEST: usize = 20_000;

/// The longest path that is followed, bytes: what the kernel takes. Bounds the recursion too.
const LONGEST_PATH: usize = 4096;

/// A blob, link or submodule in a tree.
pub(crate) type Leaf = (EntryKind, ObjectId);

/// One path that two trees differ in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Difference {
    pub(crate) path: Vec<u8>,
    pub(crate) old: Option<Leaf>,
    pub(crate) new: Option<Leaf>,
}

/// The tree of a commit.
pub(crate) fn tree_of(git: &gix::Repository, commit: ObjectId) -> Result<ObjectId, Failure> {
    let doing = || format!("read commit {commit}");
    let found = git.find_commit(commit).or_fail(Exit::Unavailable, doing())?;
    Ok(found.tree_id().or_fail(Exit::Unavailable, doing())?.detach())
}

/// The first line of a commit's message.
pub(crate) fn subject(git: &gix::Repository, commit: ObjectId) -> Result<String, Failure> {
    let doing = || format!("read commit {commit}");
    let found = git.find_commit(commit).or_fail(Exit::Unavailable, doing())?;
    let message = found.message_raw().or_fail(Exit::Unavailable, doing())?;
    Ok(message.lines().next().unwrap_or_default().to_str_lossy().into_owned())
}

/// The parents of a commit. A parent that a shallow clone does not have counts as none.
fn parents(git: &gix::Repository, commit: ObjectId) -> Result<Vec<ObjectId>, Failure> {
    let doing = || format!("read commit {commit}");
    let Some(found) = git.try_find_object(commit).or_fail(Exit::Unavailable, doing())? else {
        return Ok(Vec::new());
    };
    Ok(CommitRefIter::from_bytes(&found.data, gix::hash::Kind::Sha1).parent_ids().collect())
}

/// A commit and its first parents, newest first, down to `until` if it is met.
pub(crate) fn chain(
    git: &gix::Repository,
    from: Option<ObjectId>,
    until: Option<ObjectId>,
) -> Result<Vec<ObjectId>, Failure> {
    let mut chain: Vec<ObjectId> = from.into_iter().collect();
    while let Some(last) = chain.last().copied().filter(|_| chain.len() < FARTHEST) {
        let next = parents(git, last)?.first().copied();
        match next.filter(|_| Some(last) != until) {
            Some(next) => chain.push(next),
            None => break,
        }
    }
    Ok(chain)
}

/// The place in `chain` of the newest of its commits that `tip` is or descends from.
pub(crate) fn newest_shared(
    git: &gix::Repository,
    tip: ObjectId,
    chain: &[ObjectId],
) -> Result<Option<usize>, Failure> {
    let places: HashMap<ObjectId, usize> =
        chain.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    let mut found: Option<usize> = None;
    let mut seen = HashSet::from([tip]);
    let mut waiting = VecDeque::from([tip]);
    while let Some(commit) = waiting.pop_front().filter(|_| seen.len() < FARTHEST) {
        if let Some(place) = places.get(&commit) {
            found = Some(found.map_or(*place, |best| best.min(*place)));
            continue;
        }
        for parent in parents(git, commit)? {
            if seen.insert(parent) {
                waiting.push_back(parent);
            }
        }
    }
    Ok(found)
}

/// Opens a tree's bytes; an absent tree has none.
pub(crate) fn tree_bytes(
    git: &gix::Repository,
    tree: Option<ObjectId>,
) -> Result<Vec<u8>, Failure> {
    let Some(id) = tree else { return Ok(Vec::new()) };
    let found = git.find_tree(id).or_fail(Exit::Unavailable, format!("read tree {id}"))?;
    Ok(found.detach().data)
}

/// Reads a tree's entries, in its order.
pub(crate) fn entries(bytes: &[u8]) -> Result<Vec<EntryRef<'_>>, Failure> {
    let all = TreeRefIter::from_bytes(bytes, gix::hash::Kind::Sha1);
    all.collect::<Result<_, _>>().or_fail(Exit::Unavailable, "read a tree")
}

/// What a name at the top of a tree stands for.
pub(crate) fn find(
    git: &gix::Repository,
    tree: Option<ObjectId>,
    name: &str,
) -> Result<Option<Leaf>, Failure> {
    let bytes = tree_bytes(git, tree)?;
    let all = entries(&bytes)?;
    let found = all.into_iter().find(|entry| entry.filename == name);
    Ok(found.map(|entry| (entry.mode.kind(), entry.oid.to_owned())))
}

/// Lists the paths in which two trees differ, each with `prefix` before it.
pub(crate) fn diff(
    git: &gix::Repository,
    prefix: &[u8],
    old: Option<ObjectId>,
    new: Option<ObjectId>,
    out: &mut Vec<Difference>,
) -> Result<(), Failure> {
    if old == new {
        return Ok(());
    }
    if prefix.len() > LONGEST_PATH {
        return Err(Failure::new(Exit::Unavailable, "compare two trees: a path has no end"));
    }
    let (old_bytes, new_bytes) = (tree_bytes(git, old)?, tree_bytes(git, new)?);
    let (old, new) = (entries(&old_bytes)?, entries(&new_bytes)?);
    let (mut old, mut new) = (old.into_iter().peekable(), new.into_iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => {
                name_order(a.filename, a.mode.is_tree(), b.filename, b.mode.is_tree())
            }
        };
        let before = if order.is_le() { old.next() } else { None };
        let after = if order.is_ge() { new.next() } else { None };
        if before == after {
            continue;
        }
        let Some(name) = before.or(after).map(|entry| entry.filename) else { continue };
        let path = [prefix, name].concat();
        let folder = |entry: Option<EntryRef<'_>>| {
            entry.filter(|entry| entry.mode.is_tree()).map(|entry| entry.oid.to_owned())
        };
        let leaf = |entry: Option<EntryRef<'_>>| {
            let leaf = entry.filter(|entry| !entry.mode.is_tree());
            leaf.map(|entry| (entry.mode.kind(), entry.oid.to_owned()))
        };
        diff(git, &[&path, &b"/"[..]].concat(), folder(before), folder(after), out)?;
        let (old, new) = (leaf(before), leaf(after));
        if old != new {
            out.push(Difference { path, old, new });
        }
    }
}

/// Lists every leaf below a tree.
pub(crate) fn leaves(
    git: &gix::Repository,
    prefix: &[u8],
    tree: Option<ObjectId>,
) -> Result<Vec<(Vec<u8>, Leaf)>, Failure> {
    let mut all = Vec::new();
    diff(git, prefix, None, tree, &mut all)?;
    Ok(all.into_iter().filter_map(|it| Some((it.path, it.new?))).collect())
}

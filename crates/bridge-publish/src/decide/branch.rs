//! Whether the local branch may follow, path by path, and what that takes.

use bridge::layout::{COMMANDS, EVIDENCE};
use gix::ObjectId;
use gix::objs::tree::EntryKind;

use crate::observe::history::Leaf;

/// What the index has for a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Staged {
    /// Nothing.
    Absent,
    /// A plain entry.
    Plain(Leaf),
    /// An entry with a promise or a conflict on it.
    Special,
}

/// What the work tree has at a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Work {
    /// Nothing.
    Absent,
    /// A regular file: its kind and the id its content has as a blob.
    File(EntryKind, ObjectId),
    /// A link, a folder, something else, or something behind a link.
    Other,
}

/// What is done to the work tree at a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// Nothing: only the index entry changes.
    Keep,
    /// The new content is written.
    Write,
    /// The file is removed.
    Remove,
}

/// Who a path belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Owner {
    /// The executor: the publisher never writes it in the work tree.
    Evidence,
    /// Clients: delivered separately.
    Inbound,
    /// People.
    Foreign,
}

/// Who a path belongs to, by its first component.
pub(crate) fn owner(path: &[u8]) -> Owner {
    let first = path.split(|byte| *byte == b'/').next().unwrap_or_default();
    if EVIDENCE.iter().any(|name| name.as_bytes() == first) {
        Owner::Evidence
    } else if first == COMMANDS.as_bytes() {
        Owner::Inbound
    } else {
        Owner::Foreign
    }
}

/// What taking a path from `old` to `new` takes; `None` when somebody's work is in the way.
pub(crate) fn step(
    path: &[u8],
    old: Option<Leaf>,
    new: Option<Leaf>,
    staged: Staged,
    work: Work,
) -> Option<Step> {
    if owner(path) != Owner::Foreign {
        return Some(Step::Keep);
    }
    let is_plain = |leaf: Option<Leaf>| {
        leaf.is_none_or(|it| matches!(it.0, EntryKind::Blob | EntryKind::BlobExecutable))
    };
    if !is_plain(old) || !is_plain(new) || !is_safe(path) {
        return None;
    }
    let staged = match staged {
        Staged::Absent => None,
        Staged::Plain(leaf) => Some(leaf),
        Staged::Special => return None,
    };
    let found = match work {
        Work::Absent => None,
        Work::File(kind, id) => Some((kind, id)),
        Work::Other => return None,
    };
    // Both new: done by somebody, or by an earlier run that was killed. Staged new with the old
    // content in the work tree is an edit of somebody's.
    match (staged == old, staged == new, found == old, found == new) {
        (_, true, _, true) | (true, _, _, true) => Some(Step::Keep),
        (true, _, true, _) => Some(if new.is_some() { Step::Write } else { Step::Remove }),
        _ => None,
    }
}

/// Whether a path from a remote tree may be written: no component that leads out of the work tree
/// or into the repository itself.
pub(crate) fn is_safe(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').all(|name| {
        !matches!(name, b"" | b"." | b"..")
            && !name.eq_ignore_ascii_case(b".git")
            && !name.eq_ignore_ascii_case(b"git~1")
            && !name.contains(&b'\\')
            && !name.contains(&0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(byte: u8) -> Leaf {
        (EntryKind::Blob, ObjectId::from_bytes_or_panic(&[byte; 20]))
    }

    fn work(byte: u8) -> Work {
        let (kind, id) = leaf(byte);
        Work::File(kind, id)
    }

    #[test]
    fn a_foreign_path_follows_only_when_nobody_changed_it() {
        let (a, b, other) = (Some(leaf(1)), Some(leaf(2)), Staged::Plain(leaf(9)));
        let (staged_a, staged_b) = (Staged::Plain(leaf(1)), Staged::Plain(leaf(2)));
        for (old, new, staged, found, want) in [
            // Changed remotely, clean here.
            (a, b, staged_a, work(1), Some(Step::Write)),
            // Already there, wholly or but for the index.
            (a, b, staged_b, work(2), Some(Step::Keep)),
            (a, b, staged_a, work(2), Some(Step::Keep)),
            // Edited, staged, deleted, turned into something else.
            (a, b, staged_a, work(9), None),
            (a, b, other, work(9), None),
            (a, b, other, work(1), None),
            (a, b, staged_b, work(1), None),
            (a, b, staged_a, Work::Absent, None),
            (a, b, Staged::Absent, work(1), None),
            (a, b, Staged::Special, work(1), None),
            (a, b, staged_a, Work::Other, None),
            // New remotely.
            (None, b, Staged::Absent, Work::Absent, Some(Step::Write)),
            (None, b, Staged::Absent, work(2), Some(Step::Keep)),
            (None, b, Staged::Absent, work(9), None),
            (None, b, staged_b, Work::Absent, None),
            // Removed remotely.
            (a, None, staged_a, work(1), Some(Step::Remove)),
            (a, None, Staged::Absent, Work::Absent, Some(Step::Keep)),
            (a, None, staged_a, Work::Absent, Some(Step::Keep)),
            (a, None, staged_a, work(9), None),
            // Links and submodules are left to people.
            (Some((EntryKind::Link, leaf(1).1)), b, staged_a, work(1), None),
            (a, Some((EntryKind::Commit, leaf(2).1)), staged_a, work(1), None),
        ] {
            assert_eq!(step(b"src/x", old, new, staged, found), want, "{staged:?} {found:?}");
        }
    }

    #[test]
    fn evidence_and_inbound_documents_never_hold_the_branch_up_and_are_never_written() {
        for path in [&b"results/x.json"[..], b"meta/held/x.json", b"commands/x.json"] {
            for found in [Work::Absent, work(9), Work::Other] {
                let step = step(path, None, Some(leaf(2)), Staged::Special, found);
                assert_eq!(step, Some(Step::Keep));
            }
        }
        assert_eq!(owner(b"results2/x"), Owner::Foreign);
        assert_eq!(owner(b"commands"), Owner::Inbound);
    }

    #[test]
    fn no_remote_path_leads_out_of_the_work_tree_or_into_git() {
        for path in ["../x", "a/../x", "/etc/x", "a//b", ".git/hooks/x", "a/.GIT/x", "a\\b", "."] {
            let found = step(path.as_bytes(), None, Some(leaf(1)), Staged::Absent, Work::Absent);
            assert_eq!(found, None, "{path}");
        }
        assert!(is_safe(b".github/x") && is_safe(b"a/..b"));
    }
}

//! Walks a tree again and says everything that is not as it was: content by its hash, and also
//! modes, links, times, attributes, empty folders, names that git would ignore. Git is not asked.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::objs::Kind as ObjectKind;
use jobs::{Change, ChangeKind};
use ops_core::host::{Entry, Host, Kind};

use crate::tree::THREADS;

/// The most differences that are told.
const MOST: usize = 1000;

/// What a name stood for when the tree had just been written.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) entry: Entry,
    /// The object that a file or link is; none of a folder.
    pub(crate) id: Option<ObjectId>,
}

/// Everything in a tree by its path below it, `.` the tree itself.
pub(crate) type Seen = BTreeMap<PathBuf, Entry>;

/// Looks at everything in a tree; what could not be looked at is told in `unseen`.
pub(crate) fn look(host: &Host, top: &Path, unseen: &mut Vec<Change>) -> Seen {
    let mut seen = Seen::new();
    match host.look(top) {
        Ok(Some(entry)) => drop(seen.insert(PathBuf::from("."), entry)),
        _ => unseen.push(change(Path::new("."), ChangeKind::Deleted)),
    }
    let mut left = vec![PathBuf::new()];
    while let Some(below) = left.pop() {
        match host.list(&top.join(&below)) {
            Ok(entries) => {
                for entry in entries {
                    let path = below.join(&entry.name);
                    if entry.kind == Kind::Folder {
                        left.push(path.clone());
                    }
                    seen.insert(path, entry);
                }
            }
            Err(_) => unseen.push(change(&below, ChangeKind::Unreadable)),
        }
    }
    seen
}

/// Every difference between what was written and what is there, the first thousand.
pub(crate) fn compare(host: &Host, top: &Path, known: &BTreeMap<PathBuf, Known>) -> Vec<Change> {
    let mut changes = vec![];
    let seen = look(host, top, &mut changes);
    for (path, entry) in &seen {
        match known.get(path) {
            None => changes.push(change(path, ChangeKind::Added)),
            Some(known) => changes.extend(looks(path, &known.entry, entry)),
        }
    }
    let gone = known.keys().filter(|path| !seen.contains_key(*path));
    changes.extend(gone.map(|path| change(path, ChangeKind::Deleted)));
    let contents: Vec<(&PathBuf, &Known)> = known
        .iter()
        .filter(|(path, known)| {
            known.id.is_some() && seen.get(*path).is_some_and(|it| it.kind == known.entry.kind)
        })
        .collect();
    let share = contents.len().div_ceil(THREADS).max(1);
    let parts: Vec<Vec<Change>> = std::thread::scope(|scope| {
        let threads: Vec<_> = contents
            .chunks(share)
            .map(|part| {
                scope.spawn(move || {
                    part.iter()
                        .filter_map(|(path, known)| content(host, top, path, known))
                        .collect()
                })
            })
            .collect();
        let lost = |_| vec![change(Path::new("."), ChangeKind::Unreadable)];
        threads.into_iter().map(|it| it.join().unwrap_or_else(lost)).collect()
    });
    changes.extend(parts.into_iter().flatten());
    changes.sort();
    changes.dedup();
    changes.truncate(MOST);
    changes
}

/// What can be told of a name without reading it.
fn looks(path: &Path, was: &Entry, is: &Entry) -> Option<Change> {
    let kind = if was.kind != is.kind {
        ChangeKind::Type
    } else if was.mode != is.mode {
        ChangeKind::Mode
    } else if was.kind != Kind::Folder && was.size != is.size {
        ChangeKind::Modified
    } else if was.changed_ns != is.changed_ns
        || was.modified_ns != is.modified_ns
        || was.inode != is.inode
        || (was.owner, was.group) != (is.owner, is.group)
    {
        // The time of a status change cannot be set: it tells of attributes, links and times that
        // were put back.
        ChangeKind::Metadata
    } else {
        return None;
    };
    Some(change(path, kind))
}

/// What can be told by reading it.
fn content(host: &Host, top: &Path, path: &Path, known: &Known) -> Option<Change> {
    let id = known.id?;
    let at = top.join(path);
    let bytes = match known.entry.kind {
        Kind::Link => host.read_link(&at).map(|it| it.into_os_string().as_bytes().to_vec()),
        _ => host.read_plain(&at, known.entry.size.saturating_add(1)).map(|it| it.1),
    };
    let kind = match bytes {
        Err(_) => ChangeKind::Unreadable,
        Ok(bytes) => match gix::objs::compute_hash(id.kind(), ObjectKind::Blob, &bytes) {
            Ok(found) if found == id => return None,
            _ => ChangeKind::Modified,
        },
    };
    Some(change(path, kind))
}

pub(crate) fn change(path: &Path, kind: ChangeKind) -> Change {
    Change { path: jobs::shown(path), kind }
}

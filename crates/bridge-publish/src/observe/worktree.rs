//! What the work tree and the index have at a path.

use std::path::Path;

use gix::bstr::ByteSlice;
use gix::index::entry::{Flags, Mode, Stage};
use gix::objs::Kind;
use gix::objs::tree::EntryKind;
use ops_core::host::{self, Host};

use super::disk::blob_kind;
use crate::act::sink::hash;
use crate::decide::branch::{Staged, Work};
use crate::repository::below;

/// The largest file that is compared, bytes; a larger one counts as changed.
const LARGEST: u64 = 256 * 1024 * 1024;

/// Looks at a path of the work tree without following links anywhere on the way.
pub(crate) fn work(host: &Host, root: &Path, path: &[u8]) -> Work {
    let mut at = root.to_path_buf();
    let mut parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        at.push(below(part));
        match host.look(&at) {
            Ok(Some(found)) if found.kind == host::Kind::Folder => {}
            Ok(None) => return Work::Absent,
            Ok(Some(_)) | Err(_) => return Work::Other,
        }
    }
    at.push(below(last));
    match host.look(&at) {
        Ok(None) => Work::Absent,
        Ok(Some(found)) if found.kind == host::Kind::File && found.size <= LARGEST => {
            let read = host.read_plain(&at, LARGEST).ok();
            let seen = read.and_then(|(entry, bytes)| {
                Some(Work::File(blob_kind(&entry), hash(Kind::Blob, &bytes).ok()?))
            });
            seen.unwrap_or(Work::Other)
        }
        Ok(Some(_)) | Err(_) => Work::Other,
    }
}

/// Looks a path up in the index.
pub(crate) fn staged(index: &gix::index::State, path: &[u8]) -> Staged {
    let Some(entry) = index.entry_by_path_and_stage(path.as_bstr(), Stage::Unconflicted) else {
        return Staged::Absent;
    };
    let special = Flags::ASSUME_VALID | Flags::SKIP_WORKTREE | Flags::INTENT_TO_ADD | Flags::REMOVE;
    let kind = match entry.mode {
        Mode::FILE => EntryKind::Blob,
        Mode::FILE_EXECUTABLE => EntryKind::BlobExecutable,
        Mode::SYMLINK => EntryKind::Link,
        Mode::COMMIT => EntryKind::Commit,
        _ => return Staged::Special,
    };
    if entry.flags.intersects(special) { Staged::Special } else { Staged::Plain((kind, entry.id)) }
}

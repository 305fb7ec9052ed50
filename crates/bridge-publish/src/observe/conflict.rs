//! Evidence on the remote that this root did not put there.

use std::path::Path;

use bridge::layout::EVIDENCE;
use gix::ObjectId;
use gix::bstr::ByteSlice;
use gix::objs::Kind;
use ops_core::failure::Failure;
use ops_core::host::Host;

use super::disk::{LARGEST, is_hidden};
use super::history::{self, Leaf};
use crate::act::sink::hash;
use crate::decide::ground::Compare;
use crate::repository::below;

/// Lists evidence paths of `tip` that are not as this root has them.
pub(crate) fn paths(
    host: &Host,
    git: &gix::Repository,
    root: &Path,
    compare: Compare,
    tip: ObjectId,
    head: Option<ObjectId>,
) -> Result<Vec<String>, Failure> {
    let base = match compare {
        Compare::Nothing => return Ok(Vec::new()),
        Compare::Since(commit) => Some(commit),
        Compare::Disk => head,
    };
    let tree = |commit: Option<ObjectId>| commit.map(|it| history::tree_of(git, it)).transpose();
    let (old, new) = (tree(base)?, tree(Some(tip))?);
    let mut found = Vec::new();
    for name in EVIDENCE {
        let (before, after) = (history::find(git, old, name)?, history::find(git, new, name)?);
        if after.is_some_and(|(kind, _)| !kind_is_folder(kind)) {
            found.push((*name).to_owned());
            continue;
        }
        let prefix = format!("{name}/");
        let id = |leaf: Option<Leaf>| leaf.filter(|it| kind_is_folder(it.0)).map(|it| it.1);
        let mut differences = Vec::new();
        history::diff(git, prefix.as_bytes(), id(before), id(after), &mut differences)?;
        differences.retain(|it| !is_hidden(&it.path));
        if compare == Compare::Disk {
            // The first meeting: what the remote has beyond the checked-out commit must be what
            // lies here, and what only the commit has was removed by people.
            differences
                .retain(|it| it.new.is_some_and(|new| !is_here(host, git, root, &it.path, new)));
        }
        found.extend(differences.iter().map(|it| it.path.as_bstr().to_string()));
    }
    Ok(found)
}

fn kind_is_folder(kind: gix::objs::tree::EntryKind) -> bool {
    kind == gix::objs::tree::EntryKind::Tree
}

/// Whether a file on disk has a blob's content; a log may have grown since.
fn is_here(host: &Host, git: &gix::Repository, root: &Path, path: &[u8], leaf: Leaf) -> bool {
    let on_disk = root.join(below(path));
    let Ok((_, bytes)) = host.read_plain(&on_disk, LARGEST) else { return false };
    if path.starts_with(b"logs/") {
        return git.find_blob(leaf.1).is_ok_and(|blob| bytes.starts_with(&blob.data));
    }
    hash(Kind::Blob, &bytes).is_ok_and(|id| id == leaf.1)
}

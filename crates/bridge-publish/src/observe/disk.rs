//! Evidence on disk that a tree does not hold yet. Names decide for what is only ever added;
//! contents are compared where files change.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice};
use gix::objs::Kind;
use gix::objs::tree::EntryKind;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{self, Host};
use ops_core::time;
use serde::Deserialize;

use super::history::{self, Leaf};
use crate::act::sink::hash;
use crate::decide::plan::{Change, DeadLetter, Outcome};
use crate::repository::below;

/// The largest file that is published, bytes: what common git servers accept.
pub(crate) const LARGEST: u64 = 100 * 1024 * 1024;

/// Folders whose files change, apart from the append-only ones.
const MUTABLE: &[&str] = &["context", "logs", "meta", "summaries"];

/// How much of a result or dead letter is read for its time and code, bytes.
const HEAD: u64 = 16 * 1024 * 1024;

/// Evidence that is not in a tree.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) dead_letters: Vec<DeadLetter>,
    pub(crate) changes: Vec<Change>,
    /// What waits for more files, and for which.
    pub(crate) notes: Vec<String>,
    /// What cannot be published, and why.
    pub(crate) left_out: Vec<String>,
}

/// Reads what is on disk against the tree of a commit.
///
/// `removals`: whether a changing file that is in the tree and not on disk counts as removed.
pub(crate) fn read(
    host: &Host,
    git: &gix::Repository,
    root: &Path,
    commit: Option<ObjectId>,
    removals: bool,
) -> Result<Disk, Failure> {
    let tree = commit.map(|commit| history::tree_of(git, commit)).transpose()?;
    let mut disk = Disk::default();
    let flat = |name: &str| Ok::<_, Failure>((names(host, root, name)?, held(git, tree, name)?));
    outcomes(host, root, &[flat("archive")?, flat("results")?, flat("diffs")?], &mut disk);
    let (on_disk, in_tree) = flat("dead_letter")?;
    for name in on_disk.difference(&in_tree).filter(|name| name.ends_with(b".json")) {
        disk.dead_letters.extend(dead_letter(host, root, name, &mut disk.left_out));
    }
    for name in MUTABLE {
        let id = history::find(git, tree, name)?.map(|(_, id)| id);
        let known = history::leaves(git, format!("{name}/").as_bytes(), id)?;
        let known = known.into_iter().filter(|(path, _)| !is_hidden(path)).collect();
        changes(host, git, root, name, known, removals, &mut disk)?;
    }
    Ok(disk)
}

/// The names in a flat folder of the root; a folder that is not there has none.
fn names(host: &Host, root: &Path, folder: &str) -> Result<HashSet<BString>, Failure> {
    let path = root.join(folder);
    let plain =
        host.look(&path).or_fail(Exit::Unavailable, format!("look at {}", path.display()))?;
    if !plain.is_some_and(|it| it.kind == host::Kind::Folder) {
        return Ok(HashSet::new());
    }
    let names = host.names(&path).or_fail(Exit::Unavailable, format!("list {}", path.display()))?;
    let names = names.into_iter().map(|name| BString::from(name.into_vec()));
    Ok(names.filter(|name| !name.starts_with(b".")).collect())
}

/// The names in a flat folder of a tree.
fn held(
    git: &gix::Repository,
    tree: Option<ObjectId>,
    folder: &str,
) -> Result<HashSet<BString>, Failure> {
    let id = history::find(git, tree, folder)?.map(|(_, id)| id);
    let bytes = history::tree_bytes(git, id)?;
    Ok(history::entries(&bytes)?.into_iter().map(|entry| entry.filename.to_owned()).collect())
}

type Names = (HashSet<BString>, HashSet<BString>);

/// Whether a component begins with a dot: temporary names and placeholders are no evidence.
pub(crate) fn is_hidden(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').any(|name| name.starts_with(b"."))
}

/// Groups the files of executed commands by id. The archive is written last, so it names them.
fn outcomes(host: &Host, root: &Path, folders: &[Names; 3], disk: &mut Disk) {
    let [archive, results, diffs] = folders;
    for name in &archive.0 {
        let Some(id) = name.strip_suffix(b".json") else { continue };
        let files = [
            ("archive", archive, [id, b".json"].concat()),
            ("diffs", diffs, [id, b".patch"].concat()),
            ("results", results, [id, b".integrity.json"].concat()),
            ("results", results, [id, b".json"].concat()),
        ];
        if files.iter().all(|(_, held, name)| held.1.contains(name.as_bstr())) {
            continue;
        }
        if let Some((folder, _, name)) =
            files.iter().find(|(_, held, name)| !held.0.contains(name.as_bstr()))
        {
            let lacking = format!("{folder}/{}", name.as_bstr());
            disk.notes.push(format!("{} waits: {lacking} is not there yet", id.as_bstr()));
            continue;
        }
        let missing = files.iter().filter(|(_, held, name)| !held.1.contains(name.as_bstr()));
        let paths =
            missing.map(|(folder, _, name)| [folder.as_bytes(), b"/", name].concat()).collect();
        disk.outcomes.extend(outcome(host, root, id, paths, &mut disk.left_out));
    }
}

/// What a commit says of an outcome. What cannot be parsed is published all the same.
#[derive(Deserialize)]
struct ResultHead {
    exit_code: Option<i64>,
    finished_at: Option<String>,
}

#[derive(Deserialize)]
struct LetterHead {
    reason: Option<String>,
    at: Option<String>,
}

fn outcome(
    host: &Host,
    root: &Path,
    id: &[u8],
    paths: Vec<Vec<u8>>,
    left_out: &mut Vec<String>,
) -> Option<Outcome> {
    let path = [b"results/", id, b".json"].concat();
    let (entry, bytes) = plain(host, root, &path, HEAD, left_out)?;
    let head: Option<ResultHead> = serde_json::from_slice(&bytes).ok();
    let at = moment(head.as_ref().and_then(|head| head.finished_at.as_deref()), &entry);
    Some(Outcome { id: id.to_owned(), exit: head.and_then(|head| head.exit_code), at, paths })
}

fn dead_letter(
    host: &Host,
    root: &Path,
    name: &[u8],
    left_out: &mut Vec<String>,
) -> Option<DeadLetter> {
    let path = [b"dead_letter/", name].concat();
    let (entry, bytes) = plain(host, root, &path, HEAD, left_out)?;
    let head: Option<LetterHead> = serde_json::from_slice(&bytes).ok();
    let at = moment(head.as_ref().and_then(|head| head.at.as_deref()), &entry);
    let name = name.strip_suffix(b".json").unwrap_or(name).to_owned();
    Some(DeadLetter { name, reason: head.and_then(|head| head.reason), at, path })
}

/// Microseconds since the epoch: what a document says, else when the file was written. Either is
/// the same in the next run, so that a commit made anew is the same commit.
fn moment(said: Option<&str>, entry: &host::Entry) -> i64 {
    let said = said.and_then(|text| time::parse(text).ok()).map(time::Timestamp::as_microsecond);
    said.unwrap_or_else(|| i64::try_from(entry.modified_ns / 1000).unwrap_or_default())
}

/// Reads a regular file. One that is something else, too large or gone is left out, with a note.
pub(crate) fn plain(
    host: &Host,
    root: &Path,
    path: &[u8],
    limit: u64,
    left_out: &mut Vec<String>,
) -> Option<(host::Entry, Vec<u8>)> {
    match host.read_plain(&root.join(below(path)), limit + 1) {
        Ok((_, bytes)) if bytes.len() as u64 > limit => {
            left_out.push(format!("{}: larger than {limit} bytes", path.as_bstr()));
            None
        }
        Ok(read) => Some(read),
        Err(err) if err.kind() == io::ErrorKind::NotFound => None,
        Err(err) => {
            left_out.push(format!("{}: {err}", path.as_bstr()));
            None
        }
    }
}

/// A log that is being written may end in half a line, which belongs to a later commit.
pub(crate) fn whole_lines(path: &[u8], bytes: &mut Vec<u8>) -> bool {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
    let cut = path.starts_with(b"logs/") && end < bytes.len();
    if cut {
        bytes.truncate(end);
    }
    cut
}

/// The kind of blob a file is in a tree.
pub(crate) fn blob_kind(entry: &host::Entry) -> EntryKind {
    if entry.mode & 0o100 == 0 { EntryKind::Blob } else { EntryKind::BlobExecutable }
}

fn changes(
    host: &Host,
    git: &gix::Repository,
    root: &Path,
    folder: &str,
    mut known: BTreeMap<Vec<u8>, Leaf>,
    removals: bool,
    disk: &mut Disk,
) -> Result<(), Failure> {
    let mut files = Vec::new();
    walk(host, root, folder.as_bytes(), &mut files)?;
    for (path, entry) in files {
        let held = known.remove(&path);
        let is_set_aside = folder == "logs" && path != b"logs/bridge.log";
        if is_set_aside && held.is_some_and(|(_, id)| same_size(git, id, entry.size)) {
            // Nobody writes to a log that was set aside.
            continue;
        }
        let Some((entry, mut bytes)) = plain(host, root, &path, LARGEST, &mut disk.left_out) else {
            continue;
        };
        whole_lines(&path, &mut bytes);
        if held != Some((blob_kind(&entry), hash(Kind::Blob, &bytes)?)) {
            disk.changes.push(Change::Write(path));
        }
    }
    if removals && folder != "logs" {
        disk.changes.extend(known.into_keys().map(Change::Remove));
    }
    Ok(())
}

fn same_size(git: &gix::Repository, id: ObjectId, size: u64) -> bool {
    git.find_header(id).is_ok_and(|header| header.size() == size)
}

/// Lists the regular files below a folder, without following links.
fn walk(
    host: &Host,
    root: &Path,
    folder: &[u8],
    out: &mut Vec<(Vec<u8>, host::Entry)>,
) -> Result<(), Failure> {
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        let path = root.join(below(&folder));
        let doing = || format!("list {}", path.display());
        let seen = host.look(&path).or_fail(Exit::Unavailable, doing())?;
        if !seen.is_some_and(|it| it.kind == host::Kind::Folder) {
            continue;
        }
        for entry in host.list(&path).or_fail(Exit::Unavailable, doing())? {
            let name = entry.name.as_bytes();
            if name.starts_with(b".") {
                continue;
            }
            let path = [&folder[..], b"/", name].concat();
            match entry.kind {
                host::Kind::Folder => waiting.push(path),
                host::Kind::File => out.push((path, entry)),
                host::Kind::Link | host::Kind::Other => {}
            }
        }
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(())
}

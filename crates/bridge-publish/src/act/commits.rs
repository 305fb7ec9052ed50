//! Builds commits from blobs upward, never by way of the index or the work tree's state.

use std::collections::BTreeMap;
use std::path::Path;

use bridge::settings::Publish;
use gix::ObjectId;
use gix::bstr::ByteSlice;
use gix::objs::Kind;
use gix::objs::tree::EntryKind;
use ops_core::failure::Failure;
use ops_core::host::{Entry, Host};

use super::folder::Folder;
use super::sign::Signer;
use super::sink::Sink;
use crate::decide::plan::{Change, Commit};
use crate::observe::{disk, history};
use crate::repository::Repository;

/// Commits made in one go at most; the next batch follows after a push.
const MOST_COMMITS: usize = 2000;

/// Bytes of new objects held in memory at most, roughly.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// Bytes of trees in one batch at most. Each has to be read here and on the remote, so that this,
/// not the number of commits, decides how long a push to a root with many outcomes takes.
const MOST_TREES: u64 = 1024 * 1024 * 1024;

/// A file as it was published: which blob, and the file it was read from if that is all of it.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) kind: EntryKind,
    pub(crate) id: ObjectId,
    pub(crate) file: Option<Entry>,
}

/// What was made.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// Id and subject, oldest first.
    pub(crate) commits: Vec<(ObjectId, String)>,
    /// The last commit, or what it would have been put on.
    pub(crate) tip: Option<ObjectId>,
    /// Every file in them.
    pub(crate) placed: BTreeMap<Vec<u8>, Placed>,
    /// Whether planned commits were left for the next batch.
    pub(crate) is_cut: bool,
    /// What cannot be published, and why.
    pub(crate) left_out: Vec<String>,
}

/// Builds commits and makes their objects readable; flushing them is the caller's.
pub(crate) struct Builder<'a> {
    pub(crate) host: &'a Host,
    pub(crate) repository: &'a Repository,
    pub(crate) root: &'a Path,
    pub(crate) settings: &'a Publish,
    pub(crate) signer: Option<&'a Signer>,
}

impl Builder<'_> {
    /// Puts planned commits on top of `base`.
    pub(crate) fn make(&self, base: Option<ObjectId>, plan: &[Commit]) -> Result<Made, Failure> {
        let git = &self.repository.git;
        let mut made = Made { tip: base, ..Made::default() };
        if plan.is_empty() {
            return Ok(made);
        }
        let tree = base.map(|base| history::tree_of(git, base)).transpose()?;
        let mut top = Folder::open(git, tree)?;
        let mut sink = Sink::for_commits(git, plan.len());
        for (done, commit) in plan.iter().enumerate() {
            let is_full = sink.size() > MOST_BYTES || sink.trees() > MOST_TREES;
            if done >= MOST_COMMITS || is_full {
                // A batch in which nothing could be committed would only be tried again.
                made.is_cut = !made.commits.is_empty();
                break;
            }
            if !self.apply(commit, &mut top, &mut sink, &mut made)? {
                continue;
            }
            let tree = top.write(&mut sink)?;
            let bytes = self.commit(commit, tree, made.tip)?;
            let id = sink.put(Kind::Commit, &bytes)?;
            made.commits.push((id, commit.subject.clone()));
            made.tip = Some(id);
        }
        sink.finish(self.host, self.repository)?;
        Ok(made)
    }

    /// Brings the changes of a commit into the tree; false when there is none left to make.
    fn apply(
        &self,
        commit: &Commit,
        top: &mut Folder,
        sink: &mut Sink<'_>,
        made: &mut Made,
    ) -> Result<bool, Failure> {
        let git = &self.repository.git;
        let mut changes = Vec::with_capacity(commit.changes.len());
        for change in &commit.changes {
            let path = change.path();
            let placed = match change {
                Change::Remove(_) => None,
                Change::Write(_) => match self.read(path, sink, &mut made.left_out)? {
                    Some(placed) => Some(placed),
                    // What changes may be gone again; an outcome is published whole or not at all.
                    None if commit.whole && !is_mutable(path) => return Ok(false),
                    None => continue,
                },
            };
            changes.push((path, placed));
        }
        for (path, placed) in &changes {
            top.set(git, path, placed.as_ref().map(|it| (it.kind, it.id)))?;
        }
        let is_any = !changes.is_empty();
        for (path, placed) in changes {
            match placed {
                Some(placed) => made.placed.insert(path.to_vec(), placed),
                None => made.placed.remove(path),
            };
        }
        Ok(is_any)
    }

    fn read(
        &self,
        path: &[u8],
        sink: &mut Sink<'_>,
        left_out: &mut Vec<String>,
    ) -> Result<Option<Placed>, Failure> {
        let found = disk::plain(self.host, self.root, path, disk::LARGEST, left_out);
        let Some((entry, mut bytes)) = found else { return Ok(None) };
        let is_cut = disk::whole_lines(path, &mut bytes);
        let id = sink.put(Kind::Blob, &bytes)?;
        Ok(Some(Placed { kind: disk::blob_kind(&entry), id, file: (!is_cut).then_some(entry) }))
    }

    fn commit(
        &self,
        commit: &Commit,
        tree: ObjectId,
        parent: Option<ObjectId>,
    ) -> Result<Vec<u8>, Failure> {
        let at = commit.at.unwrap_or_else(|| self.host.now().as_second()).max(0);
        let name = plain(&self.settings.author_name);
        let who = format!("{name} <{}> {at} +0000", plain(&self.settings.author_email));
        let parent = parent.map(|id| format!("parent {id}\n")).unwrap_or_default();
        let head = format!("tree {tree}\n{parent}author {who}\ncommitter {who}\n");
        let body = commit.body.as_ref().map(|body| format!("\n{body}\n")).unwrap_or_default();
        let message = format!("\n{}\n{body}", commit.subject);
        let Some(signer) = self.signer else { return Ok([head, message].concat().into_bytes()) };
        let signature = signer.sign(self.host, [&head[..], &message].concat().into_bytes())?;
        let header = format!("gpgsig {}\n", signature.trim_end().replace('\n', "\n "));
        Ok([head, header, message].concat().into_bytes())
    }
}

/// Whether a path is one of those that change and go along with a command's own files.
fn is_mutable(path: &[u8]) -> bool {
    [&b"context/"[..], b"logs/", b"meta/", b"summaries/"]
        .iter()
        .any(|top| path.starts_with_str(top))
}

/// A name or address as a commit can hold it.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !"<>".contains(*c)).collect::<String>().trim().into()
}

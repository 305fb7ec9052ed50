//! Lets the checked-out branch follow what was published, without touching anybody's work.
//!
//! Both `index.lock` and the branch's own lock are held as second names of a mark of ours. If this
//! process dies, the next run knows them by their inode and removes them; another's lock it never
//! touches. Files are replaced under them in the order work tree, index, branch, so that a run
//! that was killed in between finds the paths already done and goes on.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use gix::ObjectId;
use gix::bstr::ByteSlice;
use gix::head::Kind;
use gix::index::entry::stat::Time;
use gix::index::entry::{Flags, Mode, Stage, Stat};
use gix::objs::tree::EntryKind;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Entry, Host};

use super::commits::Placed;
use crate::decide::branch::{Owner, Step, owner, step};
use crate::observe::history::{self, Difference};
use crate::observe::worktree;
use crate::repository::{Held, Repository, below, lock_of};

/// Whether the branch stands where it should, or why it was left alone.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Followed {
    /// It moved.
    Moved,
    /// It stood there already.
    There,
    /// It was left exactly as it was.
    Left(String),
}

/// Where HEAD is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Head {
    /// On the published branch: its commit, or `None` while it has none.
    On(Option<ObjectId>),
    /// Detached, or on another branch.
    Elsewhere,
}

/// Looks where HEAD is.
pub(crate) fn head(repository: &Repository) -> Result<Head, Failure> {
    let head = repository.git.head().or_fail(Exit::Unavailable, "read HEAD")?;
    Ok(match head.kind {
        Kind::Symbolic(branch) if branch.name == repository.branch => {
            Head::On(branch.target.try_id().map(ToOwned::to_owned))
        }
        Kind::Unborn(branch) if branch == repository.branch => Head::On(None),
        _ => Head::Elsewhere,
    })
}

/// Follows to `tip`. `left_at` is where an earlier run left the branch.
pub(crate) fn follow(
    host: &Host,
    repository: &Repository,
    root: &Path,
    tip: ObjectId,
    left_at: Option<ObjectId>,
    placed: &BTreeMap<Vec<u8>, Placed>,
) -> Result<Followed, Failure> {
    let left = |why: &str| Ok(Followed::Left(why.to_owned()));
    let Head::On(old) = head(repository)? else { return left("HEAD is not on the branch") };
    if old == Some(tip) {
        return Ok(Followed::There);
    }
    if let Some(old) = old
        && left_at != Some(old)
        && history::newest_shared(&repository.git, tip, &[old])?.is_none()
    {
        return left("it has commits that are not on the remote");
    }
    if let Some(state) = repository.git.state() {
        return left(&format!("git is in the middle of something: {state:?}"));
    }
    let mut locks = Vec::new();
    for of in [repository.git.index_path(), repository.branch_file()] {
        match Held::take(host, repository, &of) {
            Ok(Some(lock)) => locks.push(lock),
            Ok(None) => return left(&format!("{} exists", lock_of(&of).display())),
            Err(err) => return left(&format!("{} cannot be made: {err}", lock_of(&of).display())),
        }
    }
    if head(repository)? != Head::On(old) {
        return left("it moved meanwhile");
    }
    let Some(tree) = plan(host, repository, root, old, tip, placed)? else {
        return left("changes in the work tree or the index are in its way");
    };
    tree.carry_out(host, repository, root).or_fail(Exit::Unavailable, DOING)?;
    let line = format!("{tip}\n");
    repository
        .install(host, &repository.branch_file(), line.as_bytes(), 0o644, true)
        .or_fail(Exit::Unavailable, DOING)?;
    drop(locks);
    Ok(Followed::Moved)
}

const DOING: &str = "let the local branch follow";

/// Everything that is to be written, decided before anything is.
struct Tree {
    index: gix::index::File,
    steps: Vec<(Difference, Step)>,
}

fn plan(
    host: &Host,
    repository: &Repository,
    root: &Path,
    old: Option<ObjectId>,
    tip: ObjectId,
    placed: &BTreeMap<Vec<u8>, Placed>,
) -> Result<Option<Tree>, Failure> {
    let git = &repository.git;
    let mut index = gix::index::File::at_or_default(
        git.index_path(),
        gix::hash::Kind::Sha1,
        false,
        gix::index::decode::Options::default(),
    )
    .or_fail(Exit::Unavailable, "read the index")?;
    let is_merging = index.entries().iter().any(|entry| entry.stage() != Stage::Unconflicted);
    if is_merging || index.is_sparse() {
        return Ok(None);
    }
    let old = old.map(|old| history::tree_of(git, old)).transpose()?;
    let mut differences = Vec::new();
    history::diff(git, b"", old, Some(history::tree_of(git, tip)?), &mut differences)?;
    let mut steps = Vec::with_capacity(differences.len());
    for it in differences {
        let is_foreign = owner(&it.path) == Owner::Foreign;
        let staged = worktree::staged(&index, &it.path);
        // Evidence follows whatever is there, so nothing of it is read again.
        let work = if is_foreign { worktree::work(host, root, &it.path) } else { NOT_ASKED };
        let Some(step) = step(&it.path, it.old, it.new, staged, work) else { return Ok(None) };
        steps.push((it, step));
    }
    restage(&mut index, &steps, placed);
    Ok(Some(Tree { index, steps }))
}

const NOT_ASKED: crate::decide::branch::Work = crate::decide::branch::Work::Other;

/// Brings every changed path of the index to its new blob.
fn restage(
    index: &mut gix::index::File,
    steps: &[(Difference, Step)],
    placed: &BTreeMap<Vec<u8>, Placed>,
) {
    // An entry as young as the old index is compared by content until the index is written again;
    // the new one is younger, so what could have changed since must be made to look changed.
    let (read_at, options) = (index.timestamp(), gix::index::entry::stat::Options::default());
    for entry in index.entries_mut() {
        if entry.stat.is_racy(read_at, options) {
            entry.stat.size = 0;
        }
    }
    let known = index.entries().len();
    let mut gone = Vec::new();
    for (it, _) in steps {
        let path = it.path.as_bstr();
        let there = index.entry_index_by_path_and_stage_bounded(path, Stage::Unconflicted, known);
        let Some((kind, id)) = it.new else {
            gone.extend(there);
            continue;
        };
        let file = placed.get(&it.path).filter(|placed| placed.id == id);
        // All zero means: compare the content when somebody asks.
        let stat = file.and_then(|placed| placed.file.as_ref()).map_or_else(Stat::default, stat);
        let mode = match kind {
            EntryKind::BlobExecutable => Mode::FILE_EXECUTABLE,
            EntryKind::Link => Mode::SYMLINK,
            EntryKind::Commit => Mode::COMMIT,
            EntryKind::Blob | EntryKind::Tree => Mode::FILE,
        };
        match there.and_then(|at| index.entries_mut().get_mut(at)) {
            Some(entry) => {
                (entry.stat, entry.id, entry.mode) = (stat, id, mode);
                entry.flags.remove(Flags::INTENT_TO_ADD);
            }
            None => index.dangerously_push_entry(stat, id, Flags::empty(), mode, path),
        }
    }
    gone.sort_unstable();
    index.remove_entries(|at, _, _| gone.binary_search(&at).is_ok());
    index.sort_entries();
    // The cached trees are those of the old entries.
    drop(index.remove_tree());
}

/// What git compares to see that a file is unchanged; like git, only the low 32 bits of each.
fn stat(file: &Entry) -> Stat {
    let low = |value: i128| u32::try_from(value & 0xffff_ffff).unwrap_or_default();
    let time = |ns: i128| Time {
        secs: low(ns.div_euclid(1_000_000_000)),
        nsecs: low(ns.rem_euclid(1_000_000_000)),
    };
    Stat {
        mtime: time(file.modified_ns),
        ctime: time(file.changed_ns),
        dev: 0,
        ino: low(i128::from(file.inode)),
        uid: file.owner,
        gid: file.group,
        size: low(i128::from(file.size)),
    }
}

impl Tree {
    /// Writes the work tree, then the index.
    fn carry_out(&self, host: &Host, repository: &Repository, root: &Path) -> io::Result<()> {
        let place = |path: &[u8]| root.join(below(path));
        for (it, _) in self.steps.iter().filter(|(_, step)| *step == Step::Remove) {
            host.remove_file(&place(&it.path))?;
        }
        for (it, _) in self.steps.iter().filter(|(_, step)| *step == Step::Write) {
            let Some((kind, id)) = it.new else { continue };
            let blob = repository.git.find_blob(id).map_err(io::Error::other)?;
            let to = place(&it.path);
            if let Some(folder) = to.parent() {
                host.make_dir(folder, 0o755)?;
            }
            let mode = if kind == EntryKind::BlobExecutable { 0o755 } else { 0o644 };
            repository.install(host, &to, &blob.data, mode, true)?;
        }
        let mut bytes = Vec::new();
        let options = gix::index::write::Options::default();
        self.index.write_to(&mut bytes, options).map_err(io::Error::other)?;
        let path = repository.git.index_path();
        let mode = host.look(&path)?.map_or(0o644, |entry| entry.mode);
        repository.install(host, &path, &bytes, mode, true)
    }
}

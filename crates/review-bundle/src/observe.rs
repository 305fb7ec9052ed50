//! Opens a repository by what it is, resolves a range in it, and reads its objects.

use std::path::Path;

use gix::ObjectId;
use gix::bstr::BStr;
use gix::objs::Kind;
use gix::open::Options;
use ops_core::failure::{Exit, Failure, OrFail};

use crate::manifest::Point;
use crate::section::Content;

/// A repository that is opened in isolation: no configuration but its own, no environment, no
/// replace refs.
#[derive(Debug)]
pub struct Repository {
    git: gix::Repository,
}

/// Two commits and their trees. What changed between the trees is the range's change, however many
/// commits, merges among them, lie in between.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Range {
    /// The commit the range starts behind.
    pub since: ObjectId,
    /// Its tree.
    pub since_tree: ObjectId,
    /// The commit the range ends with.
    pub to: ObjectId,
    /// Its tree.
    pub to_tree: ObjectId,
}

impl Range {
    /// Returns where the range starts and ends, as documents have it.
    pub fn points(&self) -> (Point, Point) {
        let point = |commit: ObjectId, tree: ObjectId| Point {
            commit: commit.to_string(),
            tree: tree.to_string(),
        };
        (point(self.since, self.since_tree), point(self.to, self.to_tree))
    }
}

impl Repository {
    /// Opens the repository that a folder lies in: a work tree, linked or not, or a bare one.
    /// `GIT_DIR` and its kin are not asked.
    pub fn discover(folder: &Path) -> Result<Self, Failure> {
        let git = gix::discover_opts(folder, gix::discover::upwards::Options::default(), options());
        let doing = || format!("open the git repository of {}", folder.display());
        git.or_fail(Exit::Unavailable, doing()).map(|git| Self { git })
    }

    /// Opens exactly this git folder or work tree: what a hook is told by `GIT_DIR`.
    pub fn open(git_dir: &Path) -> Result<Self, Failure> {
        let doing = || format!("open the git repository {}", git_dir.display());
        let git = gix::open_opts(git_dir, options()).or_fail(Exit::Unavailable, doing())?;
        Ok(Self { git })
    }

    /// Returns gix's own handle, opened in isolation.
    pub fn git(&self) -> &gix::Repository {
        &self.git
    }

    /// Resolves two names, each `HEAD`, a reference, an oid or its beginning, or what else
    /// `git rev-parse` knows, to commits and their trees. Tags are peeled.
    pub fn range(&self, since: &str, to: &str) -> Result<Range, Failure> {
        let (since, to) = (self.commit(since)?, self.commit(to)?);
        let (since_tree, to_tree) = (self.tree_of(since)?, self.tree_of(to)?);
        Ok(Range { since, since_tree, to, to_tree })
    }

    /// Resolves a name to a commit.
    pub fn commit(&self, name: &str) -> Result<ObjectId, Failure> {
        let doing = || format!("resolve {name:?} to a commit");
        let hint = "the object may be missing: a shallow clone lacks old commits, `git fetch \
                    --unshallow` gets them";
        if self.git.head().is_ok_and(|head| head.is_unborn()) && name.starts_with("HEAD") {
            return Err(Failure::new(Exit::Unavailable, doing()).because("there is no commit yet"));
        }
        let id = self.git.rev_parse_single(BStr::new(name)).or_fail(Exit::Unavailable, doing());
        let object = id.and_then(|id| id.object().or_fail(Exit::Unavailable, doing()));
        let commit =
            object.and_then(|it| it.peel_to_kind(Kind::Commit).or_fail(Exit::Unavailable, doing()));
        commit.map(|it| it.id).map_err(|failure| failure.hint(hint))
    }

    /// Returns the tree of a commit.
    pub fn tree_of(&self, commit: ObjectId) -> Result<ObjectId, Failure> {
        let doing = || format!("read the commit {commit}");
        let commit = self.git.find_commit(commit).or_fail(Exit::Unavailable, doing())?;
        commit.tree_id().map(gix::Id::detach).or_fail(Exit::Malformed, doing())
    }

    /// Returns a file's content as a commit has it, if it has it as a plain file.
    pub fn file_at(&self, commit: ObjectId, path: &str) -> Result<Option<Vec<u8>>, Failure> {
        let doing = || format!("read {path} of {commit}");
        let tree = self.tree_of(commit)?;
        let tree = self.git.find_tree(tree).or_fail(Exit::Unavailable, doing())?;
        let found = tree.lookup_entry_by_path(path).or_fail(Exit::Unavailable, doing())?;
        let Some(entry) = found.filter(|entry| entry.mode().is_blob()) else { return Ok(None) };
        self.blob(entry.object_id()).map(Some)
    }

    /// Returns a blob's content.
    pub(crate) fn blob(&self, oid: ObjectId) -> Result<Vec<u8>, Failure> {
        self.object(oid, Kind::Blob)
    }

    /// Returns a blob's content, or its size when it is above the limit.
    pub(crate) fn content(&self, oid: ObjectId, limit: u64) -> Result<Content, Failure> {
        let doing = || format!("read the header of the blob {oid}");
        let header = self.git.find_header(oid).or_fail(Exit::Unavailable, doing())?;
        if header.size() > limit {
            return Ok(Content::TooLarge(header.size()));
        }
        self.blob(oid).map(Content::Read)
    }

    /// Returns an object's bytes.
    pub(crate) fn object(&self, oid: ObjectId, wanted: Kind) -> Result<Vec<u8>, Failure> {
        // An empty tree need not be stored.
        if wanted == Kind::Tree && oid.is_empty_tree() {
            return Ok(Vec::new());
        }
        let doing = || format!("read the {wanted} {oid}");
        let mut object = self.git.find_object(oid).or_fail(Exit::Unavailable, doing())?;
        if object.kind != wanted {
            return Err(wrong_kind(oid, object.kind, wanted));
        }
        Ok(std::mem::take(&mut object.data))
    }
}

fn wrong_kind(oid: ObjectId, kind: Kind, wanted: Kind) -> Failure {
    Failure::new(Exit::Malformed, format!("read the {wanted} {oid}"))
        .because(format!("it is a {kind}"))
}

fn options() -> Options {
    Options::isolated().config_overrides(["core.useReplaceRefs=false"])
}

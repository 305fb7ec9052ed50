//! Objects of a repository, and of the quarantine that a push lies in before it is accepted.
//! Replace refs and grafts count for nothing: what is read is what a push transfers.

use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::objs::tree::EntryMode;
use gix::objs::{CommitRef, Data, Find, Kind, TagRef, TreeRef};
use gix::open::Options;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;

/// How many tags may point at each other.
const DEEPEST_TAG: usize = 16;

/// Opens the repository that a folder belongs to, with its own configuration only; of the
/// environment nothing counts. `git_dir` is where it lies, if that is known.
///
/// # Errors
/// Exit 69 when there is none, or it cannot be opened.
pub fn open(host: &Host, cwd: &Path, git_dir: Option<&Path>) -> Result<gix::Repository, Failure> {
    let doing = || format!("open the git repository of {}", cwd.display());
    let options = || Options::isolated().config_overrides(["core.useReplaceRefs=false"]);
    let place = match git_dir {
        Some(folder) => cwd.join(folder),
        None => find(host, cwd)
            .ok_or_else(|| Failure::new(Exit::Unavailable, doing()).because("there is none"))?,
    };
    gix::open_opts(place, options()).or_fail(Exit::Unavailable, doing())
}

/// The folder, or the nearest above it, that is a work tree or a bare repository.
fn find(host: &Host, cwd: &Path) -> Option<PathBuf> {
    let has =
        |folder: &Path, name: &str| host.look(&folder.join(name)).is_ok_and(|it| it.is_some());
    let is_bare = |folder: &Path| ["HEAD", "objects", "refs"].iter().all(|it| has(folder, it));
    cwd.ancestors().find(|dir| has(dir, ".git") || is_bare(dir)).map(Path::to_path_buf)
}

/// Where objects are read from.
pub struct Objects<'a> {
    git: &'a gix::Repository,
    quarantine: Option<gix::odb::Handle>,
}

/// What of a commit matters here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Commit {
    /// Its tree.
    pub tree: ObjectId,
    /// Its parents.
    pub parents: Vec<ObjectId>,
}

/// What an object id leads to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Peeled {
    /// This commit, through any tags.
    Commit(ObjectId),
    /// Something else: `tree`, `blob`.
    Other(&'static str),
    /// The object, or one that a tag names, is not here.
    Missing(ObjectId),
}

/// One name in a tree.
type Entry = (Vec<u8>, EntryMode, ObjectId);

impl<'a> Objects<'a> {
    /// The objects of a repository.
    pub fn of(git: &'a gix::Repository) -> Self {
        Self { git, quarantine: None }
    }

    /// The same, and those in another folder of objects.
    ///
    /// # Errors
    /// Exit 69 when the folder cannot be read.
    pub fn and(mut self, quarantine: &Path) -> Result<Self, Failure> {
        let opened = gix::odb::at(quarantine, self.git.object_hash());
        let doing = || format!("read the pushed objects in {}", quarantine.display());
        self.quarantine = Some(opened.or_fail(Exit::Unavailable, doing())?);
        Ok(self)
    }

    /// The repository.
    pub fn git(&self) -> &'a gix::Repository {
        self.git
    }

    /// An object's kind and bytes; `None` where it is not here.
    fn object(&self, id: ObjectId) -> Result<Option<(Kind, Vec<u8>)>, Failure> {
        let mut bytes = Vec::new();
        let found = self.try_find(&id, &mut bytes);
        let kind = found.or_fail(Exit::Unavailable, format!("read {id}"))?.map(|it| it.kind);
        Ok(kind.map(|kind| (kind, bytes)))
    }

    /// A commit; `None` where it is not here, or is none.
    ///
    /// # Errors
    /// Exit 69 when it cannot be read.
    pub fn commit(&self, id: ObjectId) -> Result<Option<Commit>, Failure> {
        let Some((Kind::Commit, bytes)) = self.object(id)? else { return Ok(None) };
        let commit = CommitRef::from_bytes(&bytes, id.kind());
        let commit = commit.or_fail(Exit::Unavailable, format!("read the commit {id}"))?;
        Ok(Some(Commit { tree: commit.tree(), parents: commit.parents().collect() }))
    }

    /// Follows tags.
    ///
    /// # Errors
    /// Exit 69 when an object cannot be read.
    pub fn peel(&self, id: ObjectId) -> Result<Peeled, Failure> {
        let mut at = id;
        for _ in 0..DEEPEST_TAG {
            at = match self.object(at)? {
                None => return Ok(Peeled::Missing(at)),
                Some((Kind::Commit, _)) => return Ok(Peeled::Commit(at)),
                Some((Kind::Tree, _)) => return Ok(Peeled::Other("tree")),
                Some((Kind::Blob, _)) => return Ok(Peeled::Other("blob")),
                Some((Kind::Tag, bytes)) => {
                    let tag = TagRef::from_bytes(&bytes, at.kind());
                    tag.or_fail(Exit::Unavailable, format!("read the tag {at}"))?.target()
                }
            };
        }
        Ok(Peeled::Other("chain of tags without end"))
    }

    /// The names in a tree, in its order; of one that is not here, none.
    fn tree(&self, id: ObjectId) -> Result<Vec<Entry>, Failure> {
        let doing = || format!("read the tree {id}");
        let Some((Kind::Tree, bytes)) = self.object(id)? else {
            return Err(Failure::new(Exit::Unavailable, doing()).because("it is not here"));
        };
        let tree = TreeRef::from_bytes(&bytes, id.kind()).or_fail(Exit::Unavailable, doing())?;
        let entry =
            |it: &gix::objs::tree::EntryRef<'_>| (it.filename.to_vec(), it.mode, it.oid.to_owned());
        Ok(tree.entries.iter().map(entry).collect())
    }

    /// A file of a commit: its mode and bytes, at most `limit` of them. `None` where it is not in
    /// the commit.
    ///
    /// # Errors
    /// Exit 69 when something cannot be read, 78 when it is no plain file or too large.
    pub fn file(
        &self,
        commit: ObjectId,
        path: &str,
        limit: usize,
    ) -> Result<Option<(EntryMode, Vec<u8>)>, Failure> {
        let doing = || format!("read {path} of {commit}");
        let no = |why: String| Failure::new(Exit::Config, doing()).because(why);
        let found = self.commit(commit)?;
        let mut tree = found
            .ok_or_else(|| Failure::new(Exit::Unavailable, doing()).because("no such commit"))?
            .tree;
        let mut names = path.split('/').peekable();
        while let Some(name) = names.next() {
            let entries = self.tree(tree)?;
            let found = entries.into_iter().find(|(it, ..)| it == name.as_bytes());
            let Some((_, mode, id)) = found else { return Ok(None) };
            if names.peek().is_some() {
                if !mode.is_tree() {
                    return Err(no(format!("{name} is no folder")));
                }
                tree = id;
                continue;
            }
            if !mode.is_blob() {
                return Err(no("it is no plain file".to_owned()));
            }
            return match self.object(id)? {
                Some((Kind::Blob, bytes)) if bytes.len() <= limit => Ok(Some((mode, bytes))),
                Some((Kind::Blob, _)) => Err(no(format!("it is larger than {limit} bytes"))),
                _ => Err(no("its content is not here".to_owned())),
            };
        }
        Ok(None)
    }

    /// The commit whose approval a baseline advance records, where `id` is one: it has one parent
    /// and differs from it in nothing but `docs/LAST_REVIEWED_SHA.txt`, a plain file that says the
    /// parent's id and a line end.
    ///
    /// # Errors
    /// Exit 69 when something cannot be read.
    pub fn advanced(&self, id: ObjectId) -> Result<Option<ObjectId>, Failure> {
        let Some(commit) = self.commit(id)? else { return Ok(None) };
        let [parent] = commit.parents.as_slice() else { return Ok(None) };
        let Some(before) = self.commit(*parent)? else { return Ok(None) };
        let Some((old, new)) = self.only_change(before.tree, commit.tree, b"docs")? else {
            return Ok(None);
        };
        let is_folder = |it: &Entry| it.1.value() == 0o40000;
        if !is_folder(&new) || old.as_ref().is_some_and(|it| !is_folder(it)) {
            return Ok(None);
        }
        let docs = old.map_or_else(|| ObjectId::empty_tree(id.kind()), |it| it.2);
        let found = self.only_change(docs, new.2, b"LAST_REVIEWED_SHA.txt")?;
        let Some((_, (_, mode, blob))) = found else { return Ok(None) };
        if mode.value() != 0o100_644 {
            return Ok(None);
        }
        let says = self.object(blob)?;
        let is_so = says.is_some_and(|(kind, bytes)| {
            kind == Kind::Blob && bytes == format!("{parent}\n").as_bytes()
        });
        Ok(is_so.then_some(*parent))
    }

    /// The entry of this name before and after, where it is the only one that differs and there is
    /// one after.
    fn only_change(
        &self,
        before: ObjectId,
        after: ObjectId,
        name: &[u8],
    ) -> Result<Option<(Option<Entry>, Entry)>, Failure> {
        let empty = ObjectId::empty_tree(before.kind());
        let before = if before == empty { vec![] } else { self.tree(before)? };
        let after = self.tree(after)?;
        let split = |list: Vec<Entry>| -> (Vec<Entry>, Vec<Entry>) {
            list.into_iter().partition(|(it, ..)| it == name)
        };
        let ((mut old, rest_before), (mut new, rest_after)) = (split(before), split(after));
        let is_only = rest_before == rest_after && old.len() <= 1 && new.len() == 1 && old != new;
        let (old, new) = (old.pop(), new.pop());
        Ok(new.filter(|_| is_only).map(|new| (old, new)))
    }
}

impl Find for Objects<'_> {
    fn try_find<'b>(
        &self,
        id: &gix::oid,
        buffer: &'b mut Vec<u8>,
    ) -> gix::Result<Option<Data<'b>>> {
        // gix holds ids of the other hash for a bug of the caller; a hook's lines may have some.
        if id.kind() != self.git.object_hash() {
            return Ok(None);
        }
        // Asked twice, since a borrow of the buffer cannot be given up again.
        match &self.quarantine {
            Some(quarantine) if !gix::objs::Exists::exists(&self.git.objects, id) => {
                quarantine.try_find(id, buffer)
            }
            _ => self.git.objects.try_find(id, buffer),
        }
    }
}

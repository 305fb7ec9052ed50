//! Where new objects go: one file each, or one pack for all of a large batch.

use gix::ObjectId;
use gix::objs::{Kind, Write, compute_hash};
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;

use super::pack::Pack;
use crate::repository::Repository;

/// Where new objects go.
pub(crate) enum Sink<'a> {
    /// A file for each object.
    Loose(&'a gix::Repository),
    /// One pack.
    Packed(Pack),
}

impl<'a> Sink<'a> {
    /// One that suits a batch of so many commits.
    pub(crate) fn for_commits(git: &'a gix::Repository, count: usize) -> Self {
        if count < 16 { Self::Loose(git) } else { Self::Packed(Pack::default()) }
    }

    /// Bytes held in memory so far.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Loose(_) => 0,
            Self::Packed(pack) => pack.size(),
        }
    }

    /// Bytes of trees so far, as they are before any compression.
    pub(crate) fn trees(&self) -> u64 {
        match self {
            Self::Loose(_) => 0,
            Self::Packed(pack) => pack.trees(),
        }
    }

    /// Adds an object and returns its id.
    pub(crate) fn put(&mut self, kind: Kind, bytes: &[u8]) -> Result<ObjectId, Failure> {
        match self {
            Self::Loose(git) => {
                git.objects.write_buf(kind, bytes).or_fail(Exit::Unavailable, DOING)
            }
            Self::Packed(pack) => {
                let id = hash(kind, bytes)?;
                pack.add(kind, id, bytes).or_fail(Exit::Unavailable, DOING)?;
                Ok(id)
            }
        }
    }

    /// Adds a version of a tree that follows another and returns its id.
    pub(crate) fn put_tree(
        &mut self,
        bytes: Vec<u8>,
        before: Option<ObjectId>,
    ) -> Result<ObjectId, Failure> {
        match self {
            Self::Loose(_) => self.put(Kind::Tree, &bytes),
            Self::Packed(pack) => {
                let id = hash(Kind::Tree, &bytes)?;
                pack.add_tree(id, bytes, before).or_fail(Exit::Unavailable, DOING)?;
                Ok(id)
            }
        }
    }

    /// Makes every object readable. They are not flushed to the disk yet.
    pub(crate) fn finish(self, host: &Host, repository: &Repository) -> Result<(), Failure> {
        let Self::Packed(pack) = self else { return Ok(()) };
        let Some(done) = pack.finish().or_fail(Exit::Unavailable, DOING)? else { return Ok(()) };
        let folder = repository.git.objects.store_ref().path().join("pack");
        host.make_dir(&folder, 0o755).or_fail(Exit::Unavailable, DOING)?;
        // The index last: a pack without one is no pack to git.
        for (ending, bytes) in [("pack", &done.pack), ("idx", &done.index)] {
            let to = folder.join(format!("pack-{}.{ending}", done.name));
            repository.install(host, &to, bytes, 0o444, false).or_fail(Exit::Unavailable, DOING)?;
        }
        Ok(())
    }
}

const DOING: &str = "write objects into the repository of the bridge root";

/// The id of an object.
pub(crate) fn hash(kind: Kind, bytes: &[u8]) -> Result<ObjectId, Failure> {
    compute_hash(gix::hash::Kind::Sha1, kind, bytes).or_fail(Exit::Internal, "hash an object")
}

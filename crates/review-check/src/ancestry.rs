//! Who comes from whom. Commit-graph files are used where there are some; shallow boundaries, grafts
//! and replace refs are not: parents are those that commits name, and a missing one proves nothing.

use std::collections::{BinaryHeap, HashSet};

use gix::ObjectId;
use gix::commitgraph;
use gix::revision::plumbing::merge_base;
use gix::revwalk::Graph;
use gix::revwalk::graph::Commit;
use ops_core::failure::{Exit, Failure, OrFail};
use verdict::objects::Objects;

/// Whether one commit is an ancestor of another, or the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Ancestry {
    Yes,
    No,
    /// This commit is not here, so neither can be proved.
    Unproved(ObjectId),
}

/// The history of a repository.
pub(crate) struct History<'a> {
    objects: &'a Objects<'a>,
    cache: Option<commitgraph::Graph>,
}

impl<'a> History<'a> {
    pub(crate) fn of(objects: &'a Objects<'a>) -> Self {
        // Without a commit-graph, or with one that cannot be read, it only takes longer.
        let cache = objects.git().commit_graph_if_enabled().ok().flatten();
        Self { objects, cache }
    }

    /// Whether `old` is an ancestor of `new`, or the same.
    pub(crate) fn is_ancestor(&self, old: ObjectId, new: ObjectId) -> Result<Ancestry, Failure> {
        let doing = || format!("follow the history of {new}");
        let mut graph: Graph<'_, '_, ()> = Graph::new(self.objects, self.cache.as_ref());
        let generation = |id: &ObjectId| {
            self.cache.as_ref().and_then(|it| it.commit_by_id(id)).map(|it| it.generation())
        };
        let floor = generation(&old).filter(|it| *it > 0);
        // Newest first: an ancestor is mostly met long before the end of history.
        let mut queue = BinaryHeap::from([(u64::MAX, new)]);
        let mut seen = HashSet::from([new]);
        let mut missing = None;
        while let Some((_, id)) = queue.pop() {
            if id == old {
                return Ok(Ancestry::Yes);
            }
            if let (Some(floor), Some(of)) = (floor, generation(&id))
                && of > 0
                && of <= floor
            {
                continue;
            }
            let commit = graph.try_lookup(&id).or_fail(Exit::Unavailable, doing())?;
            let Some(commit) = commit else {
                missing = Some(id);
                continue;
            };
            let time = commit.committer_timestamp().unwrap_or_default();
            for parent in commit.iter_parents() {
                let parent = parent.or_fail(Exit::Unavailable, doing())?;
                if seen.insert(parent) {
                    // Its own time is not known yet; its child's orders nearly as well.
                    queue.push((u64::try_from(time).unwrap_or_default(), parent));
                }
            }
        }
        Ok(missing.map_or(Ancestry::No, Ancestry::Unproved))
    }

    /// The best common ancestors of two commits.
    pub(crate) fn merge_bases(
        &self,
        one: ObjectId,
        two: ObjectId,
    ) -> Result<Vec<ObjectId>, Failure> {
        let mut graph: Graph<'_, '_, Commit<merge_base::Flags>> =
            Graph::new(self.objects, self.cache.as_ref());
        let found = gix::revision::plumbing::merge_base(one, &[two], &mut graph);
        let found = found.or_fail(Exit::Unavailable, format!("compare {one} and {two}"))?;
        Ok(found.map(|it| it.into_iter().collect()).unwrap_or_default())
    }
}

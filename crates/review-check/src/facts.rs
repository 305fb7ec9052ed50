//! What is so about one reference that is to move.

use gix::ObjectId;
use verdict::objects::Peeled;

use crate::lines::Update;

/// What is so about one update.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// What git said.
    pub(crate) update: Update,
    /// Whether some policy that counts protects the reference.
    pub(crate) is_protected: bool,
    /// What the new id leads to; of a deletion, nothing.
    pub(crate) local: Option<Peeled>,
    /// What the id on the remote leads to; of a new reference, nothing.
    pub(crate) remote: Option<Peeled>,
    /// From where on the remote's content is new.
    pub(crate) ground: Ground,
    /// The verdicts that could allow it.
    pub(crate) candidates: Vec<Candidate>,
    /// What lies where verdicts do and is none, and why.
    pub(crate) unreadable: Vec<String>,
}

/// From where on content is new on the remote.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Ground {
    /// From any of these commits, which the remote has.
    From(Vec<Base>),
    /// The remote's commit is no ancestor of the new one.
    Diverged,
    /// That cannot be proved: what is missing.
    Unproved(String),
    /// A new reference, and the remote has no such branch to measure it against.
    NoProtectedBranch(String),
    /// A new reference that shares no history with that branch.
    Unrelated(String),
    /// Nothing was looked at: a deletion, no commit.
    Unknown,
}

/// A commit that the remote has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Base {
    pub(crate) id: ObjectId,
    /// The commit below it, where it is a baseline advance.
    pub(crate) advances: Option<ObjectId>,
}

/// A verdict about the new commit, or about the one below a baseline advance.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// The reviewed commit.
    pub(crate) to: ObjectId,
    /// Where its range starts.
    pub(crate) since: ObjectId,
    /// Whether that is a proven ancestor of `to`; only looked at where it matters.
    pub(crate) is_ancestor: bool,
    /// Who vouches for it, or every reason why it does not count.
    pub(crate) trust: Result<String, Vec<String>>,
}

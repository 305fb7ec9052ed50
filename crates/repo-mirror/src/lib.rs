//! Mirrors of repositories that nobody trusts, trees of their commits, and what changed in them.
//!
//! `git` starts git, which only fetches and collects, and `remote` asks it for a HEAD; everything else is read here, so that nothing
//! of a repository can run. `mirror` keeps one bare mirror for each repository under a lock, `pins`
//! the commits that jobs use, `history` says whether an allowed reference reaches a commit, `seal`
//! whether somebody else changed the mirror, `collect` removes what nobody needs. `tree` writes a
//! commit's files, `worktree` the git folder beside them, and `compare` walks both again afterwards.

mod collect;
mod compare;
mod git;
mod history;
mod mirror;
mod pins;
mod remote;
mod scratch;
mod seal;
mod tree;
mod worktree;

pub use collect::Swept;
pub use git::Bounds;
pub use mirror::{Mirrors, No};
pub use pins::Pinned;
pub use remote::head;
pub use scratch::{Place, Scratch};
pub use worktree::{PlaceInside, Worktree};

//! Mirrors of repositories that nobody trusts, trees of their commits, and what changed in them.
//!
//! `git` starts git, which only fetches, inits and collects; everything else is read here, so that
//! nothing of a repository can run. `mirror` keeps one bare mirror for each repository under a lock,
//! `history` says whether an allowed reference reaches a commit, `seal` whether somebody else
//! changed the mirror. `tree` writes a commit's files, `worktree` the git folder beside them, and
//! `compare` walks both again afterwards.

mod compare;
mod git;
mod history;
mod mirror;
mod scratch;
mod seal;
mod tree;
mod worktree;

pub use mirror::{Mirrors, No, Pinned, Swept};
pub use scratch::{Place, Scratch};
pub use worktree::{PlaceInside, Worktree};

//! File changes that cannot leave a directory tree, even while someone races symlinks.
//!
//! Every parent folder is opened by the kernel with `openat2` (`RESOLVE_BENEATH`,
//! `RESOLVE_NO_SYMLINKS`, `RESOLVE_NO_MAGICLINKS`, `RESOLVE_NO_XDEV`), and everything done to a file
//! is one `*at` call on one final component of that folder. String rules ([`RelPath`]) come first
//! and are not relied on.
//!
//! A change runs `prepare` → [`Tree::sync`] → `commit` → `sync` → `finish`; `undo` takes a commit
//! back until `finish`. What each step does in each situation, a crash included, is the table in
//! [`Change`].
//!
//! This crate never reads the clock and never starts a process. On systems without `openat2`
//! [`Tree::open`] fails.
//!
//! Two things no rename can promise, so callers know: a folder moved out of the tree in the middle
//! of one call takes the file in it along (the change is then in the folder that was in the tree,
//! never in a folder that was not); and a writer that still holds the earlier file open when
//! [`Tree::finish`] drops it writes into nothing.

mod change;
mod commit;
mod fault;
mod fold;
mod folder;
mod look;
mod path;
mod place;
mod prepare;
mod stream;
mod sys;
mod tree;

#[cfg(test)]
mod step_tests;

pub use change::{After, Before, Change, Side};
pub use fault::Fault;
pub use fold::fold;
pub use folder::{Folder, Listed, ListedKind};
pub use look::LARGEST;
pub use path::{PathFault, RelPath};
pub use tree::{Seen, Snapshot, Tree};

//! What is on disk, what the trees hold, what changed remotely. No judgement here.

pub(crate) mod conflict;
pub(crate) mod disk;
pub(crate) mod history;
pub(crate) mod inbound;
pub(crate) mod worktree;

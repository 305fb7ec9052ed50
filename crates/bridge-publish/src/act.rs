//! Carries out what was decided: objects, references, the index, the work tree, the remote.

pub(crate) mod branch;
pub(crate) mod commits;
mod folder;
pub(crate) mod inbound;
mod pack;
pub(crate) mod remote;
pub(crate) mod sign;
pub(crate) mod sink;

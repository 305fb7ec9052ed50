//! What is to be done with what was observed. Pure: nothing here touches a file or a repository.

pub(crate) mod branch;
pub(crate) mod ground;
pub(crate) mod inbound;
pub(crate) mod plan;

//! What the bridge binaries share: the contract of the bridge root, and nothing that acts on it.

pub mod layout;
pub mod settings;

//! What the bridge binaries share: the contract of the bridge root, and nothing that acts on it.

pub mod audit;
pub mod command;
pub mod document;
pub mod evidence;
pub mod keys;
pub mod layout;
pub mod reason;
pub mod settings;

//! Commits and pushes the evidence of a bridge root, and nothing else.
//!
//! Observing is `observe`, the decisions are `decide`, and `act` writes objects, references, the
//! index and commands/. `publish` is the order of these steps, and what a crash between any two
//! of them leaves to the next run. docs/bridge-publish.md explains it for operators.

mod act;
pub mod args;
mod decide;
mod observe;
mod publish;
mod report;
mod repository;
mod watch;

pub use publish::publish_once;
pub use report::{Commit, Published, Watched};
pub use watch::{rounds, watch};

//! What a change may not do whatever a model says of it: deterministic findings over a review bundle.
//!
//! The rules only ever add findings. They see every section, also those a policy keeps from the
//! model.

mod finding;

use ops_core::failure::Failure;
use review_bundle::Section;

pub use finding::{Finding, Gate, Severity};

/// What the repository's policy, as it was before the range, says to the rules.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Policy {
    /// Globs of paths that belong to the gate, besides those that always do.
    pub gate_paths: Vec<String>,
    /// Whether a binary that is no program may come in with a note only.
    pub binaries_are_noted: bool,
}

/// The rules under a policy.
#[derive(Debug)]
pub struct Rules {}

impl Rules {
    /// Prepares the rules.
    pub fn new(_policy: &Policy) -> Result<Self, Failure> {
        Ok(Self {})
    }

    /// Returns what is to be said about one section.
    pub fn find(&self, _section: &Section<'_>) -> Vec<Finding> {
        Vec::new()
    }
}

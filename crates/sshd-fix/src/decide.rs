//! Whether the fix may run, and what it would do. Pure.

mod command;
mod config;
mod edit;
mod plan;
mod preflight;
mod render;
mod units;

#[cfg(test)]
mod sample;

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::facts::Facts;

pub use command::{Started, started};
pub use edit::{Edit, edited};
pub use plan::{Plan, SCHEMA as PLAN_SCHEMA, Step};
pub(crate) use plan::{digest, is_right, other_lines};
pub use preflight::{Refusal, Why, preflight};
pub use units::real_service;

/// What the caller settles.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// How long the node key must still be valid.
    pub key_validity: Duration,
    /// The program that sshd's service runs to wait for its address where tailscale cannot:
    /// `PROGRAM wait-address ADDRESS --seconds N`.
    pub program: PathBuf,
}

impl Policy {
    /// Two weeks of key validity.
    pub fn new(program: PathBuf) -> Self {
        Self { key_validity: Duration::from_hours(14 * 24), program }
    }
}

/// No, or what would be done.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The fix must not run: why, and what to do.
    Refused(Refusal),
    /// What would be done; perhaps nothing.
    Planned(Plan),
}

/// Decides.
pub fn decide(facts: &Facts, policy: &Policy) -> Decision {
    let planned = preflight(facts, policy).and_then(|address| plan::plan(facts, policy, address));
    planned.map_or_else(Decision::Refused, Decision::Planned)
}

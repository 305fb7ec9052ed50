//! What a rule says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which question of the verdict a finding answers with no.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// Does anything listen where everybody can reach it?
    PublicBinds,
    /// Does anything get around an allowlist, a check or a review?
    AllowlistBypass,
    /// Are keys and secrets handled as they must be?
    KeyHandling,
    /// Do guard, doctor and the review gate itself stay as they are?
    GuardDoctorIntact,
    /// Could the operator be locked out?
    LockoutRisk,
}

/// How bad it is.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To be known.
    Low,
    /// To be looked at.
    Medium,
    /// To be mended.
    High,
    /// To be mended at once.
    Critical,
}

/// Something a rule found. It never holds a secret's value.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Finding {
    /// The path, as the manifest has it.
    pub file: String,
    /// The line, of the new file or, of what is only removed, the old one; 0: the file itself.
    pub line: u64,
    /// The rule's id: stable.
    pub rule: String,
    /// The verdict's gate.
    pub gate: Gate,
    /// How bad it is.
    pub severity: Severity,
    /// Whether the change may not go on with it.
    pub blocks: bool,
    /// Whether it stands for others that block and are not told one by one: nobody can have looked
    /// at them here, so no waiver may answer it.
    pub is_rest: bool,
    /// What it is, in a few words.
    pub title: String,
    /// What was seen.
    pub detail: String,
    /// What to do.
    pub suggestion: String,
}

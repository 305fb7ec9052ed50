//! What a check has to say.

use std::io::{self, Write};

use ops_core::failure::Exit;
use ops_core::report::Report;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Mode;

/// The answer to a push: `aiops.review.check/1`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CheckReport {
    /// `aiops.review.check/1`.
    pub schema: String,
    /// `pre-push` or `pre-receive`.
    pub hook: String,
    /// Every reference that the push moves, in git's order.
    pub moved: Vec<Moved>,
    /// Why the push may not go; empty: it may.
    pub refusals: Vec<Refusal>,
}

/// A reference that a push moves.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// Its name on the remote.
    pub reference: String,
    /// What was decided.
    pub outcome: Outcome,
    /// Who signed the verdict that allows it, a principal of `allowed_signers`.
    pub signed_by: Option<String>,
    /// The commit that the verdict approves.
    pub to_sha: Option<String>,
}

/// What was decided of one reference.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A verdict allows it.
    Allowed,
    /// No pattern protects it.
    Unprotected,
    /// See the refusals.
    Refused,
}

/// Why a reference may not move.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// Which; for a line that cannot be read, its number.
    pub reference: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// The command to run next.
    pub next: String,
}

impl CheckReport {
    /// Nothing moves, nothing is refused.
    pub(crate) fn new(mode: Mode) -> Self {
        let hook = match mode {
            Mode::PrePush => "pre-push",
            Mode::PreReceive => "pre-receive",
        };
        let schema = "aiops.review.check/1".to_owned();
        Self { schema, hook: hook.to_owned(), moved: vec![], refusals: vec![] }
    }
}

impl Report for CheckReport {
    fn exit(&self) -> Exit {
        if self.refusals.is_empty() { Exit::Ok } else { Exit::No }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        for it in &self.refusals {
            writeln!(out, "refused: {}", it.reference)?;
            writeln!(out, "  expected: {}", it.expected)?;
            writeln!(out, "  found:    {}", it.found)?;
            writeln!(out, "  next:     {}", it.next)?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

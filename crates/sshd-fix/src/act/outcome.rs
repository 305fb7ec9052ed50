//! What came of it, as data.

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

use ops_core::failure::Exit;
use ops_core::report::Report;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::decide::Refusal;

/// The schema that an outcome names.
pub const SCHEMA: &str = "aiops.sshd_fix/1";

/// Something that was done or tried: a line of actions.jsonl.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// RFC 3339 UTC.
    pub at: String,
    /// The step of the fix that it belongs to; 0 for going back.
    pub number: u8,
    /// What.
    pub what: String,
    /// Why it failed; absent when it did not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failed: Option<String>,
}

/// How it ended.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Something stood in the way; nothing was touched.
    Refused(Refusal),
    /// The host is right as it is; nothing was touched.
    NothingToDo,
    /// Everything was done, and verified.
    Applied,
    /// Everything was done and verified, and is undone unless it is confirmed in time.
    AwaitingConfirmation {
        /// How long that is.
        seconds: u64,
    },
    /// A change that waited for it was confirmed.
    Confirmed,
    /// A change waits for a confirmation, and this is none.
    NotConfirmed {
        /// Why not.
        because: String,
    },
    /// No change waits for a confirmation.
    NothingPending,
    /// Everything is as it was before, as was asked for.
    PutBack,
    /// Everything is as it was before, because something went wrong.
    RolledBack {
        /// What went wrong.
        because: String,
    },
    /// That record's change was completed or undone before; nothing was touched.
    AlreadyEnded,
    /// Not everything could be put back; the machine tries again by itself.
    RollbackFailed {
        /// What went wrong first.
        because: String,
        /// What went wrong when going back.
        rollback: String,
    },
}

/// What came of a call.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// How it ended.
    pub ended: Ended,
    /// The folder that tells what was there before.
    pub record: Option<PathBuf>,
    /// What was done, in order.
    pub actions: Vec<Action>,
}

impl Outcome {
    pub(super) fn new(ended: Ended) -> Self {
        Self { ended, record: None, actions: Vec::new() }
    }

    /// The code a command ends with. A change that was undone is a no, unless that was asked for.
    pub fn exit(&self) -> Exit {
        match self.ended {
            Ended::NothingToDo
            | Ended::Applied
            | Ended::AwaitingConfirmation { .. }
            | Ended::Confirmed
            | Ended::PutBack
            | Ended::AlreadyEnded => Exit::Ok,
            Ended::Refused(_)
            | Ended::NotConfirmed { .. }
            | Ended::NothingPending
            | Ended::RolledBack { .. }
            | Ended::RollbackFailed { .. } => Exit::No,
        }
    }
}

impl Report for Outcome {
    fn exit(&self) -> Exit {
        Self::exit(self)
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        for Action { number, what, failed, .. } in &self.actions {
            let sign = if failed.is_some() { "failed" } else { "ok" };
            writeln!(out, "{number:2}. {what}: {sign}")?;
        }
        writeln!(out, "{}", self.ended)?;
        match &self.record {
            Some(record) => writeln!(out, "what was there before: {}", record.display()),
            None => Ok(()),
        }
    }

    fn json(&self) -> Value {
        let mut document = serde_json::to_value(self).unwrap_or_default();
        if let Some(fields) = document.as_object_mut() {
            fields.insert("schema".into(), SCHEMA.into());
        }
        document
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
            Self::NothingToDo => f.write_str("nothing to do"),
            Self::Applied => f.write_str("done: sshd listens on the tailnet and nowhere else"),
            Self::AwaitingConfirmation { seconds } => write!(
                f,
                "done, and undone in {seconds} s unless `heal confirm` is run over a new connection"
            ),
            Self::Confirmed => f.write_str("confirmed"),
            Self::NotConfirmed { because } => {
                write!(f, "not confirmed: {because}; log in anew and run it there, not in a screen")
            }
            Self::NothingPending => f.write_str("nothing waits for a confirmation"),
            Self::PutBack => f.write_str("everything is as it was before"),
            Self::RolledBack { because } => write!(f, "everything is as it was before: {because}"),
            Self::AlreadyEnded => f.write_str("that change was completed or undone before"),
            Self::RollbackFailed { because, rollback } => {
                write!(f, "not everything could be put back: {rollback}; it began with: {because}")
            }
        }
    }
}

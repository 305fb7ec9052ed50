//! The report as data: `aiops.bridge.report/1`.

use std::collections::BTreeMap;
use std::io::{self, Write};

use ops_core::failure::Exit;
use ops_core::report::Report;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::markdown;

/// What a bridge did in a period.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// `aiops.bridge.report/1`.
    pub schema: String,
    /// RFC 3339 UTC.
    pub generated_at: String,
    /// RFC 3339 UTC: the beginning of the period.
    pub since: String,
    /// RFC 3339 UTC: its end.
    pub until: String,
    /// Lines of the audit log in the period.
    pub events: u64,
    /// How many of them had each result.
    pub outcomes: BTreeMap<String, u64>,
    /// How many of them had each reason.
    pub reasons: BTreeMap<String, u64>,
    /// The slowest commands that were carried out, slowest first, ten at most.
    pub slowest: Vec<Slow>,
    /// Commands that wait to be tried again, whenever they came in.
    pub retries: Vec<Waiting>,
    /// How many commands that were carried out each key had signed.
    pub keys: BTreeMap<String, u64>,
    /// Whether the audit log holds, all of it.
    pub chain: Chain,
    /// What could not be read and is therefore not counted.
    pub unread: Vec<String>,
}

/// A command and how long it took.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    /// The command's id.
    pub id: String,
    /// Milliseconds.
    pub duration_ms: u64,
}

/// A command that waits to be tried again.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// The command's id.
    pub id: String,
    /// How often it was tried.
    pub attempts: u32,
    /// RFC 3339 UTC: not before then.
    pub next_ts: String,
    /// What went wrong last, redacted.
    pub last_error: String,
}

/// Whether the audit log holds.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// Every line follows from the one before.
    pub ok: bool,
    /// Lines that do, from the beginning.
    pub lines: u64,
    /// Files the log is in.
    pub files: u64,
    /// The first place where it does not hold.
    pub first_break: Option<Break>,
}

/// A place where the audit log does not hold.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Break {
    /// The file, below logs/.
    pub file: String,
    /// Counted from 1; 0 when the whole file is meant.
    pub line: u64,
    /// What is wrong there.
    pub why: String,
}

impl Report for Summary {
    fn exit(&self) -> Exit {
        if self.chain.ok { Exit::Ok } else { Exit::No }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(markdown::render(self).as_bytes())
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

//! What the calls answer, as documents.

use std::collections::BTreeMap;
use std::io::{self, Write};

use bridge::audit::Entry;
use bridge::reason::Reason;
use ops_core::failure::Exit;
use ops_core::report::Report;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// What one drain did.
#[derive(Debug, Default, JsonSchema, Serialize)]
pub struct Drained {
    /// `aiops.bridge.drained/1`.
    pub schema: String,
    /// One row per document, in order.
    pub outcomes: Vec<Row>,
    /// Commands that wait for another attempt.
    pub retrying: usize,
    /// Files that do not parse and may still be being written.
    pub unfinished: usize,
}

/// What became of one document.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Row {
    /// The command's id, or the dead letter's name.
    pub id: String,
    /// `ok`, `dead_letter` or `held`.
    pub result: String,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Paths that changed.
    pub files_changed: u64,
}

impl Drained {
    /// An empty one.
    pub fn new() -> Self {
        Self { schema: "aiops.bridge.drained/1".into(), ..Self::default() }
    }

    pub(crate) fn add(&mut self, entries: &[Entry]) {
        self.outcomes.extend(entries.iter().map(|entry| Row {
            id: entry.id.clone(),
            result: entry.result.clone(),
            reason: entry.reason,
            files_changed: entry.files_changed,
        }));
    }

    fn count(&self, result: &str) -> usize {
        self.outcomes.iter().filter(|row| row.result == result).count()
    }
}

/// How many rows a person is shown; `--json` has them all.
const SHOWN: usize = 50;

impl Report for Drained {
    fn exit(&self) -> Exit {
        if self.count("dead_letter") > 0 { Exit::No } else { Exit::Ok }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        for row in self.outcomes.iter().take(SHOWN) {
            let reason = row.reason.map(Reason::code).unwrap_or_default();
            writeln!(out, "{:<12} {:<22} {}", row.result, reason, row.id)?;
        }
        if self.outcomes.len() > SHOWN {
            writeln!(out, "… and {} more (--json lists all)", self.outcomes.len() - SHOWN)?;
        }
        write!(
            out,
            "{} carried out, {} refused, {} held, {} to be tried again",
            self.count("ok"),
            self.count("dead_letter"),
            self.count("held"),
            self.retrying
        )?;
        if self.unfinished > 0 {
            write!(out, ", {} still being written", self.unfinished)?;
        }
        writeln!(out)
    }

    fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// Whether a document would be carried out.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Judged {
    /// `aiops.bridge.judged/1`.
    pub schema: String,
    /// Whether every layer accepts it now.
    pub valid: bool,
    /// Why not.
    pub reason: Option<Reason>,
    /// What was expected and found.
    pub detail: Option<String>,
}

impl Report for Judged {
    fn exit(&self) -> Exit {
        if self.valid { Exit::Ok } else { Exit::No }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        match (&self.reason, &self.detail) {
            (Some(reason), Some(detail)) => writeln!(out, "refused: {reason}\n  {detail}"),
            _ => writeln!(out, "valid: it would be carried out now"),
        }
    }

    fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// The commands that wait for a person.
#[derive(Debug, JsonSchema, Serialize)]
pub struct HeldList {
    /// `aiops.bridge.held/1`.
    pub schema: String,
    /// By id.
    pub held: Vec<HeldItem>,
}

/// A command that waits for a person.
#[derive(Debug, JsonSchema, Serialize)]
pub struct HeldItem {
    /// Its id.
    pub id: String,
    /// Its target.
    pub target: String,
    /// Which key signed.
    pub hmac_key: String,
    /// RFC 3339 UTC.
    pub held_at: String,
    /// RFC 3339 UTC.
    pub expires_at: String,
    /// The row of the policy's `hold` it met.
    pub why: String,
    /// What it would do, an op a line.
    pub ops: Vec<String>,
    /// Whether somebody decided and the executor has yet to act.
    pub decided: bool,
}

impl Report for HeldList {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.held.is_empty() {
            return writeln!(out, "nothing is held");
        }
        for item in &self.held {
            writeln!(out, "{}  (target {}, signed by {})", item.id, item.target, item.hmac_key)?;
            writeln!(out, "  held {}, expires {}", item.held_at, item.expires_at)?;
            writeln!(out, "  because of {}", item.why)?;
            for op in &item.ops {
                writeln!(out, "  {op}")?;
            }
            if item.decided {
                writeln!(out, "  decided; the executor has yet to act")?;
            }
        }
        writeln!(out, "next: bridge-exec approve ID, or bridge-exec reject ID --why TEXT")
    }

    fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// What a decision about a held command led to.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Decided {
    /// `aiops.bridge.decided/1`.
    pub schema: String,
    /// The command.
    pub id: String,
    /// Whether it was approved.
    pub approved: bool,
    /// What became of it; null while the running executor has yet to act.
    pub outcome: Option<Row>,
}

impl Report for Decided {
    fn exit(&self) -> Exit {
        match &self.outcome {
            // An approved command that was refused is a no; a rejection that was carried out is not.
            Some(row) if self.approved && row.result != "ok" => Exit::No,
            Some(_) => Exit::Ok,
            None => Exit::TryLater,
        }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        let verb = if self.approved { "approved" } else { "rejected" };
        match &self.outcome {
            Some(row) => {
                let reason = row.reason.map(|it| format!(" ({it})")).unwrap_or_default();
                writeln!(out, "{verb} {}: {}{reason}", self.id, row.result)
            }
            None => writeln!(out, "{verb} {}; the running executor has yet to act", self.id),
        }
    }

    fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// What re-checking the evidence found.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Verification {
    /// `aiops.bridge.verification/1`.
    pub schema: String,
    /// How many outcomes were re-checked.
    pub outcomes: usize,
    /// How many lines of the audit log were re-checked; null when one outcome was asked about.
    pub log_lines: Option<usize>,
    /// Everything that differs, a line each.
    pub differences: Vec<String>,
}

impl Report for Verification {
    fn exit(&self) -> Exit {
        if self.differences.is_empty() { Exit::Ok } else { Exit::No }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        for difference in &self.differences {
            writeln!(out, "DIFFERS  {difference}")?;
        }
        let chain = match self.log_lines {
            Some(lines) => format!(", {lines} lines of the audit log"),
            None => String::new(),
        };
        let verdict = match self.differences.len() {
            0 => "all as it was written".to_owned(),
            many => format!("{many} differences"),
        };
        writeln!(out, "{} outcomes{chain}: {verdict}", self.outcomes)
    }

    fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// How a bridge root stands.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Standing {
    /// `aiops.bridge.status/1`.
    pub schema: String,
    /// The bridge root.
    pub root: String,
    /// The executor's state.
    pub state: String,
    /// Who runs an executor on it; null when nobody does.
    pub executor: Option<String>,
    /// Documents in commands/.
    pub waiting: usize,
    /// Commands that wait for a person.
    pub held: usize,
    /// Commands that wait for another attempt, by id: attempts and last error.
    pub retrying: BTreeMap<String, String>,
    /// Promises that a crash left open; the next start finishes them.
    pub unfinished: usize,
    /// Ids used so far.
    pub accepted: u64,
    /// Dead letters lying about.
    pub dead_letters: usize,
    /// The highest time seen, RFC 3339 UTC.
    pub high_water: Option<String>,
    /// Things to look at, a line each.
    pub notes: Vec<String>,
}

impl Report for Standing {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        let row =
            |out: &mut dyn Write, name: &str, value: &str| writeln!(out, "{name:<13} {value}");
        row(out, "root", &self.root)?;
        row(out, "state", &self.state)?;
        row(out, "executor", self.executor.as_deref().unwrap_or("not running"))?;
        row(out, "waiting", &self.waiting.to_string())?;
        row(out, "held", &self.held.to_string())?;
        row(out, "retrying", &self.retrying.len().to_string())?;
        for (id, why) in &self.retrying {
            writeln!(out, "  {id}: {why}")?;
        }
        row(out, "unfinished", &self.unfinished.to_string())?;
        row(out, "accepted", &self.accepted.to_string())?;
        row(out, "dead letters", &self.dead_letters.to_string())?;
        row(out, "latest time", self.high_water.as_deref().unwrap_or("-"))?;
        self.notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))
    }

    fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// A short answer.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Done {
    /// `aiops.bridge.done/1`.
    pub schema: String,
    /// What was done, a line each.
    pub done: Vec<String>,
}

impl Report for Done {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        self.done.iter().try_for_each(|line| writeln!(out, "{line}"))
    }

    fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

//! What heal answers.

use std::fmt;
use std::io::{self, Write};

use doctor::Status;
use ops_core::failure::Exit;
use ops_core::report::Report;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::args::Fix;

/// How a run ended.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It only looked.
    Checked,
    /// No check asked for a fix.
    NotNeeded,
    /// Everything was as the fix would have it.
    Unchanged,
    /// The fix was applied and verified.
    Fixed,
    /// The fix was applied and verified, and is undone unless it is confirmed in time.
    AwaitingConfirmation,
    /// A change that waited for it was confirmed.
    Confirmed,
    /// A change waits for a confirmation, and this was none.
    NotConfirmed,
    /// No change waits for a confirmation.
    NothingPending,
    /// Something stood in the way; nothing was touched.
    Refused,
    /// Everything is as it was before, as was asked for.
    PutBack,
    /// The fix failed, and everything is as it was before.
    RolledBack,
    /// That change was completed or undone before.
    AlreadyEnded,
    /// The fix failed, and not everything could be put back.
    RollbackFailed,
    /// There is no answer: something outside failed.
    Failed,
}

impl Ended {
    /// The word in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Checked => "checked",
            Self::NotNeeded => "not_needed",
            Self::Unchanged => "unchanged",
            Self::Fixed => "fixed",
            Self::AwaitingConfirmation => "awaiting_confirmation",
            Self::Confirmed => "confirmed",
            Self::NotConfirmed => "not_confirmed",
            Self::NothingPending => "nothing_pending",
            Self::PutBack => "put_back",
            Self::Refused => "refused",
            Self::RolledBack => "rolled_back",
            Self::AlreadyEnded => "already_ended",
            Self::RollbackFailed => "rollback_failed",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What was asked for.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// All of it.
    Heal,
    /// Only looking.
    CheckOnly,
    /// Only looking, at what an earlier run left.
    VerifyOnly,
    /// Only the sshd fix.
    Ssh,
    /// Only a confirmation.
    Confirm,
    /// Only going back.
    Rollback,
}

/// What one run came to: the answer, and summary.json of the evidence.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Summary {
    /// `aiops.heal/1`.
    pub schema: String,
    /// The host.
    pub host: String,
    /// When it began, RFC 3339 UTC.
    pub started_at: String,
    /// How long it took, milliseconds, without writing the evidence.
    pub duration_ms: u64,
    /// Version and git commit.
    pub version: String,
    /// What was asked for.
    pub mode: Mode,
    /// The fixes that were carried out or tried.
    pub fixes: Vec<Fix>,
    /// How it ended.
    pub outcome: Ended,
    /// Why, where there is more to say.
    pub reason: String,
    /// What doctor said before; absent when it was not asked.
    pub before: Option<Status>,
    /// What doctor says now; absent when it could not be asked.
    pub after: Option<Status>,
    /// Checks that fail or are unknown now, with what was seen.
    pub troubles: Vec<String>,
    /// What the dead man's switch goes back by, where something was changed.
    pub record: Option<String>,
    /// How many things were done or tried: actions.jsonl has them.
    pub actions: usize,
    /// The folder of evidence; absent only while it is being written.
    pub evidence: Option<String>,
    /// The code it ends with.
    pub exit_code: u8,
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) exit: Option<Exit>,
}

impl Report for Summary {
    fn exit(&self) -> Exit {
        self.exit.unwrap_or(Exit::Internal)
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        let why = if self.reason.is_empty() { String::new() } else { format!(": {}", self.reason) };
        writeln!(out, "{}{why}", self.outcome.name().replace('_', " "))?;
        let said = |status: Option<Status>| status.map_or("not asked", Status::name);
        writeln!(out, "doctor before  {}", said(self.before))?;
        writeln!(out, "doctor now     {}", said(self.after))?;
        for trouble in &self.troubles {
            writeln!(out, "  {trouble}")?;
        }
        if let Some(folder) = &self.evidence {
            writeln!(out, "evidence       {folder}")?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// Whether a folder of evidence is as its hashes say.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Verified {
    /// `aiops.heal_evidence/1`.
    pub schema: String,
    /// The folder.
    pub folder: String,
    /// How many files agree with their hashes.
    pub intact: usize,
    /// What does not: changed, missing or added files, each with why.
    pub wrong: Vec<String>,
}

impl Report for Verified {
    fn exit(&self) -> Exit {
        if self.wrong.is_empty() && self.intact > 0 { Exit::Ok } else { Exit::No }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        self.wrong.iter().try_for_each(|it| writeln!(out, "{it}"))?;
        let verdict = if self.exit() == Exit::Ok { "intact" } else { "NOT INTACT" };
        writeln!(out, "{}: {verdict}, {} files agree", self.folder, self.intact)
    }

    fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// Exactly what the sshd fix would change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Planned {
    pub(crate) decision: sshd_fix::decide::Decision,
    pub(crate) text: Vec<u8>,
}

impl Report for Planned {
    fn exit(&self) -> Exit {
        match self.decision {
            sshd_fix::decide::Decision::Refused(_) => Exit::No,
            sshd_fix::decide::Decision::Planned(_) => Exit::Ok,
        }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.text)
    }

    fn json(&self) -> Value {
        let mut value = serde_json::to_value(&self.decision).unwrap_or_default();
        if let Some(object) = value.as_object_mut() {
            object.insert("schema".into(), "aiops.heal_plan/1".into());
        }
        value
    }
}

/// Whether an address came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waited {
    pub(crate) address: std::net::Ipv4Addr,
    pub(crate) came: bool,
}

impl Report for Waited {
    fn exit(&self) -> Exit {
        if self.came { Exit::Ok } else { Exit::No }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        let came = if self.came { "is here" } else { "did not come in time" };
        writeln!(out, "{} {came}", self.address)
    }

    fn json(&self) -> Value {
        serde_json::json!({
            "schema": "aiops.heal_waited/1", "address": self.address.to_string(), "came": self.came,
        })
    }
}

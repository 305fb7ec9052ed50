//! What came in by SMS.

use std::io::{self, Write};

use ops_core::failure::Exit;
use ops_core::report::Report;
use ops_core::time::rfc3339;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::store::Inbound;

/// What came in by SMS since the last look: `aiops.notify.sms/1`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SmsPoll {
    /// `aiops.notify.sms/1`.
    pub schema: String,
    /// New SMS, oldest first.
    pub seen: Vec<PolledSms>,
    /// The flush that runs and will send the answers, as it says of itself.
    pub left_to: Option<String>,
    /// Answers that could not be sent yet: they stay queued.
    pub unsent: u64,
    /// Why.
    pub why: String,
}

/// An SMS that came in.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PolledSms {
    /// The provider's id of it.
    pub sid: String,
    /// The last digits of the number it came from.
    pub sender: String,
    /// RFC 3339 UTC.
    pub sent_at: String,
    /// What was made of it: a command, `unknown`, or why it is not answered (`stranger`, `too_old`,
    /// `too_soon`).
    pub command: String,
    /// Whether it is answered.
    pub is_answered: bool,
}

impl From<Inbound> for PolledSms {
    fn from(sms: Inbound) -> Self {
        Self {
            sid: sms.sid,
            sender: sms.sender,
            sent_at: rfc3339(sms.sent_at),
            command: sms.command,
            is_answered: sms.answer.is_some(),
        }
    }
}

impl Report for SmsPoll {
    fn exit(&self) -> Exit {
        if self.unsent > 0 { Exit::Unavailable } else { Exit::Ok }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.seen.is_empty() {
            writeln!(out, "no new SMS")?;
        }
        for sms in &self.seen {
            let answered = if sms.is_answered { "answered" } else { "not answered" };
            writeln!(out, "{} from {}: {}, {answered}", sms.sent_at, sms.sender, sms.command)?;
        }
        if let Some(holder) = &self.left_to {
            writeln!(out, "  the running flush sends the answers ({holder})")?;
        }
        if self.unsent > 0 {
            writeln!(out, "  {} answers are still queued: {}", self.unsent, self.why)?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

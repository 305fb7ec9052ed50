//! How alerting stands: the queue, the rate limits, the channels.

use std::collections::BTreeMap;
use std::io::{self, Write};

use ops_core::alert::{Kind, Severity};
use ops_core::failure::Exit;
use ops_core::report::Report;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{DeliveryShown, PolledSms};
use crate::model::{Block, Channel, State};

/// How alerting stands: `aiops.notify.status/1`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// `aiops.notify.status/1`.
    pub schema: String,
    /// The flush that runs now, as it says of itself.
    pub flushing: Option<String>,
    /// What lies in the spool.
    pub spool: SpoolShown,
    /// How many remembered messages are in each state.
    pub counts: BTreeMap<String, u64>,
    /// Dropped messages that no delivered message has told of yet.
    pub dropped: u64,
    /// What is queued, in the order it is told.
    pub queued: Vec<QueueShown>,
    /// What every channel refused, newest first, 20 at most.
    pub failed: Vec<QueueShown>,
    /// What may have arrived, newest first, 20 at most.
    pub ambiguous: Vec<QueueShown>,
    /// The check ids.
    pub checks: Vec<CheckShown>,
    /// The channels, in their order.
    pub channels: Vec<ChannelShown>,
    /// Emergencies of the last days.
    pub emergencies: Vec<ReceiptShown>,
    /// The newest SMS that came in, 20 at most.
    pub sms: Vec<PolledSms>,
}

/// What lies in the spool.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SpoolShown {
    /// Messages that no flush has taken yet.
    pub waiting: u64,
    /// Files that are no messages and were set aside in malformed/.
    pub malformed: Vec<String>,
}

/// A message.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QueueShown {
    /// Its id.
    pub id: String,
    /// RFC 3339 UTC.
    pub raised_at: String,
    /// Seconds since then.
    pub age_seconds: i64,
    /// The binary that raised it.
    pub raised_by: String,
    /// One line.
    pub title: String,
    /// What it is about.
    pub check: Option<String>,
    /// How much it matters.
    pub severity: Severity,
    /// Whether it tells of something or that it is over.
    pub kind: Kind,
    /// Why it is where it is.
    pub why: String,
    /// Its deliveries.
    pub deliveries: Vec<DeliveryShown>,
}

/// What is remembered of a check id.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CheckShown {
    /// The check id.
    pub id: String,
    /// Whether a failure was told and no recovery since.
    pub is_failing: bool,
    /// RFC 3339 UTC: when it was last told of, recoveries aside.
    pub told_at: Option<String>,
    /// How much that mattered.
    pub told_severity: Option<Severity>,
    /// What its title was.
    pub told_title: Option<String>,
    /// RFC 3339 UTC: until when further messages are held back.
    pub limited_until: Option<String>,
    /// Messages that were not told since then.
    pub held_back: u64,
    /// RFC 3339 UTC: when the first of them was raised.
    pub held_since: Option<String>,
}

/// How a channel stands.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelShown {
    /// The channel.
    pub channel: Channel,
    /// Whether it is configured and switched on.
    pub is_enabled: bool,
    /// Whether its secrets are there.
    pub is_ready: bool,
    /// Why it is not ready.
    pub why: String,
    /// RFC 3339 UTC: when it last accepted something.
    pub last_accepted_at: Option<String>,
    /// Why nothing goes by it now.
    pub blocked: Option<Block>,
    /// RFC 3339 UTC: until when.
    pub blocked_until: Option<String>,
    /// What was said when it was blocked.
    pub blocked_why: Option<String>,
    /// Failures in a row.
    pub failures: u32,
    /// What its service said of its quota.
    pub quota: Option<QuotaShown>,
}

/// What a service said of its quota.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaShown {
    /// Messages a month.
    pub limit: u64,
    /// Messages left.
    pub remaining: u64,
    /// RFC 3339 UTC: when it begins anew.
    pub resets_at: String,
}

/// An emergency.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptShown {
    /// The message's id.
    pub message: String,
    /// What it is about.
    pub check: Option<String>,
    /// The service's id of it.
    pub receipt: String,
    /// RFC 3339 UTC.
    pub sent_at: String,
    /// RFC 3339 UTC: when somebody acknowledged it.
    pub acknowledged_at: Option<String>,
    /// Whom the service names.
    pub acknowledged_by: Option<String>,
    /// Whether it stopped repeating without an answer.
    pub is_expired: bool,
    /// RFC 3339 UTC: when it was cancelled because its check recovered.
    pub cancelled_at: Option<String>,
    /// What went wrong last in following it.
    pub why: String,
}

impl Report for Standing {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        self.write_queue(out)?;
        self.write_channels(out)?;
        self.write_checks(out)?;
        self.write_emergencies(out)
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

impl Standing {
    fn write_queue(&self, out: &mut dyn Write) -> io::Result<()> {
        let count = |state: State| self.counts.get(state.name()).copied().unwrap_or(0);
        writeln!(
            out,
            "queue: {} in the spool, {} queued, {} failed, {} ambiguous, {} dropped for their age",
            self.spool.waiting,
            count(State::Queued),
            count(State::Failed),
            count(State::Ambiguous),
            count(State::Expired),
        )?;
        writeln!(
            out,
            "remembered: {} delivered, {} held back, {} counted into others, {} needless",
            count(State::Delivered),
            count(State::Held),
            count(State::Superseded),
            count(State::Needless),
        )?;
        if let Some(holder) = &self.flushing {
            writeln!(out, "a flush runs: {holder}")?;
        }
        if self.dropped > 0 {
            let dropped = self.dropped;
            writeln!(out, "{dropped} dropped messages will be told of with the next one")?;
        }
        for (what, list) in
            [("queued", &self.queued), ("failed", &self.failed), ("ambiguous", &self.ambiguous)]
        {
            for message in list {
                message.write(what, out)?;
            }
        }
        for name in &self.spool.malformed {
            writeln!(out, "  malformed: {name}")?;
        }
        Ok(())
    }

    fn write_channels(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "channels:")?;
        for channel in &self.channels {
            let name = channel.channel.name();
            if !channel.is_enabled {
                writeln!(out, "  {name}: off")?;
                continue;
            }
            if !channel.is_ready {
                writeln!(out, "  {name}: not ready: {}", channel.why)?;
                continue;
            }
            let last = channel.last_accepted_at.as_deref().unwrap_or("never");
            write!(out, "  {name}: ready, last delivery {last}")?;
            if let Some(quota) = &channel.quota {
                write!(out, ", {} of {} left", quota.remaining, quota.limit)?;
            }
            if let (Some(block), Some(until)) = (channel.blocked, &channel.blocked_until) {
                let why = channel.blocked_why.as_deref().unwrap_or_default();
                write!(out, ", blocked ({}) until {until}: {why}", block.name())?;
            }
            writeln!(out)?;
        }
        Ok(())
    }

    fn write_checks(&self, out: &mut dyn Write) -> io::Result<()> {
        if !self.checks.is_empty() {
            writeln!(out, "checks:")?;
        }
        for check in &self.checks {
            write!(out, "  {}: ", check.id)?;
            match (&check.told_at, check.is_failing) {
                (Some(at), true) => write!(out, "failing, told {at}")?,
                (Some(at), false) => write!(out, "told {at}")?,
                (None, true) => write!(out, "failing, may be known")?,
                (None, false) => write!(out, "fine")?,
            }
            if let Some(until) = &check.limited_until {
                write!(out, ", rate limited until {until}")?;
            }
            if check.held_back > 0 {
                write!(out, ", {} held back", check.held_back)?;
            }
            writeln!(out)?;
        }
        Ok(())
    }

    fn write_emergencies(&self, out: &mut dyn Write) -> io::Result<()> {
        if !self.emergencies.is_empty() {
            writeln!(out, "emergencies:")?;
        }
        for emergency in &self.emergencies {
            let about = emergency.check.as_deref().unwrap_or(&emergency.message);
            write!(out, "  {about}, sent {}: ", emergency.sent_at)?;
            match (&emergency.acknowledged_at, &emergency.cancelled_at) {
                (Some(at), _) => {
                    let by = emergency.acknowledged_by.as_deref().unwrap_or("somebody");
                    write!(out, "acknowledged by {by} at {at}")?;
                }
                (None, Some(at)) => write!(out, "cancelled at {at}")?,
                (None, None) if emergency.is_expired => write!(out, "nobody acknowledged it")?,
                (None, None) => write!(out, "not acknowledged yet")?,
            }
            let colon = if emergency.why.is_empty() { "" } else { ": " };
            writeln!(out, "{colon}{}", emergency.why)?;
        }
        Ok(())
    }
}

impl QueueShown {
    fn write(&self, what: &str, out: &mut dyn Write) -> io::Result<()> {
        let about = self.check.as_ref().map(|check| format!(" ({check})")).unwrap_or_default();
        let colon = if self.why.is_empty() { "" } else { ": " };
        writeln!(
            out,
            "  {what}, {} old: {}{about}{colon}{}",
            age(self.age_seconds),
            self.title,
            self.why
        )?;
        self.deliveries.iter().try_for_each(|delivery| writeln!(out, "    {}", delivery.line()))
    }
}

/// An age in its largest unit.
fn age(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{} s", seconds.max(0)),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

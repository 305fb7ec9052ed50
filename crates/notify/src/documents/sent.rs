//! What became of a message, what a flush did, what a dry run would do.

use std::io::{self, Write};

use ops_core::failure::Exit;
use ops_core::report::Report;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::flush::Left;
use crate::model::{Channel, Delivery, Stage, State};

/// What became of a message: `aiops.notify.sent/1`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// `aiops.notify.sent/1`.
    pub schema: String,
    /// The message's id.
    pub id: String,
    /// What it is about.
    pub check: Option<String>,
    /// What became of it so far.
    pub state: State,
    /// Why, where the state does not say it all.
    pub why: String,
    /// Why it is still queued.
    pub left: Option<Left>,
    /// The flush that runs and will take it, as it says of itself.
    pub left_to: Option<String>,
    /// Messages of its check that were held back and not told of yet.
    pub held_back: u64,
    /// Its deliveries.
    pub deliveries: Vec<DeliveryShown>,
    /// Enabled channels that could not be used.
    pub skipped: Vec<Skipped>,
}

/// One message to one recipient by one channel.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryShown {
    /// The channel.
    pub channel: Channel,
    /// The last digits of the number, and its fingerprint; empty for a channel with one recipient.
    pub recipient: String,
    /// How it stands.
    pub stage: Stage,
    /// Requests made.
    pub attempts: u32,
    /// Why it stands so.
    pub why: String,
    /// The service's own id of it.
    pub provider_id: Option<String>,
    /// The last state the service told of after accepting it.
    pub followed: Option<String>,
}

/// A channel that could not be used.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    /// The channel.
    pub channel: Channel,
    /// Why.
    pub why: String,
}

impl From<Delivery> for DeliveryShown {
    fn from(row: Delivery) -> Self {
        Self {
            channel: row.channel,
            recipient: row.recipient,
            stage: row.stage,
            attempts: row.attempts,
            why: row.why,
            provider_id: row.provider_id,
            followed: row.followed,
        }
    }
}

impl DeliveryShown {
    /// One line for people.
    pub(super) fn line(&self) -> String {
        let to = if self.recipient.is_empty() { "" } else { " to " };
        let why = if self.why.is_empty() { "" } else { ": " };
        let name = self.channel.name();
        let followed = self.followed.as_ref().map(|it| format!(", {it}")).unwrap_or_default();
        let stage = self.stage.name();
        format!("{name}{to}{}: {stage}{followed}{why}{}", self.recipient, self.why)
    }
}

impl Report for Sent {
    fn exit(&self) -> Exit {
        match (self.state, self.left) {
            (State::Failed | State::Ambiguous | State::Expired, _)
            | (State::Queued, Some(Left::Failing | Left::Stopped)) => Exit::Unavailable,
            (State::Queued, Some(Left::NoSecret)) => Exit::NotPermitted,
            (State::Queued, Some(Left::NoChannel)) => Exit::Config,
            _ => Exit::Ok,
        }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        let check = self.check.as_deref().unwrap_or_default();
        let told = match self.state {
            State::Delivered => "delivered".to_owned(),
            State::Held => {
                let all = self.held_back;
                format!("held back by the rate limit of {check}, and counted ({all} so far)")
            }
            State::Superseded => format!("counted into the queued message of {check}"),
            State::Needless => format!("nothing to tell: no failure of {check} was told"),
            State::Ambiguous => format!("nobody knows whether it arrived: {}", self.why),
            State::Failed => format!("not delivered, every channel refused it: {}", self.why),
            State::Expired => format!("too old: {}", self.why),
            State::Queued => match (&self.left_to, self.left) {
                (Some(holder), _) => format!("queued; the running flush takes it ({holder})"),
                // What is missing is listed below.
                (None, Some(Left::NoSecret)) => "queued: no channel has its secrets".to_owned(),
                (None, _) => format!("queued: {}", self.why),
            },
        };
        writeln!(out, "{told}")?;
        for delivery in &self.deliveries {
            writeln!(out, "  {}", delivery.line())?;
        }
        let is_settled_well = self.exit() == Exit::Ok;
        for skipped in self.skipped.iter().filter(|_| !is_settled_well) {
            writeln!(out, "  {}: not ready: {}", skipped.channel.name(), skipped.why)?;
        }
        match (self.state, self.left) {
            (State::Queued, Some(Left::Failing | Left::Stopped | Left::Paced | Left::Flapping)) => {
                writeln!(out, "It is safe: `notify flush` goes on with it. Do not send it again.")
            }
            (State::Queued, Some(Left::NoSecret)) => {
                writeln!(out, "It is safe: it goes once a channel has its secrets.")
            }
            (State::Queued, Some(Left::NoChannel)) => {
                writeln!(out, "It is safe: it goes once notify.yaml enables a channel.")
            }
            (State::Ambiguous, _) => writeln!(out, "It is not sent again: look at the phone."),
            (State::Failed, _) => writeln!(out, "`notify status` keeps it in sight."),
            _ => Ok(()),
        }
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

/// What a flush did: `aiops.notify.flushed/1`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Flushed {
    /// `aiops.notify.flushed/1`.
    pub schema: String,
    /// Messages taken from the spool.
    pub taken: u64,
    /// Messages that a service accepted.
    pub delivered: u64,
    /// Messages dropped because of their age.
    pub expired: u64,
    /// Messages that no channel takes.
    pub failed: u64,
    /// Messages of which nobody knows whether they arrived.
    pub ambiguous: u64,
    /// Messages that are still queued.
    pub queued: u64,
    /// Why the first of them is.
    pub why: String,
    /// What is wrong with the spool, and what could not be followed.
    pub troubles: Vec<String>,
    /// Whether anything waits for a channel that fails or lacks its secrets.
    pub left: Option<Left>,
}

impl Report for Flushed {
    fn exit(&self) -> Exit {
        match self.left {
            _ if self.failed + self.ambiguous + self.expired > 0 => Exit::Unavailable,
            Some(Left::Failing | Left::Stopped) => Exit::Unavailable,
            Some(Left::NoSecret) => Exit::NotPermitted,
            Some(Left::NoChannel) => Exit::Config,
            Some(Left::Paced | Left::Flapping) | None => Exit::Ok,
        }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        let parts = [
            (self.delivered, "delivered"),
            (self.failed, "failed"),
            (self.ambiguous, "ambiguous"),
            (self.expired, "too old"),
            (self.queued, "still queued"),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let told = if parts.is_empty() { "nothing to tell".to_owned() } else { parts.join(", ") };
        writeln!(out, "{told}")?;
        if self.queued > 0 {
            writeln!(out, "  waiting: {}", self.why)?;
        }
        self.troubles.iter().try_for_each(|trouble| writeln!(out, "  {trouble}"))
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

/// What would be sent where: `aiops.notify.dry_run/1`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DryRun {
    /// `aiops.notify.dry_run/1`.
    pub schema: String,
    /// Whether it would be told now.
    pub would_send: bool,
    /// Why it would not, or what would become of another message.
    pub why: String,
    /// The title as it would look.
    pub title: String,
    /// The text as it would look.
    pub message: String,
    /// The text as an SMS.
    pub sms: String,
    /// The channels in their order.
    pub channels: Vec<DryRunChannel>,
}

/// How a channel stands in a dry run.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DryRunChannel {
    /// The channel.
    pub channel: Channel,
    /// Whether it has what it needs.
    pub is_ready: bool,
    /// Why nothing would go by it now.
    pub why: String,
    /// How many recipients it would be sent to now.
    pub sends_to: u32,
}

impl Report for DryRun {
    fn exit(&self) -> Exit {
        if self.channels.is_empty() {
            Exit::Config
        } else if self.channels.iter().any(|it| it.is_ready) {
            Exit::Ok
        } else {
            Exit::NotPermitted
        }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        let would = if self.would_send { "would be sent" } else { "would not be sent" };
        let colon = if self.why.is_empty() { "" } else { ": " };
        writeln!(out, "{would}{colon}{}", self.why)?;
        writeln!(out, "  title: {}", self.title)?;
        self.message.lines().try_for_each(|line| writeln!(out, "  | {line}"))?;
        for channel in &self.channels {
            let name = channel.channel.name();
            match (channel.sends_to, channel.why.as_str()) {
                (0, "") => writeln!(out, "  {name}: ready, not its turn")?,
                (0, why) => writeln!(out, "  {name}: {why}")?,
                (1, _) => writeln!(out, "  {name}: sends")?,
                (many, _) => writeln!(out, "  {name}: sends to {many} numbers")?,
            }
        }
        if self.channels.is_empty() {
            writeln!(out, "  no channel is enabled in notify.yaml")?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

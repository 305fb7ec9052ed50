//! What is known of messages, deliveries, checks and channels. Data only.

use ops_core::alert::{Kind, Severity};
use ops_core::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A way to reach the operator.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Push messages, with emergencies that repeat until acknowledged.
    Pushover,
    /// SMS.
    Twilio,
    /// An ntfy topic.
    Ntfy,
    /// A JSON document posted to a URL.
    Webhook,
}

impl Channel {
    /// All of them, in the order they are tried in by default.
    pub const ALL: [Self; 4] = [Self::Pushover, Self::Twilio, Self::Ntfy, Self::Webhook];

    /// The name that configuration, options and documents use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pushover => "pushover",
            Self::Twilio => "twilio",
            Self::Ntfy => "ntfy",
            Self::Webhook => "webhook",
        }
    }

    /// The channel of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }
}

/// What became of a message. Every message that was ever taken from the spool is in exactly one.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is still to be told.
    Queued,
    /// Held back by the rate limit of its check, and counted.
    Held,
    /// Another message of its check tells of it, and it is counted.
    Superseded,
    /// A recovery from something that was never told.
    Needless,
    /// A service accepted it.
    Delivered,
    /// It may have been delivered: the connection broke after it was written. Not repeated.
    Ambiguous,
    /// Every channel refused it for good.
    Failed,
    /// It was older than its time to live before any channel took it, and is counted.
    Expired,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Held,
        Self::Superseded,
        Self::Needless,
        Self::Delivered,
        Self::Ambiguous,
        Self::Failed,
        Self::Expired,
    ];

    /// The name that documents and the database use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Held => "held",
            Self::Superseded => "superseded",
            Self::Needless => "needless",
            Self::Delivered => "delivered",
            Self::Ambiguous => "ambiguous",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }

    /// The state of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// How one delivery stands: one message to one recipient by one channel.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The request is being made. Found after a crash, nobody knows whether it was.
    Sending,
    /// It failed in a way that may pass.
    Retry,
    /// The service took it.
    Accepted,
    /// It may have been taken.
    Ambiguous,
    /// It was refused for good, or given up because another channel carried the message.
    Refused,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Sending, Self::Retry, Self::Accepted, Self::Ambiguous, Self::Refused];

    /// The name that documents and the database use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Retry => "retry",
            Self::Accepted => "accepted",
            Self::Ambiguous => "ambiguous",
            Self::Refused => "refused",
        }
    }

    /// The stage of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }
}

/// A message that was taken from the spool.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// As the spool file named it; ids sort in the order of time.
    pub id: String,
    /// When it was raised.
    pub raised_at: Timestamp,
    /// The binary that raised it.
    pub raised_by: String,
    /// One line.
    pub title: String,
    /// The text; may be empty.
    pub message: String,
    /// What it is about.
    pub check: Option<String>,
    /// How much it matters.
    pub severity: Severity,
    /// Whether it tells of something or that it is over.
    pub kind: Kind,
    /// The only channel that may carry it.
    pub channel: Option<String>,
    /// The only recipient of that channel that is to get it: an answer to an SMS.
    pub recipient: Option<String>,
    /// When it or what it stands for was last raised: its age counts from here.
    pub renewed_at: Timestamp,
    /// What became of it.
    pub state: State,
    /// Why it is in that state; empty where the state says it all.
    pub why: String,
    /// What was or is being sent; composed anew until a service may have seen it.
    pub text: Option<Text>,
}

/// What is sent of a message.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Text {
    /// At most 250 characters.
    pub title: String,
    /// At most 1,024 characters, counts included.
    pub body: String,
    /// How many held-back messages of its check it tells of.
    pub held: u64,
    /// How many dropped messages of any check it tells of.
    pub dropped: u64,
}

/// One message to one recipient by one channel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Delivery {
    /// The message's id.
    pub message: String,
    /// The channel.
    pub channel: Channel,
    /// Whom that channel reaches: a number; empty for a channel that has one recipient.
    pub recipient: String,
    /// How it stands.
    pub stage: Stage,
    /// Requests made so far.
    pub attempts: u32,
    /// When the last one began.
    pub tried_at: Timestamp,
    /// Not before then again.
    pub next_at: Timestamp,
    /// Why it stands so.
    pub why: String,
    /// The service's own id of it (Pushover's request, Twilio's SID, ntfy's id).
    pub provider_id: Option<String>,
    /// The last state the service told of after accepting it (Twilio).
    pub followed: Option<String>,
}

/// What is remembered of a check id.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Check {
    /// The last message about it, recoveries aside, that a service accepted.
    pub told: Option<Told>,
    /// Whether a failure was told, or may have been, and no recovery since.
    pub is_failing: bool,
    /// Messages about it that were not told, since the last that was.
    pub held: u64,
    /// When the first of those was raised.
    pub held_since: Option<Timestamp>,
}

/// A message that a service accepted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Told {
    /// When it was accepted.
    pub at: Timestamp,
    /// How much it mattered.
    pub severity: Severity,
    /// What its title was.
    pub title: String,
}

/// Why nothing goes by a channel for a while.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// It cannot be reached, fails, or asked for patience: messages wait for it.
    Outage,
    /// Its quota is used up: the next channel takes over.
    Quota,
    /// It does not accept our credentials: the next channel takes over.
    Credentials,
}

impl Block {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Outage, Self::Quota, Self::Credentials];

    /// The name that documents and the database use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Outage => "outage",
            Self::Quota => "quota",
            Self::Credentials => "credentials",
        }
    }

    /// The block of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|block| block.name() == name)
    }
}

/// What is remembered of a channel.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Health {
    /// Why nothing goes by it, until when, and what was said.
    pub blocked: Option<(Block, Timestamp, String)>,
    /// Failures in a row.
    pub failures: u32,
    /// When it last accepted something.
    pub accepted_at: Option<Timestamp>,
    /// What its service said of its quota.
    pub quota: Option<Quota>,
}

/// What a service said of its quota.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Quota {
    /// Messages a month.
    pub limit: u64,
    /// Messages left.
    pub remaining: u64,
    /// When it begins anew.
    pub resets_at: Timestamp,
}

/// An emergency that repeats until somebody acknowledges it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Receipt {
    /// The service's id of it.
    pub receipt: String,
    /// The message.
    pub message: String,
    /// What it is about.
    pub check: Option<String>,
    /// When the service accepted it.
    pub sent_at: Timestamp,
    /// When the service was last asked.
    pub polled_at: Option<Timestamp>,
    /// When it was acknowledged, and by whom as the service names them.
    pub acknowledged: Option<(Timestamp, String)>,
    /// Whether it stopped repeating without an answer.
    pub is_expired: bool,
    /// Whether the check recovered, so that it is to be cancelled.
    pub is_cancel_wanted: bool,
    /// When the service took the cancellation.
    pub cancelled_at: Option<Timestamp>,
    /// What went wrong last in following or cancelling it.
    pub why: String,
}

impl Receipt {
    /// Whether nothing will change about it any more.
    pub fn is_settled(&self) -> bool {
        self.acknowledged.is_some() || self.is_expired || self.cancelled_at.is_some()
    }
}

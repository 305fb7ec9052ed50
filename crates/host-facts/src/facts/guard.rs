//! guard's timer and the end of its log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Seen;

/// guard, seen from outside.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// Its timer.
    pub timer: Seen<Timer>,
    /// The end of its log; `None` when there is no log, or nothing in it.
    pub log: Seen<Option<LogEnd>>,
}

/// A systemd timer.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Timer {
    /// The unit.
    pub unit: String,
    /// loaded, not-found, masked, …
    pub load_state: String,
    /// active, inactive, failed, …
    pub active_state: String,
    /// enabled, disabled, masked, …; empty when there is no such unit.
    pub file_state: String,
    /// When it last started its service, microseconds since the epoch; `None` when never.
    pub last_us: Option<i64>,
    /// When it will next, microseconds since the epoch; `None` when never.
    pub next_us: Option<i64>,
}

/// The last line of a log.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LogEnd {
    /// The log.
    pub file: String,
    /// The line, at most 4,096 bytes, what is not UTF-8 replaced.
    pub line: String,
    /// Its `ts`, if it has one.
    pub ts: Option<String>,
    /// Its `event`, if it has one.
    pub event: Option<String>,
}

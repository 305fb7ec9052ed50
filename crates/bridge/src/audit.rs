//! What the bridge's audit log says of an event; how its lines are chained is `audit-chain`'s.

use serde::{Deserialize, Serialize};

use crate::reason::Reason;

pub use audit_chain::{Broken, GENESIS, Line};

/// What is written down of one event.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Entry {
    /// RFC 3339 UTC.
    pub ts: String,
    /// The command's id, or the dead letter's name when no id is to be believed.
    pub id: String,
    /// `applyPatch`, or what an operator did.
    pub action: String,
    /// `ok`, `dead_letter`, `held`, `retry`, `approved` or `clock_reset`.
    pub result: String,
    /// 0 for ok and held, 1 for a no, 69 for a retry.
    pub exit: i32,
    /// Paths that changed.
    pub files_changed: u64,
    /// Whether the signature held.
    pub hmac_ok: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// Writes one line.
///
/// # Panics
/// Never: the entry is a plain struct.
pub fn line(entry: &Entry, prev: &str) -> Line {
    audit_chain::line(entry, prev).expect("a plain struct serialises")
}

/// Checks a whole segment and returns its entries and the last hash.
///
/// # Errors
/// The first line that does not fit.
pub fn check(segment: &str, prev: &str) -> Result<(Vec<Entry>, String), Broken> {
    audit_chain::check(segment, prev)
}

//! What guard remembers from cycle to cycle: `<home>/state/guard/state.json`.
//!
//! Every rule here is pure; only [`load`] and [`save`] touch the disk. A clock that was
//! set back never gives guard more room: what lies in the future counts as just now.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use ops_core::time::{self, SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::Policy;

/// The schema that the file names.
pub const SCHEMA: &str = "aiops.guard_state/1";

/// The largest file that is read, bytes.
const LARGEST: u64 = 1 << 20;

/// A moment, RFC 3339 UTC.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Moment(pub Timestamp);

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        time::parse(&text).map(Self)
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        time::rfc3339(moment.0)
    }
}

/// What guard remembers.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// `aiops.guard_state/1`.
    pub schema: String,
    /// When the last cycle ended.
    pub last_cycle_at: Option<Moment>,
    /// The event it ended with.
    pub last_event: Option<String>,
    /// Since when every cycle failed.
    pub failing_since: Option<Moment>,
    /// How many cycles in a row failed.
    pub failing_cycles: u32,
    /// When the last cycle saw sshd in the open, if it did.
    pub public_at: Option<Moment>,
    /// When fixes were begun, of the last hour.
    pub fixes: Vec<Moment>,
    /// When a fix was begun whose end is not written down.
    pub fix_begun_at: Option<Moment>,
    /// How many fixes failed in a row.
    pub failed_fixes: u32,
    /// Since when guard only alerts.
    pub latched_at: Option<Moment>,
    /// Check ids that were told and have not recovered.
    pub told: BTreeSet<String>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            last_cycle_at: None,
            last_event: None,
            failing_since: None,
            failing_cycles: 0,
            public_at: None,
            fixes: Vec::new(),
            fix_begun_at: None,
            failed_fixes: 0,
            latched_at: None,
            told: BTreeSet::new(),
        }
    }
}

impl Memory {
    /// Brings it up to now. Returns true when the last fix was cut off, which counts as failed.
    pub fn wake(&mut self, policy: &Policy, now: Timestamp) -> bool {
        for fix in &mut self.fixes {
            fix.0 = fix.0.min(now);
        }
        self.fixes.retain(|fix| is_within_an_hour(*fix, now));
        let was_cut_off = self.fix_begun_at.is_some();
        if was_cut_off {
            self.fix_failed(policy, now);
        }
        was_cut_off
    }

    /// How many fixes were begun within the last hour, or in what the clock calls the future.
    pub fn fixes_within_an_hour(&self, now: Timestamp) -> u32 {
        let count = self.fixes.iter().filter(|fix| is_within_an_hour(**fix, now)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Whether the cycle before saw sshd in the open, and recently enough to confirm a first look.
    pub fn confirms(&self, now: Timestamp, policy: &Policy) -> bool {
        let limit = SignedDuration::from_mins(i64::from(policy.confirmed_for_minutes));
        self.public_at.is_some_and(|seen| {
            let age = now.duration_since(seen.0);
            !age.is_negative() && age <= limit
        })
    }

    /// A fix begins. To be written down before it does.
    pub fn fix_begins(&mut self, now: Timestamp) {
        self.fixes.push(Moment(now));
        self.fix_begun_at = Some(Moment(now));
    }

    /// The fix turned out not to be one: nothing was touched.
    pub fn fix_was_refused(&mut self) {
        self.fix_begun_at = None;
        self.fixes.pop();
    }

    /// The fix worked.
    pub fn fix_worked(&mut self) {
        self.fix_begun_at = None;
        self.failed_fixes = 0;
    }

    /// The fix did not work.
    pub fn fix_failed(&mut self, policy: &Policy, now: Timestamp) {
        self.fix_begun_at = None;
        self.failed_fixes = self.failed_fixes.saturating_add(1);
        if self.failed_fixes >= policy.failed_fixes_latch && self.latched_at.is_none() {
            self.latched_at = Some(Moment(now));
        }
    }

    /// A cycle ends: how, and whether sshd is in the open.
    pub fn cycle_ends(&mut self, event: &str, passes: bool, public: bool, now: Timestamp) {
        self.last_cycle_at = Some(Moment(now));
        self.last_event = Some(event.to_owned());
        self.public_at = public.then_some(Moment(now));
        if passes {
            self.failing_since = None;
            self.failing_cycles = 0;
        } else {
            self.failing_since.get_or_insert(Moment(now));
            self.failing_cycles = self.failing_cycles.saturating_add(1);
        }
    }
}

fn is_within_an_hour(fix: Moment, now: Timestamp) -> bool {
    now.duration_since(fix.0) < SignedDuration::from_hours(1)
}

/// Where it lies.
pub fn path(home: &Path) -> PathBuf {
    home.join("state/guard/state.json")
}

/// Reads it. Where there is none yet, it is empty.
///
/// # Errors
/// Why it cannot be believed. Whoever cannot tell what was done must do nothing.
pub fn load(host: &Host, home: &Path) -> Result<Memory, String> {
    let path = path(home);
    let bytes = match host.read_plain(&path, LARGEST) {
        Ok((_, bytes)) => bytes,
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(Memory::default()),
        Err(err) => return Err(format!("{}: {err}", path.display())),
    };
    let memory: Memory =
        serde_json::from_slice(&bytes).map_err(|err| format!("{}: {err}", path.display()))?;
    if memory.schema != SCHEMA {
        return Err(format!("{}: its schema is {:?}", path.display(), memory.schema));
    }
    Ok(memory)
}

/// Writes it; durable on return.
///
/// # Errors
/// Exit 69 when it cannot be written.
pub fn save(host: &Host, home: &Path, memory: &Memory) -> Result<(), Failure> {
    let path = path(home);
    let doing = || format!("write {}", path.display());
    let mut bytes = serde_json::to_vec_pretty(memory).or_fail(Exit::Internal, doing())?;
    bytes.push(b'\n');
    host.make_dir(path.parent().unwrap_or(home), 0o750).or_fail(Exit::Unavailable, doing())?;
    host.replace_file(&path, &bytes, 0o640).or_fail(Exit::Unavailable, doing())
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;

//! What guard answers.

use std::io::{self, Write};

use ops_core::failure::Exit;
use ops_core::report::Report;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::memory::Memory;

/// What one cycle came to.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Cycle {
    /// `aiops.guard/1`.
    pub schema: String,
    /// The host.
    pub host: String,
    /// When it began, RFC 3339 UTC.
    pub started_at: String,
    /// How long it took, milliseconds.
    pub duration_ms: u64,
    /// What it ended with: `pass`, `fail`, `remediated`, `remediation_failed` or `refused`.
    pub event: String,
    /// Why, where there is more to say.
    pub reason: String,
    /// Whether the host passes now.
    pub passes: bool,
    /// Ids of the checks that fail now.
    pub failing: Vec<String>,
    /// Ids of the checks that could not be carried out now.
    pub unknown: Vec<String>,
    /// The lines written to the log.
    pub log: Vec<String>,
    /// Whether log, memory and alerts could all be written.
    pub is_kept: bool,
}

impl Report for Cycle {
    fn exit(&self) -> Exit {
        match (self.passes, self.is_kept) {
            (true, true) => Exit::Ok,
            (true, false) => Exit::Unavailable,
            (false, _) => Exit::No,
        }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        self.log.iter().try_for_each(|line| writeln!(out, "{line}"))
    }

    fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// How guard stands.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Standing {
    /// `aiops.guard_status/1`.
    pub schema: String,
    /// The host.
    pub host: String,
    /// The timer and the log, as doctor's check `guard` judges them.
    pub check: doctor::Check,
    /// Where the log lies.
    pub log: String,
    /// Who runs a cycle now.
    pub running: Option<String>,
    /// What guard remembers; absent when it cannot be read.
    pub memory: Option<Memory>,
    /// Why it cannot be read.
    pub memory_error: Option<String>,
    /// How many fixes it may begin within the hour; 0 while it is latched.
    pub fixes_left: u32,
}

impl Report for Standing {
    fn exit(&self) -> Exit {
        let is_latched = self.memory.as_ref().is_none_or(|it| it.latched_at.is_some());
        match self.check.status {
            _ if is_latched => Exit::No,
            doctor::Status::Fail => Exit::No,
            doctor::Status::Unknown => Exit::Unavailable,
            doctor::Status::Pass | doctor::Status::Skip | doctor::Status::Warn => Exit::Ok,
        }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}: {}", self.check.status.name(), self.check.summary)?;
        for detail in &self.check.details {
            writeln!(out, "  {detail}")?;
        }
        let said = |moment: &Option<crate::memory::Moment>| {
            moment.map_or_else(|| "never".to_owned(), String::from)
        };
        if let Some(memory) = &self.memory {
            let event = memory.last_event.as_deref().unwrap_or("nothing");
            writeln!(out, "last cycle   {} ({event})", said(&memory.last_cycle_at))?;
            if memory.failing_cycles > 0 {
                let since = said(&memory.failing_since);
                writeln!(out, "failing      {} cycles, since {since}", memory.failing_cycles)?;
            }
            if memory.latched_at.is_some() {
                let since = said(&memory.latched_at);
                writeln!(out, "latched      since {since}: mend it by hand, then `guard reset`")?;
            }
        }
        if let Some(why) = &self.memory_error {
            writeln!(out, "memory       cannot be read: {why}; `guard reset` begins anew")?;
        }
        if let Some(holder) = &self.running {
            writeln!(out, "running      {holder}")?;
        }
        writeln!(out, "fixes left   {} within the hour", self.fixes_left)?;
        writeln!(out, "log          {}", self.log)
    }

    fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// What `guard reset` did.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Reset {
    /// `aiops.guard_reset/1`.
    pub schema: String,
    /// Whether guard had given up.
    pub was_latched: bool,
    /// How many fixes in a row had failed.
    pub failed_fixes: u32,
    /// Why the old memory could not be read, if it could not.
    pub was_unreadable: Option<String>,
}

impl Report for Reset {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        match (&self.was_unreadable, self.was_latched) {
            (Some(why), _) => {
                writeln!(out, "its memory begins anew; the old one was no use: {why}")
            }
            (None, true) => writeln!(out, "guard may fix again ({} had failed)", self.failed_fixes),
            (None, false) => writeln!(out, "guard had not given up; its counts begin anew"),
        }
    }

    fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// What `guard install` or `uninstall` changed, or would.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Installed {
    /// `aiops.guard_install/1`.
    pub schema: String,
    /// Whether nothing was changed because only a look was asked for.
    pub dry_run: bool,
    /// What changed, in order. Empty: everything was as it should be.
    pub changes: Vec<String>,
}

impl Report for Installed {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        let would = if self.dry_run { "would " } else { "" };
        if self.changes.is_empty() {
            return writeln!(out, "nothing to do");
        }
        self.changes.iter().try_for_each(|change| writeln!(out, "{would}{change}"))
    }

    fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

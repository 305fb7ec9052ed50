//! The report: `aiops.doctor/1`. Whoever renders it chooses nothing.

use ops_core::failure::Exit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The schema that every report names.
pub const SCHEMA: &str = "aiops.doctor/1";

/// How a check stands; the worst is last.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As it should be.
    Pass,
    /// Not judged, since the policy or the caller says so.
    Skip,
    /// Worth a look; not a failure.
    Warn,
    /// It could not be looked at. Never a pass, and never acted on.
    Unknown,
    /// As it must not be.
    Fail,
}

impl Status {
    /// Every status, the worst last.
    pub const ALL: [Self; 5] = [Self::Pass, Self::Skip, Self::Warn, Self::Unknown, Self::Fail];

    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Skip => "skip",
            Self::Warn => "warn",
            Self::Unknown => "unknown",
            Self::Fail => "fail",
        }
    }
}

/// What doctor found on one host or in one repository.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Report {
    /// `aiops.doctor/1`.
    pub schema: String,
    /// The host.
    pub host: String,
    /// When looking began, RFC 3339 UTC.
    pub started_at: String,
    /// How long it took, milliseconds.
    pub duration_ms: u64,
    /// The worst of the checks, `skip` aside; `unknown` when nothing was judged at all.
    pub status: Status,
    /// What other programs act on, each once: `SSHD_PUBLIC`, `FUNNEL`, `USERSPACE_NETWORKING`,
    /// `DOCKER_PUBLIC`.
    pub flags: Vec<String>,
    /// How many checks stand how.
    pub counts: Counts,
    /// Every check, in the documented order.
    pub checks: Vec<Check>,
}

/// How many checks stand how.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Counts {
    /// As they should be.
    pub pass: u32,
    /// Not judged.
    pub skip: u32,
    /// Worth a look.
    pub warn: u32,
    /// Could not be looked at.
    pub unknown: u32,
    /// As they must not be.
    pub fail: u32,
}

/// One check, judged.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Check {
    /// Its id, which never changes.
    pub id: String,
    /// What it demands.
    pub title: String,
    /// How it stands.
    pub status: Status,
    /// One line: what was seen, or the worst that was found.
    pub summary: String,
    /// Every finding (`fail tcp 0.0.0.0:22: …`), then what is worth knowing.
    pub details: Vec<String>,
    /// What to do about it; empty when there is nothing to do.
    pub remediation: String,
    /// The waivers that turned failures into warnings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waived_by: Vec<Waived>,
    /// How long its facts took, milliseconds.
    pub duration_ms: u64,
}

/// A waiver at work.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Waived {
    /// What it is about.
    pub r#match: String,
    /// Until when.
    pub until: String,
    /// Why.
    pub why: String,
}

impl Report {
    /// A report over these checks.
    pub fn new(
        host: String,
        started_at: String,
        duration_ms: u64,
        mut flags: Vec<String>,
        checks: Vec<Check>,
    ) -> Self {
        flags.sort();
        flags.dedup();
        let mut counts = Counts::default();
        for check in &checks {
            *match check.status {
                Status::Pass => &mut counts.pass,
                Status::Skip => &mut counts.skip,
                Status::Warn => &mut counts.warn,
                Status::Unknown => &mut counts.unknown,
                Status::Fail => &mut counts.fail,
            } += 1;
        }
        let judged = checks.iter().map(|it| it.status).filter(|it| *it != Status::Skip);
        let status = judged.max().unwrap_or(Status::Unknown);
        Self { schema: SCHEMA.into(), host, started_at, duration_ms, status, flags, counts, checks }
    }

    /// 0 when nothing failed, 1 when something did, 69 when nothing failed but something is unknown.
    pub fn exit(&self) -> Exit {
        match self.status {
            Status::Pass | Status::Skip | Status::Warn => Exit::Ok,
            Status::Unknown => Exit::Unavailable,
            Status::Fail => Exit::No,
        }
    }

    /// The check of this id.
    pub fn check(&self, id: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.id == id)
    }

    /// Whether a flag is raised.
    pub fn has_flag(&self, flag: &str) -> bool {
        self.flags.iter().any(|it| it == flag)
    }
}

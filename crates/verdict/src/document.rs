//! `aiops.verdict/1`: what a review found, of which range, by whom, and under which rules.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The one schema name of a verdict.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Schema {
    /// Version 1.
    #[default]
    #[serde(rename = "aiops.verdict/1")]
    V1,
}

/// Whether a range may move.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Decision {
    /// It may.
    Approved,
    /// It may not.
    Blocked,
}

impl Decision {
    /// The word in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Approved => "APPROVED",
            Self::Blocked => "BLOCKED",
        }
    }
}

/// What a gate's question was answered with.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
pub enum Outcome {
    /// The range has nothing to do with it.
    #[serde(rename = "n/a")]
    NotApplicable,
    /// It holds.
    #[serde(rename = "pass")]
    Pass,
    /// It does not: the verdict is BLOCKED.
    #[serde(rename = "fail")]
    Fail,
}

impl Outcome {
    /// The word in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotApplicable => "n/a",
            Self::Pass => "pass",
            Self::Fail => "fail",
        }
    }
}

/// One of the five questions that every review answers.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// Nothing listens where it did not listen before, outside the private ranges.
    PublicBinds,
    /// No allowlist is widened or gone around.
    AllowlistBypass,
    /// Keys and secrets are handled as they must be.
    KeyHandling,
    /// Doctor and guard still see and do what they did.
    GuardDoctorIntact,
    /// Nobody can be locked out of a host.
    LockoutRisk,
}

impl Gate {
    /// All of them, in the order of [`Gates`].
    pub const ALL: [Self; 5] = [
        Self::PublicBinds,
        Self::AllowlistBypass,
        Self::KeyHandling,
        Self::GuardDoctorIntact,
        Self::LockoutRisk,
    ];

    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::PublicBinds => "public_binds",
            Self::AllowlistBypass => "allowlist_bypass",
            Self::KeyHandling => "key_handling",
            Self::GuardDoctorIntact => "guard_doctor_intact",
            Self::LockoutRisk => "lockout_risk",
        }
    }
}

/// The answers to the five questions.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Gates {
    /// Nothing listens where it did not listen before, outside the private ranges.
    pub public_binds: Outcome,
    /// No allowlist is widened or gone around.
    pub allowlist_bypass: Outcome,
    /// Keys and secrets are handled as they must be.
    pub key_handling: Outcome,
    /// Doctor and guard still see and do what they did.
    pub guard_doctor_intact: Outcome,
    /// Nobody can be locked out of a host.
    pub lockout_risk: Outcome,
}

impl Gates {
    /// The same outcome for every gate.
    pub fn all(outcome: Outcome) -> Self {
        Self {
            public_binds: outcome,
            allowlist_bypass: outcome,
            key_handling: outcome,
            guard_doctor_intact: outcome,
            lockout_risk: outcome,
        }
    }

    /// The outcome of one gate.
    pub fn get(&self, gate: Gate) -> Outcome {
        match gate {
            Gate::PublicBinds => self.public_binds,
            Gate::AllowlistBypass => self.allowlist_bypass,
            Gate::KeyHandling => self.key_handling,
            Gate::GuardDoctorIntact => self.guard_doctor_intact,
            Gate::LockoutRisk => self.lockout_risk,
        }
    }

    /// The worse outcome of each gate: a failure anywhere is a failure.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        Self {
            public_binds: self.public_binds.max(other.public_binds),
            allowlist_bypass: self.allowlist_bypass.max(other.allowlist_bypass),
            key_handling: self.key_handling.max(other.key_handling),
            guard_doctor_intact: self.guard_doctor_intact.max(other.guard_doctor_intact),
            lockout_risk: self.lockout_risk.max(other.lockout_risk),
        }
    }

    /// The gates that failed.
    pub fn failed(&self) -> impl Iterator<Item = Gate> {
        Gate::ALL.into_iter().filter(|gate| self.get(*gate) == Outcome::Fail)
    }
}

/// How bad a finding is.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth mending some day.
    Low,
    /// Worth mending soon.
    Medium,
    /// Does harm.
    High,
    /// Does great harm at once.
    Critical,
}

impl Severity {
    /// The word in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Who found something.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// A model that reviewed.
    Model,
    /// A deterministic rule, by its id.
    Rule(String),
}

/// Something that a review found.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The path as the manifest writes it; `None` where it is about no file.
    pub file: Option<String>,
    /// The line, counted from 1, of the new text (of the old, where a line was removed).
    #[schemars(range(min = 1))]
    pub line: Option<u32>,
    /// The gate it belongs to.
    pub gate: Option<Gate>,
    /// How bad it is.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// What is wrong and why that matters.
    pub detail: String,
    /// What to do instead; may be empty.
    pub suggestion: String,
    /// Who found it.
    pub source: Source,
    /// Whether it names a path of the manifest and a line of one of its hunks.
    pub anchored: bool,
    /// What a waiver names it by, 64 hex digits: [`crate::fingerprint`].
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    pub fingerprint: String,
    /// The waiver that takes its power to block, where there is one.
    pub waived: Option<Waived>,
}

/// A waiver as a verdict shows it.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Waived {
    /// Who waived, a principal of `allowed_signers`.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Until when, RFC 3339 UTC.
    pub expires_at: String,
}

/// What was reviewed: everything that `to_sha` has beyond `since_sha`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The commit before, 40 or 64 hex digits.
    #[schemars(regex(pattern = r"^([0-9a-f]{40}|[0-9a-f]{64})$"))]
    pub since_sha: String,
    /// The commit that was reviewed, 40 or 64 hex digits.
    #[schemars(regex(pattern = r"^([0-9a-f]{40}|[0-9a-f]{64})$"))]
    pub to_sha: String,
}

/// A changed path, and in which packet it was reviewed or why it was not.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Path {
    /// The path as text; what is no UTF-8 is escaped by whoever makes the bundle.
    pub path: String,
    /// What became of it.
    pub coverage: Coverage,
}

/// What became of a changed path.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Coverage {
    /// It was reviewed, in the packet of this number, counted from 1.
    Packet(u32),
    /// A policy that was in force at `since_sha` keeps it from the model.
    Excluded(Exclusion),
    /// It was not reviewed, and why not: the verdict is BLOCKED.
    Missing(String),
}

/// Why a path was shown by digest only.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// The pattern of the policy.
    pub glob: String,
    /// The policy's reason.
    pub reason: String,
    /// SHA-256 of its new content, 64 hex digits; of nothing, where it was removed.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    pub sha256: String,
}

/// Where everything of the range went.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Whether every changed path is in exactly one reviewed packet or rightly excluded.
    pub complete: bool,
    /// How many packets were reviewed.
    pub packets: u32,
    /// Every changed path.
    pub paths: Vec<Path>,
}

/// Who reviews.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewerKind {
    /// A provider's API.
    Api,
    /// The codex command.
    CodexCli,
}

/// Who reviewed.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reviewer {
    /// What kind.
    pub kind: ReviewerKind,
    /// The provider: `openai`.
    pub provider: String,
    /// The model that was asked: the configured one, or its successor.
    pub model: String,
    /// The reviewing program's version; empty is refused by every gate.
    pub version: String,
}

/// A program and its version.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Why a fallback was taken.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TransientClass {
    /// 429.
    TransientQuota,
    /// 500 to 504.
    TransientServer,
    /// Connecting, names, a reset, a deadline, or a body cut short.
    TransientNetwork,
}

/// What was used, over all packets and tries.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Tokens sent.
    pub input_tokens: u64,
    /// Of these, how many the provider had cached.
    pub cached_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// Calls made.
    pub calls: u32,
}

/// SHA-256 digests, 64 hex digits each, of what the review rested on.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Digests {
    /// The bundle; the same as `bundle_sha256`.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    pub bundle: String,
    /// configs/prompts/review.md in force.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    pub prompt: String,
    /// configs/review.yaml in force.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    pub policy: String,
    /// configs/llm.json and configs/models.json in force.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    pub configuration: String,
    /// `configs/allowed_signers` in force.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    pub signers: String,
}

/// How the review came about.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// Whether no model was asked: for tests only, every gate refuses it.
    pub simulated: bool,
    /// What wrote this document.
    pub tool: Tool,
    /// Who reviewed.
    pub reviewer: Reviewer,
    /// The model that configuration or caller named.
    pub requested_model: String,
    /// The model that the reply named, for each that did, without repetition.
    pub replied_models: Vec<String>,
    /// The host of the endpoint; `None` where the reviewer is a program.
    pub endpoint_host: Option<String>,
    /// Whether the fallback reviewed.
    pub fallback_used: bool,
    /// Why the primary did not.
    pub transient_class: Option<TransientClass>,
    /// US dollars, all told.
    pub cost_usd: f64,
    /// Tokens and calls, all told.
    pub usage: Usage,
    /// When, RFC 3339 UTC.
    pub created_at: String,
    /// The tree of `to_sha`.
    #[schemars(regex(pattern = r"^([0-9a-f]{40}|[0-9a-f]{64})$"))]
    pub tree_oid: String,
    /// What the review rested on.
    pub digests: Digests,
}

/// A verdict: `aiops.verdict/1`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// `aiops.verdict/1`.
    pub schema: Schema,
    /// The decision; computed here, never taken from a model: [`crate::derive`].
    pub verdict: Decision,
    /// What the reviewer says, in a few sentences.
    pub summary: String,
    /// Why it is BLOCKED, a sentence each; empty when it is APPROVED.
    pub because: Vec<String>,
    /// The five questions.
    pub gates: Gates,
    /// What blocks, unless it is waived.
    pub blockers: Vec<Finding>,
    /// What does not.
    pub non_blocking: Vec<Finding>,
    /// What was reviewed.
    pub range: Range,
    /// SHA-256 of the bundle, 64 hex digits.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    pub bundle_sha256: String,
    /// Where every changed path went.
    pub manifest: Manifest,
    /// How it came about.
    pub meta: Meta,
}

impl Verdict {
    /// All findings, blockers first.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.blockers.iter().chain(&self.non_blocking)
    }
}

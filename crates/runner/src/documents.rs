//! What the API takes and says, and what the client prints with `--json`.

mod calls;

use std::collections::BTreeMap;

use jobs::Rejection;
use ops_core::time::{self, Timestamp};
use run_queue::{Job, Micros, Status, Worker};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use calls::{Ended, Refused, Served, Smoke, SmokeCheck};

/// A job to be accepted.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// Its type, as `job_allowlist.yaml` lists it.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[a-z0-9][a-z0-9_-]*$"))]
    pub job_type: String,
    /// The repository, by its name in `repo_allowlist.yaml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[a-z0-9][a-z0-9-]*$"))]
    pub repo_name: Option<String>,
    /// The repository, by its URL; one of the two is enough, both must agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub remote_url: Option<String>,
    /// The commit, in full.
    #[schemars(regex(pattern = r"^([0-9a-f]{40}|[0-9a-f]{64})$"))]
    pub sha: String,
    /// Parameters by name.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// Two submissions with the same key are one job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[!-~]+$"))]
    pub idempotency_key: Option<String>,
    /// Higher goes first.
    #[serde(default)]
    #[schemars(range(min = -100, max = 100))]
    pub priority: i32,
    /// RFC 3339 UTC: when it must have ended, whether it ran or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40))]
    pub deadline_at: Option<String>,
}

/// A job.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct JobView {
    /// `aiops.runner.job/1`.
    pub schema: String,
    /// `<ts>-<6 hex>`.
    pub job_id: String,
    /// How it stands, or how it ended.
    pub status: Status,
    /// Its type.
    pub job_type: String,
    /// The repository's name.
    pub repo_name: String,
    /// The repository's address, in its one written form.
    pub remote_url: String,
    /// The commit.
    pub sha: String,
    /// Parameters by name.
    pub params: BTreeMap<String, String>,
    /// The key it was submitted with.
    pub idempotency_key: Option<String>,
    /// Higher goes first.
    pub priority: i32,
    /// How often it was claimed and not given back.
    pub attempts: i32,
    /// How often it may be.
    pub max_attempts: i32,
    /// Who has it or had it last; what it left lies on that host.
    pub worker: Option<Worker>,
    /// Whether its worker is asked to stop it.
    pub cancel_requested: bool,
    /// RFC 3339 UTC.
    pub created_at: String,
    /// RFC 3339 UTC: when it was first claimed.
    pub started_at: Option<String>,
    /// RFC 3339 UTC.
    pub finished_at: Option<String>,
    /// RFC 3339 UTC: when it must have ended.
    pub deadline_at: Option<String>,
    /// What its program ended with.
    pub exit_code: Option<i32>,
    /// Why it ended as it did.
    pub detail: Option<String>,
}

/// Jobs, newest first.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct JobList {
    /// `aiops.runner.jobs/1`.
    pub schema: String,
    /// The jobs of this page.
    pub jobs: Vec<JobView>,
    /// Where the next page begins (`before`); absent when this is the last.
    pub next: Option<String>,
}

/// A file that a job left.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
pub struct ArtifactFile {
    /// Below the job's artifact folder.
    pub path: String,
    /// Its size.
    pub bytes: u64,
}

/// The files that a job left.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct ArtifactList {
    /// `aiops.runner.artifacts/1`.
    pub schema: String,
    /// The job.
    pub job_id: String,
    /// Regular files with plain names, by path; links and others are not served.
    pub files: Vec<ArtifactFile>,
    /// Whether there are more than are listed.
    pub is_cut: bool,
}

/// Whether the API works.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Health {
    /// `aiops.runner.health/1`.
    pub schema: String,
    /// Whether the queue answers.
    pub ok: bool,
    /// `sqlite` or `postgresql`.
    pub engine: String,
    /// Version and git commit.
    pub version: String,
}

/// What is told of a job that the allowlists refuse.
pub(crate) const NOT_LISTED: &str = "the allowlists do not let this job in";

/// Why the allowlists refuse a job, field by field.
pub(crate) fn fields(against: Vec<Rejection>) -> Vec<FieldError> {
    let against = against.into_iter();
    against.map(|it| FieldError { field: it.field, message: it.message }).collect()
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct FieldError {
    /// The field, as a path with dots; empty for the whole request.
    pub field: String,
    /// What was expected and what was found.
    pub message: String,
}

/// Why a request was not carried out: RFC 9457.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Problem {
    /// Always `about:blank`: the status says what kind it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status's name.
    pub title: String,
    /// The HTTP status.
    #[schemars(range(min = 400, max = 599))]
    pub status: u16,
    /// What happened, for people.
    pub detail: String,
    /// Everything that is wrong with the request.
    #[serde(default)]
    pub errors: Vec<FieldError>,
}

/// A piece of what a job said, as events bring it.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Said {
    /// Where it begins in the output, bytes.
    pub offset: u64,
    /// Whole lines, unless a line is longer than a piece or the job has ended.
    pub text: String,
}

/// What a job said.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Logs {
    /// `aiops.runner.logs/1`.
    pub schema: String,
    /// The job.
    pub job_id: String,
    /// `stdout` or `stderr`.
    pub stream: String,
    /// The last lines.
    pub text: String,
}

impl JobView {
    /// What is told of a job.
    pub fn new(job: &Job) -> Self {
        let wanted = &job.wanted;
        Self {
            schema: "aiops.runner.job/1".into(),
            job_id: job.job_id.clone(),
            status: job.status,
            job_type: wanted.job_type.clone(),
            repo_name: wanted.repo_name.clone(),
            remote_url: wanted.remote_url.clone(),
            sha: wanted.sha.clone(),
            params: wanted.params.clone(),
            idempotency_key: wanted.idempotency_key.clone(),
            priority: wanted.priority,
            attempts: job.attempts,
            max_attempts: wanted.max_attempts,
            worker: job.worker.clone(),
            cancel_requested: job.cancel_requested,
            created_at: written(job.created_at),
            started_at: job.started_at.map(written),
            finished_at: job.finished_at.map(written),
            deadline_at: wanted.deadline.map(written),
            exit_code: job.exit_code,
            detail: job.detail.clone(),
        }
    }
}

/// A time of a row, as documents hold it.
fn written(at: Micros) -> String {
    time::rfc3339(Timestamp::from_microsecond(at).unwrap_or(Timestamp::MAX))
}

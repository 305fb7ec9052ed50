//! What is said to the queue and what it says.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Micros;

/// How a job stands, or how it ended.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It waits.
    Queued,
    /// A worker has it.
    Running,
    /// It ended well.
    Success,
    /// It ran and said no.
    Failure,
    /// It took too long, waiting or running.
    Timeout,
    /// It is not allowed.
    Rejected,
    /// It changed what it must only read.
    #[serde(rename = "MUTATION_DETECTED")]
    MutationDetected,
    /// It could not be run, or its workers vanished too often.
    Error,
    /// Somebody cancelled it.
    Cancelled,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Running,
        Self::Success,
        Self::Failure,
        Self::Timeout,
        Self::Rejected,
        Self::MutationDetected,
        Self::Error,
        Self::Cancelled,
    ];

    /// Whether nothing comes after it.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// Its name in documents and rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Timeout => "timeout",
            Self::Rejected => "rejected",
            Self::MutationDetected => "MUTATION_DETECTED",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A job to be accepted. It was judged before: the queue knows no allowlists.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewJob {
    /// Two submissions of one key are one job.
    pub idempotency_key: Option<String>,
    /// The job's type, as `configs/job_allowlist.yaml` names it.
    pub job_type: String,
    /// The repository, as `configs/repo_allowlist.yaml` names it.
    pub repo_name: String,
    /// Its normalised address: of all jobs of one address, one runs at a time.
    pub remote_url: String,
    /// The commit, in hex.
    pub sha: String,
    /// Parameters by name.
    pub params: BTreeMap<String, String>,
    /// Higher goes first; 0 is usual.
    pub priority: i32,
    /// How often it may be claimed.
    pub max_attempts: i32,
    /// When it must have ended, whether it ran or not.
    pub deadline: Option<Micros>,
}

/// A job as the queue has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Job {
    /// Its place in the order of submission; what pages are told by.
    pub seq: i64,
    /// `<ts>-<6 hex>`.
    pub job_id: String,
    /// What was submitted.
    pub wanted: NewJob,
    /// How it stands.
    pub status: Status,
    /// How often it was claimed and not given back.
    pub attempts: i32,
    /// The number of the last lease.
    pub fence: i64,
    /// Who has it, or had it last.
    pub worker: Option<Worker>,
    /// Until when its worker is believed to live; none unless it runs.
    pub lease_expires: Option<Micros>,
    /// Whether its worker is asked to stop it.
    pub cancel_requested: bool,
    /// When it was accepted.
    pub created_at: Micros,
    /// When it was first claimed.
    pub started_at: Option<Micros>,
    /// When it ended.
    pub finished_at: Option<Micros>,
    /// What its program ended with, if one ran to its end.
    pub exit_code: Option<i32>,
    /// Why it ended as it did, for people.
    pub detail: Option<String>,
}

/// Who claims jobs.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Worker {
    /// One for each worker process that ever was.
    pub name: String,
    /// The machine whose disk holds what its jobs leave.
    pub host: String,
}

/// What became of a submission.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Submitted {
    /// It is a new job.
    New(Job),
    /// The same thing was submitted before under the same key.
    Known(Job),
    /// The key was used for something else; this is that job.
    Taken(Job),
}

/// The right to run a job, for a while.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    /// The job.
    pub job_id: String,
    /// Grows with every claim of this job; only the last one given counts.
    pub fence: i64,
    /// Until when the worker is believed to live, by the engine's clock.
    pub expires: Micros,
}

/// A job and the right to run it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claimed {
    /// The job as it now stands.
    pub job: Job,
    /// The right to run it.
    pub lease: Lease,
}

/// What a heartbeat learns.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Beat {
    /// The lease holds.
    Held {
        /// Until when.
        expires: Micros,
        /// What the worker is to do.
        order: crate::Order,
    },
    /// Somebody else has the job, or it has ended: the worker must stop it.
    Lost,
}

/// How a job ended, as its worker says it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// A final status.
    pub status: Status,
    /// What its program ended with.
    pub exit_code: Option<i32>,
    /// Why, for people.
    pub detail: Option<String>,
}

/// Whether what a worker said was taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Told {
    /// It counts.
    Taken,
    /// The lease was lost: it does not count.
    Refused,
}

/// What became of a request to cancel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cancelled {
    /// It ended by this.
    Ended(Job),
    /// Its worker is asked.
    Asked(Job),
    /// It had ended before.
    TooLate(Job),
}

/// Which jobs a list shows; what is `None` lets all pass.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Filter {
    /// Of this status.
    pub status: Option<Status>,
    /// Of this repository, by name.
    pub repo_name: Option<String>,
    /// Of this type.
    pub job_type: Option<String>,
}

/// Which part of a list is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Page {
    /// Only jobs submitted before the one of this [`Job::seq`].
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

impl Job {
    /// A job as it is when it was just accepted.
    pub(crate) fn new(seq: i64, job_id: String, wanted: NewJob, now: Micros) -> Self {
        Self {
            seq,
            job_id,
            wanted,
            status: Status::Queued,
            attempts: 0,
            fence: 0,
            worker: None,
            lease_expires: None,
            cancel_requested: false,
            created_at: now,
            started_at: None,
            finished_at: None,
            exit_code: None,
            detail: None,
        }
    }
}

impl Submitted {
    /// What a submission is told whose key is known.
    pub(crate) fn known(job: Job, wanted: &NewJob) -> Self {
        // When it is to run and how often may be told anew; what is to run may not.
        let what = |it: &NewJob| {
            (it.job_type.clone(), it.remote_url.clone(), it.sha.clone(), it.params.clone())
        };
        if what(&job.wanted) == what(wanted) { Self::Known(job) } else { Self::Taken(job) }
    }

    /// The job that there now is.
    pub fn job(&self) -> &Job {
        match self {
            Self::New(job) | Self::Known(job) | Self::Taken(job) => job,
        }
    }
}

impl Claimed {
    /// A claimed job with its lease.
    pub(crate) fn of(job: Job) -> Option<Self> {
        let (job_id, fence) = (job.job_id.clone(), job.fence);
        let lease = Lease { job_id, fence, expires: job.lease_expires? };
        Some(Self { job, lease })
    }
}

/// Parameters as one text, as rows hold them.
pub(crate) fn params_text(params: &BTreeMap<String, String>) -> String {
    serde_json::to_string(params).expect("a map of texts is always JSON")
}

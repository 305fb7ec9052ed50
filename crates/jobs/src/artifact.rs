//! What a job leaves: artifact.json, `aiops.job/1`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::judge::Rejection;

/// What artifact.json says its schema is.
pub const SCHEMA: &str = "aiops.job/1";

/// How a job ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It did what it was for.
    Success,
    /// It ran and failed.
    Failure,
    /// It outlived its deadline and was killed.
    Timeout,
    /// It was not let in.
    Rejected,
    /// Something was changed that it was only to read. Overrides every other.
    #[serde(rename = "MUTATION_DETECTED")]
    MutationDetected,
    /// It could not be run, or not to its end.
    Error,
}

/// A layer of a sandbox.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Tree and mirror are mounted read-only in a mount namespace.
    ReadOnlyMount,
    /// The kernel's Landlock refuses writes outside the artifact folder and /tmp.
    Landlock,
    /// A network namespace with nothing in it.
    NoNetwork,
    /// A process namespace: nothing outside can be seen or signalled, and all ends with it.
    OwnProcesses,
    /// No program gains privileges.
    NoNewPrivileges,
    /// No capability is left.
    NoCapabilities,
    /// System calls that a job does not need are refused.
    Seccomp,
    /// Limits on files, memory and processes hold.
    Limits,
    /// A control group bounds memory and processes together.
    Cgroup,
}

/// Whether a layer held when it was tried before the job.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// The layer.
    pub layer: Layer,
    /// Whether what must fail failed.
    pub held: bool,
    /// What was tried and what came of it.
    pub probe: String,
}

/// What is promised of every job, and whether it was so.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Invariants {
    /// Writing into the tree was refused by the kernel. False when no job was started.
    pub read_only_ok: bool,
    /// Tree, git folder and mirror were afterwards what they were before. False when nothing was
    /// compared.
    pub clean_tree_ok: bool,
    /// The layers of the sandbox, each tried before the job.
    pub sandbox: Vec<Held>,
}

/// What kind of difference it is.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is there and was not.
    Added,
    /// Its content, or where it leads, is another.
    Modified,
    /// It is gone.
    Deleted,
    /// Its permission bits are others.
    Mode,
    /// It is another kind of thing, such as a link instead of a file.
    Type,
    /// Its times or attributes are others.
    Metadata,
    /// It could not be looked at.
    Unreadable,
}

/// A difference that a job made.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Where: a path in the tree, `.git`, or a name below `<gitdir>/` or `<mirror>/`. Bytes that
    /// are no text are written `\xNN`.
    pub path: String,
    /// What.
    pub kind: ChangeKind,
}

/// A file that a job left.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Its path below the artifact folder.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

/// The repository that a job looked at.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its URL in its one written form, or as it was asked for when that was refused.
    pub url: String,
    /// The commit; as asked for when it was refused, absent when none was found.
    pub sha: Option<String>,
}

/// What passed of what was checked.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// Checks that passed.
    pub passed: u64,
    /// All checks.
    pub total: u64,
}

/// What a job leaves, also one that failed or was refused.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// `aiops.job/1`.
    pub schema: String,
    /// `<ts>-<6 hex>`.
    pub job_id: String,
    /// The type that was asked for.
    pub job_type: String,
    /// How it ended.
    pub status: Status,
    /// The job's own exit code, 128 and its number for a signal; absent when it had none.
    pub exit_code: Option<i32>,
    /// RFC 3339 UTC.
    pub created_at: String,
    /// RFC 3339 UTC: when the job's program began; absent when it did not.
    pub started_at: Option<String>,
    /// RFC 3339 UTC.
    pub finished_at: String,
    /// From creation to the end, milliseconds.
    pub duration_ms: u64,
    /// The repository.
    pub repo: Target,
    /// The parameters as they were given.
    pub params: BTreeMap<String, String>,
    /// What is promised, and whether it was so.
    pub invariants: Invariants,
    /// What is not as it was; the first thousand.
    pub changed_files: Vec<Change>,
    /// The files it left.
    pub outputs: Vec<Output>,
    /// The end of what it said on standard output, redacted.
    pub stdout_tail: String,
    /// The end of what it said on standard error, redacted.
    pub stderr_tail: String,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// Why it failed, in a word, such as `SCRIPT_NOT_FOUND`; absent when it did not.
    pub error: Option<String>,
    /// What could not be done, for people; absent when all could.
    pub error_detail: Option<String>,
    /// Every reason against it, when it was rejected.
    pub rejections: Vec<Rejection>,
    /// What the repository's own doctor counted.
    pub doctor: Option<Count>,
    /// Whether the review bundle was too large, so that packets took its place.
    pub size_cap_exceeded: bool,
    /// What `size_cap_meta.json` says then.
    pub size_cap_fallback: Option<Value>,
    /// All packets in one file, below the artifact folder.
    pub review_packets_archive: Option<String>,
    /// The folder of packets, below the artifact folder.
    pub review_packets_dir: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_written_as_the_contract_has_them() {
        let written: Vec<String> = [
            Status::Success,
            Status::Failure,
            Status::Timeout,
            Status::Rejected,
            Status::MutationDetected,
            Status::Error,
        ]
        .iter()
        .map(|it| serde_json::to_string(it).unwrap())
        .collect();
        let want = ["success", "failure", "timeout", "rejected", "MUTATION_DETECTED", "error"];
        assert_eq!(written, want.map(|it| format!("\"{it}\"")));
    }
}

//! What calls of the program print with `--json` beside the API's own documents.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ArtifactFile, ArtifactList, FieldError, JobView};

/// A job that was followed to its end, and what it left.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Ended {
    /// `aiops.runner.ended/1`.
    pub schema: String,
    /// The job as it ended.
    pub job: JobView,
    /// What it left; null when that is not known.
    pub files: Option<Vec<ArtifactFile>>,
    /// Whether there are more files than are listed.
    pub is_cut: bool,
    /// Why it is not known what it left, such as the host on which that lies.
    pub files_unknown: Option<String>,
}

/// A call that was refused, and why.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Refused {
    /// `aiops.runner.refused/1`.
    pub schema: String,
    /// The HTTP status that the API gave, or would have given where nothing had to be sent.
    #[schemars(range(min = 400, max = 499))]
    pub status: u16,
    /// What happened, for people.
    pub detail: String,
    /// Everything that is wrong with the request.
    pub errors: Vec<FieldError>,
}

/// One question of the smoke test.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct SmokeCheck {
    /// Its name.
    pub name: String,
    /// Whether the answer was the one expected.
    pub ok: bool,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

/// What the smoke test found.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Smoke {
    /// `aiops.runner.smoke/1`.
    pub schema: String,
    /// Whether every answer was the one expected.
    pub ok: bool,
    /// The API that was asked.
    pub api: String,
    /// The questions.
    pub checks: Vec<SmokeCheck>,
}

/// What a service did, told when it ends.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Served {
    /// `aiops.runner.served/1`.
    pub schema: String,
    /// Where the API listened; empty when it did not.
    pub listened: Vec<String>,
    /// Jobs that its workers ended.
    pub ended: u64,
    /// Jobs that they gave back or lost.
    pub not_ended: u64,
}

impl Ended {
    /// A job that has ended, with what it left or why that is not known.
    pub(crate) fn new(job: JobView, left: Result<ArtifactList, String>) -> Self {
        let schema = "aiops.runner.ended/1".into();
        match left {
            Ok(ArtifactList { files, is_cut, .. }) => {
                Self { schema, job, files: Some(files), is_cut, files_unknown: None }
            }
            Err(why) => Self { schema, job, files: None, is_cut: false, files_unknown: Some(why) },
        }
    }
}

impl Refused {
    /// A refusal of the API, or one in its stead.
    pub(crate) fn new(status: u16, detail: String, errors: Vec<FieldError>) -> Self {
        Self { schema: "aiops.runner.refused/1".into(), status, detail, errors }
    }
}

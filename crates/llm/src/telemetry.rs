//! One line for every call, also for those that were refused or failed.

use std::path::Path;

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::{Provider, Purpose};

/// The file's name in an artifact folder.
pub const FILE: &str = "cost_telemetry.jsonl";

/// One line of `cost_telemetry.jsonl`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Line {
    /// `aiops.llm.call/1`.
    pub schema: String,
    /// RFC 3339 UTC: when the call began.
    pub ts: String,
    /// The run of the program: the id of its run record.
    pub run: String,
    /// The review it belongs to.
    pub review: Option<String>,
    /// What the question is for.
    pub purpose: Purpose,
    /// Who was asked.
    pub provider: Provider,
    /// The model that was asked.
    pub model: String,
    /// The model that configuration names; another one after its shutdown.
    pub model_requested: String,
    /// The model that says it answered.
    pub model_replied: Option<String>,
    /// The provider's id of the call.
    pub request_id: Option<String>,
    /// Tokens that were sent, as reported.
    pub tokens_in: Option<u64>,
    /// Those of them that were cached there.
    pub tokens_cached: Option<u64>,
    /// Tokens that came back.
    pub tokens_out: Option<u64>,
    /// What the call could cost at most, US dollars; null when no price is known.
    pub estimated_usd: Option<f64>,
    /// What it cost, US dollars; null when that is not known.
    pub actual_usd: Option<f64>,
    /// What the budgets count for it, US dollars: the worst case where the cost is not known.
    pub booked_usd: f64,
    /// Milliseconds until the answer was there; 0 when nothing was sent.
    pub latency_ms: u64,
    /// `ok`, `refused` (nothing was sent), `transient_quota`, `transient_server`,
    /// `transient_network` or `non_transient`.
    pub outcome: String,
    /// More about an outcome that is not `ok`, in a word: `billing`, `truncated`, `over_budget`.
    pub detail: Option<String>,
    /// Whether this call is the fallback's.
    pub fallback_used: bool,
}

/// Adds a line to the folder's file.
///
/// # Errors
/// Exit 69 when it cannot be written.
pub fn add(host: &Host, artifact_dir: &Path, line: &Line) -> Result<(), Failure> {
    let path = artifact_dir.join(FILE);
    let doing = || format!("write {}", path.display());
    let mut text = serde_json::to_vec(line).or_fail(Exit::Internal, doing())?;
    text.push(b'\n');
    match host.add_line(&path, &text, 0o640) {
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
            host.make_dir(artifact_dir, 0o750).or_fail(Exit::Unavailable, doing())?;
            host.add_line(&path, &text, 0o640).or_fail(Exit::Unavailable, doing())
        }
        done => done.or_fail(Exit::Unavailable, doing()),
    }
}

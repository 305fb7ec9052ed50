//! Run records: every run of a binary that acts leaves one, also when it fails.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure, OrFail};
use crate::host::Host;
use crate::time::{self, Timestamp};

/// How a run stands or ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It has not ended; one whose process is gone reads as crashed.
    Running,
    /// It ended with code 0.
    Success,
    /// It ended with another code.
    Failure,
    /// It was not permitted or not possible to begin: locks, configuration, secrets.
    Refused,
    /// It panicked or vanished.
    Crashed,
}

/// One run, `artifacts/runs/<run_id>/run.json`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// `aiops.run/1`.
    pub schema: String,
    /// `<ts>-<6 hex>`.
    pub run_id: String,
    /// The project of the registry it belongs to.
    pub project: String,
    /// The binary.
    pub kind: String,
    /// What it was asked to do.
    pub action: String,
    /// Who started it: a numeric user id.
    pub actor: String,
    /// The machine it ran on.
    pub host: String,
    /// What started it: console, timer, hook, cli, sms or api.
    pub trigger: String,
    /// The command line, redacted.
    pub argv: Vec<String>,
    /// The process, so that a reader can tell whether it still lives.
    pub pid: u32,
    /// RFC 3339 UTC.
    pub started_at: String,
    /// RFC 3339 UTC; absent while it runs.
    pub finished_at: Option<String>,
    /// Milliseconds; absent while it runs.
    pub duration_ms: Option<u64>,
    /// How it stands.
    pub status: Status,
    /// The exit code; absent while it runs.
    pub exit_code: Option<u8>,
    /// What went wrong, redacted; absent when nothing did.
    pub error_summary: Option<String>,
    /// Named steps, when the binary has any.
    pub steps: Vec<String>,
    /// Files the run left, relative to the home or absolute.
    pub artifacts: Vec<String>,
    /// Money spent, US dollars.
    pub cost_usd: f64,
}

/// A record on disk that still has to be closed.
#[derive(Debug)]
pub struct Open {
    path: PathBuf,
    run: Run,
    started: Timestamp,
}

impl Open {
    /// Writes the record with status `running`, under the id that `run` has.
    ///
    /// # Errors
    /// Exit 69 when it cannot be written: what leaves no record does not run.
    pub fn begin(host: &Host, home: &Path, mut run: Run) -> Result<Self, Failure> {
        let started = host.now();
        run.started_at = time::rfc3339(started);
        let folder = home.join("artifacts/runs").join(&run.run_id);
        let open = Self { path: folder.join("run.json"), run, started };
        host.make_dir(&folder, 0o750)
            .and_then(|()| open.write(host))
            .or_fail(Exit::Unavailable, format!("write the run record {}", open.path.display()))
            .map_err(|failure| failure.hint("--home DIR or AIOPS_HOME names a writable folder"))?;
        Ok(open)
    }

    /// Names a step that was taken; it is written with the final record.
    pub fn step(&mut self, step: String) {
        self.run.steps.push(step);
    }

    /// Adds what a run noted of itself; it is written with the final record.
    pub(crate) fn add(&mut self, steps: Vec<String>, artifacts: Vec<String>, cost_usd: f64) {
        self.run.steps.extend(steps);
        self.run.artifacts.extend(artifacts);
        self.run.cost_usd += cost_usd;
    }

    /// Writes the final record.
    ///
    /// # Errors
    /// What the system says.
    pub fn end(
        &mut self,
        host: &Host,
        status: Status,
        exit: Exit,
        error: Option<String>,
    ) -> std::io::Result<()> {
        let now = host.now();
        let taken = now.duration_since(self.started).as_millis();
        self.run.finished_at = Some(time::rfc3339(now));
        self.run.duration_ms = Some(u64::try_from(taken).unwrap_or(0));
        self.run.status = status;
        self.run.exit_code = Some(exit.code());
        self.run.error_summary = error;
        self.write(host)
    }

    fn write(&self, host: &Host) -> std::io::Result<()> {
        let mut bytes = serde_json::to_vec_pretty(&self.run)?;
        bytes.push(b'\n');
        host.replace_file(&self.path, &bytes, 0o640)
    }
}

//! What orb-wrap says, beside a job's own artifact.

use std::collections::BTreeMap;
use std::io::{self, Write};

use jobs::{Artifact, Limits, Network, Param, Rejection, Repository, Status};
use ops_core::failure::Exit;
use ops_core::report::Report;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use crate::task::log_audit::{Audit, Found};

/// A job's artifact as an answer.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) artifact: Artifact,
    pub(crate) folder: String,
    /// The code of what could not be done, when it ended with an error.
    pub(crate) exit: Exit,
}

impl Report for Done {
    fn exit(&self) -> Exit {
        match self.artifact.status {
            Status::Success => Exit::Ok,
            Status::Error => self.exit,
            _ => Exit::No,
        }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        let it = &self.artifact;
        let status = json!(it.status);
        let status = status.as_str().unwrap_or_default();
        let sha = it.repo.sha.as_deref().unwrap_or("no commit");
        writeln!(out, "{status}: {} over {} at {sha}", it.job_type, it.repo.url)?;
        for rejection in &it.rejections {
            writeln!(out, "  {}: {}", rejection.field, rejection.message)?;
        }
        for line in it.error.iter().chain(&it.error_detail).chain(&it.warnings) {
            writeln!(out, "  {line}")?;
        }
        for change in it.changed_files.iter().take(20) {
            let kind = json!(change.kind);
            writeln!(out, "  changed: {} ({})", change.path, kind.as_str().unwrap_or_default())?;
        }
        if let Some(count) = it.doctor {
            writeln!(out, "  its doctor: {}/{}", count.passed, count.total)?;
        }
        for output in &it.outputs {
            writeln!(out, "  {} ({} bytes)", output.path, output.bytes)?;
        }
        writeln!(out, "{}", self.folder)
    }

    fn json(&self) -> Value {
        json!(self.artifact)
    }
}

/// A type of job, for people.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// What it is for.
    pub about: String,
    /// Its parameters.
    pub params: Vec<Param>,
    /// How long it may take.
    pub timeout: String,
}

/// The allowlists: `aiops.job-list/1`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// `aiops.job-list/1`.
    pub schema: String,
    /// The types of jobs.
    pub jobs: BTreeMap<String, Listed>,
    /// The repositories.
    pub repos: Vec<Repository>,
}

impl Report for List {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        for (name, job) in &self.jobs {
            writeln!(out, "{name}: {} (at most {})", job.about, job.timeout)?;
            for param in &job.params {
                let must = if param.required { " (required)" } else { "" };
                writeln!(out, "  --param {}={}{must}", param.name, param.pattern)?;
            }
        }
        for repo in &self.repos {
            writeln!(out, "repository {}: {} ({})", repo.name, repo.url, repo.refs.join(", "))?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

/// What would run: `aiops.job-plan/1`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Explained {
    /// `aiops.job-plan/1`.
    pub schema: String,
    /// Whether it would be let in.
    pub allowed: bool,
    /// Every reason against it.
    pub rejections: Vec<Rejection>,
    /// The program and its arguments, as configured.
    pub argv: Vec<String>,
    /// Programs that take its place when it is not in the commit.
    pub or: Vec<String>,
    /// The repository's URL in its one written form.
    pub url: Option<String>,
    /// The commit; absent: the remote's HEAD.
    pub sha: Option<String>,
    /// What it may use.
    pub limits: Option<Limits>,
    /// What of the network it may reach.
    pub network: Option<Network>,
    /// The parameters that were given.
    pub params: BTreeMap<String, String>,
    /// How long it may take.
    pub timeout: Option<String>,
    /// What the sandbox must hold.
    pub minimum: Vec<jobs::Layer>,
    /// Where bubblewrap is; absent where it is not.
    pub bubblewrap: Option<String>,
}

impl Report for Explained {
    fn exit(&self) -> Exit {
        if self.allowed { Exit::Ok } else { Exit::No }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        for rejection in &self.rejections {
            writeln!(out, "refused: {}: {}", rejection.field, rejection.message)?;
        }
        if let (Some(url), Some(limits), Some(timeout)) = (&self.url, self.limits, &self.timeout) {
            let sha = self.sha.as_deref().unwrap_or("the remote's HEAD");
            writeln!(out, "{} over {url} at {sha}", self.argv.join(" "))?;
            for program in &self.or {
                writeln!(out, "  or {program}")?;
            }
            for (name, value) in &self.params {
                writeln!(out, "  with {name}={value:?}")?;
            }
            let Limits { memory_mib, processes, output_bytes, artifact_mib, tmp_mib } = limits;
            writeln!(
                out,
                "  at most {timeout}, {memory_mib} MiB of memory, {processes} processes"
            )?;
            writeln!(out, "  {artifact_mib} MiB of outputs, {tmp_mib} MiB of /tmp")?;
            writeln!(out, "  {output_bytes} bytes of standard output, as many of standard error")?;
            let network = json!(self.network);
            writeln!(out, "  network: {}", network.as_str().unwrap_or_default())?;
        }
        let minimum = json!(self.minimum);
        let minimum: Vec<&str> =
            minimum.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        writeln!(out, "  the sandbox must hold: {}", minimum.join(", "))?;
        match &self.bubblewrap {
            Some(path) => writeln!(out, "  bubblewrap: {path}"),
            None => writeln!(out, "  bubblewrap is not here: install the package bubblewrap"),
        }
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

/// What `gc` did: `aiops.job-gc/1`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Collected {
    /// `aiops.job-gc/1`.
    pub schema: String,
    /// Jobs whose trees were left by a killed process and are gone now.
    pub worktrees_removed: Vec<String>,
    /// Mirrors that were removed.
    pub mirrors_removed: Vec<String>,
    /// The same with the bytes that each took.
    pub freed: BTreeMap<String, u64>,
    /// Mirrors that stay, and their bytes.
    pub mirrors_kept: BTreeMap<String, u64>,
    /// Mirrors that could not be packed, and why.
    pub mirrors_unpacked: BTreeMap<String, String>,
    /// Bytes of all mirrors that stay.
    pub kept_bytes: u64,
    /// By how many bytes they are above what was asked for: jobs use them.
    pub over_bytes: u64,
}

impl Report for Collected {
    fn exit(&self) -> Exit {
        if self.mirrors_unpacked.is_empty() { Exit::Ok } else { Exit::Unavailable }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        let (trees, mirrors) = (self.worktrees_removed.len(), self.mirrors_removed.len());
        writeln!(out, "removed {trees} trees of killed jobs and {mirrors} mirrors")?;
        for (name, bytes) in &self.freed {
            writeln!(out, "  removed {name}: {bytes} bytes")?;
        }
        for (name, bytes) in &self.mirrors_kept {
            writeln!(out, "  kept {name}: {bytes} bytes")?;
        }
        for (name, why) in &self.mirrors_unpacked {
            writeln!(out, "  could not pack {name}: {why}")?;
        }
        let freed: u64 = self.freed.values().sum();
        writeln!(out, "freed {freed} bytes; {} bytes of mirrors stay", self.kept_bytes)?;
        if self.over_bytes > 0 {
            writeln!(out, "  {} bytes too many: jobs use them", self.over_bytes)?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

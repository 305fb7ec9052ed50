//! configs/doctor.yaml: which checks apply, thresholds, allowed ranges, waivers.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use host_facts::Endpoint;
use ops_core::config;
use ops_core::time::{self, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decide::CHECKS;

/// What a host must be like.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Ids of checks whose part is not installed on this host: they are skipped. A part that is not
    /// listed here and cannot be looked at is unknown, never skipped.
    pub not_installed: BTreeSet<String>,
    /// How long each part of the facts may take to collect.
    #[schemars(range(min = 1, max = 300))]
    pub deadline_seconds: u32,
    /// Check `tailscale`.
    pub tailscale: TailscalePolicy,
    /// Check `compose`.
    pub compose: ComposePolicy,
    /// Check `api`.
    pub api: EndpointPolicy,
    /// Check `ports`. Its ranges count for `docker_ports` and for `--remote` too.
    pub ports: listeners::Policy,
    /// Check `disk`.
    pub disk: DiskPolicy,
    /// Check `keys`.
    pub keys: KeysPolicy,
    /// Check `console`.
    pub console: EndpointPolicy,
    /// Check `guard`.
    pub guard: GuardPolicy,
    /// `doctor repo`.
    pub repo: RepoPolicy,
    /// Failures that are known and borne for a while.
    pub waivers: Vec<Waiver>,
}

/// What the tailnet must be like.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TailscalePolicy {
    /// Warn when the node key expires sooner than this.
    pub key_expiry_days: u32,
}

/// Which services must run.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ComposePolicy {
    /// Compose files, absolute.
    pub files: Vec<PathBuf>,
}

/// A health endpoint.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointPolicy {
    /// Address and port on loopback.
    #[schemars(with = "String")]
    pub address: SocketAddr,
    /// The path that answers 200.
    #[schemars(regex(pattern = r"^/[A-Za-z0-9._~/-]*$"))]
    pub path: String,
}

impl From<&EndpointPolicy> for Endpoint {
    fn from(policy: &EndpointPolicy) -> Self {
        Self { address: policy.address, path: policy.path.clone() }
    }
}

/// How full the host may be.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DiskPolicy {
    /// Mounts, in the order of the report.
    #[schemars(length(min = 1))]
    pub mounts: Vec<MountPolicy>,
    /// Folders of logs.
    pub logs: Vec<LogPolicy>,
}

/// How full a file system may be, in space and in inodes.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MountPolicy {
    /// A path in it, absolute.
    pub path: PathBuf,
    /// Warn from this share of use on.
    #[schemars(range(min = 1, max = 100))]
    pub warn_percent: u8,
    /// Fail from this share of use on.
    #[schemars(range(min = 1, max = 100))]
    pub fail_percent: u8,
}

/// How large a folder of logs may be and become.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LogPolicy {
    /// The folder, absolute.
    pub path: PathBuf,
    /// Fail above this size, MiB.
    #[schemars(range(min = 1))]
    pub largest_mib: u32,
    /// Fail when it grew faster than this since the last report, MiB per hour. Reports closer to each
    /// other than an hour share the limit of one.
    #[schemars(range(min = 1))]
    pub growth_mib_per_hour: u32,
}

/// Which secrets must be there.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KeysPolicy {
    /// Names that this host needs beside those that keys.yaml calls required.
    pub required: BTreeSet<String>,
}

/// How guard must be doing.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GuardPolicy {
    /// Its timer unit.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9:_.@-]*\.timer$"))]
    pub timer: String,
    /// How often the timer runs it.
    #[schemars(range(min = 1))]
    pub period_minutes: u32,
    /// Its log, absolute.
    pub log: PathBuf,
}

/// What `doctor repo` holds a repository to.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RepoPolicy {
    /// The folder of hooks, relative to the repository.
    pub hooks: PathBuf,
    /// The hooks that must be in it.
    pub required_hooks: BTreeSet<String>,
    /// Folders in which nothing may go round the hooks (`--no-verify`, force pushes).
    pub no_bypass_in: Vec<PathBuf>,
    /// The file that holds the approved commit, relative to the repository; left out where there is
    /// none.
    #[serde(default)]
    pub baseline: Option<PathBuf>,
    /// Allowlists that must parse, YAML or JSON, relative to the repository.
    pub allowlists: Vec<PathBuf>,
    /// The folder of systemd units, relative to the repository.
    pub units: PathBuf,
}

/// A failure that is known and borne until a day.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// The check's id.
    pub id: String,
    /// What the failure is about, as the report's details name it before the colon
    /// (`tcp 0.0.0.0:8443`); `*` stands for any text.
    #[schemars(length(min = 1))]
    pub r#match: String,
    /// The last moment: a day (its end, UTC) or an RFC 3339 time. From then on it is itself a fail.
    pub until: String,
    /// Why it is borne.
    #[schemars(length(min = 1))]
    pub why: String,
}

impl Waiver {
    /// The first moment at which it no longer holds.
    ///
    /// # Errors
    /// What is wrong with `until`.
    pub fn end(&self) -> Result<Timestamp, String> {
        if self.until.len() == 10 {
            let day = time::parse(&format!("{}T00:00:00Z", self.until));
            let day = day.map_err(|_| format!("{:?} is not a day (2026-12-31)", self.until))?;
            return day
                .checked_add(time::SignedDuration::from_hours(24))
                .map_err(|e| e.to_string());
        }
        time::parse(&self.until)
    }

    /// Whether it is about a finding with this subject. `*` stands for any text, also none.
    pub fn is_about(&self, id: &str, subject: &str) -> bool {
        self.id == id && is_like(&self.r#match, subject)
    }
}

fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

impl Policy {
    /// How long each part of the facts may take.
    pub fn deadline(&self) -> Duration {
        Duration::from_secs(u64::from(self.deadline_seconds))
    }
}

impl config::Settings for Policy {
    const FILE: &'static str = "doctor.yaml";
    const SCHEMA: &'static str = include_str!("../../../configs/schemas/doctor.schema.json");
    const SHIPPED: &'static str = include_str!("../../../configs/doctor.yaml");

    fn check(&self) -> Vec<(String, String)> {
        let mut broken = Vec::new();
        let repo = crate::repo::CHECKS.iter().map(|names| names.id);
        let ids: Vec<&str> = CHECKS.iter().map(|check| check.id).chain(repo).collect();
        let is_known = |id: &str| ids.contains(&id);
        let one_of = format!("one of {}", ids.join(", "));
        let mut wrong = |at: String, expected: &str| broken.push((at, expected.to_owned()));
        if self.not_installed.iter().any(|id| !is_known(id)) {
            wrong("/not_installed".into(), &one_of);
        }
        for (name, endpoint) in [("api", &self.api), ("console", &self.console)] {
            if !endpoint.address.ip().is_loopback() {
                wrong(format!("/{name}/address"), "an address on loopback");
            }
        }
        for (at, mount) in self.disk.mounts.iter().enumerate() {
            if mount.warn_percent > mount.fail_percent {
                wrong(format!("/disk/mounts/{at}/warn_percent"), "not above fail_percent");
            }
        }
        for (at, waiver) in self.waivers.iter().enumerate() {
            if !is_known(&waiver.id) {
                wrong(format!("/waivers/{at}/id"), &one_of);
            }
            if let Err(why) = waiver.end() {
                wrong(format!("/waivers/{at}/until"), &why);
            }
        }
        let paths = [
            ("/compose/files", self.compose.files.iter().collect::<Vec<_>>()),
            ("/disk/mounts", self.disk.mounts.iter().map(|it| &it.path).collect()),
            ("/disk/logs", self.disk.logs.iter().map(|it| &it.path).collect()),
            ("/guard/log", vec![&self.guard.log]),
        ];
        for (at, paths) in paths {
            if paths.iter().any(|path| !path.is_absolute()) {
                wrong(at.into(), "absolute paths");
            }
        }
        broken
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;

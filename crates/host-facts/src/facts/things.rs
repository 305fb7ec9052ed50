//! Smaller parts: namespaces, endpoints, disks, secrets.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Seen;

/// Network namespaces, as the links in /proc name them: `net:[4026531840]`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Namespace {
    /// That of the collector.
    pub own: String,
    /// That of process 1.
    pub init: String,
}

/// What an endpoint on loopback answered.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// What was asked.
    pub url: String,
    /// The HTTP status; `None` when nobody listens there, which is a fact.
    pub status: Option<u16>,
}

/// Space, inodes and log folders.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// The mounts of the policy.
    pub mounts: Vec<Mount>,
    /// The log folders of the policy.
    pub logs: Vec<LogFolder>,
    /// Their sizes at the last report, if there was one.
    pub before: Option<Sizes>,
}

/// A place in the file system.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// The path asked for.
    pub path: String,
    /// What is there.
    pub space: Seen<Space>,
}

/// What a file system has: statvfs(3).
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Space {
    /// All of it, bytes.
    pub total_bytes: u64,
    /// What is in use, bytes.
    pub used_bytes: u64,
    /// What users may still write, bytes.
    pub available_bytes: u64,
    /// All inodes; 0 where the file system has no fixed number.
    pub inodes: u64,
    /// Free inodes.
    pub free_inodes: u64,
}

/// The size of a folder of logs.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LogFolder {
    /// The folder.
    pub path: String,
    /// The sum of its files in bytes, links not followed; `None` when there is no such folder.
    pub bytes: Seen<Option<u64>>,
}

/// The sizes of log folders at one moment.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sizes {
    /// When, RFC 3339 UTC.
    pub at: String,
    /// Folder → bytes.
    pub bytes: BTreeMap<String, u64>,
}

/// One registered secret, without its value.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFact {
    /// Its registered name.
    pub name: String,
    /// Whether the registry says that every install needs it.
    pub required: bool,
    /// env, credential, keychain or file; `None` when it is nowhere or must not be used.
    pub source: Option<String>,
    /// Its recognised prefix and last characters.
    pub masked: Option<String>,
    /// Eight hexadecimal digits by which two hosts' keys can be compared.
    pub fingerprint: Option<String>,
    /// Why it must not be used.
    pub problem: Option<String>,
    /// The command that mends that.
    pub mend: Option<String>,
}

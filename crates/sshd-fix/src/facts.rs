//! What was seen, as data: everything the fix may touch or judges by. No judgement here.

mod bytes;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use bytes::Bytes;

/// The schema that serialised facts name.
pub const SCHEMA: &str = "aiops.sshd_facts/1";

/// A thing seen, or why it could not be seen.
pub type Seen<T> = Result<T, String>;

/// One look at a machine.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// `aiops.sshd_facts/1`.
    pub schema: String,
    /// RFC 3339 UTC.
    pub taken_at: String,
    /// Whether the looker was root: others see less than they need.
    pub is_root: bool,
    /// The tailnet as this node has it.
    pub tailnet: Tailnet,
    /// Every file that sshd reads.
    pub config: Seen<SshdConfig>,
    /// What systemd knows of sshd.
    pub units: Seen<Units>,
    /// What `sshd -T` says now, line by line, lower-case keywords, sorted; or what it said instead.
    pub effective: Seen<Vec<String>>,
    /// Where sshd, or systemd for it, listens for TCP now.
    pub listening: Seen<Vec<SocketAddr>>,
}

/// The tailnet as this node has it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tailnet {
    /// The program that was asked, if there is one.
    pub program: Option<PathBuf>,
    /// Major and minor version.
    pub version: Option<(u32, u32)>,
    /// What `tailscale status --json` says.
    pub status: Seen<TailscaleStatus>,
    /// What `tailscale ip -4` says.
    pub ipv4: Seen<Vec<IpAddr>>,
    /// Whether `tailscale --ssh` answers on port 22 instead of sshd.
    pub takes_ssh: Seen<bool>,
    /// The addresses that network interfaces have.
    pub interface_addresses: Seen<Vec<IpAddr>>,
    /// Whether a socket could be bound to the first address of `ipv4`.
    pub bind: Seen<()>,
}

/// The part of `tailscale status --json` that is judged.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TailscaleStatus {
    /// `Running`, `Stopped`, `NeedsLogin`, …
    pub backend_state: String,
    /// False in userspace networking.
    pub tun: bool,
    /// Whether the control server sees this node.
    pub online: bool,
    /// This node's addresses.
    pub addresses: Vec<IpAddr>,
    /// Whether the node key is expired.
    pub expired: bool,
    /// When the node key expires, RFC 3339; `None`: never.
    pub key_expiry: Option<String>,
}

/// A regular file.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TextFile {
    /// The name under which it is found.
    pub path: PathBuf,
    /// The file itself, links resolved.
    pub real: PathBuf,
    /// Its contents.
    pub text: Bytes,
}

/// Every file that sshd reads, and how it comes to read it.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SshdConfig {
    /// `/etc/ssh/sshd_config`.
    pub main: PathBuf,
    /// The main file, all that it includes, and `sshd_config.d/*.conf` whether included or not.
    pub files: Vec<TextFile>,
    /// What Include lines stand for.
    pub includes: Vec<Included>,
}

/// What one pattern of an Include line stands for.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Included {
    /// The file the line is in.
    pub file: PathBuf,
    /// Counted from 1.
    pub line: usize,
    /// The pattern, made absolute.
    pub pattern: Bytes,
    /// What it matches, in sshd's order.
    pub paths: Vec<PathBuf>,
}

impl Facts {
    /// SHA-256 of what was seen, hex, whenever it was seen.
    pub fn digest(&self) -> String {
        let timeless = Self { taken_at: String::new(), ..self.clone() };
        crate::decide::digest(&serde_json::to_vec(&timeless).unwrap_or_default())
    }
}

impl SshdConfig {
    /// The file found under that name.
    pub fn file(&self, path: &Path) -> Option<&TextFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// What the Include line there stands for, in sshd's order.
    pub fn included(&self, file: &Path, line: usize) -> impl Iterator<Item = &Path> {
        let here = move |it: &&Included| it.file == file && it.line == line;
        // Collected, so that no borrow of `file` outlives the call.
        let found: Vec<&Included> = self.includes.iter().filter(here).collect();
        found.into_iter().flat_map(|it| it.paths.iter().map(PathBuf::as_path))
    }
}

/// What systemd knows of sshd.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Units {
    /// Every service that could be sshd's: ssh.service and sshd.service, aliases resolved.
    pub services: Vec<Service>,
    /// Every socket unit that could start sshd.
    pub sockets: Vec<Socket>,
    /// Every symbolic link below the unit folders that names one of them.
    pub links: Vec<Link>,
    /// Manager environment: what `systemctl show-environment` tells, as `NAME=value`.
    pub environment: Vec<Bytes>,
}

/// A service unit.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its real name.
    pub name: String,
    /// All its names.
    pub names: Vec<String>,
    /// `loaded`, `masked`, `not-found`, …
    pub load_state: String,
    /// `active`, `inactive`, `failed`, `activating`, …
    pub active_state: String,
    /// `enabled`, `disabled`, `static`, … or empty.
    pub unit_file_state: String,
    /// Whether systemd holds an older text than the files have.
    pub needs_reload: bool,
    /// The unit file.
    pub fragment: Option<TextFile>,
    /// Its drop-ins, in systemd's order.
    pub drop_ins: Vec<TextFile>,
    /// Units it requires, wants, binds to or takes as requisite.
    pub needs: Vec<String>,
    /// The environment files it names that exist, in order.
    pub environment_files: Vec<TextFile>,
}

/// A socket unit.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Socket {
    /// Its real name.
    pub name: String,
    /// `loaded`, `masked`, `not-found`, …
    pub load_state: String,
    /// `active`, `inactive`, `failed`, …
    pub active_state: String,
    /// `enabled`, `disabled`, `generated`, … or empty.
    pub unit_file_state: String,
    /// Units it starts.
    pub triggers: Vec<String>,
    /// Where it listens, as systemd writes it: `[::]:22 (Stream)`.
    pub listens: Vec<String>,
}

/// A symbolic link below a unit folder.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Where it is.
    pub path: PathBuf,
    /// What it says.
    pub target: PathBuf,
}

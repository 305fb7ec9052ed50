//! What configs/bridge.yaml may say: the executor's policy and the publisher's habits.

use std::collections::BTreeMap;

use globset::{Glob, GlobSet, GlobSetBuilder};
use ops_core::config;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Policy of one bridge root.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// This root's id: a version 2 command names it, so that it is good for no other root.
    pub bridge_id: String,
    /// What the executor can do at all. `deleteFile` only if it is listed here.
    pub capabilities: Vec<Capability>,
    /// The largest inbound document, bytes.
    #[schemars(range(min = 1, max = 67_108_864))]
    pub max_command_bytes: u64,
    /// How far a client's clock may be off, seconds.
    #[schemars(range(max = 3600))]
    pub clock_skew_seconds: u32,
    /// The longest time between `issued_at` and `expires_at`, seconds.
    #[schemars(range(min = 1))]
    pub longest_window_seconds: u32,
    /// What no command's own constraints may exceed.
    pub ceilings: Ceilings,
    /// Named folders that commands may change. `MAIN` without a path is the bridge root.
    pub targets: BTreeMap<String, Target>,
    /// Named checks of a staged result, beside the built-in `json`, `yaml` and `toml`.
    #[serde(default)]
    pub validators: BTreeMap<String, Validator>,
    /// Commands that wait for a person; a command that meets every condition of one row is held.
    #[serde(default)]
    pub hold: Vec<Hold>,
    /// Who may sign version 2 documents, and for what.
    #[serde(default)]
    pub clients: Vec<Client>,
    /// How transient failures are tried again.
    pub retries: Backoff,
    /// How many commands share one flush when many are waiting.
    pub group: Group,
    /// How `watch` looks for work that no notification told of, seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub rescan_seconds: u32,
    /// The size at which logs/bridge.log is set aside under a numbered name, bytes.
    #[schemars(range(min = 1024))]
    pub log_segment_bytes: u64,
    /// How evidence reaches the git remote.
    pub publish: Publish,
}

/// Something the executor can do to a target.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "camelCase")]
pub enum Capability {
    /// Create or replace a file.
    WriteFile,
    /// Rename a file.
    MoveFile,
    /// Apply a unified diff.
    ApplyDiff,
    /// Delete a file.
    DeleteFile,
}

impl Capability {
    /// The name documents use.
    pub fn name(self) -> &'static str {
        match self {
            Self::WriteFile => "writeFile",
            Self::MoveFile => "moveFile",
            Self::ApplyDiff => "applyDiff",
            Self::DeleteFile => "deleteFile",
        }
    }
}

/// Upper bounds.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ceilings {
    /// Milliseconds one command may take.
    #[schemars(range(min = 1))]
    pub max_runtime_ms: u64,
    /// Files one command may change; both ends of a move count.
    #[schemars(range(min = 1))]
    pub max_files_changed: u64,
    /// Bytes of one file, before or after.
    #[schemars(range(min = 1))]
    pub max_file_bytes: u64,
    /// Bytes one command may write in all.
    #[schemars(range(min = 1))]
    pub max_total_bytes: u64,
}

/// A folder that commands may change.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Absolute, or relative to the bridge root; the bridge root itself when absent.
    #[serde(default)]
    pub path: Option<String>,
    /// The only globs that may change; everything when empty.
    #[serde(default)]
    pub allow: Vec<String>,
    /// Globs that may never change, beside the built-in ones.
    #[serde(default)]
    pub deny: Vec<String>,
    /// Whether only version 2 documents may name it.
    #[serde(default)]
    pub require_version_2: bool,
}

/// A program that checks a staged result.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Validator {
    /// Program and arguments, never passed through a shell.
    #[schemars(length(min = 1))]
    pub argv: Vec<String>,
    /// Milliseconds it may take; the command's own `maxRuntimeMs` bounds it too.
    #[schemars(range(min = 1))]
    pub deadline_ms: u64,
}

/// Conditions under which a command waits for a person. An absent condition is always met.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// The target's name.
    #[serde(default)]
    pub target: Option<String>,
    /// Any changed path matches one of these globs.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Any of these is used.
    #[serde(default)]
    pub actions: Vec<Capability>,
    /// More than this many bytes are written.
    #[serde(default)]
    pub larger_than_bytes: Option<u64>,
}

/// Somebody who signs version 2 documents.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// The name the payload gives as `client`.
    #[schemars(length(min = 1))]
    pub name: String,
    /// An OpenSSH public key line, `ssh-ed25519 AAAA…`.
    pub public_key: String,
    /// The targets it may name.
    pub targets: Vec<String>,
    /// What it may do there.
    pub actions: Vec<Capability>,
}

/// Exponential backoff with jitter, base 2.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Backoff {
    /// Attempts in all, the first included.
    #[schemars(range(min = 1, max = 100))]
    pub attempts: u32,
    /// The first delay, milliseconds; each further one doubles it.
    #[schemars(range(min = 1))]
    pub base_ms: u64,
    /// No delay is longer than this, milliseconds.
    #[schemars(range(min = 1))]
    pub longest_ms: u64,
}

impl Backoff {
    /// The delay after `attempts` failures, milliseconds: between half and all of
    /// `base * 2^(attempts-1)`, never above the longest. `random` is any number.
    pub fn delay_ms(&self, attempts: u32, random: u64) -> u64 {
        let doubled = 1_u64.checked_shl(attempts.saturating_sub(1)).unwrap_or(u64::MAX);
        let full = self.base_ms.saturating_mul(doubled).min(self.longest_ms).max(1);
        let half = full / 2;
        half + random % (full - half + 1)
    }
}

/// Group commit.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Commands that share one flush at most.
    #[schemars(range(min = 1, max = 4096))]
    pub commands: usize,
    /// Bytes of new content that share one flush at most.
    #[schemars(range(min = 1))]
    pub bytes: u64,
}

/// Publishing.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// The git remote of the bridge root.
    pub remote: String,
    /// The branch there.
    pub branch: String,
    /// Author and committer of evidence commits.
    pub author_name: String,
    /// Their address.
    pub author_email: String,
    /// How a rejected push or an unreachable remote is tried again.
    pub retries: Backoff,
    /// How long one git command may take, seconds.
    #[schemars(range(min = 1))]
    pub git_deadline_seconds: u32,
    /// How often `watch` publishes, seconds.
    #[schemars(range(min = 1))]
    pub every_seconds: u32,
}

impl config::Settings for Settings {
    const FILE: &'static str = "bridge.yaml";
    const SCHEMA: &'static str = include_str!("../../../configs/schemas/bridge.schema.json");
    const SHIPPED: &'static str = include_str!("../../../configs/bridge.yaml");

    fn check(&self) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        if !name_is_plain(&self.bridge_id) {
            wrong.push(("/bridge_id".to_owned(), NAME_RULE.to_owned()));
        }
        for (name, target) in &self.targets {
            if !name_is_plain(name) {
                wrong.push((format!("/targets/{name}"), NAME_RULE.to_owned()));
            }
            for (field, list) in [("allow", &target.allow), ("deny", &target.deny)] {
                wrong.extend(broken_globs(&format!("/targets/{name}/{field}"), list));
            }
        }
        for name in self.validators.keys().filter(|name| BUILT_IN.contains(&name.as_str())) {
            wrong
                .push((format!("/validators/{name}"), "another name: this one is built in".into()));
        }
        for (at, hold) in self.hold.iter().enumerate() {
            wrong.extend(broken_globs(&format!("/hold/{at}/paths"), &hold.paths));
        }
        for (at, client) in self.clients.iter().enumerate() {
            for target in client.targets.iter().filter(|name| !self.targets.contains_key(*name)) {
                wrong.push((format!("/clients/{at}/targets"), format!("{target:?} is no target")));
            }
            if self.clients.iter().take(at).any(|earlier| earlier.name == client.name) {
                wrong.push((format!("/clients/{at}/name"), "a name of its own".into()));
            }
        }
        for (field, value) in [("remote", &self.publish.remote), ("branch", &self.publish.branch)] {
            if value.is_empty() || value.starts_with('-') {
                wrong.push((format!("/publish/{field}"), "a name that is no option".into()));
            }
        }
        wrong
    }
}

/// Validators every bridge has: syntax checks of the changed files.
pub const BUILT_IN: &[&str] = &["json", "yaml", "toml"];

const NAME_RULE: &str = "letters, digits, '.', '_' and '-', starting with a letter or digit";

fn name_is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= 128
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// Compiles globs; `*` stays within one path component, `**` does not.
///
/// # Errors
/// The first glob that does not parse, and why.
pub fn globs(list: &[String]) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for text in list {
        set.add(glob(text)?);
    }
    set.build().map_err(|err| err.to_string())
}

fn glob(text: &str) -> Result<Glob, String> {
    globset::GlobBuilder::new(text).literal_separator(true).build().map_err(|err| err.to_string())
}

fn broken_globs(pointer: &str, list: &[String]) -> Vec<(String, String)> {
    let broken = list.iter().enumerate().filter_map(|(at, text)| Some((at, glob(text).err()?)));
    broken.map(|(at, why)| (format!("{pointer}/{at}"), why)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_doubles_with_jitter_and_is_capped() {
        let backoff = Backoff { attempts: 6, base_ms: 1000, longest_ms: 10_000 };
        for (attempts, least, most) in [
            (1, 500, 1000),
            (2, 1000, 2000),
            (4, 4000, 8000),
            (5, 5000, 10_000),
            (200, 5000, 10_000),
        ] {
            for random in [0, 1, 499, u64::MAX] {
                let delay = backoff.delay_ms(attempts, random);
                assert!((least..=most).contains(&delay), "{attempts}: {delay}");
            }
        }
    }

    #[test]
    fn rules_beyond_the_shape_are_listed_with_their_place() {
        let mut settings: Settings =
            config::load(&ops_core::host::Host::real(), &config::Source::Shipped).unwrap();
        assert_eq!(config::Settings::check(&settings), []);
        settings.bridge_id = "-x".into();
        settings.publish.remote = "--upload-pack=x".into();
        settings
            .validators
            .insert("json".into(), Validator { argv: vec!["x".into()], deadline_ms: 1 });
        let target = Target { deny: vec!["a[".into()], ..Target::default() };
        settings.targets.insert("a/b".into(), target);
        settings.clients.push(Client {
            name: "c".into(),
            public_key: String::new(),
            targets: vec!["NONE".into()],
            actions: vec![],
        });
        let places: Vec<String> =
            config::Settings::check(&settings).into_iter().map(|(place, _)| place).collect();
        assert_eq!(
            places,
            [
                "/bridge_id",
                "/targets/a/b",
                "/targets/a/b/deny/0",
                "/validators/json",
                "/clients/0/targets",
                "/publish/remote",
            ]
        );
    }
}

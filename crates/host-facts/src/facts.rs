//! The facts of one host at one moment, as a document. No judgement here, and no input or output.

mod docker;
mod guard;
mod tailnet;
mod things;

use std::collections::{BTreeMap, BTreeSet};

use listeners::Sockets;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use docker::{Binding, Compose, ComposeContainer, Container, Docker};
pub use guard::{Guard, LogEnd, Timer};
pub use tailnet::{Address, Tailscale};
pub use things::{Answer, Disk, KeyFact, LogFolder, Mount, Namespace, Sizes, Space};

/// The schema that every facts document names.
pub const SCHEMA: &str = "aiops.facts/1";

/// A thing that was seen, or why it was not. "Could not look" is never "is not so": where absence
/// is itself a fact, the thing is an `Option`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Seen<T> {
    /// It was looked at: `{"seen": …}`.
    Seen(T),
    /// It could not be looked at: `{"unknown": {"why": …}}`.
    Unknown {
        /// Why, for people.
        why: String,
    },
    /// No check that was asked for needs it.
    #[default]
    NotAsked,
}

impl<T> Seen<T> {
    /// Could not be looked at.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown { why: why.into() }
    }

    /// The thing, if it was seen.
    pub fn ok(&self) -> Option<&T> {
        match self {
            Self::Seen(thing) => Some(thing),
            Self::Unknown { .. } | Self::NotAsked => None,
        }
    }

    /// The thing, or why it is not known.
    ///
    /// # Errors
    /// Why it could not be looked at, or that nobody looked.
    pub fn known(&self) -> Result<&T, &str> {
        match self {
            Self::Seen(thing) => Ok(thing),
            Self::Unknown { why } => Err(why),
            Self::NotAsked => Err("it was not looked at"),
        }
    }
}

impl<T> From<Result<T, String>> for Seen<T> {
    fn from(looked: Result<T, String>) -> Self {
        match looked {
            Ok(thing) => Self::Seen(thing),
            Err(why) => Self::Unknown { why },
        }
    }
}

/// A part of the facts: what is collected as one piece, with one deadline.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Network namespaces.
    Namespace,
    /// Sockets and their owners.
    Sockets,
    /// Addresses on interfaces.
    Addresses,
    /// What tailscale says of itself.
    Tailscale,
    /// Containers.
    Docker,
    /// Services of compose files.
    Compose,
    /// The API's health endpoint.
    Api,
    /// HQ's health endpoint.
    Console,
    /// Space, inodes and log folders.
    Disk,
    /// Secrets.
    Keys,
    /// guard's timer and log.
    Guard,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 11] = [
        Self::Namespace,
        Self::Sockets,
        Self::Addresses,
        Self::Tailscale,
        Self::Docker,
        Self::Compose,
        Self::Api,
        Self::Console,
        Self::Disk,
        Self::Keys,
        Self::Guard,
    ];

    /// All of them, as a set.
    pub fn all() -> BTreeSet<Self> {
        Self::ALL.into()
    }
}

/// What is so on one host at one moment.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// `aiops.facts/1`.
    pub schema: String,
    /// The collector: version and git commit.
    pub collector: String,
    /// The host's name, as its kernel has it.
    pub host: String,
    /// When collecting began, RFC 3339 UTC.
    pub collected_at: String,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// How long each part took, milliseconds. They are collected at the same time.
    pub part_ms: BTreeMap<Part, u64>,
    /// The numeric user that looked. Others than 0 see less.
    pub uid: u32,
    /// Network namespaces: whether this is the host's own.
    pub namespace: Seen<Namespace>,
    /// Every TCP listener and unconnected UDP socket; owners are only looked up for public ones.
    pub sockets: Seen<Sockets>,
    /// Every address that is really on an interface.
    pub addresses: Seen<Vec<Address>>,
    /// What tailscale says of itself.
    pub tailscale: Seen<Tailscale>,
    /// The containers of the Docker engine.
    pub docker: Seen<Docker>,
    /// The services of each compose file of the policy.
    pub compose: Seen<Vec<Compose>>,
    /// What the API's health endpoint answered.
    pub api: Seen<Answer>,
    /// What HQ's health endpoint answered.
    pub console: Seen<Answer>,
    /// Space, inodes and the sizes of log folders.
    pub disk: Seen<Disk>,
    /// Each registered secret; never its value.
    pub keys: Seen<Vec<KeyFact>>,
    /// guard's timer and the end of its log.
    pub guard: Seen<Guard>,
}

impl Facts {
    /// A document in which nothing was looked at.
    pub fn nothing(host: impl Into<String>, collected_at: impl Into<String>) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            collector: ops_core::VERSION.to_owned(),
            host: host.into(),
            collected_at: collected_at.into(),
            took_ms: 0,
            part_ms: BTreeMap::new(),
            uid: 0,
            namespace: Seen::NotAsked,
            sockets: Seen::NotAsked,
            addresses: Seen::NotAsked,
            tailscale: Seen::NotAsked,
            docker: Seen::NotAsked,
            compose: Seen::NotAsked,
            api: Seen::NotAsked,
            console: Seen::NotAsked,
            disk: Seen::NotAsked,
            keys: Seen::NotAsked,
            guard: Seen::NotAsked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_reads_back_and_a_misspelt_key_is_refused() {
        let mut facts = Facts::nothing("example", "2026-11-21T07:00:00.000Z");
        facts.docker = Seen::unknown("no such program");
        facts.api =
            Seen::Seen(Answer { url: "http://127.0.0.1:8000/healthz".into(), status: None });
        facts.part_ms.insert(Part::Api, 3);
        let text = serde_json::to_string(&facts).unwrap();
        assert!(text.contains(r#""docker":{"unknown":{"why":"no such program"}}"#), "{text}");
        assert!(text.contains(r#""disk":"not_asked""#), "{text}");
        assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), facts);
        let misspelt = text.replacen("\"uid\"", "\"uld\"", 1);
        assert!(serde_json::from_str::<Facts>(&misspelt).is_err());
    }

    #[test]
    fn what_was_not_looked_at_is_never_known() {
        assert_eq!(Seen::Seen(7).known(), Ok(&7));
        assert_eq!(Seen::<u8>::unknown("no").known(), Err("no"));
        assert_eq!(Seen::<u8>::NotAsked.known(), Err("it was not looked at"));
    }
}

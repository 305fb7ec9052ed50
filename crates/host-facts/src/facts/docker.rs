//! Containers and the services of compose files.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The containers of a Docker engine.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Docker {
    /// Version of the engine, as it says.
    pub engine: String,
    /// Every container, also those that do not run.
    pub containers: Vec<Container>,
}

/// One container.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// The first 12 digits of its id.
    pub id: String,
    /// Its name, without the slash.
    pub name: String,
    /// created, running, paused, restarting, removing, exited or dead.
    pub state: String,
    /// Its restart policy: no, always, unless-stopped or on-failure; empty is "no".
    pub restart: String,
    /// Its network: bridge, host, none, container:ID or a network's name.
    pub network: String,
    /// Whether every exposed port is published on a port of the engine's choice (`-P`).
    pub publish_all: bool,
    /// What is published now.
    pub bound: Vec<Binding>,
    /// What it asks for when it runs.
    pub asked: Vec<Binding>,
}

/// One published port.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The container's port, as the engine writes it: `80/tcp`.
    pub port: String,
    /// The host's address; empty is every address.
    pub address: String,
    /// The host's port or range; empty or 0 is one of the engine's choice.
    pub host_port: String,
}

/// One compose file: what it asks for, and what is there.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Compose {
    /// The file.
    pub file: String,
    /// Every service it defines.
    pub services: Vec<String>,
    /// Every container of its project, also those that do not run.
    pub containers: Vec<ComposeContainer>,
}

/// A container of a compose project.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ComposeContainer {
    /// Its name.
    pub name: String,
    /// The service it is of.
    pub service: String,
    /// created, running, paused, restarting, removing, exited or dead.
    pub state: String,
    /// starting, healthy or unhealthy; empty without a health check.
    pub health: String,
    /// The code it ended with, where it has ended.
    pub exit_code: Option<i64>,
}

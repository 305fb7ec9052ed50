//! What would be done, as data: no choice is left for the doing.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::command::{self, Started};
use super::edit::Edit;
use super::preflight::{Refusal, Why};
use super::{Policy, config, units};
use crate::facts::Facts;

/// The schema that serialised plans name.
pub const SCHEMA: &str = "aiops.sshd_plan/1";

/// Everything the fix would do, in order.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// `aiops.sshd_plan/1`.
    pub schema: String,
    /// When the facts were taken, RFC 3339 UTC. Markers in files carry it.
    pub at: String,
    /// SHA-256 of the facts it was made from, hex.
    pub facts: String,
    /// The address that sshd will listen on.
    pub address: Ipv4Addr,
    /// The unit that is sshd.
    pub service: String,
    /// What to do. Empty: the host is right as it is.
    pub steps: Vec<Step>,
    /// What a person should know besides.
    pub notes: Vec<String>,
}

/// One thing to do. This is all the fix can do; a new variant is a new power.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "do")]
pub enum Step {
    /// Change lines of a file that is there.
    EditFile {
        /// The step of the fix that this belongs to.
        number: u8,
        /// The file itself, no link.
        file: PathBuf,
        /// What to change.
        edits: Vec<Edit>,
        /// SHA-256 of the file as it must be found, hex.
        before: String,
    },
    /// Write a whole file of ours.
    WriteFile {
        /// The step of the fix that this belongs to.
        number: u8,
        /// The file.
        file: PathBuf,
        /// Its new text.
        text: String,
        /// SHA-256 of the file as it must be found, hex; `None`: there must be none.
        before: Option<String>,
    },
    /// Have sshd judge the new configuration (`-t`), and show that it listens there and nowhere
    /// else and that nothing but listening changed (`-T`).
    CheckConfig {
        /// How the service starts sshd.
        started: Started,
        /// Where it must listen.
        listen: Vec<SocketAddr>,
        /// Every other line of `sshd -T` as it was before, sorted, and as it must stay; `None`
        /// where sshd refused what was there before.
        others: Option<Vec<String>>,
    },
    /// Stop a socket unit.
    StopSocket {
        /// The unit.
        unit: String,
    },
    /// Remove a symbolic link.
    RemoveLink {
        /// Where it is.
        path: PathBuf,
        /// What it must say.
        target: PathBuf,
    },
    /// Set a symbolic link, over whatever is there.
    SetLink {
        /// The step of the fix that this belongs to.
        number: u8,
        /// Where.
        path: PathBuf,
        /// What it says.
        target: PathBuf,
    },
    /// Have systemd read its units again.
    Reload {
        /// The step of the fix that this belongs to.
        number: u8,
    },
    /// Assert that systemd holds the service to need no socket.
    AssertNoSocket {
        /// The service.
        service: String,
        /// The socket units it must not need.
        sockets: Vec<String>,
    },
    /// Enable the service.
    Enable {
        /// The service.
        service: String,
    },
    /// Restart the service.
    Restart {
        /// The service.
        service: String,
    },
    /// Wait until sshd listens there and nowhere else, and answers.
    Verify {
        /// Where it must listen.
        listen: Vec<SocketAddr>,
    },
}

impl Step {
    /// The step of the fix that this belongs to, as the documentation numbers them.
    pub fn number(&self) -> u8 {
        match self {
            Self::EditFile { number, .. }
            | Self::WriteFile { number, .. }
            | Self::SetLink { number, .. }
            | Self::Reload { number } => *number,
            Self::CheckConfig { .. } => 6,
            Self::StopSocket { .. }
            | Self::RemoveLink { .. }
            | Self::AssertNoSocket { .. }
            | Self::Enable { .. } => 7,
            Self::Restart { .. } => 9,
            Self::Verify { .. } => 10,
        }
    }

    /// The file or link that it changes.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::EditFile { file, .. } | Self::WriteFile { file, .. } => Some(file),
            Self::RemoveLink { path, .. } | Self::SetLink { path, .. } => Some(path),
            _ => None,
        }
    }
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// What stands before lines that are commented out.
    pub fn marker(&self) -> String {
        format!("ai-ops-runner heal ssh, {}", self.at)
    }
}

/// SHA-256 in hex.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(bytes) {
        // Writing into a string cannot fail.
        let _written = write!(text, "{byte:02x}").is_ok();
    }
    text
}

/// Plans for an address that the preflight gave.
pub(super) fn plan(facts: &Facts, policy: &Policy, address: Ipv4Addr) -> Result<Plan, Refusal> {
    let known = facts.units.as_ref().map_err(|why| {
        let found = format!("the units are unknown: {why}");
        Refusal::new(Why::Service, found, "make `systemctl show ssh.service` work")
    })?;
    let service = units::real_service(known)?;
    let started = command::started_by(service, known)?;
    let config::Changes { mut steps, notes, ports } = config::changes(facts, address)?;
    let listen = config::sockets(address, &ports);

    let sockets = units::socket_steps(known, service)?;
    let own = units::service_step(facts, policy, service, address);
    let is_enabled = ["enabled", "static", "generated", "alias", "indirect"]
        .contains(&service.unit_file_state.as_str());
    let is_right = service.active_state == "active" && listens_right(facts, &listen);
    let stops = sockets.iter().any(|step| matches!(step, Step::StopSocket { .. }));
    let restarts = !steps.is_empty() || stops || !is_right;

    if restarts {
        let others = facts.effective.as_ref().ok().map(|lines| other_lines(lines));
        steps.push(Step::CheckConfig { started, listen: listen.clone(), others });
    }
    let reload_for_sockets = !sockets.is_empty();
    steps.extend(sockets);
    if reload_for_sockets {
        steps.push(Step::Reload { number: 7 });
        let sockets = units::network_sockets(known).map(|it| it.name.clone()).collect();
        steps.push(Step::AssertNoSocket { service: service.name.clone(), sockets });
    }
    if !is_enabled {
        steps.push(Step::Enable { service: service.name.clone() });
    }
    if own.is_some() || (service.needs_reload && !reload_for_sockets) {
        steps.extend(own);
        steps.push(Step::Reload { number: 8 });
    }
    if restarts {
        steps.push(Step::Restart { service: service.name.clone() });
    }
    if !steps.is_empty() {
        steps.push(Step::Verify { listen });
    }
    Ok(Plan {
        schema: SCHEMA.into(),
        at: facts.taken_at.clone(),
        facts: facts.digest(),
        address,
        service: service.name.clone(),
        steps,
        notes,
    })
}

/// The lines of `sshd -T` that are not about where it listens.
pub(crate) fn other_lines(lines: &[String]) -> Vec<String> {
    let about_listening = |line: &&String| {
        ["listenaddress ", "addressfamily "].iter().any(|name| line.starts_with(name))
    };
    lines.iter().filter(|line| !about_listening(line)).cloned().collect()
}

/// Whether sshd listens everywhere it should and nowhere else; loopback is private.
fn listens_right(facts: &Facts, listen: &[SocketAddr]) -> bool {
    facts.listening.as_ref().is_ok_and(|now| is_right(now, listen))
}

/// Whether a set of listening sockets is what is wanted, loopback aside.
pub(crate) fn is_right(now: &[SocketAddr], listen: &[SocketAddr]) -> bool {
    let allowed =
        |socket: &SocketAddr| listen.contains(socket) || socket.ip().to_canonical().is_loopback();
    now.iter().all(allowed) && listen.iter().all(|wanted| now.contains(wanted))
}

#[cfg(test)]
mod tests;

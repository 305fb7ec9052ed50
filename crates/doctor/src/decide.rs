//! The table of checks, and what makes a report of it. Pure: facts, policy and time in, report out.

mod api;
mod compose;
mod console;
mod disk;
mod docker_ports;
mod guard;
mod keys;
mod ports;
mod tailscale;

use std::collections::BTreeSet;

use host_facts::{Facts, Part};
use ops_core::time::Timestamp;

use crate::finding::{self, Judged};
use crate::policy::Policy;
use crate::report::{Check, Report, Status};

pub use tailscale::{Tailnet, tailnet};

/// What a check judges.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'a> {
    /// The host.
    pub(crate) facts: &'a Facts,
    /// What it must be like.
    pub(crate) policy: &'a Policy,
    /// The moment of judging.
    pub(crate) now: Timestamp,
}

/// One row of the table of checks.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The id, which never changes.
    pub id: &'static str,
    /// What it demands.
    pub title: &'static str,
    /// What to do when it is not so.
    pub remedy: &'static str,
    /// What to do when it could not be looked at.
    pub blind: &'static str,
    /// The parts of the facts it needs.
    pub parts: &'static [Part],
    judge: fn(&Given) -> Judged,
}

/// Every check of a host, in the order of the report. docs/doctor.md shows the table; a test demands
/// it.
pub const CHECKS: &[Row] = &[
    Row {
        id: "tailscale",
        title: "Tailscale is up, with an address of its own and no funnel",
        remedy: "run `tailscale status`; `tailscale up` brings it up",
        blind: "install and start tailscale; a host that shall have none lists `tailscale` under not_installed in doctor.yaml",
        parts: &[Part::Tailscale, Part::Addresses],
        judge: tailscale::judge,
    },
    Row {
        id: "compose",
        title: "Every service of the compose file runs and is healthy",
        remedy: "run `docker compose --file FILE up --detach`, then `docker compose --file FILE logs`",
        blind: "see that `docker compose` works as this user; a host without the stack lists `compose` under not_installed in doctor.yaml",
        parts: &[Part::Compose],
        judge: compose::judge,
    },
    Row {
        id: "api",
        title: "The API answers on loopback",
        remedy: "look at its log: `journalctl --unit aiops-runner-api`, or `docker compose --file FILE logs api`",
        blind: "see what holds that port: `ss -tlnp`; a host without the API lists `api` under not_installed in doctor.yaml",
        parts: &[Part::Api],
        judge: api::judge,
    },
    Row {
        id: "ports",
        title: "Nothing listens outside the allowed ranges",
        remedy: "stop the program, or bind it to 127.0.0.1 or the tailnet address; only where it must \
                 be public, add a waiver or an exception to doctor.yaml",
        blind: "run it as root, in the network namespace of the host: no container, no PrivateNetwork=",
        parts: &[Part::Namespace, Part::Sockets, Part::Tailscale],
        judge: ports::judge,
    },
    Row {
        id: "docker_ports",
        title: "No container publishes a port outside the allowed ranges",
        remedy: "publish on loopback (`127.0.0.1:8080:80`) and recreate the container; a firewall in \
                 front of it does not help, since Docker's rules come first",
        blind: "see that `docker ps` works as this user; a host without Docker lists `docker_ports` under not_installed in doctor.yaml",
        parts: &[Part::Docker],
        judge: docker_ports::judge,
    },
    Row {
        id: "disk",
        title: "File systems and log folders have room",
        remedy: "find what takes the room: `du -xh --max-depth=2 / | sort -h | tail`; vacuum the \
                 journal: `journalctl --vacuum-size=500M`",
        blind: "see that the path is there and its file system answers: `df PATH`",
        parts: &[Part::Disk],
        judge: disk::judge,
    },
    Row {
        id: "keys",
        title: "Required secrets are there and only their owner can read them",
        remedy: "run `key list`; `key set NAME` stores a secret from standard input",
        blind: "see that keys.yaml is there and in order: `key list`",
        parts: &[Part::Keys],
        judge: keys::judge,
    },
    Row {
        id: "console",
        title: "HQ answers, on loopback only",
        remedy: "run `hq status`; `hq start` starts it on 127.0.0.1",
        blind: "run it as root; a host without HQ lists `console` under not_installed in doctor.yaml",
        parts: &[Part::Console, Part::Sockets],
        judge: console::judge,
    },
    Row {
        id: "guard",
        title: "guard runs by its timer and its last run passed",
        remedy: "run `guard status`; `guard install` sets up its timer",
        blind: "run it as root, on a host that was booted with systemd; a host without guard lists `guard` under not_installed in doctor.yaml",
        parts: &[Part::Guard],
        judge: guard::judge,
    },
];

/// Which checks are asked for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Selection {
    /// Only these, when there is any.
    pub only: BTreeSet<String>,
    /// Not these.
    pub skip: BTreeSet<String>,
}

impl Selection {
    /// Why a check is left out, if it is.
    fn leaves_out(&self, id: &str) -> Option<&'static str> {
        if self.skip.contains(id) {
            Some("left out by --skip")
        } else if !self.only.is_empty() && !self.only.contains(id) {
            Some("left out by --only")
        } else {
            None
        }
    }

    /// Ids that name no check.
    pub fn strangers(&self) -> Vec<&str> {
        let ids = self.only.iter().chain(&self.skip).map(String::as_str);
        ids.filter(|id| !CHECKS.iter().any(|row| row.id == *id)).collect()
    }

    /// Why a check is not judged, if it is not.
    fn reason(&self, policy: &Policy, id: &str) -> Option<&'static str> {
        let installed = !policy.not_installed.contains(id);
        self.leaves_out(id)
            .or((!installed).then_some("not installed on this host, says doctor.yaml"))
    }

    /// The parts of the facts that the checks asked for need.
    pub fn parts(&self, policy: &Policy) -> BTreeSet<Part> {
        let asked = CHECKS.iter().filter(|row| self.reason(policy, row.id).is_none());
        let parts = asked.flat_map(|row| row.parts).copied();
        // Whose addresses are the node's own matters to `ports` only where there is a tailnet.
        let has_tailnet = !policy.not_installed.contains("tailscale");
        parts.filter(|part| has_tailnet || *part != Part::Tailscale).collect()
    }
}

/// Judges facts by the policy. The same facts, policy and time give the same report anywhere.
pub fn judge(facts: &Facts, policy: &Policy, selection: &Selection, now: Timestamp) -> Report {
    let given = Given { facts, policy, now };
    let mut flags = Vec::new();
    let checks = CHECKS.iter().map(|row| one(row, &given, selection, &mut flags)).collect();
    let host = finding::plain(&facts.host);
    let started_at = finding::plain(&facts.collected_at);
    Report::new(host, started_at, facts.took_ms, flags, checks)
}

fn one(row: &Row, given: &Given, selection: &Selection, flags: &mut Vec<String>) -> Check {
    let policy = given.policy;
    let taken = row.parts.iter().filter_map(|part| given.facts.part_ms.get(part));
    let taken = taken.copied().max().unwrap_or(0);
    let names =
        finding::Names { id: row.id, title: row.title, remedy: row.remedy, blind: row.blind };
    let Some(reason) = selection.reason(policy, row.id) else {
        let judged = (row.judge)(given);
        flags.extend(judged.flags.iter().map(|it| (*it).to_owned()));
        return finding::check(names, judged, &policy.waivers, given.now, taken);
    };
    // A waiver that has run out wants attention even where its check has nothing to look at.
    let judged = Judged { fine: reason.to_owned(), ..Judged::default() };
    let waivers =
        if selection.leaves_out(row.id).is_some() { &[] } else { policy.waivers.as_slice() };
    let mut check = finding::check(names, judged, waivers, given.now, 0);
    if check.status == Status::Pass {
        check.status = Status::Skip;
    }
    check
}

#[cfg(test)]
mod tests;

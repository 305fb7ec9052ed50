//! `docker_ports`: what containers publish, from the engine itself. Listening sockets do not tell it:
//! the engine can publish by firewall rules alone.

use std::net::IpAddr;

use host_facts::facts::{Binding, Container};

use super::Given;
use crate::finding::Judged;
use crate::policy::Policy;

/// The first engine whose loopback publishes cannot be reached by a neighbour on the same network
/// (moby issue 45610).
const LOOPBACK_IS_PRIVATE_SINCE: u32 = 28;

pub(super) fn judge(given: &Given) -> Judged {
    let docker = match given.facts.docker.known() {
        Err(why) => return Judged::is_unknown(why),
        Ok(docker) => docker,
    };
    let mut judged = Judged::default();
    let count = docker.containers.len();
    judged.fine = format!("{count} containers, none published outside the allowed ranges");
    let mut on_loopback = 0;
    for container in &docker.containers {
        on_loopback += self::container(container, given.policy, &mut judged);
    }
    let major = docker.engine.split('.').next().and_then(|it| it.parse::<u32>().ok());
    if on_loopback > 0 && major.is_none_or(|it| it < LOOPBACK_IS_PRIVATE_SINCE) {
        let engine = &docker.engine;
        judged.warn("engine", format!(
            "version {engine:?} lets neighbours on the same network reach ports published on loopback"
        ));
        judged.remedy("update the engine to version 28 or later");
    }
    judged
}

/// Judges one container; returns how many ports it publishes on loopback.
fn container(container: &Container, policy: &Policy, judged: &mut Judged) -> usize {
    let runs = matches!(container.state.as_str(), "running" | "paused" | "restarting");
    let comes_back = !matches!(container.restart.as_str(), "" | "no");
    let name = &container.name;
    if !runs && !comes_back {
        return 0;
    }
    if container.network == "host" {
        judged.warn(name, "it shares the host's network: `ports` judges what it listens on");
    }
    // What a running container is bound to is what counts; one that is not asks for what it will be.
    let bindings =
        if runs && !container.bound.is_empty() { &container.bound } else { &container.asked };
    if container.publish_all && container.bound.is_empty() && container.network != "host" {
        judged.fail(name, "it asks for every exposed port on every address (--publish-all)");
        judged.flags.push("DOCKER_PUBLIC");
    }
    let when = if runs { "" } else { "; it does not run, but comes back by its restart policy" };
    bindings.iter().filter(|it| is_on_loopback(it, name, when, policy, judged)).count()
}

/// Judges one published port; returns whether it is on loopback.
fn is_on_loopback(
    binding: &Binding,
    name: &str,
    when: &str,
    policy: &Policy,
    judged: &mut Judged,
) -> bool {
    let Binding { port, address, host_port } = binding;
    let place = match address.as_str() {
        "" => "*".to_owned(),
        it if it.contains(':') => format!("[{it}]"),
        it => it.to_owned(),
    };
    let subject = format!("{name} {place}:{host_port}->{port}");
    if address.is_empty() {
        judged.fail(subject, format!("published on every address{when}"));
        judged.flags.push("DOCKER_PUBLIC");
        return false;
    }
    let Ok(ip) = address.parse::<IpAddr>() else {
        judged.unknown(subject, format!("{address:?} is not an address"));
        return false;
    };
    let ip = ip.to_canonical();
    if ip.is_loopback() {
        return true;
    }
    let is_private = policy.ports.private.iter().any(|range| range.contains(ip));
    if ip.is_unspecified() || !is_private {
        let place = if ip.is_unspecified() { "every address" } else { "a public address" };
        judged.fail(subject, format!("published on {place}{when}"));
        judged.flags.push("DOCKER_PUBLIC");
    }
    false
}

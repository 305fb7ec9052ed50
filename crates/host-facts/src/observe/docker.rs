//! Asks the docker command for every container. No judgement here.
//!
//! The shapes are those of the engine's API, "inspect a container".

use std::collections::BTreeMap;

use serde::Deserialize;

use super::commands::{Commands, failed, json};
use crate::facts::{Binding, Container, Docker};

/// How many containers one call asks about: their ids must fit a command line.
const AT_ONCE: usize = 500;

/// How often everything is asked anew when a container goes away in between.
const TRIES: usize = 3;

type Ports = Option<BTreeMap<String, Option<Vec<Port>>>>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    name: String,
    state: State,
    host_config: HostConfig,
    network_settings: Network,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    network_mode: String,
    port_bindings: Ports,
    #[serde(default)]
    publish_all_ports: bool,
    #[serde(default)]
    restart_policy: Restart,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Restart {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Network {
    #[serde(default)]
    ports: Ports,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Port {
    #[serde(default)]
    host_ip: String,
    #[serde(default)]
    host_port: String,
}

pub(super) fn docker(commands: &Commands) -> Result<Docker, String> {
    std::thread::scope(|scope| {
        let version = scope
            .spawn(|| commands.output("docker", &["version", "--format", "{{.Server.Version}}"]));
        let containers = containers(commands);
        let version =
            version.join().unwrap_or_else(|_| Err("its collector broke off".to_owned()))?;
        let engine = String::from_utf8_lossy(&version).trim().to_owned();
        Ok(Docker { engine, containers: containers? })
    })
}

fn containers(commands: &Commands) -> Result<Vec<Container>, String> {
    let mut gone = String::new();
    for _ in 0..TRIES {
        let listed = commands.output("docker", &["ps", "--all", "--quiet", "--no-trunc"])?;
        let listed = std::str::from_utf8(&listed).map_err(|_| "`docker ps` said no text")?;
        let ids: Vec<&str> = listed.split_ascii_whitespace().collect();
        let mut found = Vec::new();
        let mut is_whole = true;
        for some in ids.chunks(AT_ONCE) {
            let args: Vec<&str> =
                ["container", "inspect"].into_iter().chain(some.iter().copied()).collect();
            let said = commands.run("docker", &args)?;
            if said.success() {
                found.extend(inspected(&said.stdout)?);
            } else {
                gone = failed("docker container inspect", &said);
                is_whole = false;
            }
        }
        if is_whole {
            found.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.id.cmp(&b.id)));
            return Ok(found);
        }
    }
    Err(gone)
}

fn inspected(bytes: &[u8]) -> Result<Vec<Container>, String> {
    let found: Vec<Inspected> = json("docker container inspect", bytes)?;
    Ok(found.into_iter().map(container).collect())
}

fn container(it: Inspected) -> Container {
    Container {
        id: it.id.chars().take(12).collect(),
        name: it.name.trim_start_matches('/').to_owned(),
        state: it.state.status,
        restart: it.host_config.restart_policy.name,
        network: it.host_config.network_mode,
        publish_all: it.host_config.publish_all_ports,
        bound: bindings(it.network_settings.ports),
        asked: bindings(it.host_config.port_bindings),
    }
}

fn bindings(ports: Ports) -> Vec<Binding> {
    let each = ports.unwrap_or_default().into_iter().flat_map(|(port, hosts)| {
        hosts.unwrap_or_default().into_iter().map(move |host| Binding {
            port: port.clone(),
            address: host.host_ip,
            host_port: host.host_port,
        })
    });
    let mut each: Vec<Binding> = each.collect();
    each.sort();
    each
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bound_and_what_is_asked_for_are_both_read() {
        let text = br#"[{"Id":"0123456789abcdef","Name":"/web","State":{"Status":"running"},
            "HostConfig":{"NetworkMode":"bridge","PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}],"9/tcp":[]},
            "RestartPolicy":{"Name":"always","MaximumRetryCount":0},"PublishAllPorts":false},
            "NetworkSettings":{"Ports":{"443/tcp":null,"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"},{"HostIp":"::","HostPort":"8080"}]}}},
            {"Id":"f","Name":"/old","State":{"Status":"exited"},"HostConfig":{"NetworkMode":"host","PortBindings":null},
            "NetworkSettings":{}}]"#;
        let found = inspected(text).unwrap();
        assert_eq!((found[0].id.as_str(), found[0].name.as_str()), ("0123456789ab", "web"));
        let shown = |it: &Binding| format!("{}:{}->{}", it.address, it.host_port, it.port);
        assert_eq!(
            found[0].bound.iter().map(shown).collect::<Vec<_>>(),
            ["0.0.0.0:8080->80/tcp", ":::8080->80/tcp"]
        );
        assert_eq!(found[0].asked.iter().map(shown).collect::<Vec<_>>(), [":8080->80/tcp"]);
        assert_eq!((found[1].network.as_str(), found[1].restart.as_str()), ("host", ""));
        assert_eq!(inspected(b"[]").unwrap(), []);
        for wrong in [&b""[..], b"{}", br#"[{"Id":"x"}]"#, b"null"] {
            assert!(inspected(wrong).is_err());
        }
    }
}

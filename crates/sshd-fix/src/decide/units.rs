//! Steps 7 and 8: socket activation off, and a service that waits for its address.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::Policy;
use super::edit::Edit;
use super::plan::{Step, digest};
use super::preflight::{Refusal, Why};
use crate::facts::{Facts, Link, Service, Socket, TextFile, Units};
use crate::places::{self, UNITS};
use crate::unit::{Setting, settings};

/// The settings of a service by which it depends on sockets.
const NEEDS: &[(&str, &str)] = &[
    ("Unit", "Requires"),
    ("Unit", "Requisite"),
    ("Unit", "BindsTo"),
    ("Unit", "Wants"),
    ("Unit", "Upholds"),
    ("Unit", "PartOf"),
    ("Service", "Sockets"),
];

/// The first version whose `tailscale wait` exists.
const WITH_WAIT: (u32, u32) = (1, 96);

/// Where a mask points.
const NOWHERE: &str = "/dev/null";

/// The one service that is sshd.
///
/// # Errors
/// When there is none, or more than one, or it is masked or switched off.
pub fn real_service(units: &Units) -> Result<&Service, Refusal> {
    let refuse = |found: String, remedy: &str| Err(Refusal::new(Why::Service, found, remedy));
    let here = |service: &&Service| service.load_state != "not-found";
    let all: Vec<&Service> = units.services.iter().filter(here).collect();
    let in_use = |service: &&&Service| {
        service.active_state != "inactive" || service.unit_file_state.starts_with("enabled")
    };
    let used: Vec<&Service> = all.iter().filter(in_use).copied().collect();
    let service = match (used.as_slice(), all.as_slice()) {
        ([service], _) | ([], [service]) => *service,
        ([], []) => return refuse("no service is sshd".into(), "install openssh-server"),
        (several, _) => {
            let names: Vec<&str> = several.iter().map(|it| it.name.as_str()).collect();
            let found = format!("which service is sshd is not clear: {}", names.join(", "));
            return refuse(found, "disable all but one");
        }
    };
    if service.load_state != "loaded" {
        let found = format!("{} is {}", service.name, service.load_state);
        return refuse(found, "mend or unmask it, then run this again");
    }
    let socket_in_use = units.sockets.iter().any(|socket| {
        socket.active_state == "active" || socket.unit_file_state.starts_with("enabled")
    });
    if used.is_empty() && !socket_in_use {
        let found = format!("sshd is switched off: {} is inactive and disabled", service.name);
        return refuse(found, "nothing, if that is meant; else `systemctl enable --now` it first");
    }
    Ok(service)
}

/// Whether a socket unit can be reached over the network: local ones are left alone.
fn is_network(socket: &Socket) -> bool {
    let local = |listen: &String| listen.starts_with(['/', '@']) || listen.starts_with("vsock:");
    socket.listens.is_empty() || !socket.listens.iter().all(local)
}

/// The socket units there are, local ones left out.
pub(super) fn network_sockets(units: &Units) -> impl Iterator<Item = &Socket> {
    units.sockets.iter().filter(|it| it.load_state != "not-found" && is_network(it))
}

/// Step 7, without reload.
pub(super) fn socket_steps(units: &Units, service: &Service) -> Result<Vec<Step>, Refusal> {
    let sockets: Vec<&Socket> = network_sockets(units).collect();
    let mut steps = Vec::new();
    for socket in &sockets {
        if !matches!(socket.active_state.as_str(), "inactive" | "failed") {
            steps.push(Step::StopSocket { unit: socket.name.clone() });
        }
    }
    for socket in &sockets {
        steps.extend(link_steps(units, service, &socket.name));
    }
    for file in &service.drop_ins {
        steps.extend(drop_in_step(file, &sockets));
    }
    if let Some(file) = &service.fragment
        && let Some((setting, _)) = needing(file, &sockets).first()
    {
        let place = format!("{} line {}", file.path.display(), setting.lines.start());
        let found = format!("{place} makes {} need a socket, and cannot be undone", service.name);
        let remedy = "use the distribution's unit file, or take that line out";
        return Err(Refusal::new(Why::Service, found, remedy));
    }
    for socket in &sockets {
        let path = Path::new(UNITS).join(&socket.name);
        steps.extend(set_link(units, path, 7));
    }
    Ok(steps)
}

/// Removes the links by which anything pulls in the socket, or covers those that are not ours.
fn link_steps(units: &Units, service: &Service, socket: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for link in &units.links {
        let is_it = link.path.file_name().is_some_and(|name| name == socket);
        let folder = link.path.parent().and_then(Path::file_name).unwrap_or_default();
        let folder = folder.to_string_lossy().into_owned();
        let pulls = [".wants", ".requires", ".upholds"].iter().any(|it| folder.ends_with(it));
        if !is_it || !pulls || link.target == Path::new(NOWHERE) {
            continue;
        }
        let is_services = service.names.iter().any(|name| folder.starts_with(name.as_str()));
        if link.path.starts_with(UNITS) || link.path.starts_with("/run/systemd/system") {
            let Link { path, target } = link.clone();
            steps.push(Step::RemoveLink { path, target });
        } else if is_services {
            steps.extend(set_link(units, Path::new(UNITS).join(folder).join(socket), 7));
        }
    }
    steps
}

fn set_link(units: &Units, path: PathBuf, number: u8) -> Option<Step> {
    let now = units.links.iter().find(|link| link.path == path).map(|link| &link.target);
    let target = PathBuf::from(NOWHERE);
    (now != Some(&target)).then_some(Step::SetLink { number, path, target })
}

/// Settings that name one of the sockets, with the units they name besides.
fn needing<'a>(file: &TextFile, sockets: &[&'a Socket]) -> Vec<(Setting, Vec<String>)> {
    let is_socket = |name: &str| sockets.iter().any(|socket: &&'a Socket| socket.name == name);
    let mut found = Vec::new();
    for setting in settings(&file.text.0) {
        if !NEEDS.iter().any(|(section, key)| setting.is(section, key)) {
            continue;
        }
        let value = String::from_utf8_lossy(&setting.value).into_owned();
        let (named, others): (Vec<&str>, Vec<&str>) =
            value.split_whitespace().partition(|name| is_socket(name));
        if !named.is_empty() {
            found.push((setting, others.into_iter().map(str::to_owned).collect()));
        }
    }
    found
}

fn drop_in_step(file: &TextFile, sockets: &[&Socket]) -> Option<Step> {
    let edits: Vec<Edit> = needing(file, sockets)
        .into_iter()
        .map(|(setting, others)| {
            let key = String::from_utf8_lossy(&setting.key).into_owned();
            let instead = (!others.is_empty()).then(|| format!("{key}={}", others.join(" ")));
            Edit::CommentOut { first: *setting.lines.start(), last: *setting.lines.end(), instead }
        })
        .collect();
    if edits.is_empty() {
        return None;
    }
    if file.real.starts_with("/etc") {
        let before = digest(&file.text.0);
        return Some(Step::EditFile { number: 7, file: file.real.clone(), edits, before });
    }
    // A file of the same name in /etc takes the place of a package's.
    let folder = file.path.parent()?.file_name()?;
    let own = Path::new(UNITS).join(folder).join(file.path.file_name()?);
    let marker = "not in force, ai-ops-runner";
    let text = super::edit::edited(&file.text.0, &edits, marker);
    let text = String::from_utf8_lossy(&text).into_owned();
    Some(Step::WriteFile { number: 7, file: own, text, before: None })
}

/// Where the service's own drop-in lies.
pub(super) fn drop_in_path(service: &Service) -> PathBuf {
    Path::new(UNITS).join(format!("{}.d", service.name)).join(places::SERVICE_DROP_IN)
}

/// The drop-in that lets sshd start when its address is there, however late. Nothing in it can
/// keep sshd from starting: the wait is bounded and its failure ignored, and a failed bind is
/// tried again without end.
pub(super) fn drop_in_text(facts: &Facts, policy: &Policy, address: Ipv4Addr) -> String {
    let tailnet = &facts.tailnet;
    let wait = match (&tailnet.program, tailnet.version) {
        (Some(program), Some(version)) if version >= WITH_WAIT => {
            format!("{} wait --timeout=60s", program.display())
        }
        _ => format!("{} wait-address {address} --seconds 60", policy.program.display()),
    };
    format!(
        "# Written by ai-ops-runner (heal ssh): the tailnet address comes up after boot, and sshd\n\
         # ends with 255 where it cannot bind it.\n\
         [Unit]\n\
         Wants=tailscaled.service\n\
         After=tailscaled.service\n\
         StartLimitIntervalSec=0\n\
         \n\
         [Service]\n\
         ExecStartPre=-{wait}\n\
         TimeoutStartSec=120\n\
         RestartPreventExitStatus=\n\
         Restart=on-failure\n\
         RestartSec=5\n"
    )
}

/// Step 8, without reload.
pub(super) fn service_step(
    facts: &Facts,
    policy: &Policy,
    service: &Service,
    address: Ipv4Addr,
) -> Option<Step> {
    let file = drop_in_path(service);
    let text = drop_in_text(facts, policy, address);
    let now = service.drop_ins.iter().find(|it| it.path == file);
    if now.is_some_and(|it| it.text.0 == text.as_bytes()) {
        return None;
    }
    let before = now.map(|it| digest(&it.text.0));
    Some(Step::WriteFile { number: 8, file, text, before })
}

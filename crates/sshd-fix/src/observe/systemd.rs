//! What systemd knows of sshd, and the links in its folders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ops_core::host::{Entry, Host, Kind};

use super::{run, ssh};
use crate::facts::{Bytes, Link, Seen, Service, Socket, TextFile, Units};
use crate::places::{Place, UNIT_FOLDERS};

/// The names that sshd's service goes by.
const SERVICES: &[&str] = &["ssh.service", "sshd.service"];
const SOCKETS: &[&str] = &["ssh.socket", "sshd.socket"];
/// The properties by which a unit needs others.
const NEEDS: &[&str] = &["Requires", "Requisite", "BindsTo", "Wants", "Upholds"];

/// One unit's properties; repeated ones have several values.
type Properties = BTreeMap<String, Vec<String>>;

pub(super) fn units(host: &Host, place: &Place) -> Seen<Units> {
    let told = show(
        host,
        "Id,Names,LoadState,ActiveState,UnitFileState,NeedDaemonReload,FragmentPath,DropInPaths,\
         EnvironmentFiles,Requires,Requisite,BindsTo,Wants,Upholds",
        SERVICES,
    )?;
    let mut services: Vec<Service> = Vec::new();
    for properties in &told {
        if !services.iter().any(|it| Some(it.name.as_str()) == one(properties, "Id")) {
            services.push(service(host, place, properties)?);
        }
    }
    let names: Vec<String> = services.iter().flat_map(|it| it.names.clone()).collect();
    let mut asked = SOCKETS.to_vec();
    asked.push("*.socket");
    let told = show(host, "Id,LoadState,ActiveState,UnitFileState,Triggers,Listen,Accept", &asked)?;
    let mut sockets: Vec<Socket> = Vec::new();
    for properties in &told {
        let socket = socket(properties);
        let is_new = !sockets.iter().any(|it| it.name == socket.name);
        if is_new && is_sshds(&socket, &names) {
            sockets.push(socket);
        }
    }
    let all = names.iter().map(String::as_str).chain(SERVICES.iter().copied());
    let all: Vec<&str> = all.chain(sockets.iter().map(|it| it.name.as_str())).collect();
    let links = links(host, place, &all)?;
    let environment = environment(host, &services)?;
    Ok(Units { services, sockets, links, environment })
}

/// The units that systemd holds a service to need.
///
/// # Errors
/// When systemd cannot be asked.
pub fn service_needs(host: &Host, service: &str) -> Seen<Vec<String>> {
    let told = show(host, &NEEDS.join(","), &[service])?;
    let properties = told.into_iter().next().ok_or("systemctl told nothing")?;
    Ok(NEEDS.iter().flat_map(|name| words(&properties, name)).collect())
}

/// The main process of a service.
///
/// # Errors
/// When there is none, or systemd cannot be asked.
pub fn main_process(host: &Host, service: &str) -> Seen<u32> {
    let told = show(host, "MainPID", &[service])?;
    let pid = told.first().and_then(|it| one(it, "MainPID")).and_then(|it| it.parse().ok());
    pid.filter(|pid| *pid > 0).ok_or_else(|| format!("{service} has no main process"))
}

fn show(host: &Host, properties: &str, units: &[&str]) -> Seen<Vec<Properties>> {
    let args =
        ["show", "--no-pager", "-p", properties, "--"].into_iter().chain(units.iter().copied());
    let said = run(host, "systemctl", args)?;
    Ok(blocks(&String::from_utf8_lossy(&said.stdout)))
}

fn blocks(text: &str) -> Vec<Properties> {
    let mut all = Vec::new();
    for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let mut properties = Properties::new();
        for (key, value) in block.lines().filter_map(|line| line.split_once('=')) {
            properties.entry(key.to_owned()).or_default().push(value.to_owned());
        }
        all.push(properties);
    }
    all
}

fn one<'a>(properties: &'a Properties, name: &str) -> Option<&'a str> {
    properties.get(name)?.first().map(String::as_str).filter(|value| !value.is_empty())
}

fn text(properties: &Properties, name: &str) -> String {
    one(properties, name).unwrap_or_default().to_owned()
}

fn words(properties: &Properties, name: &str) -> Vec<String> {
    let values = properties.get(name).into_iter().flatten();
    values.flat_map(|it| it.split_whitespace()).map(str::to_owned).collect()
}

fn service(host: &Host, place: &Place, properties: &Properties) -> Seen<Service> {
    let file = |path: &str| ssh::text_file(host, place, Path::new(path));
    let load_state = text(properties, "LoadState");
    // A masked unit's file is /dev/null.
    let fragment = one(properties, "FragmentPath").filter(|_| load_state == "loaded");
    let mut environment_files: Vec<TextFile> = Vec::new();
    for told in properties.get("EnvironmentFiles").into_iter().flatten() {
        let path = told.rsplit_once(" (ignore_errors=").map_or(told.as_str(), |it| it.0);
        let is_there = host.look(&place.at(path)).map_err(|err| format!("{path}: {err}"))?;
        if is_there.is_some() {
            environment_files.push(file(path)?);
        } else if path.contains(['*', '?', '[']) {
            return Err(format!("the environment file {path} is a pattern, which is not followed"));
        }
    }
    Ok(Service {
        name: text(properties, "Id"),
        names: words(properties, "Names"),
        active_state: text(properties, "ActiveState"),
        unit_file_state: text(properties, "UnitFileState"),
        needs_reload: one(properties, "NeedDaemonReload") == Some("yes"),
        fragment: fragment.map(file).transpose()?,
        drop_ins: words(properties, "DropInPaths")
            .iter()
            .map(|it| file(it))
            .collect::<Seen<_>>()?,
        needs: NEEDS.iter().flat_map(|name| words(properties, name)).collect(),
        environment_files,
        load_state,
    })
}

fn socket(properties: &Properties) -> Socket {
    Socket {
        name: text(properties, "Id"),
        load_state: text(properties, "LoadState"),
        active_state: text(properties, "ActiveState"),
        unit_file_state: text(properties, "UnitFileState"),
        triggers: words(properties, "Triggers"),
        listens: properties.get("Listen").cloned().unwrap_or_default(),
    }
}

/// Whether a socket could start sshd: by its name, or by what it starts.
fn is_sshds(socket: &Socket, services: &[String]) -> bool {
    let named = |name: &str| {
        let stem = name.split(['@', '.']).next().unwrap_or_default();
        ["ssh", "sshd"].contains(&stem) || name.starts_with("ssh-") || name.starts_with("sshd-")
    };
    named(&socket.name) || socket.triggers.iter().any(|it| services.contains(it) || named(it))
}

/// Every symbolic link in the unit folders, and in the folders of dependencies there, that has or
/// names one of the units.
///
/// # Errors
/// When a folder cannot be read.
pub fn links(host: &Host, place: &Place, units: &[&str]) -> Seen<Vec<Link>> {
    let mut found = Vec::new();
    let mut seen = Vec::new();
    for folder in UNIT_FOLDERS {
        // /lib is /usr/lib on merged systems.
        let Ok(real) = host.resolve(&place.at(folder)) else { continue };
        if seen.contains(&real) {
            continue;
        }
        seen.push(real);
        let folder = Path::new(folder);
        for entry in entries(host, place, folder)? {
            let path = folder.join(&entry.name);
            let name = entry.name.to_string_lossy().into_owned();
            if entry.kind == Kind::Link {
                found.extend(link(host, place, path, units)?);
            } else if entry.kind == Kind::Folder
                && [".wants", ".requires", ".upholds"].iter().any(|it| name.ends_with(it))
            {
                for inner in entries(host, place, &path)?.iter().filter(|it| it.kind == Kind::Link)
                {
                    found.extend(link(host, place, path.join(&inner.name), units)?);
                }
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn entries(host: &Host, place: &Place, folder: &Path) -> Seen<Vec<Entry>> {
    match host.list(&place.at(folder)) {
        Ok(entries) => Ok(entries),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(err) => Err(format!("{}: {err}", folder.display())),
    }
}

fn link(host: &Host, place: &Place, path: PathBuf, units: &[&str]) -> Seen<Option<Link>> {
    let target =
        host.read_link(&place.at(&path)).map_err(|err| format!("{}: {err}", path.display()))?;
    let names =
        |path: &Path| path.file_name().is_some_and(|name| units.iter().any(|it| name == *it));
    Ok((names(&path) || names(&target)).then_some(Link { path, target }))
}

/// The manager's own variables, those only that the units' texts use: others are nobody's business.
fn environment(host: &Host, services: &[Service]) -> Seen<Vec<Bytes>> {
    let said = run(host, "systemctl", ["show-environment"])?;
    let files = || services.iter().flat_map(|it| it.fragment.iter().chain(&it.drop_ins));
    let is_used = |name: &[u8]| {
        let forms = [[b"$", name].concat(), [b"${", name, b"}"].concat()];
        let holds =
            |text: &[u8]| forms.iter().any(|form| text.windows(form.len()).any(|it| it == form));
        files().any(|file| holds(&file.text.0))
    };
    let lines = said.stdout.split(|byte| *byte == b'\n');
    let used = lines.filter(|line| {
        line.iter()
            .position(|byte| *byte == b'=')
            .is_some_and(|at| is_used(line.get(..at).unwrap_or_default()))
    });
    Ok(used.map(|line| Bytes(line.to_vec())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemctl_shows_is_read_block_by_block() {
        let told = blocks(
            "Id=a.socket\nListen=[::]:22 (Stream)\nListen=/run/x (Stream)\nTriggers=\n\nId=b.socket\n",
        );
        let sockets: Vec<Socket> = told.iter().map(socket).collect();
        assert_eq!(sockets.len(), 2);
        let first = sockets.first().unwrap();
        assert_eq!(first.listens, ["[::]:22 (Stream)", "/run/x (Stream)"]);
        assert!(first.triggers.is_empty());
    }

    #[test]
    fn sockets_of_sshd_are_known_by_name_and_by_what_they_start() {
        let services = ["ssh.service".to_owned(), "sshd.service".to_owned()];
        for (name, triggers, want) in [
            ("ssh.socket", "", true),
            ("sshd@2222.socket", "", true),
            ("sshd-unix-local.socket", "", true),
            ("mine.socket", "ssh.service", true),
            ("mine.socket", "sshd@3-1.service", true),
            ("dbus.socket", "dbus.service", false),
            ("sshguard.socket", "", false),
        ] {
            let triggers = triggers.split_whitespace().map(str::to_owned).collect();
            let socket = Socket { name: name.into(), triggers, ..Socket::default() };
            assert_eq!(is_sshds(&socket, &services), want, "{name}");
        }
    }
}

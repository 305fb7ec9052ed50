//! What goes into the folder, as bytes. Pure.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use doctor::Report;
use host_facts::{Facts, Seen};
use listeners::{Owners, Sockets};
use serde::Serialize;
use serde_json::{Value, json};
use sshd_fix::act::Action;

use crate::documents::Summary;

/// Everything a run has to show. What was not looked at says so.
#[derive(Clone, Debug)]
pub(crate) struct Gathered {
    pub(crate) before: Facts,
    pub(crate) after: Facts,
    pub(crate) report_before: Option<Report>,
    pub(crate) report_after: Option<Report>,
    pub(crate) sshd: Option<sshd_fix::facts::Facts>,
    pub(crate) guard: Value,
    pub(crate) actions: Vec<Action>,
    pub(crate) summary: Summary,
}

/// The files, by name below the folder.
pub(crate) fn files(it: &Gathered) -> Vec<(PathBuf, Vec<u8>)> {
    let not_asked = json!({ "unknown": { "why": "doctor was not asked" } });
    let report =
        |report: &Option<Report>| report.as_ref().map_or_else(|| pretty(&not_asked), pretty);
    let docker = match &it.after.docker {
        Seen::NotAsked => {
            json!({ "unknown": { "why": "not installed on this host, or not asked" } })
        }
        docker => serde_json::to_value(docker).unwrap_or_default(),
    };
    let mut actions = String::new();
    for action in &it.actions {
        actions.push_str(&serde_json::to_string(action).unwrap_or_default());
        actions.push('\n');
    }
    let mut files: Vec<(PathBuf, Vec<u8>)> = vec![
        ("facts.before.json".into(), pretty(&it.before)),
        ("facts.json".into(), pretty(&it.after)),
        ("doctor.before.json".into(), report(&it.report_before)),
        ("doctor.json".into(), report(&it.report_after)),
        ("listeners.txt".into(), listeners(&it.after.sockets).into_bytes()),
        ("guard_status.json".into(), pretty(&it.guard)),
        ("docker_ports.json".into(), pretty(&docker)),
        ("actions.jsonl".into(), actions.into_bytes()),
        ("summary.json".into(), pretty(&it.summary)),
    ];
    files.extend(sshd(it.sshd.as_ref()));
    files
}

fn pretty<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// `sshd_config/effective.txt`, and every file that sshd reads below `sshd_config/files/`.
fn sshd(facts: Option<&sshd_fix::facts::Facts>) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new("sshd_config");
    let effective = match facts.map(|it| &it.effective) {
        Some(Ok(lines)) => lines.join("\n") + "\n",
        Some(Err(why)) => format!("# unknown: {why}\n"),
        None => "# unknown: not looked at\n".to_owned(),
    };
    let mut files = vec![(folder.join("effective.txt"), effective.into_bytes())];
    match facts.map(|it| &it.config) {
        Some(Ok(config)) => {
            for file in &config.files {
                files.push((folder.join("files").join(below(&file.path)), file.text.0.clone()));
            }
        }
        Some(Err(why)) => files.push((folder.join("unknown.txt"), format!("{why}\n").into_bytes())),
        None => {}
    }
    files
}

/// An absolute path as a name below a folder, of plain characters only.
fn below(path: &Path) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-._@+".contains(c) { c } else { '_' };
    path.components()
        .filter_map(|it| match it {
            std::path::Component::Normal(name) => Some(name.to_string_lossy()),
            _ => None,
        })
        .map(|name| name.chars().map(plain).collect::<String>())
        .collect()
}

/// Every socket on a line: protocol, where, its owner's user and, where looked up, its owners.
fn listeners(sockets: &Seen<Sockets>) -> String {
    let sockets = match sockets.known() {
        Ok(sockets) => sockets,
        Err(why) => return format!("# unknown: {why}\n"),
    };
    let mut text = String::from("# socket, user, owners (looked up for public sockets only)\n");
    for socket in &sockets.sockets {
        let user = socket.uid.map_or_else(|| "-".to_owned(), |uid| uid.to_string());
        let owners = match &socket.owners {
            Owners::NotAsked => "-".to_owned(),
            Owners::Unknown(why) => format!("unknown: {why}"),
            Owners::Known(owners) => {
                let shown = owners.iter().map(|it| format!("{:?}({})", it.comm, it.pid));
                shown.collect::<Vec<_>>().join(",")
            }
        };
        // Writing into a string cannot fail.
        let _written = writeln!(text, "{}\t{user}\t{owners}", socket.name()).is_ok();
    }
    text
}

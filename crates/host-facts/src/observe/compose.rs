//! Asks `docker compose` for the services of each file and their containers. No judgement here.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::commands::Commands;
use crate::facts::{Compose, ComposeContainer};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    name: String,
    service: String,
    state: String,
    #[serde(default)]
    health: String,
    #[serde(default)]
    exit_code: Option<i64>,
}

pub(super) fn compose(commands: &Commands, files: &[PathBuf]) -> Result<Vec<Compose>, String> {
    let looked: Result<_, _> = files.iter().map(|file| one(commands, file)).collect();
    // Without the plugin docker complains of its arguments, which says nothing to people.
    looked.map_err(|why| match commands.output("docker", &["compose", "version"]) {
        Err(_) if commands.output("docker", &["--version"]).is_ok() => {
            "docker has no `compose`: its plugin is not installed".to_owned()
        }
        _ => why,
    })
}

fn one(commands: &Commands, file: &Path) -> Result<Compose, String> {
    let said = |words: &[&str]| {
        let mut args: Vec<OsString> = vec!["compose".into(), "--file".into(), file.into()];
        args.extend(words.iter().map(Into::into));
        commands.output("docker", &args).map_err(|why| format!("{}: {why}", file.display()))
    };
    std::thread::scope(|scope| {
        let services = scope.spawn(|| said(&["config", "--services"]));
        let containers = said(&["ps", "--all", "--format", "json"])?;
        let services =
            services.join().unwrap_or_else(|_| Err("its collector broke off".to_owned()))?;
        let services = String::from_utf8(services)
            .map_err(|_| format!("{}: the services are not named in text", file.display()))?;
        let services = services.lines().map(str::trim).filter(|it| !it.is_empty());
        Ok(Compose {
            file: file.display().to_string(),
            services: services.map(str::to_owned).collect(),
            containers: rows(&containers).map_err(|why| format!("{}: {why}", file.display()))?,
        })
    })
}

/// Reads both shapes: one array up to version 2.20, one object on each line from 2.21 on.
fn rows(bytes: &[u8]) -> Result<Vec<ComposeContainer>, String> {
    let bytes = bytes.trim_ascii();
    let wrong = |err| format!("`docker compose ps` said what is not as documented: {err}");
    let rows: Vec<Row> = if bytes.starts_with(b"[") {
        serde_json::from_slice(bytes).map_err(wrong)?
    } else {
        serde_json::Deserializer::from_slice(bytes)
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(wrong)?
    };
    let has_ended = |state: &str| matches!(state, "exited" | "dead");
    Ok(rows
        .into_iter()
        .map(|row| ComposeContainer {
            exit_code: row.exit_code.filter(|_| has_ended(&row.state)),
            name: row.name,
            service: row.service,
            state: row.state,
            health: row.health,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_are_read_alike() {
        let one = r#"{"Name":"ops-api-1","Service":"api","State":"running","Health":"healthy","ExitCode":0,"New":1}"#;
        let two =
            r#"{"Name":"ops-db-1","Service":"db","State":"exited","Health":"","ExitCode":137}"#;
        let want = rows(format!("{one}\n{two}\n").as_bytes()).unwrap();
        assert_eq!(rows(format!("[{one},{two}]\n").as_bytes()).unwrap(), want);
        assert_eq!((want[0].exit_code, want[1].exit_code), (None, Some(137)));
        for empty in ["", "\n", "[]\n"] {
            assert_eq!(rows(empty.as_bytes()).unwrap(), [], "{empty:?}");
        }
        for wrong in ["{}", "[1]", "NAME STATE", &one[..20], &format!("{one}\nx")] {
            assert!(rows(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}

//! `compose`: every service of every compose file runs, and is healthy where it has a health check.

use host_facts::facts::{Compose, ComposeContainer};

use super::Given;
use crate::finding::Judged;

pub(super) fn judge(given: &Given) -> Judged {
    let files = match given.facts.compose.known() {
        Err(why) => return Judged::is_unknown(why),
        Ok(files) if files.is_empty() => {
            return Judged::is_unknown("no compose file was looked at");
        }
        Ok(files) => files,
    };
    let mut judged = Judged::default();
    let count: usize = files.iter().map(|it| it.services.len()).sum();
    judged.fine = format!("{count} services run");
    for file in files {
        if file.services.is_empty() {
            judged.unknown(&file.file, "it defines no service");
        }
        for service in &file.services {
            self::service(file, service, &mut judged);
        }
    }
    judged
}

fn service(file: &Compose, name: &str, judged: &mut Judged) {
    let mut containers = file.containers.iter().filter(|it| it.service == name).peekable();
    if containers.peek().is_none() {
        judged.fail(name, "it has no container");
    }
    for container in containers {
        self::container(container, name, judged);
    }
}

fn container(container: &ComposeContainer, service: &str, judged: &mut Judged) {
    let ComposeContainer { name, state, health, exit_code, .. } = container;
    match (state.as_str(), health.as_str()) {
        ("running", "" | "healthy") => {}
        ("running", "starting") => {
            judged
                .unknown(service, format!("{name} has just started; its health is not known yet"));
        }
        ("running", health) => judged.fail(service, format!("{name} is {health}")),
        (state, _) => {
            let code = exit_code.map(|code| format!(" with code {code}")).unwrap_or_default();
            judged.fail(service, format!("{name} is {state}{code}, not running"));
        }
    }
}

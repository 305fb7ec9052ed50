//! Raises an alert for each check that fails or is unknown, and tells recovery once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ops_core::alert::{self, Alert, Kind, Severity};
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};

use crate::report::{Check, Report, Status};

/// The largest list of what was told, bytes.
const LARGEST: u64 = 1 << 20;

/// Where the check ids that were told and have not recovered are kept.
fn path(home: &Path) -> PathBuf {
    home.join("state/doctor/told.json")
}

/// Alerts. `remote` names the host when it is not this one: its checks are rate limited apart.
///
/// What is told is remembered after it is in the spool: a crash in between tells it twice, and never
/// not at all.
///
/// # Errors
/// Exit 69 when the spool or the list of what was told cannot be written.
pub(crate) fn tell(
    context: &Context,
    report: &Report,
    remote: Option<&str>,
) -> Result<(), Failure> {
    let path = path(&context.home);
    // A list that cannot be read is as good as empty: then a recovery goes untold, no failure does.
    let read = context.host.read(&path, LARGEST).ok();
    let mut told: BTreeSet<String> =
        read.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let before = told.clone();
    for check in &report.checks {
        let id = match remote {
            Some(host) => format!("doctor.{host}.{}", check.id),
            None => format!("doctor.{}", check.id),
        };
        let (severity, kind) = match check.status {
            Status::Fail => (Severity::High, Kind::Event),
            Status::Unknown => (Severity::Warn, Kind::Event),
            Status::Pass | Status::Warn if told.contains(&id) => (Severity::Info, Kind::Recovery),
            Status::Pass | Status::Warn | Status::Skip => continue,
        };
        alert::raise(context, "doctor", &alert(&report.host, check, &id, severity, kind))?;
        match kind {
            Kind::Event => told.insert(id),
            Kind::Recovery => told.remove(&id),
        };
    }
    if told == before {
        return Ok(());
    }
    let doing = || format!("write {}", path.display());
    let bytes = serde_json::to_vec(&told).or_fail(Exit::Internal, doing())?;
    let folder = path.parent().unwrap_or(&context.home);
    context.host.make_dir(folder, 0o750).or_fail(Exit::Unavailable, doing())?;
    context.host.replace_file(&path, &bytes, 0o640).or_fail(Exit::Unavailable, doing())
}

fn alert(host: &str, check: &Check, id: &str, severity: Severity, kind: Kind) -> Alert {
    let remedy = &check.remediation;
    let remedy = if remedy.is_empty() { String::new() } else { format!("\nWhat to do: {remedy}") };
    Alert {
        title: format!("{host}: {} {}", check.id, check.status.name()),
        message: format!("{}{remedy}", check.summary),
        check: Some(id.to_owned()),
        severity,
        kind,
        channel: None,
    }
}

//! Tells how a run ended.

use ops_core::alert::{self, Alert, Kind, Severity};
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure};
use ops_core::report::Report as _;

use crate::documents::{Ended, Summary};

/// Puts one alert into the spool.
///
/// # Errors
/// Exit 69 when it cannot be written.
pub(crate) fn tell(context: &Context, summary: &Summary) -> Result<(), Failure> {
    let severity = match (summary.outcome, summary.exit()) {
        (Ended::RolledBack | Ended::RollbackFailed, _) => Severity::Emergency,
        (_, Exit::Ok) => Severity::Info,
        _ => Severity::High,
    };
    let troubles = summary.troubles.join("\n");
    let alert = Alert {
        title: format!("{}: heal {}", summary.host, summary.outcome.name().replace('_', " ")),
        message: [summary.reason.as_str(), &troubles].join("\n").trim().to_owned(),
        check: Some("heal.run".into()),
        severity,
        kind: Kind::Event,
        channel: None,
    };
    alert::raise(context, "heal", &alert).map(|_started| ())
}

/// Tells that a run had no answer.
///
/// # Errors
/// Exit 69 when it cannot be written.
pub(crate) fn tell_failed(context: &Context, why: &Failure) -> Result<(), Failure> {
    let alert = Alert {
        title: format!("{}: heal failed", context.host.name()),
        message: why.lines().join("\n"),
        check: Some("heal.run".into()),
        severity: Severity::High,
        kind: Kind::Event,
        channel: None,
    };
    alert::raise(context, "heal", &alert).map(|_started| ())
}

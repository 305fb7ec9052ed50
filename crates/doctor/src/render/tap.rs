//! Test Anything Protocol, version 13. Unknown is "not ok", and so is a failure.

use std::io::{self, Write};

use crate::report::{Report, Status};

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "TAP version 13\n1..{}", report.checks.len())?;
    for (at, check) in report.checks.iter().enumerate() {
        let ok = match check.status {
            Status::Pass | Status::Skip | Status::Warn => "ok",
            Status::Unknown | Status::Fail => "not ok",
        };
        // A number sign would begin a directive.
        let summary = check.summary.replace('#', "\\#");
        let directive = if check.status == Status::Skip { " # SKIP" } else { "" };
        let (id, status) = (&check.id, check.status.name());
        if directive.is_empty() {
            writeln!(out, "{ok} {} - {id} {status}: {summary}", at + 1)?;
        } else {
            writeln!(out, "{ok} {} - {id}{directive} {summary}", at + 1)?;
        }
        for line in &check.details {
            writeln!(out, "# {line}")?;
        }
        if !check.remediation.is_empty() {
            writeln!(out, "# do: {}", check.remediation)?;
        }
    }
    Ok(())
}

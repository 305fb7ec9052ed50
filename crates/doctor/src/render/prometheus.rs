//! The text format that Prometheus' node exporter collects from files.

use std::io::{self, Write};

use crate::report::{Report, Status};

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let host = label(&report.host);
    metric(out, "aiops_doctor_check_status", "Whether a check of this status is there: 1 or 0.")?;
    for check in &report.checks {
        for status in Status::ALL {
            let value = u8::from(check.status == status);
            let (id, status) = (label(&check.id), status.name());
            writeln!(
                out,
                "aiops_doctor_check_status{{host=\"{host}\",check=\"{id}\",status=\"{status}\"}} {value}"
            )?;
        }
    }
    metric(out, "aiops_doctor_flag", "A finding that other programs act on.")?;
    for flag in &report.flags {
        writeln!(out, "aiops_doctor_flag{{host=\"{host}\",flag=\"{}\"}} 1", label(flag))?;
    }
    metric(out, "aiops_doctor_duration_seconds", "How long it took to look.")?;
    let (whole, rest) = (report.duration_ms / 1000, report.duration_ms % 1000);
    writeln!(out, "aiops_doctor_duration_seconds{{host=\"{host}\"}} {whole}.{rest:03}")?;
    if let Ok(at) = ops_core::time::parse(&report.started_at) {
        metric(out, "aiops_doctor_started_timestamp_seconds", "When looking began.")?;
        let at = at.as_second();
        writeln!(out, "aiops_doctor_started_timestamp_seconds{{host=\"{host}\"}} {at}")?;
    }
    Ok(())
}

fn metric(out: &mut dyn Write, name: &str, help: &str) -> io::Result<()> {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge")
}

fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

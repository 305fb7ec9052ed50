//! SARIF 2.1.0 (OASIS): a rule for each check, a result for each that does not pass.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::report::{Check, Report, Status};

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let rules: Vec<Value> = report.checks.iter().map(rule).collect();
    let results: Vec<Value> =
        report.checks.iter().filter_map(|check| result(check, &report.host)).collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "doctor",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "invocations": [{
                "executionSuccessful": true,
                "startTimeUtc": report.started_at,
                "machine": report.host,
            }],
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn rule(check: &Check) -> Value {
    json!({"id": check.id, "shortDescription": {"text": check.title}})
}

fn result(check: &Check, host: &str) -> Option<Value> {
    let (level, kind) = match check.status {
        Status::Pass | Status::Skip => return None,
        Status::Warn => ("warning", "fail"),
        // Of what could not be looked at, nobody can say that it fails: "review" has no level.
        Status::Unknown => ("none", "review"),
        Status::Fail => ("error", "fail"),
    };
    let remedy = if check.remediation.is_empty() {
        String::new()
    } else {
        format!("\nDo: {}", check.remediation)
    };
    Some(json!({
        "ruleId": check.id,
        "level": level,
        "kind": kind,
        "message": {"text": format!("{}{remedy}", check.details.join("\n"))},
        "locations": [{"logicalLocations": [{"name": host, "kind": "resource"}]}],
    }))
}

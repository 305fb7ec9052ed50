//! rdjson, the Reviewdog Diagnostic Format: a `DiagnosticResult`.
//! <https://github.com/reviewdog/reviewdog/tree/master/proto/rdf>

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Level, leveled, message, rule_id};
use crate::document::{Decision, Finding, Verdict};

pub(super) fn write(verdict: &Verdict, out: &mut dyn Write) -> io::Result<()> {
    let severity = match verdict.verdict {
        Decision::Approved => "INFO",
        Decision::Blocked => "ERROR",
    };
    let diagnostics: Vec<Value> =
        leveled(verdict).map(|(it, level)| diagnostic(it, level)).collect();
    let document = json!({
        "source": {"name": verdict.meta.tool.name},
        "severity": severity,
        "diagnostics": diagnostics,
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn diagnostic(it: &Finding, level: Level) -> Value {
    let severity = match level {
        Level::Error => "ERROR",
        Level::Warning => "WARNING",
        Level::Note => "INFO",
    };
    let mut location = json!({"path": it.file.as_deref().unwrap_or_default()});
    if let Some(line) = it.line {
        location["range"] = json!({"start": {"line": line}});
    }
    json!({
        "message": message(it),
        "location": location,
        "severity": severity,
        "code": {"value": rule_id(it)},
    })
}

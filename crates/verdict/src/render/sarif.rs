//! SARIF 2.1.0 (OASIS): a result for each finding, suppressed where it is waived.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Level, leveled, message, rule_id};
use crate::document::{Decision, Finding, Verdict};

pub(super) fn write(verdict: &Verdict, out: &mut dyn Write) -> io::Result<()> {
    let rules: BTreeSet<String> = verdict.findings().map(rule_id).collect();
    let rules: Vec<Value> = rules
        .into_iter()
        .map(|id| json!({"shortDescription": {"text": format!("review-gate: {id}")}, "id": id}))
        .collect();
    let results: Vec<Value> = leveled(verdict).map(|(it, level)| result(it, level)).collect();
    let notes: Vec<Value> = verdict
        .because
        .iter()
        .map(|why| json!({"level": "error", "message": {"text": super::plain(why)}}))
        .collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": verdict.meta.tool.name,
                "version": verdict.meta.tool.version,
                "rules": rules,
            }},
            "invocations": [{
                // The review ran; what it found is in the results.
                "executionSuccessful": true,
                "exitCode": i32::from(verdict.verdict == Decision::Blocked),
                "endTimeUtc": verdict.meta.created_at,
                "toolExecutionNotifications": notes,
            }],
            "columnKind": "unicodeCodePoints",
            "results": results,
            "properties": {
                "verdict": verdict.verdict,
                "range": verdict.range,
                "simulated": verdict.meta.simulated,
            },
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn result(it: &Finding, level: Level) -> Value {
    let level = match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    };
    let mut result = json!({
        "ruleId": rule_id(it),
        "level": level,
        "kind": "fail",
        "message": {"text": message(it)},
        "partialFingerprints": {"aiopsFinding/v1": it.fingerprint},
        "properties": {
            "severity": it.severity,
            "gate": it.gate,
            "source": it.source,
            "anchored": it.anchored,
        },
    });
    if let Some(file) = &it.file {
        let mut place = json!({"artifactLocation": {"uri": uri(file)}});
        if let Some(line) = it.line {
            place["region"] = json!({"startLine": line});
        }
        result["locations"] = json!([{"physicalLocation": place}]);
    }
    if let Some(waived) = &it.waived {
        let why = format!("{} until {}: {}", waived.by, waived.expires_at, waived.reason);
        result["suppressions"] = json!([{"kind": "external", "status": "accepted", "justification": super::plain(&why)}]);
    }
    result
}

/// A relative path as a URI reference (RFC 3986).
fn uri(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(char::from(byte));
            }
            _ => text.extend(['%', digit(byte >> 4), digit(byte & 15)]),
        }
    }
    text
}

fn digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0').to_ascii_uppercase()
}

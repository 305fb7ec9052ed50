//! The report as an alert: plain text, short enough for a phone.

use std::collections::BTreeMap;
use std::path::Path;

use ops_core::alert::{Alert, Kind, Severity};

use crate::documents::Summary;

/// The check id of reports.
const CHECK: &str = "bridge.report";

/// What the operator is told of a report that was written to `written`. A broken chain is urgent.
pub(crate) fn alert(summary: &Summary, written: &Path) -> Alert {
    let plural = if summary.events == 1 { "" } else { "s" };
    let (chain, severity) = if summary.chain.ok {
        ("audit log ok", Severity::Info)
    } else {
        ("AUDIT LOG BROKEN", Severity::High)
    };
    Alert {
        title: format!("bridge: {} event{plural}, {chain}", summary.events),
        message: message(summary, written),
        check: Some(CHECK.to_owned()),
        severity,
        kind: Kind::Event,
        channel: None,
    }
}

fn message(summary: &Summary, written: &Path) -> String {
    let mut lines = vec![format!("{} to {}", summary.since, summary.until)];
    if let Some(at) = &summary.chain.first_break {
        lines.push(format!("broken at logs/{} line {}: {}", at.file, at.line, at.why));
    }
    lines.extend(counts("outcomes", &summary.outcomes));
    lines.extend(counts("reasons", &summary.reasons));
    for (count, what) in
        [(summary.retries.len(), "waiting for another try"), (summary.unread.len(), "not readable")]
    {
        if count > 0 {
            lines.push(format!("{what}: {count}"));
        }
    }
    lines.push(written.display().to_string());
    lines.join("\n")
}

/// Counts in one line, the largest first; none when there are none.
fn counts(what: &str, counts: &BTreeMap<String, u64>) -> Option<String> {
    let mut rows: Vec<(&String, &u64)> = counts.iter().collect();
    rows.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
    let rows: Vec<String> = rows.iter().map(|(name, count)| format!("{name} {count}")).collect();
    (!rows.is_empty()).then(|| format!("{what}: {}", rows.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::{Break, Chain, Waiting};

    fn summary(ok: bool) -> Summary {
        let at = Break { file: "bridge.log".into(), line: 7, why: "it was edited".into() };
        Summary {
            schema: "aiops.bridge.report/1".into(),
            generated_at: "2026-11-21T10:00:00.000Z".into(),
            since: "2026-11-20T10:00:00.000Z".into(),
            until: "2026-11-21T10:00:00.000Z".into(),
            events: 3,
            outcomes: [("ok".to_owned(), 1), ("dead_letter".to_owned(), 2)].into(),
            reasons: [("bad_hmac".to_owned(), 2)].into(),
            slowest: vec![],
            retries: vec![Waiting {
                id: "r".into(),
                attempts: 1,
                next_ts: String::new(),
                last_error: String::new(),
            }],
            keys: BTreeMap::new(),
            chain: Chain { ok, lines: 9, files: 1, first_break: (!ok).then_some(at) },
            unread: vec!["results/x.json: gone".into()],
        }
    }

    #[test]
    fn a_report_is_a_plain_message_and_a_broken_chain_is_urgent() {
        let told = alert(&summary(true), Path::new("/r/summaries/x.md"));
        assert_eq!(
            (told.title.as_str(), told.severity),
            ("bridge: 3 events, audit log ok", Severity::Info)
        );
        let want = "2026-11-20T10:00:00.000Z to 2026-11-21T10:00:00.000Z\n\
                    outcomes: dead_letter 2, ok 1\nreasons: bad_hmac 2\n\
                    waiting for another try: 1\nnot readable: 1\n/r/summaries/x.md";
        assert_eq!(told.message, want);
        let told = alert(&summary(false), Path::new("/r/summaries/x.md"));
        assert_eq!(told.severity, Severity::High);
        assert!(told.title.ends_with("AUDIT LOG BROKEN"));
        assert!(told.message.contains("broken at logs/bridge.log line 7: it was edited\n"));
    }
}

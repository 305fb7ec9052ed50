//! Sums over folders of every age.

use ops_core::host::Host;

use super::*;
use crate::telemetry;

fn line(ts: &str, model: &str, outcome: &str, booked: f64) -> Line {
    let text = serde_json::json!({
        "schema": "aiops.llm.call/1", "ts": ts, "run": "r", "review": null, "purpose": "review",
        "provider": "openai", "model": model, "model_requested": model, "model_replied": model,
        "request_id": null, "tokens_in": 100, "tokens_cached": 10, "tokens_out": 7,
        "estimated_usd": 0.5, "actual_usd": if outcome == "ok" { Some(booked) } else { None },
        "booked_usd": booked, "latency_ms": 3, "outcome": outcome, "detail": null,
        "fallback_used": false,
    });
    serde_json::from_value(text).unwrap()
}

#[test]
fn only_what_is_young_enough_is_summed_each_folder_once() {
    let (dir, host) = (tempfile::tempdir().unwrap(), Host::real());
    let write = |folder: &str, lines: &[Line]| {
        let folder = dir.path().join("artifacts").join(folder);
        for line in lines {
            telemetry::add(&host, &folder, line).unwrap();
        }
    };
    write("review/20261101T000000Z", &[line("2026-11-01T00:00:00Z", "old", "ok", 9.0)]);
    // Begun before the time, with calls on both sides of it.
    write(
        "review/20261119T230000Z",
        &[
            line("2026-11-19T23:00:00Z", "gpt-4o-mini", "ok", 5.0),
            line("2026-11-20T01:00:00Z", "gpt-4o-mini", "ok", 0.1),
        ],
    );
    write(
        "llm/20261121T000000Z-abcdef",
        &[
            line("2026-11-21T00:00:00Z", "gpt-4o", "transient_network", 0.2),
            line("2026-11-21T00:00:01Z", "gpt-4o", "refused", 0.0),
        ],
    );
    write("jobs/some-job", &[line("2026-11-21T00:00:00Z", "gpt-4o", "ok", 0.000_000_1)]);
    host.make_dir(&dir.path().join("artifacts/review/20261121T000001Z"), 0o750).unwrap();
    let since: Timestamp = "2026-11-20T00:00:00Z".parse().unwrap();
    let oldest = time::stamp(since.checked_sub(LONGEST_RUN).unwrap());
    let mut book = Book::default();
    let found = folders(&host, dir.path(), &oldest).unwrap();
    assert_eq!(found.len(), 4, "{found:?}");
    for folder in found {
        if let Ok((_, bytes)) = host.read_plain(&folder.join(FILE), LARGEST) {
            assert_eq!(book.read(&bytes, since), 0);
        }
    }
    let told = book.closed(since, since, vec![]);
    let total = &told.total;
    assert_eq!((total.calls, total.ok, total.cost_unknown), (3, 2, 1));
    assert!((total.usd - 0.300_000_1).abs() < 1e-12, "{}", total.usd);
    let by = |sums: &BTreeMap<String, Sum>| sums.keys().cloned().collect::<Vec<_>>();
    assert_eq!(by(&told.by_day), ["2026-11-20", "2026-11-21"]);
    assert_eq!(by(&told.by_model), ["openai/gpt-4o", "openai/gpt-4o-mini"]);
}

#[test]
fn a_torn_line_is_told_and_does_not_spoil_the_next() {
    let (dir, host) = (tempfile::tempdir().unwrap(), Host::real());
    let ok = line("2026-11-21T00:00:00Z", "m", "ok", 0.1);
    telemetry::add(&host, dir.path(), &ok).unwrap();
    let path = dir.path().join(FILE);
    let whole = host.read(&path, LARGEST).unwrap();
    let torn = [&whole[..], &whole[..40]].concat();
    host.replace_file(&path, &torn, 0o640).unwrap();
    telemetry::add(&host, dir.path(), &ok).unwrap();
    let mut book = Book::default();
    let bytes = host.read(&path, LARGEST).unwrap();
    assert_eq!(book.read(&bytes, Timestamp::UNIX_EPOCH), 1);
    assert_eq!(book.total.calls, 2);
}

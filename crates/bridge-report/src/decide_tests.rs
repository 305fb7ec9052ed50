//! Tables over made-up logs.

use bridge::reason::Reason;
use proptest::prelude::*;

use super::*;

const NOON: &str = "2025-08-09T12:00:00.000Z";

fn period() -> Period {
    let at = |text| time::parse(text).unwrap();
    Period { since: at("2025-08-09T00:00:00Z"), until: at("2025-08-10T00:00:00Z") }
}

fn entry(ts: &str, id: &str, result: &str, reason: Option<Reason>) -> Entry {
    Entry {
        ts: ts.into(),
        id: id.into(),
        action: "applyPatch".into(),
        result: result.into(),
        exit: 0,
        files_changed: 1,
        hmac_ok: true,
        reason,
    }
}

/// Files of a log that holds, with these lines.
fn log(files: &[&[Entry]]) -> Vec<String> {
    let mut prev = GENESIS.to_owned();
    let mut text = |entry: &Entry| {
        let line = audit::line(entry, &prev);
        prev = line.hash;
        line.text
    };
    files.iter().map(|file| file.iter().map(&mut text).collect()).collect()
}

fn taken(files: &[String]) -> Ledger {
    let mut ledger = Ledger::new(period());
    files.iter().enumerate().for_each(|(at, text)| ledger.take(&format!("{at}.log"), text));
    ledger
}

fn counted(ledger: Ledger, facts: Facts) -> Summary {
    summary(ledger, facts, period(), period().until)
}

#[test]
fn lines_of_the_period_are_counted_by_outcome_and_reason_over_all_files() {
    let files = log(&[
        &[
            entry("2025-08-08T23:59:59.999Z", "early", "ok", None),
            entry("2025-08-09T00:00:00.000Z", "a", "ok", None),
            entry(NOON, "b", "dead_letter", Some(Reason::BadHmac)),
        ],
        &[
            entry(NOON, "c", "dead_letter", Some(Reason::Expired)),
            entry(NOON, "d", "dead_letter", Some(Reason::BadHmac)),
            entry("2025-08-10T00:00:00.001Z", "late", "ok", None),
        ],
    ]);
    let ledger = taken(&files);
    assert_eq!(ledger.carried_out().into_iter().collect::<Vec<_>>(), ["a"]);
    let summary = counted(ledger, Facts::default());
    assert_eq!(summary.events, 4);
    assert_eq!(summary.outcomes, [("dead_letter".into(), 3), ("ok".into(), 1)].into());
    assert_eq!(summary.reasons, [("bad_hmac".into(), 2), ("expired".into(), 1)].into());
    assert_eq!(summary.chain, Chain { ok: true, lines: 6, files: 2, first_break: None });
}

#[test]
fn the_first_break_is_named_and_what_follows_is_counted_all_the_same() {
    let [a, b, c] = ["a", "b", "c"].map(|id| entry(NOON, id, "ok", None));
    let files = log(&[&[a, b], &[c]]);
    let (first, second) = (&files[0], &files[1]);
    for (tampered, file, line, events, unread) in [
        (vec![first.replace("\"b\"", "\"x\""), second.clone()], "0.log", 2, 3, 0),
        (vec![second.clone()], "0.log", 1, 1, 0),
        (vec![second.clone(), first.clone()], "0.log", 1, 3, 0),
        (vec![first.clone(), second.trim_end().to_owned()], "1.log", 1, 3, 0),
        (vec![first.clone(), "nonsense\n".to_owned(), second.clone()], "1.log", 1, 3, 1),
    ] {
        let summary = counted(taken(&tampered), Facts::default());
        let at = summary.chain.first_break.unwrap();
        assert_eq!((summary.chain.ok, at.file.as_str(), at.line), (false, file, line));
        assert_eq!((summary.events, summary.unread.len()), (events, unread));
    }
}

#[test]
fn only_what_is_an_id_becomes_a_file_name() {
    let ids = ["ok-1", "../etc/passwd", "", ".hidden", "a/b", "é"];
    let entries: Vec<Entry> = ids.iter().map(|id| entry(NOON, id, "ok", None)).collect();
    let ledger = taken(&log(&[&entries]));
    assert_eq!(ledger.carried_out().into_iter().collect::<Vec<_>>(), ["ok-1"]);
}

#[test]
fn the_ten_slowest_come_slowest_first_and_keys_are_counted() {
    let results = (0..12_u64).map(|at| {
        let key = if at < 5 { "current" } else { "ssh:agent" };
        (format!("id-{at:02}"), (key.to_owned(), at / 2))
    });
    let facts = Facts { results: results.collect(), ..Facts::default() };
    let summary = counted(taken(&[]), facts);
    let shown: Vec<(&str, u64)> =
        summary.slowest.iter().map(|it| (it.id.as_str(), it.duration_ms)).collect();
    assert_eq!(shown.len(), 10);
    assert_eq!(shown[..3], [("id-10", 5), ("id-11", 5), ("id-08", 4)]);
    assert_eq!(summary.keys, [("current".into(), 5), ("ssh:agent".into(), 7)].into());
}

#[test]
fn retries_come_in_the_order_of_their_next_attempt() {
    let retry = |next: &str| Retry {
        attempts: 1,
        last_error: "busy".into(),
        last_ts: NOON.into(),
        next_ts: next.into(),
    };
    let retries = [("a".to_owned(), retry("2025-08-09T14:00:00Z")), ("b".to_owned(), retry(NOON))];
    let facts = Facts { retries: retries.into(), ..Facts::default() };
    let ids: Vec<String> = counted(taken(&[]), facts).retries.into_iter().map(|it| it.id).collect();
    assert_eq!(ids, ["b", "a"]);
}

#[test]
fn a_time_that_cannot_be_read_is_told_not_dropped_silently() {
    let summary = counted(taken(&log(&[&[entry("noon", "a", "ok", None)]])), Facts::default());
    assert_eq!((summary.events, summary.unread), (0, vec!["logs/: 1 lines".to_owned()]));
}

proptest! {
    #[test]
    fn any_edit_of_any_byte_of_a_log_is_found(at in 0_usize..10_000, byte in 0_u8..128) {
        let entries: Vec<Entry> = ["a", "b", "c"].map(|id| entry(NOON, id, "ok", None)).into();
        let text = log(&[&entries]).concat();
        let mut bytes = text.clone().into_bytes();
        let at = at % bytes.len();
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        let ledger = taken(&[String::from_utf8_lossy(&bytes).into_owned()]);
        prop_assert!(!ledger.holds());
    }
}

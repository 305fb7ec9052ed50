//! How findings and waivers become a line of the report.

use super::*;

const ROW: Names =
    Names { id: "ports", title: "title", remedy: "the row's remedy", blind: "make it visible" };

fn waiver(pattern: &str, until: &str) -> Waiver {
    Waiver { id: "ports".into(), r#match: pattern.into(), until: until.into(), why: "known".into() }
}

fn now() -> Timestamp {
    time::parse("2026-11-21T07:00:00Z").unwrap()
}

fn judged(findings: &[(Status, &str)]) -> Judged {
    let mut judged = Judged { fine: "all fine".into(), ..Judged::default() };
    for (status, subject) in findings {
        judged.add(*status, *subject, "open");
    }
    judged
}

#[test]
fn the_worst_finding_makes_the_status_the_summary_and_the_remedy() {
    let line = |judged| check(ROW, judged, &[], now(), 7);
    let fine = line(judged(&[]));
    assert_eq!(
        (fine.status, fine.summary.as_str(), fine.remediation.as_str()),
        (Status::Pass, "all fine", "")
    );
    let mut bad = judged(&[(Status::Warn, "a"), (Status::Unknown, "b"), (Status::Fail, "c")]);
    let line_of_bad = line(bad.clone());
    assert_eq!(line_of_bad.status, Status::Fail);
    assert_eq!(line_of_bad.summary, "c: open (+2 more)");
    assert_eq!(line_of_bad.details, ["fail c: open", "unknown b: open", "warn a: open"]);
    assert_eq!(line_of_bad.remediation, "the row's remedy");
    bad.remedy("its own");
    bad.fail("d", "open");
    assert_eq!(line(bad).remediation, "its own; and the row's remedy");
}

#[test]
fn a_waiver_turns_only_its_own_failure_into_a_warning_that_shows_it() {
    let bad = judged(&[(Status::Fail, "a"), (Status::Fail, "b")]);
    let line = check(ROW, bad.clone(), &[waiver("a", "2026-11-21")], now(), 0);
    assert_eq!(line.status, Status::Fail);
    assert_eq!(line.details, ["fail b: open", "warn a: open (waived until 2026-11-21: known)"]);
    assert_eq!(line.waived_by.len(), 1);
    let line = check(ROW, bad, &[waiver("*", "2026-11-21")], now(), 0);
    assert_eq!(line.status, Status::Warn);
    let other = check(ROW, judged(&[]), &[waiver("a", "2026-11-21")], now(), 0);
    assert_eq!((other.status, other.waived_by.len()), (Status::Pass, 0));
}

#[test]
fn an_unknown_is_never_waived_and_an_expired_waiver_is_a_fail() {
    let line =
        check(ROW, judged(&[(Status::Unknown, "a")]), &[waiver("*", "2026-12-31")], now(), 0);
    assert_eq!((line.status, line.remediation.as_str()), (Status::Unknown, "make it visible"));
    for until in ["2026-11-20", "2026-11-21T07:00:00Z", "nonsense"] {
        let line = check(ROW, judged(&[]), &[waiver("a", until)], now(), 0);
        assert_eq!(line.status, Status::Fail, "{until}");
        assert!(line.summary.contains("expired") && line.remediation.contains("remove the waiver"));
    }
}

#[test]
fn what_another_host_says_cannot_play_with_the_terminal() {
    assert_eq!(plain("a\u{1b}[31mb\nc\u{202e}d"), "a\\u{1b}[31mb\\u{a}c\\u{202e}d");
    assert_eq!(plain(&"ü".repeat(LONGEST + 1)).chars().count(), LONGEST + 1);
    let many = judged(&vec![(Status::Fail, "x"); MOST_DETAILS + 7]);
    let line = check(ROW, many, &[], now(), 0);
    assert_eq!(line.details.len(), MOST_DETAILS + 1);
    assert_eq!(line.details.last().unwrap(), "and 7 more");
}

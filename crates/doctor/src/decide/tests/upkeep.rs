//! disk, keys, guard.

use super::*;
use Status::{Fail, Pass, Unknown, Warn};

#[test]
fn space_and_inodes_warn_and_fail_at_their_thresholds() {
    let space = |used: u64, available: u64, inodes: u64, free: u64| {
        format!(
            r#"{{"seen":{{"total_bytes":100,"used_bytes":{used},"available_bytes":{available},
            "inodes":{inodes},"free_inodes":{free}}}}}"#
        )
    };
    let at = "/disk/seen/mounts/0/space";
    table(
        "disk",
        &[
            (at, &space(79, 21, 100, 21), Pass, "/ 79 % used, 79 % of inodes"),
            (at, &space(80, 20, 100, 99), Warn, "80 % of space used"),
            (at, &space(7901, 2099, 100, 99), Warn, "80 % of space"),
            (at, &space(89, 11, 100, 99), Warn, "it fails at 90 %"),
            (at, &space(90, 10, 100, 99), Fail, "90 % of space used"),
            (at, &space(100, 0, 100, 99), Fail, "100 %"),
            (at, &space(1, 99, 100, 20), Warn, "80 % of inodes"),
            (at, &space(1, 99, 100, 10), Fail, "90 % of inodes"),
            (at, &space(1, 99, 0, 0), Pass, "/ 1 % used"),
            (at, &space(0, 0, 0, 0), Unknown, "tells no size"),
            (at, &space(u64::MAX, u64::MAX, 1, u64::MAX), Fail, "100 %"),
            (at, r#"{"unknown":{"why":"no"}}"#, Unknown, "/: no"),
            ("/disk/seen/mounts", "[]", Unknown, "/: it was not looked at"),
            ("/disk", r#"{"unknown":{"why":"late"}}"#, Unknown, "late"),
        ],
    );
}

#[test]
fn log_folders_stay_below_their_caps_and_do_not_run_away() {
    const MIB: u64 = 1 << 20;
    let at = "/disk/seen/logs/1/bytes";
    let size = |bytes: u64| format!(r#"{{"seen":{bytes}}}"#);
    // An hour ago there were 1,000,000 bytes; 256 MiB an hour and 1,024 MiB in all are allowed.
    table(
        "disk",
        &[
            (at, &size(1_000_000 + 256 * MIB), Pass, "/ 43 %"),
            (at, &size(1_000_001 + 256 * MIB), Fail, "grew by 256 MiB"),
            (at, &size(0), Pass, "/ 43 %"),
            (at, r#"{"seen":null}"#, Pass, "/ 43 %"),
            (at, r#"{"unknown":{"why":"no"}}"#, Unknown, "no"),
            ("/disk/seen/logs", "[]", Unknown, "not looked at"),
        ],
    );
    let grown = |at: &str, bytes: u64| {
        let mut facts = healthy();
        change(&mut facts, "/disk/seen/logs/1/bytes", &size(bytes));
        change(&mut facts, "/disk/seen/before/at", &format!("{at:?}"));
        with("disk", &serde_json::from_value(facts).unwrap(), &policy()).status
    };
    for (at, bytes, status) in [
        ("2026-11-21T05:00:00.000Z", 1_000_000 + 512 * MIB, Pass),
        ("2026-11-21T05:00:00.000Z", 2_000_000 + 512 * MIB, Fail),
        ("2026-11-21T06:59:00.000Z", 255 * MIB, Pass),
        ("2026-11-21T06:59:00.000Z", 300 * MIB, Fail),
        ("2027-01-01T00:00:00.000Z", 300 * MIB, Fail),
        ("nonsense", 300 * MIB, Pass),
        ("2026-11-01T00:00:00.000Z", 1025 * MIB, Fail),
    ] {
        assert_eq!(grown(at, bytes), status, "{at} {bytes}");
    }
}

#[test]
fn required_secrets_are_there_and_none_lies_open() {
    let key = |required: bool, source: &str, problem: &str| {
        format!(
            r#"{{"name":"k","required":{required},"source":{source},"masked":null,
            "fingerprint":null,"problem":{problem},"mend":"chmod 0600 /s/k"}}"#
        )
    };
    let at = "/keys/seen/-";
    table(
        "keys",
        &[
            (at, &key(true, r#""file""#, "null"), Pass, "all 2 required ones"),
            (at, &key(false, "null", "null"), Pass, "1 of 3 secrets"),
            (at, &key(true, "null", "null"), Fail, "k: it is required"),
            (at, &key(false, "null", r#""its mode is 0644""#), Fail, "its mode is 0644"),
            ("/keys", r#"{"unknown":{"why":"no"}}"#, Unknown, "no"),
        ],
    );
    let open = judged("keys", at, &key(false, "null", r#""its mode is 0644""#));
    assert_eq!(open.remediation, "chmod 0600 /s/k");
    let mut demanding = policy();
    demanding.keys.required = ["twilio_auth_token".to_owned(), "nope".into()].into();
    let check = with("keys", &changed("/uid", "0"), &demanding);
    assert_eq!(
        check.details[..2],
        [
            "fail nope: doctor.yaml requires it, but keys.yaml knows no such secret",
            "fail twilio_auth_token: it is required and nowhere to be found",
        ]
    );
}

#[test]
fn guard_is_active_punctual_and_without_a_failure() {
    let us = |text: &str| time::parse(text).unwrap().as_microsecond().to_string();
    let timer = |rest: &str| format!("/guard/seen/timer/seen/{rest}");
    let (next, last) = (timer("next_us"), timer("last_us"));
    let log = "/guard/seen/log";
    let entry = |ts: &str, event: &str| {
        format!(r#"{{"seen":{{"file":"g","line":"l","ts":"{ts}","event":{event}}}}}"#)
    };
    table(
        "guard",
        &[
            (&timer("load_state"), r#""not-found""#, Fail, "is not-found"),
            (&timer("load_state"), r#""masked""#, Fail, "is masked"),
            (&timer("active_state"), r#""inactive""#, Fail, "is inactive"),
            (&timer("active_state"), r#""failed""#, Fail, "is failed"),
            (&timer("file_state"), r#""disabled""#, Warn, "will not start at boot"),
            (&next, "null", Fail, "no next run"),
            (&next, &us("2026-11-21T08:00:00Z"), Fail, "too far off"),
            (&next, &us("2026-11-21T06:40:00Z"), Fail, "was due at"),
            (&next, &us("2026-11-21T06:59:59Z"), Pass, "no failure"),
            (&next, "-9223372036854775808", Fail, "was due"),
            (&next, "9223372036854775807", Fail, "too far off"),
            (&last, "null", Pass, "no failure"),
            (&last, &us("2026-11-21T06:39:00Z"), Fail, "it last ran at"),
            (&last, &us("2026-11-21T07:02:00Z"), Fail, "in the future"),
            ("/guard/seen/timer", r#"{"unknown":{"why":"no systemd"}}"#, Unknown, "no systemd"),
            (log, &entry("2026-11-21T06:40:00.000Z", r#""pass""#), Pass, "20 minutes ago"),
            (log, &entry("2026-11-21T06:39:59.000Z", r#""pass""#), Fail, "20 minutes old"),
            (log, &entry("2026-11-21T06:59:00.000Z", r#""remediated""#), Pass, "1 minutes ago"),
            (log, &entry("2026-11-21T06:59:00.000Z", r#""fail""#), Fail, "its last entry is fail"),
            (log, &entry("2026-11-21T06:59:00.000Z", r#""refused""#), Fail, "refused"),
            (
                log,
                &entry("2026-11-21T06:59:00.000Z", r#""remediation_failed""#),
                Fail,
                "remediation",
            ),
            (log, &entry("2026-11-21T06:59:00.000Z", r#""odd""#), Unknown, "no known kind"),
            (log, &entry("2026-11-21T06:59:00.000Z", "null"), Unknown, "no known kind"),
            (log, &entry("2026-11-21T07:05:00.000Z", r#""pass""#), Fail, "in the future"),
            (log, &entry("today", r#""pass""#), Unknown, "no time"),
            (log, r#"{"seen":null}"#, Fail, "has no entry"),
            (log, r#"{"unknown":{"why":"no"}}"#, Unknown, "no"),
            ("/guard", r#"{"unknown":{"why":"no"}}"#, Unknown, "no"),
        ],
    );
}

//! The shipped policy, and policies that are refused.

use ops_core::config::{Settings, Source};
use ops_core::host::Host;

use super::*;

pub(crate) fn shipped() -> Policy {
    config::load(&Host::real(), &Source::Shipped).unwrap()
}

fn waiver(id: &str, pattern: &str, until: &str) -> Waiver {
    Waiver { id: id.into(), r#match: pattern.into(), until: until.into(), why: "known".into() }
}

#[test]
fn the_shipped_policy_writes_out_promise_p1() {
    let policy = shipped();
    assert_eq!(policy.ports, listeners::Policy::default());
    assert_eq!(policy.check(), []);
    assert_eq!((&policy.not_installed, &policy.waivers), (&BTreeSet::new(), &vec![]));
    assert_eq!(policy.api.address.to_string(), "127.0.0.1:8000");
    assert_eq!(policy.api.path, "/healthz");
    assert_eq!(policy.guard.period_minutes, 10);
}

#[test]
fn every_rule_beyond_the_shape_names_its_place() {
    let mut policy = shipped();
    policy.not_installed.insert("dockerports".into());
    policy.api.address = "192.0.2.1:8000".parse().unwrap();
    policy.console.address = "0.0.0.0:8787".parse().unwrap();
    policy.disk.mounts[0].warn_percent = 100;
    policy.guard.log = "guard.log".into();
    policy.waivers = vec![waiver("port", "*", "2026-13-01"), waiver("ports", "*", "soon")];
    let places: Vec<String> = policy.check().into_iter().map(|it| it.0).collect();
    let want = [
        "/not_installed",
        "/api/address",
        "/console/address",
        "/disk/mounts/0/warn_percent",
        "/waivers/0/id",
        "/waivers/0/until",
        "/waivers/1/until",
        "/guard/log",
    ];
    assert_eq!(places, want);
}

#[test]
fn a_waiver_is_about_exactly_what_it_says() {
    for (pattern, subject, want) in [
        ("tcp 0.0.0.0:22", "tcp 0.0.0.0:22", true),
        ("tcp 0.0.0.0:22", "tcp 0.0.0.0:222", false),
        ("tcp [::]:*", "tcp [::]:443", true),
        ("*:443", "tcp [::]:443", true),
        ("*:443", "tcp [::]:4431", false),
        ("tcp *:443", "udp [::]:443", false),
        ("a*b*c", "aXbYc", true),
        ("a*b*b", "ab", false),
        ("*", "", true),
        ("a*a", "a", false),
    ] {
        assert_eq!(waiver("ports", pattern, "").is_about("ports", subject), want, "{pattern}");
    }
    assert!(!waiver("disk", "*", "").is_about("ports", "x"));
}

#[test]
fn a_waiver_holds_to_the_end_of_its_day() {
    let end = |until| waiver("ports", "*", until).end().map(time::rfc3339_seconds);
    assert_eq!(end("2026-12-31").unwrap(), "2027-01-01T00:00:00Z");
    assert_eq!(end("2026-12-31T12:00:00Z").unwrap(), "2026-12-31T12:00:00Z");
    for wrong in ["", "2026-02-30", "2026-12-31T12:00:00+01:00", "yyyy-mm-dd"] {
        assert!(end(wrong).is_err(), "{wrong}");
    }
}

//! What holds for every check and any facts.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

#[test]
fn ids_are_unique_and_the_documentation_shows_every_row() {
    let ids: BTreeSet<&str> = CHECKS.iter().map(|row| row.id).collect();
    assert_eq!(ids.len(), CHECKS.len());
    let docs = include_str!("../../../../../docs/doctor.md");
    for row in CHECKS {
        let line = format!("| `{}` | {} |", row.id, row.title);
        assert!(docs.contains(&line), "docs/doctor.md lacks: {line}");
    }
}

#[test]
fn a_healthy_host_passes_and_every_check_says_what_it_saw() {
    let facts: Facts = serde_json::from_value(healthy()).unwrap();
    let report = judge(&facts, &policy(), &Selection::default(), now());
    assert_eq!((report.status, report.exit().code()), (Status::Pass, 0), "{report:?}");
    for check in &report.checks {
        assert!(!check.summary.is_empty() && !check.title.is_empty(), "{check:?}");
    }
    assert_eq!(report.check("tailscale").unwrap().duration_ms, 31);
}

#[test]
fn the_exit_code_is_the_worst_but_a_warning_is_no_failure() {
    for (pointer, value, status, exit) in [
        ("/uid", "0", Status::Pass, 0),
        ("/tailscale/seen/health", r#"["x"]"#, Status::Warn, 0),
        ("/docker", r#"{"unknown":{"why":"x"}}"#, Status::Unknown, 69),
        ("/api/seen/status", "500", Status::Fail, 1),
    ] {
        let report = judge(&changed(pointer, value), &policy(), &Selection::default(), now());
        assert_eq!((report.status, report.exit().code()), (status, exit), "{pointer}");
        let sum = report.counts;
        assert_eq!(sum.pass + sum.skip + sum.warn + sum.unknown + sum.fail, 9);
    }
    let mut facts = changed("/docker", r#"{"unknown":{"why":"x"}}"#);
    facts.api = host_facts::Seen::unknown("x");
    facts.guard = host_facts::Seen::NotAsked;
    let report = judge(&facts, &policy(), &Selection::default(), now());
    assert_eq!((report.counts.unknown, report.exit().code()), (3, 69));
}

#[test]
fn what_is_left_out_is_recorded_and_what_is_not_installed_is_skipped() {
    let nothing = Facts::nothing("h", "2026-11-21T07:00:00.000Z");
    let set = |ids: &[&str]| ids.iter().map(|it| (*it).to_owned()).collect::<BTreeSet<_>>();
    let selection = Selection { only: set(&["api", "disk"]), skip: set(&["disk"]) };
    let report = judge(&nothing, &policy(), &selection, now());
    let summary = |id: &str| report.check(id).unwrap().summary.clone();
    assert_eq!(summary("disk"), "left out by --skip");
    assert_eq!(summary("ports"), "left out by --only");
    assert_eq!((report.counts.skip, report.counts.unknown), (8, 1));
    assert_eq!(selection.parts(&policy()), [Part::Api].into());

    let mut small = policy();
    small.not_installed = CHECKS.iter().map(|row| row.id.to_owned()).collect();
    let report = judge(&nothing, &small, &Selection::default(), now());
    assert_eq!((report.counts.skip, report.status), (9, Status::Unknown), "nothing was judged");
    assert_eq!(Selection::default().parts(&small), BTreeSet::new());
    assert_eq!(Selection { only: set(&["prots"]), ..Selection::default() }.strangers(), ["prots"]);
}

#[test]
fn an_expired_waiver_fails_even_where_its_check_is_not_installed() {
    let mut policy = policy();
    policy.waivers = vec![crate::policy::Waiver {
        id: "api".into(),
        r#match: "*".into(),
        until: "2026-11-20".into(),
        why: "x".into(),
    }];
    policy.not_installed = ["api".to_owned()].into();
    assert_eq!(with("api", &changed("/uid", "0"), &policy).status, Status::Fail);
    policy.waivers[0].until = "2026-11-21".into();
    assert_eq!(with("api", &changed("/uid", "0"), &policy).status, Status::Skip);
}

/// Every place in a document that holds something.
fn places(at: &str, value: &Value, places: &mut Vec<String>) {
    places.push(at.to_owned());
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                self::places(&format!("{at}/{key}"), value, places);
            }
        }
        Value::Array(list) => {
            list.iter()
                .enumerate()
                .for_each(|(n, it)| self::places(&format!("{at}/{n}"), it, places));
        }
        _ => {}
    }
}

fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(serde_json::json!({"unknown": {"why": "x"}})),
        Just(serde_json::json!("not_asked")),
        Just(serde_json::json!({"seen": null})),
        Just(Value::Null),
        Just(serde_json::json!([])),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u16>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        any::<std::net::IpAddr>().prop_map(|it| Value::from(it.to_string())),
        any::<std::net::Ipv4Addr>().prop_map(|it| serde_json::json!({"seen": it.to_string()})),
    ]
}

static POLICY: LazyLock<Policy> = LazyLock::new(policy);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_facts_break_the_judge_and_what_is_unknown_never_passes(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), anything()), 1..6),
        seconds in any::<i32>(),
    ) {
        let mut document = healthy();
        let mut facts: Facts = serde_json::from_value(document.clone()).unwrap();
        // Only changes that leave a facts document count: others are refused before the judge.
        for (index, value) in changes {
            let mut all: Vec<String> = Vec::new();
            places("", &document, &mut all);
            let mut next = document.clone();
            let at: &String = index.get(&all);
            *next.pointer_mut(at).unwrap() = value;
            if let Ok(read) = serde_json::from_value(next.clone()) {
                (document, facts) = (next, read);
            }
        }
        let now = Timestamp::from_second(i64::from(seconds) * 40).unwrap();
        let report = judge(&facts, &POLICY, &Selection::default(), now);
        for row in CHECKS {
            let status = report.check(row.id).unwrap().status;
            for part in row.parts {
                let name = serde_json::to_value(part).unwrap();
                let name = name.as_str().unwrap();
                let is_seen = document[name].get("seen").is_some();
                // Neither is needed to tell that something is private: the namespace is asserted
                // where sockets are read, and without own addresses the audit warns.
                let is_needed = !matches!((row.id, part), ("ports", Part::Namespace | Part::Tailscale));
                // A node that is down needs no address.
                prop_assert!(is_seen || !is_needed || status >= Status::Unknown, "{} {name}", row.id);
            }
            if status == Status::Skip {
                prop_assert!(false, "{} was skipped", row.id);
            }
        }
        let text = serde_json::to_string(&report).unwrap();
        let escapes = text.chars().filter(|c| *c == char::from(27)).count();
        prop_assert_eq!(escapes, 0);
    }
}

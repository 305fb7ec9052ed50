//! Tables over changed copies of the facts of a healthy host.

mod containers;
mod everything;
mod network;
mod upkeep;

use std::str::FromStr;

use host_facts::Facts;
use ops_core::config::{self, Source};
use ops_core::host::Host;
use ops_core::time::{self, Timestamp};
use serde_json::Value;

use super::*;

/// A healthy host, as the golden test has it.
fn healthy() -> Value {
    serde_json::from_str(include_str!("../../tests/golden/healthy.facts.json")).unwrap()
}

fn policy() -> Policy {
    config::load(&Host::real(), &Source::Shipped).unwrap()
}

fn now() -> Timestamp {
    time::parse("2026-11-21T07:00:00Z").unwrap()
}

/// The facts of a healthy host with one thing changed. A pointer that points at nothing adds to the
/// end of the list that it goes through.
fn changed(pointer: &str, value: &str) -> Facts {
    let mut facts = healthy();
    change(&mut facts, pointer, value);
    serde_json::from_value(facts).unwrap_or_else(|err| panic!("{pointer} {value}: {err}"))
}

fn change(facts: &mut Value, pointer: &str, value: &str) {
    let value = Value::from_str(value).unwrap_or_else(|err| panic!("{value}: {err}"));
    if let Some(list) = pointer.strip_suffix("/-") {
        facts.pointer_mut(list).unwrap().as_array_mut().unwrap().push(value);
    } else {
        *facts.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
    }
}

/// How one check judges a healthy host with one thing changed.
fn judged(id: &str, pointer: &str, value: &str) -> crate::report::Check {
    with(id, &changed(pointer, value), &policy())
}

fn with(id: &str, facts: &Facts, policy: &Policy) -> crate::report::Check {
    let report = judge(facts, policy, &Selection::default(), now());
    report.check(id).unwrap().clone()
}

/// Pointer, new value, what the check then says, and a part of its summary.
type Case<'a> = (&'a str, &'a str, Status, &'a str);

fn table(id: &str, cases: &[Case]) {
    for (pointer, value, status, part) in cases {
        let check = judged(id, pointer, value);
        assert_eq!(check.status, *status, "{pointer} {value}: {check:?}");
        assert!(check.summary.contains(part), "{pointer} {value}: {part:?} in {:?}", check.summary);
        let is_silent = *status == Status::Pass;
        assert_eq!(check.remediation.is_empty(), is_silent, "{pointer} {value}: {check:?}");
    }
}

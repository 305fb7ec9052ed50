//! Commands that wait for a person.

use std::fs;

use scenarios::{Bridge, Document, has, wait_until, write};
use serde_json::json;

use crate::failing_calls::injected;

fn bridge() -> Bridge {
    Bridge::with(|policy| {
        policy["hold"] = json!([{"target": "WORK", "paths": ["careful/**"]}]);
        policy["clock_skew_seconds"] = 0.into();
    })
}

fn held(id: &str) -> Document {
    Document::new(id, &[write(&format!("careful/{id}"), id)])
}

#[test]
fn a_held_command_waits_until_it_is_approved_rejected_or_over() {
    let bridge = bridge();
    for document in [held("yes"), held("no"), held("late").times(-1, 2)] {
        bridge.submit(&document);
    }
    bridge.submit(&Document::new("free", &[write("free", "free")]));
    drop(bridge.once().expect(0));
    drop(bridge.once().expect(0));
    bridge.assert_consistent(["yes", "no", "late", "free"]);
    assert_eq!(bridge.names("meta/held"), ["late.json", "no.json", "yes.json"]);
    assert_eq!(bridge.run(&["held", "--json"]).json()["held"].as_array().unwrap().len(), 3);
    assert_eq!(bridge.text("careful/yes"), None);
    drop(bridge.run(&["approve", "unheard-of"]).expect(65));
    drop(bridge.run(&["approve", "yes"]).expect(0));
    drop(bridge.run(&["reject", "no", "--why", "not today"]).expect(0));
    assert_eq!(bridge.text("careful/yes").as_deref(), Some("yes"));
    assert_eq!(bridge.reason("no"), "rejected");
    assert!(bridge.letter("no")["detail"].as_str().unwrap().contains("not today"));
    wait_until("it expires", || bridge.once().code == 1);
    assert_eq!(bridge.reason("late"), "expired");
    drop(bridge.run(&["approve", "late"]).expect(65));
    // A used id stays used, whatever became of it.
    for id in ["yes", "no", "late"] {
        bridge.drop_in("again.json", held(id).with("/nonce", "1").signed().as_bytes());
        drop(bridge.once().expect(1));
        let letter = if id == "yes" { id.to_owned() } else { format!("{id}.2") };
        assert_eq!(bridge.reason(&letter), "duplicate_id");
    }
    drop(bridge.run(&["verify"]).expect(0));
    assert_eq!(bridge.text("careful/no"), None);
}

#[test]
fn what_lies_in_meta_held_is_a_copy_that_decides_nothing() {
    let bridge = bridge();
    bridge.submit(&held("one"));
    drop(bridge.once().expect(0));
    let copy = bridge.root.join("meta/held/one.json");
    fs::write(&copy, held("one").signed().replace("careful/one", "careful/evil")).unwrap();
    fs::write(bridge.root.join("meta/held/two.json"), held("two").signed()).unwrap();
    drop(bridge.run(&["approve", "two"]).expect(65));
    drop(bridge.run(&["approve", "one"]).expect(0));
    assert_eq!(bridge.text("careful/one").as_deref(), Some("one"));
    assert_eq!((bridge.text("careful/evil"), bridge.text("careful/two")), (None, None));
    assert!(!copy.exists());
    drop(bridge.run(&["verify"]).expect(0));
}

#[test]
fn a_running_executor_acts_on_a_decision() {
    let bridge = bridge();
    let watch = bridge.watch();
    bridge.submit(&held("yes"));
    bridge.submit(&held("no"));
    wait_until("both are held", || bridge.names("meta/held") == ["no.json", "yes.json"]);
    let ran = bridge.run(&["approve", "yes", "--json"]).expect(0);
    assert_eq!(ran.json()["outcome"]["result"], "ok");
    let ran = bridge.run(&["reject", "no", "--why", "x", "--json"]).expect(0);
    assert_eq!(ran.json()["outcome"]["reason"], "rejected");
    assert_eq!(watch.stop(), 0);
    bridge.assert_consistent(["yes", "no"]);
    assert_eq!(bridge.text("careful/yes").as_deref(), Some("yes"));
}

#[test]
fn killed_anywhere_between_the_decision_and_its_end_it_is_carried_out_once() {
    if !has("strace") {
        return skipped::told(skipped::this_test(), "strace is not installed");
    }
    let bridge = bridge();
    let mut ids = Vec::new();
    for (step, most) in [("renameat", 6), ("renameat2", 4), ("unlinkat", 12), ("fdatasync", 8)] {
        for at in 1..=most {
            let id = format!("{step}-{at}");
            bridge.submit(&held(&id));
            // Killed while it is put aside, and again while it is carried out.
            let _code = injected(&bridge, &["once"], step, "signal=KILL", at);
            drop(bridge.once().expect(0));
            let _code = injected(&bridge, &["approve", &id], step, "signal=KILL", at);
            // A kill before the decision was durable leaves it held.
            let ran = bridge.run(&["approve", &id]);
            assert!([0, 65].contains(&ran.code), "{id}: {ran:?}");
            assert_eq!(bridge.text(&format!("careful/{id}")).as_ref(), Some(&id));
            ids.push(id);
        }
    }
    bridge.assert_consistent(ids.iter().map(String::as_str));
}

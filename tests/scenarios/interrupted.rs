//! What one run leaves half done, or finds in its way, the next one sorts out.

use std::fs;
use std::os::unix::fs::symlink;

use scenarios::{Bridge, Document, wait_until, write};
use serde_json::json;

fn of(id: &str) -> Document {
    Document::new(id, &[write(id, id)])
}

#[test]
fn a_log_that_was_set_aside_just_before_the_end_is_not_in_the_way() {
    let bridge = Bridge::with(|policy| policy["log_segment_bytes"] = 1024.into());
    bridge.submit(&of("a"));
    drop(bridge.once().expect(0));
    // As a run leaves it that dies between setting the log aside and noting that it did.
    let logs = bridge.root.join("logs");
    fs::rename(logs.join("bridge.log"), logs.join("bridge-000001.log")).unwrap();
    let ids: Vec<String> = (0..20).map(|at| format!("b-{at:02}")).collect();
    for id in &ids {
        bridge.submit(&of(id));
        drop(bridge.once().expect(0));
    }
    bridge.assert_consistent(ids.iter().map(String::as_str).chain(["a"]));
    assert!(bridge.names("logs").len() > 4, "{:?}", bridge.names("logs"));
}

#[test]
fn a_running_executor_finishes_what_it_could_not() {
    let bridge = Bridge::with(|policy| policy["rescan_seconds"] = 1.into());
    let watch = bridge.watch();
    bridge.submit(&of("a"));
    wait_until("the first command", || bridge.log().len() == 1);
    // The log cannot be written: results are there already, the inbound file too.
    let log = bridge.root.join("logs/bridge.log");
    let aside = bridge.root.join("log-aside");
    fs::rename(&log, &aside).unwrap();
    symlink("nowhere", &log).unwrap();
    bridge.submit(&of("b"));
    wait_until("the second result", || bridge.names("results").contains(&"b.json".to_owned()));
    bridge.submit(&of("c"));
    std::thread::sleep(std::time::Duration::from_millis(1500));
    fs::rename(&aside, &log).unwrap();
    wait_until("the third command", || bridge.names("commands").is_empty());
    wait_until("its line", || bridge.log().len() == 3);
    assert_eq!(watch.stop(), 0);
    bridge.assert_consistent(["a", "b", "c"]);
}

#[test]
fn a_command_that_can_no_longer_be_tried_is_not_waited_for() {
    let bridge = Bridge::with(|policy| {
        policy["targets"]["GONE"] = json!({"path": "../gone"});
        policy["clock_skew_seconds"] = 0.into();
        policy["retries"] = json!({"attempts": 6, "base_ms": 60000, "longest_ms": 60000});
    });
    let gone = |id: &str, lives: i64| of(id).with("/target", "GONE").times(-1, lives);
    bridge.submit(&gone("expires", 2));
    bridge.submit(&gone("withdrawn", 60));
    bridge.submit(&gone("waits", 60));
    let ran = bridge.run(&["once", "--json"]).expect(0);
    assert_eq!(ran.json()["retrying"], 3);
    fs::remove_file(bridge.root.join("commands/withdrawn.json")).unwrap();
    wait_until("it expires", || bridge.once().code == 1);
    assert_eq!(bridge.reason("expires"), "expired");
    let retries = fs::read_to_string(bridge.root.join("meta/retries.json")).unwrap();
    let retries: serde_json::Value = serde_json::from_str(&retries).unwrap();
    assert_eq!(retries.as_object().unwrap().keys().collect::<Vec<_>>(), ["waits"]);
    assert_eq!(bridge.run(&["once", "--json"]).json()["retrying"], 1);
}

#[test]
fn a_rebuild_of_the_ledger_that_was_cut_short_is_done_again() {
    let bridge = Bridge::new();
    let first = of("first");
    bridge.submit(&first);
    drop(bridge.once().expect(0));
    let state = fs::read_dir(bridge.home.join("state/bridge")).unwrap().next().unwrap().unwrap();
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        drop(fs::remove_file(state.path().join(name)));
    }
    // As a run leaves it that dies before it has learnt anything.
    fs::write(state.path().join("ledger.db"), "").unwrap();
    fs::remove_file(bridge.root.join("results/first.json")).unwrap();
    let archived = bridge.root.join("archive/first.json");
    fs::rename(&archived, bridge.root.join("archive/renamed.json")).unwrap();
    bridge.submit(&first);
    drop(bridge.once().expect(1));
    assert_eq!(bridge.reason("first"), "replay");
}

#[test]
fn evidence_of_one_id_is_never_written_over_by_another() {
    let bridge = Bridge::new();
    // In one group, in the order of their names.
    bridge.submit(&of("x.integrity"));
    bridge.submit(&of("x"));
    drop(bridge.once().expect(1));
    assert_eq!(bridge.reason("x"), "duplicate_id");
    drop(bridge.run(&["verify"]).expect(0));
    bridge.submit(&of("y"));
    drop(bridge.once().expect(0));
    bridge.submit(&of("y.integrity"));
    drop(bridge.once().expect(1));
    assert_eq!(bridge.reason("y.integrity"), "duplicate_id");
    drop(bridge.run(&["verify"]).expect(0));
    for (id, place) in [("p", "diffs/p.patch"), ("q", "results/q.integrity.json")] {
        fs::create_dir(bridge.root.join(place)).unwrap();
        bridge.submit(&of(id));
        drop(bridge.once().expect(1));
        assert_eq!(bridge.reason(id), "duplicate_id", "{place}");
    }
}

//! The real binary on a made-up machine: real processes play tailscale, docker, systemctl and ssh.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests make the machine")]

#[path = "cli/machine.rs"]
mod machine;
#[path = "cli/ports.rs"]
mod ports;
#[path = "cli/remote.rs"]
mod remote;
#[path = "cli/repo.rs"]
mod repo;
#[path = "cli/told.rs"]
mod told;

use std::fs;

use machine::{Machine, json};

#[test]
fn a_report_is_printed_and_saved_alike_and_none_replaces_another() {
    let machine = Machine::new();
    let printed = machine.run(&["--json", "--only", "keys,disk"]);
    let again = machine.run(&["--json", "--only", "keys,disk"]);
    let saved = machine.reports();
    assert_eq!(saved.len(), 2, "{saved:?}");
    let read = |at: usize| {
        serde_json::from_slice::<serde_json::Value>(&fs::read(&saved[at]).unwrap()).unwrap()
    };
    assert!(
        [read(0), read(1)].contains(&json(&printed)) && [read(0), read(1)].contains(&json(&again))
    );
    assert_eq!(json(&printed)["counts"]["skip"], 7);
    assert_eq!(json(&printed)["checks"][0]["summary"], "left out by --only");
}

#[test]
fn a_report_that_cannot_be_saved_or_written_is_never_a_yes() {
    let machine = Machine::new();
    assert_eq!(machine.run(&["--only", "keys"]).code, 0);
    let home = machine.path("file");
    fs::write(&home, "").unwrap();
    let unsaved = machine.run(&["--only", "keys", "--home", home.to_str().unwrap()]);
    assert_eq!(unsaved.code, 69, "{unsaved:?}");
    assert!(unsaved.stdout.contains("pass    keys") && unsaved.stderr.contains("save the report"));
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let unwritten = machine.command(&["--only", "keys"]).stdout(full).output().unwrap();
    assert_eq!(unwritten.status.code(), Some(69));
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let failing = machine.command(&["--only", "api"]).stdout(full).output().unwrap();
    assert_eq!(failing.status.code(), Some(1), "a no stays a no");
}

#[test]
fn facts_collected_here_give_the_report_that_was_given_here() {
    let machine = Machine::new();
    let facts = machine.run(&["facts"]);
    assert_eq!(facts.code, 0);
    fs::write(machine.path("facts.json"), &facts.stdout).unwrap();
    let path = machine.path("facts.json");
    let here = machine.run(&["host", "--json", "--facts", path.to_str().unwrap()]);
    let schema = machine.run(&["schema", "facts"]);
    let schema: serde_json::Value = serde_json::from_str(&schema.stdout).unwrap();
    let document: serde_json::Value = serde_json::from_str(&facts.stdout).unwrap();
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&document));
    assert_eq!(json(&here)["started_at"], document["collected_at"]);
    for part in ["docker", "compose", "disk", "keys", "guard", "api"] {
        assert!(document[part].get("seen").is_some(), "{part}: {}", document[part]);
    }
    let piped = machine.fed(&["host", "--json", "--facts", "-"], facts.stdout.as_bytes());
    assert_eq!(json(&piped), json(&here));
}

#[test]
fn malformed_facts_are_65_and_wrong_calls_2_and_nothing_is_left_behind() {
    let machine = Machine::new();
    let healthy = include_str!("golden/healthy.facts.json");
    for text in [
        "",
        "{}",
        "[]",
        "\u{0}",
        &healthy.replace("aiops.facts/1", "aiops.facts/2"),
        &healthy.replace("\"uid\": 0", "\"uid\": -1"),
        &healthy.replace("\"uid\": 0", "\"uid\": 0, \"more\": 1"),
        &healthy.replace("2026-11-21T07:00:00.000Z", "yesterday"),
    ] {
        let refused = machine.fed(&["host", "--facts", "-"], text.as_bytes());
        assert_eq!(refused.code, 65, "{text:.60}: {refused:?}");
    }
    for line in [
        "host --only prots",
        "--skip nothing",
        "--only ports host",
        "host --facts - --remote host-b",
        "host --facts - --notify",
        "host --watch 0",
        "host --watch 1 --format tap",
        "host --remote -oProxyCommand=x",
        "--format yaml",
        "schema nothing",
    ] {
        assert_eq!(machine.run(&line.split(' ').collect::<Vec<_>>()).code, 2, "{line}");
    }
    assert_eq!(machine.run(&["host", "--facts", "/nonexistent"]).code, 69);
    assert_eq!(machine.run(&["host", "--configs", "/nonexistent"]).code, 78);
    assert_eq!(machine.reports().len(), 0);
}

#[test]
fn a_machine_that_is_all_right_passes_and_leaves_sizes_for_the_next_report() {
    let machine = Machine::new();
    let skip = "ports,console,api,guard";
    let first = machine.run(&["host", "--skip", skip]);
    assert_eq!(first.code, 0, "{first:?}");
    let log = machine.path("logs/big.log");
    fs::File::create(&log).unwrap().set_len(3 << 20).unwrap();
    let grown = machine.run(&["host", "--skip", skip]);
    assert_eq!(grown.code, 1, "{grown:?}");
    assert!(grown.stdout.contains("grew by 3 MiB since the last report"), "{}", grown.stdout);
    assert_eq!(machine.run(&["host", "--skip", skip]).code, 0, "a burst is told once");
}

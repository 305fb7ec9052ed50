//! Codes and texts of every call, right and wrong.

use std::fs;

use crate::fixture::{Bridge, text};

#[test]
fn a_new_root_is_laid_out_once_and_a_second_init_changes_nothing() {
    let bridge = Bridge::new();
    let again = bridge.exec(&["init"]);
    assert_eq!(again.status.code(), Some(0));
    assert!(text(&again.stdout).contains("everything was there already"));
    for folder in ["commands", "results", "diffs", "archive", "dead_letter", "meta/held", "logs"] {
        assert!(bridge.root().join(folder).is_dir(), "{folder}");
    }
    assert_eq!(fs::read(bridge.root().join("meta/retries.json")).unwrap(), b"{}\n");
    fs::write(bridge.root().join("results/x.json"), "{}").unwrap();
    let guarded = bridge
        .command("sh")
        .args(["-c", "cd \"$BRIDGE_ROOT\" && git add -f results/x.json && git -c user.name=x -c user.email=x@example.com commit -m x"])
        .output()
        .unwrap();
    assert!(!guarded.status.success());
    assert!(text(&guarded.stderr).contains("committed by bridge-publish alone"));
}

#[test]
fn an_empty_root_has_nothing_to_do_and_verifies() {
    let bridge = Bridge::new();
    for (args, part) in [
        (&["once"][..], "0 carried out, 0 refused, 0 held"),
        (&["verify"], "0 outcomes, 0 lines of the audit log: all as it was written"),
        (&["status"], "executor      not running"),
        (&["held"], "nothing is held"),
    ] {
        let said = bridge.exec(args);
        assert_eq!(said.status.code(), Some(0), "{args:?}: {}", text(&said.stderr));
        assert!(text(&said.stdout).contains(part), "{args:?}: {}", text(&said.stdout));
    }
}

#[test]
fn wrong_calls_end_with_their_own_codes_and_write_nothing() {
    let bridge = Bridge::new();
    fs::write(bridge.dir.path().join("bad.json"), "{").unwrap();
    fs::write(bridge.dir.path().join("bridge.yaml"), "bridge_id: 5\nnope: 1\n").unwrap();
    let before = bridge.names("");
    for (args, code, part) in [
        (&["nonsense"][..], 2, "unrecognized subcommand"),
        (&["once", "--group", "0"], 2, "0 is not in 1..=4096"),
        (&["once", "--root", "/nonexistent"], 78, "bridge-exec init"),
        (&["once", "--configs", "/nonexistent"], 78, "cannot read /nonexistent/bridge.yaml"),
        (&["once", "--configs", "."], 78, "/bridge_id: 5 is not of type"),
        (&["once", "--configs", "."], 78, "nope"),
        (&["approve", "unknown"], 65, "it is not held"),
        (&["validate", "missing.json"], 65, "No such file"),
        (&["verify", "../x"], 65, "it is no id"),
    ] {
        let said = bridge.exec(args);
        assert_eq!(said.status.code(), Some(code), "{args:?}: {}", text(&said.stderr));
        assert!(text(&said.stderr).contains(part), "{args:?}: {}", text(&said.stderr));
        assert!(said.stdout.is_empty(), "{args:?}");
        assert_eq!(bridge.names(""), before, "{args:?}");
    }
    let refused = bridge.exec(&["validate", "bad.json"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stdout).starts_with("refused: not_json"));
}

#[test]
fn without_any_key_nothing_is_judged_and_the_message_says_where_to_put_one() {
    let bridge = Bridge::new();
    let mut command = bridge.command(env!("CARGO_BIN_EXE_bridge-exec"));
    let said = command.env_remove("BRIDGE_HMAC").arg("once").output().unwrap();
    assert_eq!(said.status.code(), Some(77));
    assert!(text(&said.stderr).contains("hint: store the shared secret in"));
}

#[test]
fn every_run_that_acts_leaves_a_record_also_when_it_is_refused() {
    let bridge = Bridge::new();
    bridge.exec(&["once"]);
    bridge.exec(&["approve", "unknown"]);
    bridge.exec(&["status"]);
    let runs = bridge.dir.path().join("home/artifacts/runs");
    let mut seen: Vec<(String, String, i64)> = fs::read_dir(runs)
        .unwrap()
        .map(|run| {
            let bytes = fs::read(run.unwrap().path().join("run.json")).unwrap();
            let run: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            let text = |name: &str| run[name].as_str().unwrap().to_owned();
            (text("action"), text("status"), run["exit_code"].as_i64().unwrap())
        })
        .collect();
    seen.sort();
    let want = [("approve unknown", "failure", 65), ("init", "success", 0), ("once", "success", 0)];
    let want: Vec<_> = want.map(|(a, s, c)| (a.to_owned(), s.to_owned(), c)).into();
    assert_eq!(seen, want);
}

#[test]
fn a_closed_pipe_or_a_full_disk_never_turns_an_answer_into_a_yes() {
    let bridge = Bridge::new();
    let mut command = bridge.command("sh");
    let exec = env!("CARGO_BIN_EXE_bridge-exec");
    let said = command.args(["-c", "\"$0\" status > /dev/full", exec]).output().unwrap();
    assert_eq!(said.status.code(), Some(69), "{}", text(&said.stderr));
}

#[test]
fn help_shows_examples_and_the_version_names_the_commit() {
    let bridge = Bridge::new();
    let help = text(&bridge.exec(&["--help"]).stdout);
    assert!(help.contains("Examples:") && help.contains("bridge-exec watch --publish"), "{help}");
    assert!(text(&bridge.exec(&["--version"]).stdout).starts_with("bridge-exec 0.1.0 ("));
}

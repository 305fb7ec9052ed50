//! Tables over the layers: every reason they can give, and the nearest thing that passes.

use std::collections::BTreeMap;
use std::sync::Arc;

use bridge::command::Schema;
use bridge::document::Signer;
use bridge::keys::{Keyring, Slot};
use bridge::reason::Reason::{self, *};
use bridge::settings::{Capability, Client, Hold, Settings, Target, globs};
use ops_core::config::{self, Source};
use ops_core::host::Host;
use ops_core::time::parse;
use serde_json::{Value, json};

use super::stage::{Content, PathRules, Stop, stage};
use super::*;

fn settings() -> Settings {
    config::load(&Host::real(), &Source::Shipped).unwrap()
}

fn dated(change: impl FnOnce(&mut Value)) -> Dated {
    let mut body = json!({
        "schemaVersion": "1.0", "id": "x", "issued_at": "2025-08-09T06:00:00Z",
        "expires_at": "2025-08-09T06:05:00Z", "nonce": "0", "target": "MAIN",
        "action": "applyPatch", "patchType": "hybrid",
        "payload": {"inline": {"version": "1", "ops": [{"op": "noop"}]}},
        "validationPlan": [], "allowedActions": ["writeFile", "moveFile", "applyDiff"],
        "constraints": {"maxRuntimeMs": 60000, "maxFilesChanged": 3}, "hmac": "x",
    });
    change(&mut body);
    Schema::new().read(&canonical_json::Value::from_serde(&body)).unwrap()
}

fn with_ops(ops: &[Value]) -> Command {
    dated(|body| body["payload"]["inline"]["ops"] = ops.into()).command
}

#[test]
fn time_is_judged_with_skew_on_both_sides_and_a_longest_window() {
    let policy = settings();
    let cases: [(&str, &str, Option<Reason>); 7] = [
        ("2025-08-09T06:02:00Z", "2025-08-09T06:05:00Z", None),
        ("2025-08-09T05:59:30Z", "2025-08-09T06:05:00Z", None),
        ("2025-08-09T05:59:29Z", "2025-08-09T06:05:00Z", Some(NotYetValid)),
        ("2025-08-09T06:05:30Z", "2025-08-09T06:05:00Z", None),
        ("2025-08-09T06:05:31Z", "2025-08-09T06:05:00Z", Some(Expired)),
        ("2025-08-09T06:02:00Z", "2025-08-10T06:00:00Z", None),
        ("2025-08-09T06:02:00Z", "2025-08-10T06:00:01Z", Some(ConstraintOverPolicy)),
    ];
    for (now, expires, want) in cases {
        let command = dated(|body| body["expires_at"] = expires.into());
        let found = time(&command, parse(now).unwrap(), &policy).err().map(|it| it.reason);
        assert_eq!(found, want, "{now} {expires}");
    }
}

#[test]
fn the_same_content_is_a_replay_and_other_content_a_duplicate() {
    let (one, other) = ([1; 32], [2; 32]);
    for (seen, exists, want) in [
        (None, false, None),
        (None, true, Some(DuplicateId)),
        (Some(one), true, Some(Replay)),
        (Some(one), false, Some(Replay)),
        (Some(other), false, Some(DuplicateId)),
    ] {
        let found = uniqueness("x", &one, seen, exists).err().map(|it| it.reason);
        assert_eq!(found, want, "{seen:?} {exists}");
    }
}

#[test]
fn the_policy_layer_refuses_what_is_not_listed() {
    type Change = fn(&mut Value);
    let cases: Vec<(Change, Option<Reason>)> = vec![
        (|_| {}, None),
        (|it| it["target"] = "OTHER".into(), Some(UnknownTarget)),
        (|it| it["target"] = "V2".into(), Some(ActionNotAllowed)),
        (|it| it["action"] = "runShell".into(), Some(ActionNotAllowed)),
        (|it| it["allowedActions"] = json!(["writeFile", "runShell"]), Some(ActionNotAllowed)),
        (|it| it["allowedActions"] = json!(["deleteFile"]), Some(DeletionDenied)),
        (|it| it["constraints"]["maxRuntimeMs"] = 300_001.into(), Some(ConstraintOverPolicy)),
        (|it| it["constraints"]["maxFilesChanged"] = 101.into(), Some(ConstraintOverPolicy)),
        (|it| it["validationPlan"] = json!(["json", "nope"]), Some(ValidationFailed)),
        (|it| it["validationPlan"] = json!(["json", "yaml", "toml"]), None),
        (
            |it| {
                it["allowedActions"] = json!(["moveFile"]);
                it["payload"]["inline"]["ops"] =
                    json!([{"op": "writeFile", "path": "a", "content": ""}]);
            },
            Some(ActionNotAllowed),
        ),
        (
            |it| it["payload"]["inline"]["ops"] = json!([{"op": "deleteFile", "path": "a"}]),
            Some(DeletionDenied),
        ),
    ];
    let mut policy_settings = settings();
    let wants_2 = Target { require_version_2: true, ..Target::default() };
    policy_settings.targets.insert("V2".into(), wants_2);
    let signer = Signer::Secret(Slot::Current);
    for (at, (change, want)) in cases.into_iter().enumerate() {
        let command = dated(change).command;
        let found = policy(&command, &signer, &policy_settings, &Keyring::default()).err();
        assert_eq!(found.as_ref().map(|it| it.reason), want, "case {at}: {found:?}");
    }
}

#[test]
fn a_client_may_only_do_what_its_row_says() {
    let mut policy_settings = settings();
    policy_settings.clients = vec![Client {
        name: "c".into(),
        public_key: KEY.into(),
        targets: vec!["MAIN".into()],
        actions: vec![Capability::WriteFile],
    }];
    policy_settings.targets.insert("OTHER".into(), Target::default());
    let keys = Keyring::of_clients(&policy_settings.clients).unwrap();
    let command = |target: &str, op: Value, bridge: &str| {
        dated(|body| {
            body["schemaVersion"] = "2.0".into();
            body["bridge"] = bridge.into();
            body["client"] = "c".into();
            body["target"] = target.into();
            body["payload"]["inline"]["ops"] = json!([op]);
            drop(body.as_object_mut().map(|it| it.remove("hmac")));
        })
        .command
    };
    let write = json!({"op": "writeFile", "path": "a", "content": ""});
    let moved = json!({"op": "moveFile", "from": "a", "to": "b"});
    let client = |name: &str| Signer::Client(name.into());
    for (signer, target, op, bridge, want) in [
        (client("c"), "MAIN", &write, "main", None),
        (client("c"), "MAIN", &moved, "main", Some(ActionNotAllowed)),
        (client("c"), "OTHER", &write, "main", Some(ActionNotAllowed)),
        (client("c"), "MAIN", &write, "other-bridge", Some(Replay)),
        (client("d"), "MAIN", &write, "main", Some(ActionNotAllowed)),
    ] {
        let command = command(target, op.clone(), bridge);
        let found = policy(&command, &signer, &policy_settings, &keys).err().map(|it| it.reason);
        assert_eq!(found, want, "{signer:?} {target} {op} {bridge}");
    }
}

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

/// A target held in memory.
struct Paper {
    files: BTreeMap<&'static str, &'static str>,
    rules: PathRules,
    settings: Settings,
}

impl Paper {
    fn new(files: &[(&'static str, &'static str)]) -> Self {
        let mut settings = settings();
        settings.capabilities.push(Capability::DeleteFile);
        settings.ceilings.max_file_bytes = 100;
        settings.ceilings.max_total_bytes = 150;
        let deny = globs(&["secret/**".into()]).unwrap();
        let rules = PathRules { is_root: true, allow: None, deny };
        Self { files: files.iter().copied().collect(), rules, settings }
    }

    fn stage(&self, ops: &[Value]) -> Result<Staged, Reason> {
        let mut command = with_ops(ops);
        command.allowed_actions.push("deleteFile".into());
        let mut look = |path: &confined_fs::RelPath| {
            let text = self.files.get(path.as_str());
            Ok(text.map(|it| Content { bytes: Arc::from(it.as_bytes()), mode: 0o640 }))
        };
        stage(&command, &self.rules, &self.settings, &mut look).map_err(|stop| match stop {
            Stop::Refused(refusal) => refusal.reason,
            Stop::Transient(why) => panic!("{why}"),
        })
    }

    /// What the target would hold, for the paths that change.
    fn after(&self, ops: &[Value]) -> Result<Vec<(String, Option<String>)>, Reason> {
        let text = |it: &Content| String::from_utf8(it.bytes.to_vec()).unwrap();
        self.stage(ops).map(|staged| {
            staged
                .files
                .iter()
                .map(|(path, file)| (path.to_string(), file.after.as_ref().map(text)))
                .collect()
        })
    }
}

fn write(path: &str, content: &str) -> Value {
    json!({"op": "writeFile", "path": path, "content": content})
}

fn moved(from: &str, to: &str) -> Value {
    json!({"op": "moveFile", "from": from, "to": to})
}

#[test]
fn ops_build_on_each_other_and_only_the_net_effect_counts() {
    let paper = Paper::new(&[("a", "1\n"), ("b", "2\n")]);
    let some = |path: &str, text: &str| (path.to_owned(), Some(text.to_owned()));
    let gone = |path: &str| (path.to_owned(), None);
    let delete = |path: &str| json!({"op": "deleteFile", "path": path});
    let cases = [
        (vec![json!({"op": "noop"})], vec![]),
        (vec![write("a", "1\n")], vec![]),
        (vec![write("a", "x"), write("a", "1\n")], vec![]),
        (vec![write("c/d", "3")], vec![some("c/d", "3")]),
        (vec![moved("a", "c")], vec![gone("a"), some("c", "1\n")]),
        (vec![moved("a", "c"), moved("c", "a")], vec![]),
        (vec![moved("a", "c"), write("a", "new")], vec![some("a", "new"), some("c", "1\n")]),
        (vec![delete("a"), moved("b", "a")], vec![some("a", "2\n"), gone("b")]),
        (vec![write("c", "3"), delete("c")], vec![]),
        (
            vec![json!({"op": "applyDiff", "diff": "--- a/a\n+++ b/a\n@@ -1 +1,2 @@\n 1\n+2\n"})],
            vec![some("a", "1\n2\n")],
        ),
    ];
    for (ops, want) in cases {
        assert_eq!(paper.after(&ops).as_ref(), Ok(&want), "{ops:?}");
    }
}

#[test]
fn what_cannot_be_staged_is_refused_with_its_reason() {
    let paper = Paper::new(&[("a", "1\n"), ("b", "2\n")]);
    let delete = |path: &str| json!({"op": "deleteFile", "path": path});
    let expect = |path: &str, hash: &str| json!({"op": "writeFile", "path": path, "content": "x", "expectSha256": hash});
    let diff = |text: &str| json!({"op": "applyDiff", "diff": text});
    let zero = "0".repeat(64);
    let cases = [
        (vec![write("../x", "")], PathEscape),
        (vec![write("/etc/passwd", "")], PathEscape),
        (vec![write("a/../../x", "")], PathEscape),
        (vec![write("", "")], PathEscape),
        (vec![moved("a", "../a")], PathEscape),
        (vec![diff("--- a/../x\n+++ b/../x\n@@ -0,0 +1 @@\n+x\n")], PathEscape),
        (vec![write(".env", "")], PathDenied),
        (vec![write("x/.git/config", "")], PathDenied),
        (vec![write("commands/x.json", "")], PathDenied),
        (vec![write("META/x", "")], PathDenied),
        (vec![write("results/x.json", "")], PathDenied),
        (vec![write("Archive/x.json", "")], PathDenied),
        (vec![write("logs/bridge.log", "")], PathDenied),
        (vec![write("secret/x", "")], PathDenied),
        (vec![write("a\\b", "")], PathDenied),
        (vec![write("c", ""), write("c/d", "")], PathDenied),
        (vec![moved("missing", "c")], PreconditionFailed),
        (vec![moved("a", "b")], PreconditionFailed),
        (vec![moved("a", "a")], PreconditionFailed),
        (vec![delete("missing")], PreconditionFailed),
        (vec![expect("a", "absent")], PreconditionFailed),
        (vec![expect("a", &zero)], PreconditionFailed),
        (vec![expect("c", &zero)], PreconditionFailed),
        (vec![diff("nonsense")], PatchConflict),
        (vec![diff("--- a/a\n+++ b/a\n@@ -1 +1 @@\n-2\n+3\n")], PatchConflict),
        (vec![write("c", "1"), write("d", "1"), write("e", "1"), write("f", "1")], TooManyFiles),
        (vec![moved("a", "c"), moved("b", "d")], TooManyFiles),
        (vec![write("c", &"x".repeat(101))], TooLarge),
        (vec![write("c", &"x".repeat(80)), write("d", &"x".repeat(80))], TooLarge),
        (vec![json!({"op": "writeFile", "path": "c", "contentBase64": "!"})], Schema),
    ];
    for (ops, want) in cases {
        assert_eq!(paper.after(&ops), Err(want), "{ops:?}");
    }
    assert!(paper.after(&[expect("c", "absent")]).is_ok());
    assert!(paper.after(&[write("context/note.md", ""), write("summaries/x", "")]).is_ok());
}

#[test]
fn a_diff_that_deletes_needs_the_power_to_delete() {
    let mut paper = Paper::new(&[("a", "1\n")]);
    let diff = "--- a/a\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n";
    let op = json!({"op": "applyDiff", "diff": diff});
    assert_eq!(paper.after(std::slice::from_ref(&op)), Ok(vec![("a".into(), None)]));
    paper.settings.capabilities.retain(|it| *it != Capability::DeleteFile);
    assert_eq!(paper.after(&[op]), Err(DeletionDenied));
}

#[test]
fn modes_are_kept_unless_given() {
    let paper = Paper::new(&[("a", "1\n")]);
    let mode = |ops: &[Value]| {
        let staged = paper.stage(ops).unwrap();
        staged.files.values().next().and_then(|it| it.after.as_ref()).map(|it| it.mode)
    };
    assert_eq!(mode(&[write("a", "2")]), Some(0o640));
    assert_eq!(mode(&[write("new", "2")]), Some(0o644));
    let executable = json!({"op": "writeFile", "path": "a", "content": "1\n", "mode": "0755"});
    assert_eq!(mode(&[executable]), Some(0o755));
}

#[test]
fn a_target_elsewhere_has_no_evidence_folders_but_still_no_commands() {
    let deny = globs(&[]).unwrap();
    let allow = globs(&["docs/**".into(), "results/*".into()]).ok();
    let elsewhere = PathRules { is_root: false, allow, deny };
    let refused = |path: &str| elsewhere.check(path).err().map(|it| it.reason);
    for (path, want) in [
        ("docs/a/b.md", None),
        ("results/a", None),
        ("src/a", Some(PathDenied)),
        ("results/a/b", Some(PathDenied)),
        ("commands/a", Some(PathDenied)),
        ("meta/a", Some(PathDenied)),
    ] {
        assert_eq!(refused(path), want, "{path}");
    }
}

#[test]
fn every_condition_of_a_hold_has_to_be_met() {
    let paper = Paper::new(&[]);
    let ops = [write("infra/main.tf", "0123456789")];
    let (command, staged) = (with_ops(&ops), paper.stage(&ops).unwrap());
    let none = || Hold { target: None, paths: vec![], actions: vec![], larger_than_bytes: None };
    let cases = [
        (none(), true),
        (Hold { target: Some("MAIN".into()), ..none() }, true),
        (Hold { target: Some("OTHER".into()), ..none() }, false),
        (Hold { paths: vec!["infra/**".into()], ..none() }, true),
        (Hold { paths: vec!["docs/**".into()], ..none() }, false),
        (Hold { actions: vec![Capability::WriteFile], ..none() }, true),
        (Hold { actions: vec![Capability::MoveFile], ..none() }, false),
        (Hold { larger_than_bytes: Some(9), ..none() }, true),
        (Hold { larger_than_bytes: Some(10), ..none() }, false),
        (Hold { target: Some("MAIN".into()), paths: vec!["docs/**".into()], ..none() }, false),
    ];
    for (row, want) in cases {
        let mut policy = settings();
        policy.hold = vec![row];
        assert_eq!(hold(&command, &staged, &policy).is_some(), want, "{:?}", policy.hold);
    }
}

#[test]
fn a_moved_file_is_one_row_and_one_rename() {
    let paper = Paper::new(&[("a", "1\n")]);
    let staged = paper.stage(&[moved("a", "b")]).unwrap();
    let rows = staged.outcomes();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].path.as_str(), rows[0].from.as_deref()), ("b", Some("a")));
    assert_eq!(rows[0].sha256_before, rows[0].sha256_after);
    let diff = String::from_utf8(staged.diff()).unwrap();
    assert!(diff.contains("rename from a\nrename to b\n"), "{diff}");
}

#[test]
fn names_become_safe_names() {
    for (name, want) in [
        ("a.json", "a"),
        (".hidden.json", "hidden"),
        ("../../x.json", "unnamed_.._x"),
        ("é ü.json", "unnamed___"),
        (".json", "unnamed"),
        ("-rf.json", "unnamed-rf"),
    ] {
        let safe = sanitised_stem(name);
        assert!(id_is_sound(&safe) || safe.starts_with("unnamed"), "{name}: {safe}");
        assert!(!safe.contains('/') && !safe.starts_with('.'), "{name}: {safe}");
        assert_eq!(safe, want, "{name}");
    }
    assert!(sanitised_stem(&"x".repeat(500)).len() <= 128);
}

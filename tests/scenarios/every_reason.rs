//! Every wrong input has exactly its reason, and leaves nothing but its dead letter, its line in
//! the log and the executor's own state.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use bridge::reason::Reason::{self, *};
use scenarios::{Bridge, Document, changed, delete, diff, moved, noop, snapshot, write};
use serde_json::{Value, json};

/// What the executor may write when it refuses.
const ITS_OWN: &[&str] = &["dead_letter", "logs", "meta", "commands"];

fn bridge() -> Bridge {
    let bridge = Bridge::with(|policy| {
        policy["targets"]["GONE"] = json!({"path": "../gone"});
        policy["targets"]["V2"] = json!({"path": "../work", "require_version_2": true});
        policy["targets"]["LISTED"] =
            json!({"path": "../work", "allow": ["docs/**"], "deny": ["docs/secret/**"]});
        policy["validators"]["no"] = json!({"argv": ["false"], "deadline_ms": 5000});
        policy["validators"]["slow"] = json!({"argv": ["sleep", "60"], "deadline_ms": 5000});
        policy["validators"]["very_slow"] = json!({"argv": ["sleep", "60"], "deadline_ms": 200});
        policy["hold"] = json!([{"target": "WORK", "paths": ["held/**"]}]);
        policy["retries"] = json!({"attempts": 1, "base_ms": 1, "longest_ms": 1});
        policy["ceilings"]["max_file_bytes"] = 1000.into();
        policy["ceilings"]["max_total_bytes"] = 1500.into();
    });
    fs::write(bridge.work.join("a.txt"), "one\n").unwrap();
    fs::write(bridge.work.join("large.txt"), "x".repeat(1001)).unwrap();
    fs::create_dir_all(bridge.work.join("folder/deeper")).unwrap();
    let outside = bridge.root.parent().unwrap().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("kept.txt"), "kept\n").unwrap();
    symlink(&outside, bridge.work.join("out")).unwrap();
    symlink(outside.join("kept.txt"), bridge.work.join("link.txt")).unwrap();
    symlink("a.txt", bridge.work.join("inside-link.txt")).unwrap();
    symlink("nowhere", bridge.work.join("dangling.txt")).unwrap();
    fs::hard_link(outside.join("kept.txt"), bridge.work.join("hard.txt")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, bridge.work.join("pipe"), 0o644.into()).unwrap();
    drop(bridge.once().expect(0));
    bridge
}

/// A refusal of the signed document `id`, dropped under that name.
fn check(bridge: &Bridge, document: &Document, want: Reason) {
    check_bytes(bridge, document.id(), document.signed().as_bytes(), document.id(), want);
}

fn check_bytes(bridge: &Bridge, name: &str, bytes: &[u8], letter: &str, want: Reason) {
    let base = bridge.root.parent().unwrap();
    let look = || (snapshot(base, &["root", "home", "tmp"]), snapshot(&bridge.root, ITS_OWN));
    let before = (look(), bridge.log().len(), bridge.names("dead_letter"));
    bridge.drop_in(&format!("{name}.json"), bytes);
    let ran = bridge.once();
    assert_eq!(ran.code, 1, "{name}: {ran:?}");
    let found = bridge.letter(letter);
    assert_eq!(found["reason"], want.code(), "{name}: {}", found["detail"]);
    let after = look();
    let none: [PathBuf; 0] = [];
    assert_eq!(changed(&before.0.0, &after.0), none, "{name}: written beside the root");
    assert_eq!(changed(&before.0.1, &after.1), none, "{name}: written in the root");
    let log = bridge.log();
    assert_eq!(log.len(), before.1 + 1, "{name}: lines in the log");
    assert_eq!(log.last().unwrap()["reason"], want.code(), "{name}");
    let mut letters: BTreeSet<String> = bridge.names("dead_letter").into_iter().collect();
    before.2.iter().for_each(|old| drop(letters.take(old)));
    assert_eq!(letters.into_iter().collect::<Vec<_>>(), [format!("{letter}.json")]);
    assert_eq!(bridge.names("commands"), [""; 0], "{name}: commands/ is not empty");
}

#[test]
fn a_signed_command_that_asks_for_too_much_is_refused_with_its_reason() {
    let bridge = bridge();
    let cases: Vec<(Vec<Value>, Reason)> = vec![
        (vec![write("/etc/aiops", "x")], PathEscape),
        (vec![write("../outside/new.txt", "x")], PathEscape),
        (vec![write("a/../../outside/new.txt", "x")], PathEscape),
        (vec![moved("a.txt", "../stolen.txt")], PathEscape),
        (vec![diff("--- /dev/null\n+++ b/../x\n@@ -0,0 +1 @@\n+x\n")], PathEscape),
        (vec![write("commands/x.json", "x")], PathDenied),
        (vec![write("META/x", "x")], PathDenied),
        (vec![write(".git/config", "x")], PathDenied),
        (vec![write("folder/.GIT/config", "x")], PathDenied),
        (vec![write("folder/git~1/config", "x")], PathDenied),
        (vec![write(".bashrc", "x")], PathDenied),
        (vec![write("folder\\x", "x")], PathDenied),
        (vec![write("folder//x", "x")], PathDenied),
        (vec![write("folder/./x", "x")], PathDenied),
        (vec![write("nul\u{0}x", "x")], PathDenied),
        (vec![write("hard.txt", "x")], PathDenied),
        (vec![write("pipe", "x")], PathDenied),
        (vec![write("folder", "x")], PathDenied),
        (vec![write("a.txt/below", "x")], PathDenied),
        (vec![moved("hard.txt", "b.txt")], PathDenied),
        (vec![write("out/new.txt", "x")], Symlink),
        (vec![write("link.txt", "x")], Symlink),
        (vec![write("inside-link.txt", "x")], Symlink),
        (vec![write("dangling.txt", "x")], Symlink),
        (vec![moved("link.txt", "b.txt")], Symlink),
        (vec![diff("--- a/link.txt\n+++ b/link.txt\n@@ -1 +1 @@\n-kept\n+lost\n")], Symlink),
        (vec![delete("a.txt")], DeletionDenied),
        (vec![moved("missing.txt", "b.txt")], PreconditionFailed),
        (vec![moved("a.txt", "a.txt")], PreconditionFailed),
        (
            vec![
                json!({"op": "writeFile", "path": "a.txt", "content": "x", "expectSha256": "absent"}),
            ],
            PreconditionFailed,
        ),
        (
            vec![
                json!({"op": "writeFile", "path": "a.txt", "content": "x", "expectSha256": "0".repeat(64)}),
            ],
            PreconditionFailed,
        ),
        (vec![diff("nonsense")], PatchConflict),
        (vec![diff("--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-two\n+three\n")], PatchConflict),
        (vec![write("b", "1"), write("c", &"x".repeat(1001))], TooLarge),
        (vec![write("b", &"x".repeat(900)), write("c", &"x".repeat(900))], TooLarge),
        (vec![diff("--- a/large.txt\n+++ b/large.txt\n@@ -1 +1 @@\n-x\n+y\n")], TooLarge),
        (vec![write("b", "good"), write("../c", "bad")], PathEscape),
        (vec![write("b", "{"), json!({"op": "applyDiff", "diff": 1})], Schema),
        (vec![json!({"op": "exec", "argv": ["sh"]})], Schema),
    ];
    for (at, (ops, want)) in cases.iter().enumerate() {
        check(&bridge, &Document::new(&format!("ops-{at}"), ops), *want);
    }
}

#[test]
fn a_document_that_policy_or_time_forbids_is_refused_with_its_reason() {
    let bridge = bridge();
    let of = |id: &str| Document::new(id, &[write("b.txt", "x")]);
    let main =
        |id: &str, path: &str| Document::new(id, &[write(path, "x")]).with("/target", "MAIN");
    check(&bridge, &main("root-1", "results/x.json"), PathDenied);
    check(&bridge, &main("root-2", "Dead_Letter/x.json"), PathDenied);
    check(&bridge, &main("root-3", "logs/bridge.log"), PathDenied);
    check(&bridge, &main("root-4", "meta/held/x.json"), PathDenied);
    check(&bridge, &of("listed-1").with("/target", "LISTED"), PathDenied);
    let secret = Document::new("listed-2", &[write("docs/secret/x", "x")]);
    check(&bridge, &secret.with("/target", "LISTED"), PathDenied);
    check(&bridge, &of("future").times(120, 600), NotYetValid);
    check(&bridge, &of("past").times(-600, -120), Expired);
    check(&bridge, &of("wide").times(-1, 86_402), ConstraintOverPolicy);
    check(&bridge, &of("elsewhere").with("/target", "OTHER"), UnknownTarget);
    check(&bridge, &of("verb").with("/action", "runShell"), ActionNotAllowed);
    check(&bridge, &of("verbs").with("/allowedActions", json!(["moveFile"])), ActionNotAllowed);
    check(&bridge, &of("power").with("/allowedActions", json!(["sudo"])), ActionNotAllowed);
    check(&bridge, &of("version").with("/target", "V2"), ActionNotAllowed);
    check(&bridge, &of("delete").with("/allowedActions", json!(["deleteFile"])), DeletionDenied);
    let long = of("long").with("/constraints/maxRuntimeMs", 300_001);
    check(&bridge, &long, ConstraintOverPolicy);
    let many = of("many").with("/constraints/maxFilesChanged", 101);
    check(&bridge, &many, ConstraintOverPolicy);
    let two = Document::new("two", &[write("b", "1"), write("c", "2")]);
    check(&bridge, &two.with("/constraints/maxFilesChanged", 1), TooManyFiles);
    let both_ends = Document::new("both-ends", &[moved("a.txt", "b.txt")]);
    check(&bridge, &both_ends.with("/constraints/maxFilesChanged", 1), TooManyFiles);
    check(&bridge, &of("no-field").with("/constraints", json!({})), Schema);
    check(&bridge, &of("more").with("/extra", 1), Schema);
    check(&bridge, &of("kind").with("/patchType", "unified"), Schema);
    check(&bridge, &of("backwards").times(60, -60), Schema);
    check(&bridge, &of("gone").with("/target", "GONE"), RetriesExhausted);
    check(&bridge, &of("plan").with("/validationPlan", json!(["unheard-of"])), ValidationFailed);
    check(&bridge, &of("no").with("/validationPlan", json!(["no"])), ValidationFailed);
    check(&bridge, &of("slow").with("/validationPlan", json!(["very_slow"])), ValidationFailed);
    let broken = Document::new("broken", &[write("b.json", "{")]);
    check(&bridge, &broken.with("/validationPlan", json!(["json"])), ValidationFailed);
    let slow = of("runtime").with("/validationPlan", json!(["slow"]));
    check(&bridge, &slow.with("/constraints/maxRuntimeMs", 300), RuntimeExceeded);
}

#[test]
fn a_document_nobody_signed_is_refused_and_never_names_a_file() {
    let bridge = bridge();
    let good = Document::new("victim", &[write("b.txt", "x")]);
    let without = serde_json::to_string(&good.body).unwrap();
    let unsigned = |hmac: Value| good.clone().with("/hmac", hmac).body.to_string();
    let edited = good.signed().replace("b.txt", "c.txt");
    for (name, text) in [
        ("unsigned", without),
        ("empty-hmac", unsigned("".into())),
        ("number", unsigned(1.into())),
        ("short", unsigned("AAAA".into())),
        ("zero", unsigned(format!("{}=", "A".repeat(43)).into())),
        ("edited", edited),
        ("other-key", good.signed_with("another-secret")),
        ("list", "[1]".into()),
        ("text", "\"x\"".into()),
        ("envelope", json!({"payloadType": "x", "payload": "", "signatures": []}).to_string()),
    ] {
        check_bytes(&bridge, name, text.as_bytes(), name, BadHmac);
        assert_eq!(bridge.letter(name)["id"], Value::Null);
    }
    check_bytes(&bridge, "large", &vec![b' '; 524_289], "large", Oversize);
    check_bytes(&bridge, ".dotted", good.signed().as_bytes(), "dotted", Hidden);
    let odd = good.with("/id", "../../x");
    check_bytes(&bridge, "odd-id", odd.signed().as_bytes(), "odd-id", Schema);
}

#[test]
fn what_two_readers_could_read_differently_is_no_json() {
    let bridge = bridge();
    let text = Document::new("x", &[noop()]).signed();
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("duplicate", text.replacen('{', "{\"nonce\": \"1\",", 1).into()),
        ("nan", text.replace("60000", "NaN").into()),
        ("infinity", text.replace("60000", "-Infinity").into()),
        ("surrogate", text.replace("\"0\"", "\"\\ud800\"").into()),
        ("deep", deep(65).into()),
        ("bom", [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat()),
        (
            "not-utf-8",
            text.replace("\"0\"", "\"Q\"")
                .into_bytes()
                .into_iter()
                .map(|byte| if byte == b'Q' { 0xff } else { byte })
                .collect(),
        ),
        ("truncated", text.as_bytes()[..text.len() / 2].to_vec()),
        ("two", format!("{text}{text}").into()),
        ("nothing", b" ".to_vec()),
    ];
    let before = snapshot(bridge.root.parent().unwrap(), &["root", "home", "tmp"]);
    for (name, bytes) in &cases {
        bridge.drop_in(&format!("{name}.json"), bytes);
    }
    // It waits by itself until they have not changed for two seconds.
    let ran = bridge.once().expect(1);
    for (name, _) in &cases {
        assert_eq!(bridge.reason(name), NotJson.code(), "{name}");
    }
    assert_eq!(bridge.names("dead_letter").len(), cases.len(), "{ran:?}");
    let after = snapshot(bridge.root.parent().unwrap(), &["root", "home", "tmp"]);
    assert!(changed(&before, &after).is_empty(), "something else was written");
    check_bytes(&bridge, "deep-enough", deep(64).as_bytes(), "deep-enough", BadHmac);
}

#[test]
fn an_id_is_used_once_and_a_document_too() {
    let bridge = bridge();
    let first = Document::new("first", &[write("new.txt", "1\n")]);
    bridge.submit(&first);
    drop(bridge.once().expect(0));
    assert_eq!(bridge.text("new.txt").as_deref(), Some("1\n"));
    check(&bridge, &first, Replay);
    let other = Document::new("first", &[write("new.txt", "2\n")]);
    check_bytes(&bridge, "again", other.signed().as_bytes(), "first.2", DuplicateId);
    let refused = Document::new("refused", &[moved("missing", "b")]);
    check(&bridge, &refused, PreconditionFailed);
    check_bytes(&bridge, "refused", refused.signed().as_bytes(), "refused.2", Replay);
    bridge.submit(&Document::new("held", &[write("held/x", "x")]));
    drop(bridge.once().expect(0));
    drop(bridge.run(&["reject", "held", "--why", "not today"]).expect(0));
    assert_eq!(bridge.reason("held"), Rejected.code());
    assert_eq!(bridge.text("held/x"), None);
}

#[test]
fn inbound_links_are_refused_and_what_is_no_file_is_left_alone() {
    let bridge = bridge();
    let commands = bridge.root.join("commands");
    let outside = bridge.root.parent().unwrap().join("outside/kept.txt");
    symlink(&outside, commands.join("link.json")).unwrap();
    fs::create_dir(commands.join("folder.json")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, commands.join("pipe.json"), 0o644.into()).unwrap();
    fs::write(commands.join("empty.json"), "").unwrap();
    fs::write(commands.join("note.txt"), "x").unwrap();
    fs::write(commands.join(".retries.json"), "x").unwrap();
    drop(bridge.once().expect(1));
    assert_eq!(bridge.reason("link"), Symlink.code());
    assert_eq!(
        bridge.names("commands"),
        [".retries.json", "empty.json", "folder.json", "note.txt", "pipe.json"]
    );
    assert_eq!(fs::read_to_string(outside).unwrap(), "kept\n");
}

#[test]
fn every_reason_but_internal_is_expected_by_some_scenario_here() {
    let cases = include_str!("every_reason.rs");
    for reason in Reason::ALL.iter().filter(|reason| **reason != Internal) {
        let name = format!("{reason:?}");
        let expected = [format!(" {name})"), format!("{name}.code()")];
        assert!(expected.iter().any(|it| cases.contains(it)), "nothing expects {name}");
    }
}

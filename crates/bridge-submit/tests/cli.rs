//! The real binary: every documented call, and every way in which one is refused.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "sets up files and processes")]

mod common;

use std::fs;

use bridge_submit::documents::{Canonical, Signed, Submitted};
use common::{Machine, assert_fits};
use serde_json::{Value, json};

#[test]
fn help_and_version_are_there_and_a_wrong_call_is_a_2() {
    let machine = Machine::new();
    for (line, code, word) in [
        ("--help", 0, "Examples:"),
        ("write --help", 0, "--expect-sha256"),
        ("--version", 0, "bridge-submit 0.1.0 ("),
        ("", 2, "Usage:"),
        ("nothing", 2, "nothing"),
        ("noop --ttl 0", 2, "--ttl"),
        ("noop --ssh-key k", 2, "--client"),
        ("noop --wait --dry-run", 2, "--dry-run drops nothing"),
        ("write a --mode 0777", 2, "0644"),
        ("move a", 2, "<TO>"),
    ] {
        let said = machine.run(&line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(said.code, code, "{line}: {said:?}");
        assert!(format!("{}{}", said.out, said.err).contains(word), "{line}: {said:?}");
    }
    assert_eq!(machine.inbound(), [""; 0]);
}

#[test]
fn every_verb_drops_one_document_that_says_what_was_asked_for() {
    let diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
    for (line, input, action, op) in [
        ("noop", "", "writeFile", json!({"op": "noop"})),
        (
            "write a.txt",
            "text\n",
            "writeFile",
            json!({"op": "writeFile", "path": "a.txt", "content": "text\n"}),
        ),
        (
            "write a.txt --mode 0644 --expect-sha256 absent",
            "",
            "writeFile",
            json!({"op": "writeFile", "path": "a.txt", "content": "", "mode": "0644", "expectSha256": "absent"}),
        ),
        ("move a b", "", "moveFile", json!({"op": "moveFile", "from": "a", "to": "b"})),
        ("patch -", diff, "applyDiff", json!({"op": "applyDiff", "diff": diff})),
        ("patch x.diff", "", "applyDiff", json!({"op": "applyDiff", "diff": diff})),
        ("delete a", "", "deleteFile", json!({"op": "deleteFile", "path": "a"})),
    ] {
        let machine = Machine::new();
        machine.put("x.diff", diff.as_bytes(), 0o644);
        let words: Vec<&str> = line.split(' ').collect();
        let said = machine.run_with_input(&words, input.as_bytes());
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{line}: {said:?}");
        let [name] = machine.inbound().try_into().unwrap();
        let id = name.strip_suffix(".json").unwrap();
        let folder = machine.path("root/commands");
        assert_eq!(said.out, format!("dropped {id} into {}\n", folder.display()));
        assert!(id.starts_with(&format!("{}-2", words[0])), "{id}");
        let document: Value =
            serde_json::from_slice(&fs::read(folder.join(&name)).unwrap()).unwrap();
        assert_eq!(document["id"], id);
        assert_eq!(document["payload"]["inline"]["ops"], json!([op]), "{line}");
        assert_eq!(document["allowedActions"], json!([action]), "{line}");
        assert_eq!(machine.records(), 1);
    }
}

#[test]
fn what_is_no_text_travels_as_base64() {
    let machine = Machine::new();
    let said = machine.run_with_input(&["--dry-run", "write", "a"], &[0xff, 0]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.json()["payload"]["inline"]["ops"][0]["contentBase64"], "/wA=");
}

#[test]
fn options_reach_the_document_and_json_describes_the_drop() {
    let machine = Machine::new();
    let line = "--json --id my.id-1 --target NOTES --ttl 60 --max-runtime-ms 5 --max-files 7 \
        --validate json --validate yaml --quiet noop";
    let said = machine.run(&line.split_whitespace().collect::<Vec<_>>());
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    assert_fits::<Submitted>(&said.json());
    let path = machine.path("root/commands/my.id-1.json");
    let want = json!({"schema": "aiops.bridge.submitted/1", "id": "my.id-1", "path": path});
    assert_eq!(said.json(), want);
    let document: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(document["target"], "NOTES");
    assert_eq!(document["constraints"], json!({"maxRuntimeMs": 5, "maxFilesChanged": 7}));
    assert_eq!(document["validationPlan"], json!(["json", "yaml"]));
    let time = |name: &str| document[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!(time("expires_at").duration_since(time("issued_at")).as_secs(), 60);
}

#[test]
fn two_alike_are_no_replay_of_each_other() {
    let machine = Machine::new();
    let nonce = || machine.run(&["--dry-run", "noop"]).json()["nonce"].clone();
    assert_ne!(nonce(), nonce());
}

#[test]
fn a_dry_run_prints_the_document_and_drops_nothing_and_needs_no_root() {
    let machine = Machine::new();
    let output = machine.bare().args(["--dry-run", "noop"]).output().unwrap();
    let said = common::Said::from(output);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.json()["schemaVersion"], "1.0");
    let said = machine.run(&["--dry-run", "--json", "noop"]);
    assert_fits::<Signed>(&said.json());
    let document = said.json()["document"].as_str().unwrap().to_owned();
    assert_eq!(serde_json::from_str::<Value>(&document).unwrap()["id"], said.json()["id"]);
    assert_eq!(machine.inbound(), [""; 0]);
}

#[test]
fn input_that_cannot_become_a_command_is_a_65_and_drops_nothing() {
    let machine = Machine::new();
    machine.put("bad.json", b"{\"a\":1,\"a\":2}", 0o644);
    machine.put("list.json", b"[]", 0o644);
    machine.put("binary.diff", &[0xff], 0o644);
    machine.put("large", &vec![b'x'; 600_000], 0o644);
    for (line, why) in [
        ("noop --id ../x", "/id"),
        ("noop --id ", "/id"),
        ("write a --expect-sha256 ABC", "schema"),
        ("patch none.diff", "No such file"),
        ("patch binary.diff", "utf-8"),
        ("patch list.json", "names no file"),
        ("patch large", "larger"),
        ("sign bad.json", "duplicate"),
        ("sign list.json", "object"),
        ("sign none.json", "No such file"),
        ("canonical bad.json", "duplicate"),
        ("canonical -", "not_json"),
    ] {
        let said = machine.run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!((said.code, said.out.as_str()), (65, ""), "{line}: {said:?}");
        assert!(said.err.contains(why), "{line}: {said:?}");
    }
    let said = machine.run_with_input(&["write", "a"], &vec![b'x'; 600_000]);
    assert_eq!(said.code, 65, "{said:?}");
    assert_eq!(machine.inbound(), [""; 0]);
}

#[test]
fn no_root_is_a_78_that_says_how_to_get_one() {
    let machine = Machine::new();
    fs::create_dir(machine.path("empty")).unwrap();
    for root in [None, Some("none"), Some("empty")] {
        let mut command = machine.bare();
        command.arg("noop").args(root.map(|root| format!("--root={root}")));
        let said = common::Said::from(command.output().unwrap());
        assert_eq!((said.code, said.out.as_str()), (78, ""), "{said:?}");
        assert!(said.err.contains("bridge-exec init"), "{said:?}");
    }
    let mut command = machine.bare();
    command.arg("noop").env("CLOUD", machine.path("root"));
    assert_eq!(common::Said::from(command.output().unwrap()).code, 0);
}

#[test]
fn no_usable_secret_is_a_77_that_says_where_it_belongs_and_never_shows_it() {
    let machine = Machine::new();
    let secret = machine.path("secrets/bridge_hmac");
    for (mode, line) in [(0o644, "noop"), (0o644, "sign -"), (0o644, "smoke")] {
        machine.put("secrets/bridge_hmac", common::SECRET.as_bytes(), mode);
        let said = machine.run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!((said.code, said.out.as_str()), (77, ""), "{said:?}");
        assert!(said.err.contains("chmod 0600") && !said.err.contains(common::SECRET), "{said:?}");
    }
    fs::remove_file(secret).unwrap();
    let said = machine.run(&["noop"]);
    assert_eq!(said.code, 77, "{said:?}");
    assert!(said.err.contains("secrets/bridge_hmac with mode 0600"), "{said:?}");
    let said = machine.run(&["noop", "--secrets-dir", "elsewhere"]);
    assert!(said.code == 77 && said.err.contains("elsewhere/bridge_hmac"), "{said:?}");
    let mut command = machine.command(&["noop"]);
    let said = command.env("GPT_BRIDGE_HMAC_SECRET", common::SECRET).output().unwrap();
    assert_eq!(common::Said::from(said).code, 0);
    assert_eq!(machine.inbound().len(), 1);
}

#[test]
fn a_document_that_holds_its_own_secret_is_never_signed() {
    let machine = Machine::new();
    let said = machine.run_with_input(&["write", "a"], common::SECRET.as_bytes());
    assert_eq!((said.code, machine.inbound().len()), (77, 0), "{said:?}");
    assert!(!said.err.contains(common::SECRET));
}

#[test]
fn an_id_is_used_once() {
    let machine = Machine::new();
    assert_eq!(machine.run(&["noop", "--id", "a"]).code, 0);
    let said = machine.run(&["noop", "--id", "a"]);
    assert!(said.code == 1 && said.err.contains("waiting"), "{said:?}");
    machine.carry_out("a");
    let said = machine.run(&["noop", "--id", "a", "--wait"]);
    assert!(said.code == 1 && said.err.contains("used before"), "{said:?}");
    assert_eq!(machine.inbound(), [""; 0]);
}

#[test]
fn sign_keeps_what_is_there_and_warns_of_what_an_executor_would_refuse() {
    let machine = Machine::new();
    machine.put("p.json", br#"{ "id": "mine", "x": 1.0, "nonce": "0" }"#, 0o644);
    let said = machine.run(&["sign", "p.json"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("warning") && said.err.contains("schema"), "{said:?}");
    assert!(said.out.contains(r#""x":1.0"#), "{said:?}");
    let (id, nonce) = (&said.json()["id"], &said.json()["nonce"]);
    assert_eq!((id, nonce), (&json!("mine"), &json!("0")));
    machine.put("signed.json", said.out.as_bytes(), 0o644);
    let again = machine.run(&["sign", "signed.json"]);
    assert_eq!((again.code, &again.out), (0, &said.out), "signing twice changes nothing");
    assert!(!again.err.contains("kept"), "{again:?}");
    machine.put("signed.json", said.out.replace("1.0", "2.0").as_bytes(), 0o644);
    let stale = machine.run(&["sign", "signed.json"]);
    assert!(stale.code == 0 && stale.err.contains("hmac that was in the document"), "{stale:?}");
    let whole = machine.run(&["--dry-run", "noop"]).out;
    assert_eq!(machine.run_with_input(&["sign", "-"], whole.as_bytes()).err, "");
    assert_eq!(machine.inbound(), [""; 0]);
}

#[test]
fn signed_bytes_are_printed_unmasked_and_canonical_leaves_no_record() {
    let machine = Machine::new();
    let token = format!("{}-{}", "sk", "proj_0123456789abcdef");
    let text = format!(r#"{{ "b": "é", "hmac": "x", "a": [1.0, "{token}"] }}"#);
    let want = format!(r#"{{"a":[1.0,"{token}"],"b":"\u00e9"}}"#);
    let said = machine.run_with_input(&["canonical", "-"], text.as_bytes());
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, want.as_str(), ""));
    let said = machine.run_with_input(&["--json", "canonical", "-"], text.as_bytes());
    assert_fits::<Canonical>(&said.json());
    assert_eq!(said.json()["signed"], want);
    assert_eq!(machine.records(), 0);
    let said = machine.run_with_input(&["--dry-run", "write", "a"], token.as_bytes());
    assert!(
        said.code == 0 && said.out.contains(&token),
        "a signature over what was masked: {said:?}"
    );
}

//! Other people's programs as judges: Python for version 1, `ssh-keygen` for version 2.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "starts python3, ssh-keygen")]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{Machine, SECRET};

/// Runs a program; `None`, with a message, when this machine has none of that name.
fn other(program: &str, args: &[&OsStr], input: &[u8]) -> Option<Vec<u8>> {
    let spawned =
        Command::new(program).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = match spawned {
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            skipped::told(skipped::this_test(), format_args!("no {program} here"));
            return None;
        }
        child => child.unwrap(),
    };
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{program} {args:?}: {}",
        String::from_utf8_lossy(&output.stdout)
    );
    Some(output.stdout)
}

const CLIENT: &str = r#"
import base64, hashlib, hmac, json, sys
secret, mode = sys.argv[1:]
doc = json.load(sys.stdin)
given = doc.pop("hmac", None)
text = json.dumps(doc, separators=(",", ":"), sort_keys=True)
tag = base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()
sys.stdout.write(text if mode == "text" else "%s %s" % (given, tag))
"#;

fn python(mode: &str, document: &str) -> Option<String> {
    let args = ["-c", CLIENT, SECRET, mode].map(OsStr::new);
    other("python3", &args, document.as_bytes()).map(|out| String::from_utf8(out).unwrap())
}

#[test]
fn python_computes_the_same_hmac_and_the_same_bytes() {
    let machine = Machine::new();
    let odd = "{\"b\":[1e16,1.5e300,-0.0,5e-324,18446744073709551617],\"a\":\"\\u00e9\u{1F600}\u{7f}\\/\"}";
    let written = "tab\t, quote\", é, \u{1F600}, \u{2028}\n".as_bytes();
    let documents = [
        machine.run(&["--dry-run", "noop"]),
        machine.run_with_input(&["--dry-run", "write", "é/x y"], written),
        machine.run_with_input(&["sign", "-"], odd.as_bytes()),
    ];
    for said in documents {
        assert_eq!(said.code, 0, "{said:?}");
        let Some(tags) = python("tag", &said.out) else { return };
        let (given, computed) = tags.split_once(' ').unwrap();
        assert_eq!(given, computed, "{}", said.out);
        let canonical = machine.run_with_input(&["canonical", "-"], said.out.as_bytes());
        assert_eq!(Some(canonical.out), python("text", &said.out));
    }
}

#[test]
fn ssh_keygen_verifies_a_version_2_envelope() {
    let machine = Machine::new();
    fs::remove_file(machine.path("secrets/bridge_hmac")).unwrap();
    let key = machine.path("agent");
    let args = ["-q", "-t", "ed25519", "-N", "", "-f"].map(OsStr::new);
    if other("ssh-keygen", &[&args, [key.as_os_str()].as_slice()].concat(), b"").is_none() {
        return;
    }
    let who = ["--ssh-key", "agent", "--client", "agent-1"];
    let said = machine.run(&[&who[..], &["--dry-run", "noop"]].concat());
    assert_eq!(said.code, 0, "{said:?}");
    let envelope = said.json();
    let decode = |value: &serde_json::Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
    let payload = decode(&envelope["payload"]);
    let body: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(
        (&body["schemaVersion"], &body["bridge"], &body["client"], body.get("hmac")),
        (&"2.0".into(), &"main".into(), &"agent-1".into(), None)
    );
    let canonical = machine.run_with_input(&["canonical", "-"], said.out.as_bytes()).out;
    let head = format!("DSSEv1 34 application/vnd.aiops.command+json {} ", payload.len());
    assert_eq!(canonical.as_bytes(), [head.as_bytes(), &payload].concat());

    let public = fs::read_to_string(machine.path("agent.pub")).unwrap();
    let signers = machine.put("signers", format!("agent-1 {public}").as_bytes(), 0o644);
    let blob = STANDARD.encode(decode(&envelope["signatures"][0]["sig"]));
    let lines: Vec<&str> =
        blob.as_bytes().chunks(70).map(|it| str::from_utf8(it).unwrap()).collect();
    let armour = format!(
        "-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n",
        lines.join("\n")
    );
    let signature = machine.put("sig", armour.as_bytes(), 0o644);
    let args = ["-Y", "verify", "-I", "agent-1", "-n", bridge::document::NAMESPACE, "-f"];
    let args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
    let files = [signers.as_os_str(), OsStr::new("-s"), signature.as_os_str()];
    let told = other("ssh-keygen", &[&args[..], &files].concat(), canonical.as_bytes()).unwrap();
    assert!(String::from_utf8(told).unwrap().contains("Good \"aiops-command\" signature"));
}

#[test]
fn an_ssh_key_that_others_can_read_or_that_is_none_or_wants_a_passphrase_is_a_77() {
    let machine = Machine::new();
    let refused = |why: &str| {
        let said = machine.run(&["--ssh-key", "key", "--client", "c", "noop"]);
        assert_eq!((said.code, machine.inbound().len()), (77, 0), "{said:?}");
        assert!(said.err.contains(why) && !said.err.contains("PRIVATE"), "{why}: {said:?}");
    };
    refused("No such file");
    machine.put("key", b"-----BEGIN nothing", 0o600);
    refused("no OpenSSH private key");
    machine.put("key", b"x", 0o640);
    refused("0640");
    fs::remove_file(machine.path("key")).unwrap();
    let key = machine.path("key");
    let args = ["-q", "-t", "ed25519", "-N", "secret words", "-f"].map(OsStr::new);
    if other("ssh-keygen", &[&args, [key.as_os_str()].as_slice()].concat(), b"").is_some() {
        refused("passphrase");
    }
}

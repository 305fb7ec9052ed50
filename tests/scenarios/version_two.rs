//! Documents signed by stock OpenSSH.

use std::fs;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bridge::document::{NAMESPACE, PAYLOAD_TYPE, pre_authentication};
use scenarios::{Bridge, Document, has, moved, write};
use serde_json::{Value, json};

struct Keys {
    dir: tempfile::TempDir,
}

impl Keys {
    fn new() -> Self {
        let keys = Self { dir: tempfile::tempdir().unwrap() };
        for name in ["client", "stranger"] {
            let mut make = Command::new("ssh-keygen");
            make.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
                .arg(keys.dir.path().join(name));
            assert!(make.status().unwrap().success());
        }
        keys
    }

    fn public(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name).with_extension("pub")).unwrap().trim().into()
    }

    /// What `ssh-keygen -Y sign` makes, without its armour.
    fn sign(&self, name: &str, namespace: &str, message: &[u8]) -> String {
        let file = self.dir.path().join("message");
        let signature = self.dir.path().join("message.sig");
        drop(fs::remove_file(&signature));
        fs::write(&file, message).unwrap();
        let mut sign = Command::new("ssh-keygen");
        sign.args(["-q", "-Y", "sign", "-n", namespace, "-f"])
            .arg(self.dir.path().join(name))
            .arg(&file);
        assert!(sign.stderr(Stdio::null()).status().unwrap().success());
        let armoured = fs::read_to_string(&signature).unwrap();
        armoured.lines().filter(|line| !line.starts_with("-----")).collect()
    }

    fn envelope(&self, by: &str, document: &Document) -> String {
        self.envelope_in(NAMESPACE, by, document)
    }

    fn envelope_in(&self, namespace: &str, by: &str, document: &Document) -> String {
        let payload = document.body.to_string().into_bytes();
        let sig = self.sign(by, namespace, &pre_authentication(&payload));
        json!({
            "payloadType": PAYLOAD_TYPE,
            "payload": STANDARD.encode(&payload),
            "signatures": [{"keyid": "any", "sig": sig}],
        })
        .to_string()
    }
}

fn two(id: &str, ops: &[Value]) -> Document {
    let mut document = Document::new(id, ops).with("/schemaVersion", "2.0");
    document.body["bridge"] = "main".into();
    document.body["client"] = "agent".into();
    document
}

#[test]
fn a_client_with_an_ssh_key_may_do_what_its_row_says_and_nothing_else() {
    if !has("ssh-keygen") {
        return skipped::told(skipped::this_test(), "ssh-keygen is not installed");
    }
    let keys = Keys::new();
    let bridge = Bridge::with(|policy| {
        let row = |name: &str, key: &str| {
            let targets = json!(["STRICT"]);
            json!({"name": name, "public_key": keys.public(key), "targets": targets, "actions": ["writeFile"]})
        };
        policy["clients"] = json!([row("agent", "client"), row("other", "stranger")]);
        policy["targets"]["STRICT"] = json!({"path": "../work", "require_version_2": true});
    });
    let of = |id: &str| two(id, &[write(id, id)]).with("/target", "STRICT");
    // Its time of issue is part of it: a replay is this very text again.
    let good = keys.envelope("client", &of("good"));
    bridge.drop_in("good.json", good.as_bytes());
    drop(bridge.once().expect(0));
    assert_eq!(bridge.text("good").as_deref(), Some("good"));
    assert_eq!(bridge.result("good")["hmac_key"], "ssh:agent");
    bridge.assert_consistent(["good"]);

    let moving = two("moving", &[moved("good", "b")]).with("/target", "STRICT");
    let mut edited: Value = serde_json::from_str(&keys.envelope("client", &of("edited"))).unwrap();
    edited["payload"] = STANDARD.encode(of("edited").with("/nonce", "1").body.to_string()).into();
    let unsigned = of("unsigned").with("/schemaVersion", "1.0");
    let cases = [
        ("replay", "replay", good, "good"),
        (
            "bridge",
            "replay",
            keys.envelope("client", &of("bridge").with("/bridge", "other")),
            "bridge",
        ),
        (
            "target",
            "action_not_allowed",
            keys.envelope("client", &of("target").with("/target", "WORK")),
            "target",
        ),
        ("moving", "action_not_allowed", keys.envelope("client", &moving), "moving"),
        ("stranger", "bad_hmac", keys.envelope("stranger", &of("stranger")), "stranger"),
        (
            "posing",
            "bad_hmac",
            keys.envelope("client", &of("posing").with("/client", "other")),
            "posing",
        ),
        (
            "unlisted",
            "bad_hmac",
            keys.envelope("client", &of("unlisted").with("/client", "nobody")),
            "unlisted",
        ),
        (
            "namespace",
            "bad_hmac",
            keys.envelope_in("file", "client", &of("namespace")),
            "namespace",
        ),
        ("edited", "bad_hmac", edited.to_string(), "edited"),
        (
            "one",
            "action_not_allowed",
            Document::new("one", &[write("one", "")]).with("/target", "STRICT").signed(),
            "one",
        ),
        ("bare", "bad_hmac", unsigned.body.to_string(), "bare"),
    ];
    for (name, want, text, letter) in cases {
        bridge.drop_in(&format!("{name}.json"), text.as_bytes());
        drop(bridge.once().expect(1));
        assert_eq!(bridge.reason(letter), want, "{name}: {}", bridge.letter(letter)["detail"]);
    }
    assert_eq!(fs::read_dir(&bridge.work).unwrap().count(), 1);
    drop(bridge.run(&["verify"]).expect(0));
}

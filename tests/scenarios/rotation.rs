//! The bridge's shared secret is rotated under a running executor, without a gap and without a
//! restart: `key` writes, `bridge-exec` and `bridge-submit` only read.

use std::fs;
use std::path::Path;
use std::process::Command;

use scenarios::{Bridge, Document, Ran, Watch, command, noop, wait_until};
use serde_json::Value;

const NAME: &str = "bridge_hmac";

/// A bridge whose secret lies in a file, as `key` stores it.
struct Rotating {
    bridge: Bridge,
    count: std::cell::Cell<usize>,
}

impl Rotating {
    fn new() -> Self {
        let rotating = Self { bridge: Bridge::new(), count: 0.into() };
        drop(rotating.key(&["generate", NAME]).expect(0));
        rotating
    }

    fn call(&self, program: &str, args: &[&str]) -> Command {
        let mut call = Command::new(command(program));
        let like = self.bridge.call(&[]);
        call.env_clear();
        for (name, value) in like.get_envs() {
            if let Some(value) = value.filter(|_| name != "BRIDGE_HMAC") {
                call.env(name, value);
            }
        }
        call.args(args);
        call
    }

    fn key(&self, args: &[&str]) -> Ran {
        Ran::of(self.call("key", args))
    }

    fn rotate(&self, args: &[&str]) -> Ran {
        self.key(&[&["rotate", NAME][..], args].concat())
    }

    fn file(&self, name: &str) -> Option<String> {
        let path = self.bridge.base().join("secrets").join(name);
        fs::read_to_string(path).ok().map(|text| text.trim_end().to_owned())
    }

    fn watch(&self) -> Watch {
        let mut watch = self.call("bridge-exec", &["watch", "--quiet"]);
        watch.stderr(std::process::Stdio::null());
        Watch::of(watch)
    }

    /// Which slot a command signed with this secret matched; else the reason it was refused for.
    fn signed_with(&self, secret: &str) -> String {
        self.count.set(self.count.get() + 1);
        let id = format!("c-{}", self.count.get());
        let document = Document::new(&id, &[noop()]);
        self.bridge.drop_in(&format!("{id}.json"), document.signed_with(secret).as_bytes());
        let result = self.bridge.root.join(format!("results/{id}.json"));
        let letter = self.bridge.root.join(format!("dead_letter/{id}.json"));
        wait_until("an outcome", || result.exists() || letter.exists());
        if result.exists() { slot(&result) } else { self.bridge.reason(&id) }
    }

    /// Which slot a command of `bridge-submit` matched.
    fn submitted(&self) -> String {
        self.count.set(self.count.get() + 1);
        let id = format!("s-{}", self.count.get());
        let sent = Ran::of(self.call("bridge-submit", &["--id", &id, "noop", "--wait"]));
        drop(sent.expect(0));
        slot(&self.bridge.root.join(format!("results/{id}.json")))
    }
}

fn slot(result: &Path) -> String {
    let result: Value = serde_json::from_slice(&fs::read(result).unwrap()).unwrap();
    result["hmac_key"].as_str().unwrap().to_owned()
}

#[test]
fn begin_promote_and_retire_reach_a_running_executor_and_every_writer() {
    let rotating = Rotating::new();
    let watch = rotating.watch();
    let old = rotating.file("bridge_hmac").unwrap();
    assert_eq!(rotating.signed_with(&old), "current");

    drop(rotating.rotate(&["begin"]).expect(0));
    let new = rotating.file("bridge_hmac_next").unwrap();
    assert_ne!(old, new);
    assert_eq!(rotating.signed_with(&old), "current");
    assert_eq!(rotating.signed_with(&new), "next");
    assert_eq!(rotating.submitted(), "current");
    drop(rotating.rotate(&["begin"]).expect(1));

    drop(rotating.rotate(&["promote"]).expect(0));
    assert_eq!(rotating.signed_with(&old), "current");
    assert_eq!(rotating.submitted(), "next");
    // Commands signed with the old secret may still be on their way.
    drop(rotating.rotate(&["retire"]).expect(1));

    drop(rotating.rotate(&["retire", "--now"]).expect(0));
    assert_eq!(rotating.signed_with(&old), "bad_hmac");
    assert_eq!(rotating.signed_with(&new), "current");
    assert_eq!(rotating.submitted(), "current");
    assert_eq!(rotating.file("bridge_hmac").as_ref(), Some(&new));
    assert_eq!(rotating.file("bridge_hmac_next"), None);
    assert_eq!(watch.stop(), 0);
}

#[test]
fn a_window_that_ends_closes_for_everybody_at_once_and_is_settled_by_the_next_call() {
    let rotating = Rotating::new();
    let watch = rotating.watch();
    let old = rotating.file("bridge_hmac").unwrap();
    drop(rotating.rotate(&["begin", "--window", "2s"]).expect(0));
    let new = rotating.file("bridge_hmac_next").unwrap();
    drop(rotating.rotate(&["promote"]).expect(0));
    assert_eq!(rotating.signed_with(&old), "current");
    wait_until("the end of the window", || rotating.signed_with(&old) == "bad_hmac");
    assert_eq!(rotating.submitted(), "next", "nobody has settled it yet");

    drop(rotating.rotate(&["status"]).expect(0));
    assert_eq!(rotating.file("bridge_hmac").as_ref(), Some(&new));
    assert_eq!(rotating.file("bridge_hmac_next"), None);
    assert_eq!(rotating.submitted(), "current");
    assert_eq!(watch.stop(), 0);
}

#[test]
fn a_second_slot_without_a_recorded_rotation_counts_for_nothing() {
    let rotating = Rotating::new();
    let path = rotating.bridge.base().join("secrets/bridge_hmac_next");
    fs::write(&path, "planted-by-somebody").unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let watch = rotating.watch();
    assert_eq!(rotating.signed_with("planted-by-somebody"), "bad_hmac");
    assert_eq!(watch.stop(), 0);
}

//! The real binary, on a host whose policy knows only what every machine has. What it does to sshd
//! is for tests of machines that boot.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set the scene and start the binary; a scene that fails is a failed test"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// What every folder of evidence holds.
const FILES: [&str; 11] = [
    "facts.before.json",
    "facts.json",
    "doctor.before.json",
    "doctor.json",
    "listeners.txt",
    "sshd_config/effective.txt",
    "guard_status.json",
    "docker_ports.json",
    "actions.jsonl",
    "summary.json",
    "SHA256SUMS",
];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

struct Scene {
    dir: tempfile::TempDir,
}

impl Scene {
    /// A host of which only the disk is judged.
    fn new(mount: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let configs = dir.path().join("configs");
        fs::create_dir(&configs).unwrap();
        fs::copy(top().join("configs/keys.yaml"), configs.join("keys.yaml")).unwrap();
        let shipped = fs::read_to_string(top().join("configs/doctor.yaml")).unwrap();
        let text = shipped
            .replace(
                "not_installed: []",
                "not_installed: [tailscale, compose, api, ports, docker_ports, keys, console, guard]",
            )
            .replace("{path: /, warn_percent: 80, fail_percent: 90}", mount);
        let (logs, keys) = (text.find("  logs:").unwrap(), text.find("keys:\n").unwrap());
        let text = format!("{}  logs: []\n{}", &text[..logs], &text[keys..]);
        fs::write(configs.join("doctor.yaml"), text).unwrap();
        Self { dir }
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    fn heal(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_heal"))
            .args(args)
            .env_clear()
            // Nothing of this machine is asked: no systemctl, no tailscale.
            .env("PATH", "/nonexistent")
            .env("AIOPS_HOME", self.home())
            .env("AIOPS_CONFIGS", self.dir.path().join("configs"))
            .output()
            .unwrap()
    }

    fn evidence(&self) -> Vec<PathBuf> {
        let folder = self.home().join("artifacts/evidence");
        let entries = fs::read_dir(folder).into_iter().flatten();
        let mut all: Vec<PathBuf> = entries.map(|it| it.unwrap().path()).collect();
        all.sort();
        all
    }

    /// The last folder is whole, and its hashes agree.
    #[track_caller]
    fn assert_whole(&self) -> Value {
        let all = self.evidence();
        let folder = all.last().unwrap();
        for name in FILES {
            assert!(folder.join(name).is_file(), "{name} is missing in {}", folder.display());
        }
        let verified =
            json(&self.heal(&["verify-evidence", folder.to_str().unwrap(), "--json"]), 0);
        assert_schema(&verified, "heal.evidence.schema.json");
        let summary = fs::read(folder.join("summary.json")).unwrap();
        serde_json::from_slice(&summary).unwrap()
    }
}

const FINE: &str = "{path: /, warn_percent: 100, fail_percent: 100}";
const NOWHERE: &str = "{path: /no/such/mount, warn_percent: 80, fail_percent: 90}";

#[track_caller]
fn json(output: &Output, code: i32) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn assert_schema(value: &Value, schema: &str) {
    let text = fs::read_to_string(top().join("configs/schemas").join(schema)).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    assert!(jsonschema::is_valid(&schema, value), "{value}");
}

#[test]
fn a_check_of_a_fine_host_is_a_yes_with_evidence() {
    let scene = Scene::new(FINE);
    for option in ["--check-only", "--verify-only"] {
        let answer = json(&scene.heal(&[option, "--json"]), 0);
        assert_schema(&answer, "heal.schema.json");
        assert_eq!((&answer["outcome"], &answer["after"]), (&"checked".into(), &"pass".into()));
        assert_eq!(scene.assert_whole(), answer);
    }
    assert_eq!(scene.evidence().len(), 2);
}

#[test]
fn the_evidence_is_a_facts_file_that_doctor_judges_again() {
    let scene = Scene::new(FINE);
    json(&scene.heal(&["--json"]), 0);
    let folder = scene.evidence().pop().unwrap();
    let facts: Value =
        serde_json::from_slice(&fs::read(folder.join("facts.json")).unwrap()).unwrap();
    assert_schema(&facts, "facts.schema.json");
    let report = fs::read(folder.join("doctor.json")).unwrap();
    assert_schema(&serde_json::from_slice(&report).unwrap(), "doctor.report.schema.json");
}

#[test]
fn what_could_not_be_looked_at_is_no_yes_and_told_where_asked() {
    let scene = Scene::new(NOWHERE);
    let answer = json(&scene.heal(&["--notify", "--json"]), 69);
    assert_eq!(answer["outcome"], "not_needed");
    assert!(answer["troubles"][0].as_str().unwrap().contains("disk"), "{answer}");
    scene.assert_whole();
    assert_eq!(fs::read_dir(scene.home().join("state/alerts/new")).unwrap().count(), 1);
}

#[test]
fn a_refused_fix_is_a_no_that_leaves_evidence_and_says_why() {
    let scene = Scene::new(FINE);
    for call in [&["ssh", "--json"][..], &["--only", "ssh", "--json"]] {
        let answer = json(&scene.heal(call), 1);
        assert_eq!(answer["outcome"], "refused", "{answer}");
        assert!(!answer["reason"].as_str().unwrap().is_empty());
        assert_eq!(scene.assert_whole()["outcome"], "refused");
    }
}

#[test]
fn a_plan_is_a_look_that_leaves_nothing() {
    let scene = Scene::new(FINE);
    let plan = json(&scene.heal(&["ssh", "--plan", "--json"]), 1);
    assert!(plan["refused"].is_object(), "{plan}");
    assert!(!scene.home().exists());
}

#[test]
fn a_policy_that_is_wrong_fails_with_evidence() {
    let scene = Scene::new(FINE);
    fs::write(scene.dir.path().join("configs/doctor.yaml"), "nothing: here\n").unwrap();
    assert_eq!(scene.heal(&["--notify"]).status.code(), Some(78));
    assert_eq!(fs::read_dir(scene.home().join("state/alerts/new")).unwrap().count(), 1);
    let summary = scene.assert_whole();
    assert_eq!((&summary["outcome"], &summary["exit_code"]), (&"failed".into(), &78.into()));
}

#[test]
fn a_second_heal_is_turned_away() {
    let scene = Scene::new(FINE);
    let lock = scene.home().join("state/heal/lock");
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    let file = fs::File::create(&lock).unwrap();
    file.lock().unwrap();
    assert_eq!(scene.heal(&["--check-only"]).status.code(), Some(75));
    assert_eq!(scene.heal(&["ssh"]).status.code(), Some(75));
}

#[test]
fn confirmations_and_ways_back_that_are_none_change_nothing_and_say_so() {
    let scene = Scene::new(FINE);
    let answer = json(&scene.heal(&["confirm", "--json"]), 1);
    assert_eq!(answer["outcome"], "nothing_pending");
    scene.assert_whole();
    let record = scene.home().join("state/sshd-fix/20260101T000000Z-abcdef");
    let output = scene.heal(&["ssh", "--rollback", record.to_str().unwrap()]);
    assert_ne!(output.status.code(), Some(0));
    assert_eq!(scene.assert_whole()["outcome"], "failed");
}

#[test]
fn an_address_that_is_here_is_not_waited_for() {
    let scene = Scene::new(FINE);
    assert_eq!(scene.heal(&["wait-address", "127.0.0.1"]).status.code(), Some(0));
    let none = scene.heal(&["wait-address", "192.0.2.1", "--seconds", "0"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(!scene.home().exists());
}

#[test]
fn options_that_contradict_are_refused() {
    let scene = Scene::new(FINE);
    for call in [
        &["--check-only", "--only", "ssh"][..],
        &["--notify", "ssh"],
        &["ssh", "--plan", "--confirm", "60"],
        &["ssh", "--confirm", "1"],
        &["--only", "everything"],
    ] {
        assert_eq!(scene.heal(call).status.code(), Some(2), "{call:?}");
    }
}

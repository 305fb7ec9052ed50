//! The real binary over made-up evidence.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "sets up files and processes")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bridge::audit::{self, Entry, GENESIS};
use bridge::reason::Reason;
use bridge_report::documents::Summary;
use ops_core::alert::{self, Severity, Spooled};
use ops_core::host::Host;
use serde_json::{Value, json};
use tempfile::TempDir;

struct Machine {
    dir: TempDir,
}

#[derive(Debug)]
#[must_use = "assert the exit code"]
struct Said {
    code: i32,
    out: String,
    err: String,
}

fn entry(at: &str, id: &str, result: &str, reason: Option<Reason>) -> Entry {
    Entry {
        ts: at.into(),
        id: id.into(),
        action: "applyPatch".into(),
        result: result.into(),
        exit: 0,
        files_changed: 1,
        hmac_ok: true,
        reason,
    }
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("root")).unwrap();
        fs::create_dir_all(dir.path().join("bin")).unwrap();
        Self { dir }
    }

    /// A root with three commands in two files of the log, one of them two days old.
    fn with_evidence() -> Self {
        let machine = Self::new();
        let now = ops_core::time::rfc3339(Host::real().now());
        let files: [(&str, &[Entry]); 2] = [
            ("bridge-000001.log", &[entry("2025-01-01T00:00:00.000Z", "old", "ok", None)]),
            (
                "bridge.log",
                &[
                    entry(&now, "new", "ok", None),
                    entry(&now, "bad", "dead_letter", Some(Reason::BadHmac)),
                ],
            ),
        ];
        let mut prev = GENESIS.to_owned();
        for (name, entries) in files {
            let mut text = String::new();
            for entry in entries {
                let line = audit::line(entry, &prev);
                text += &line.text;
                prev = line.hash;
            }
            machine.put(&format!("root/logs/{name}"), &text);
        }
        for (id, duration) in [("new", 12), ("old", 99)] {
            let outcome = json!({
                "schema": "aiops.bridge.result/1", "id": id, "status": "ok", "exit_code": 0,
                "action": "applyPatch", "target": "MAIN", "started_at": now, "finished_at": now,
                "duration_ms": duration, "files": [], "files_changed": 0,
                "constraints": {"maxRuntimeMs": 1, "maxFilesChanged": 1}, "limits_ok": true,
                "hmac_key": "current", "validators": [], "stdout": "", "stderr": ""
            });
            machine.put(&format!("root/results/{id}.json"), &outcome.to_string());
        }
        let retry =
            json!({"r": {"attempts": 2, "last_error": "busy", "last_ts": now, "next_ts": now}});
        machine.put("root/meta/retries.json", &retry.to_string());
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The same with a copy of the binary of its own, away from the built `notify` beside it.
    fn alone(self) -> Self {
        let (built, own) = (env!("CARGO_BIN_EXE_bridge-report"), self.path("bin/bridge-report"));
        // A copy may still be open for writing in a child that another test forks just now.
        fs::hard_link(built, &own).or_else(|_| fs::copy(built, &own).map(drop)).unwrap();
        self
    }

    fn run(&self, line: &str) -> Said {
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let own = self.path("bin/bridge-report");
        let built = PathBuf::from(env!("CARGO_BIN_EXE_bridge-report"));
        let output = Command::new(if own.exists() { own } else { built })
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.path("home"))
            .env("AIOPS_HOME", self.path("state"))
            .env("AIOPS_CONFIGS", Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs"))
            .env("BRIDGE_ROOT", self.path("root"))
            .current_dir(self.dir.path())
            .args(line.split_whitespace())
            .output()
            .unwrap();
        Said {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn summaries(&self) -> Vec<PathBuf> {
        let Ok(list) = fs::read_dir(self.path("root/summaries")) else { return vec![] };
        let mut list: Vec<PathBuf> = list.map(|it| it.unwrap().path()).collect();
        list.sort();
        list
    }
}

fn assert_fits(document: &Value) {
    let schema = schemars::schema_for!(Summary).to_value();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator.iter_errors(document).map(|it| it.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?} in {document}");
}

#[test]
fn the_report_is_printed_and_written_as_markdown_and_json() {
    let machine = Machine::with_evidence();
    let said = machine.run("");
    assert_eq!(said.code, 0, "{said:?}");
    for line in [
        "Audit log: the chain holds (3 lines in 2 files)\n",
        "| dead_letter |     1 |\n",
        "| bad_hmac |     1 |\n",
        "| new |          12 |\n",
        "| current |     1 |\n",
        "| r   |        2 |",
    ] {
        assert!(said.out.contains(line), "{line} in {}", said.out);
    }
    let [data, text] = machine.summaries().try_into().unwrap();
    assert_eq!(fs::read_to_string(&text).unwrap(), said.out);
    assert_eq!(data.with_extension("md"), text);
    let written: Value = serde_json::from_slice(&fs::read(data).unwrap()).unwrap();
    assert_fits(&written);
    assert!(said.err.starts_with("bridge-report: wrote "), "{said:?}");
    let said = machine.run("--json --quiet");
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    let printed: Value = serde_json::from_str(&said.out).unwrap();
    assert_fits(&printed);
    assert_eq!(printed["outcomes"], json!({"dead_letter": 1, "ok": 1}));
    assert_eq!(printed["slowest"], json!([{"id": "new", "duration_ms": 12}]));
    assert_eq!(machine.summaries().len(), 4, "nothing is overwritten");
}

#[test]
fn the_period_decides_what_is_counted() {
    let machine = Machine::with_evidence();
    for (line, events) in [
        ("--since 7d", 2),
        ("--since 2024-12-31T00:00:00Z", 3),
        ("--since 2024-12-31T00:00:00Z --until 2025-02-01T00:00:00Z", 1),
        ("--since 2d --until 1d", 0),
    ] {
        let said = machine.run(&format!("--json {line}"));
        let printed: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!((said.code, &printed["events"]), (0, &json!(events)), "{line}");
    }
    let said = machine.run("--since 2d --until 1d");
    assert!(said.out.contains("Nothing happened in this period."), "{said:?}");
}

#[test]
fn a_broken_chain_is_a_1_and_says_where() {
    let machine = Machine::with_evidence();
    let log = machine.path("root/logs/bridge.log");
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, text.replace("bad_hmac", "expired")).unwrap();
    let said = machine.run("");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("**the chain is broken** at logs/bridge.log line 2: "), "{said:?}");
    assert_eq!(machine.summaries().len(), 2);
    let said = machine.run("--json");
    let printed: Value = serde_json::from_str(&said.out).unwrap();
    assert_fits(&printed);
    assert_eq!((said.code, &printed["chain"]["ok"]), (1, &json!(false)));
    fs::write(&log, text).unwrap();
    fs::remove_file(machine.path("root/logs/bridge-000001.log")).unwrap();
    assert_eq!(machine.run("").code, 1, "a whole file is gone");
}

#[test]
fn a_root_without_a_log_is_empty_unless_its_archive_says_otherwise() {
    let machine = Machine::new();
    let said = machine.run("");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("Audit log: no line was ever written\n"), "{said:?}");
    machine.put("root/archive/a.json", "{}");
    let said = machine.run("");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("archive/ holds commands"), "{said:?}");
}

#[test]
fn evidence_that_cannot_be_read_is_listed() {
    let machine = Machine::with_evidence();
    fs::remove_file(machine.path("root/results/new.json")).unwrap();
    machine.put("root/meta/retries.json", "{");
    let said = machine.run("");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("- results/new.json: it is not there\n"), "{said:?}");
    assert!(said.out.contains("- meta/retries.json: EOF"), "{said:?}");
}

#[test]
fn wrong_calls_and_a_missing_root_write_nothing() {
    let machine = Machine::with_evidence();
    for (line, code, word) in [
        ("--help", 0, "Examples:"),
        ("--version", 0, "bridge-report 0.1.0 ("),
        ("--since yesterday", 2, "neither a length of time"),
        ("--since 1d --until 2d", 2, "not before its end"),
        ("--since 0s", 2, "not before its end"),
        ("extra", 2, "extra"),
        ("--root none", 78, "bridge-exec init"),
    ] {
        let said = machine.run(line);
        assert_eq!(said.code, code, "{line}: {said:?}");
        assert!(format!("{}{}", said.out, said.err).contains(word), "{line}: {said:?}");
    }
    assert_eq!(machine.summaries(), [""; 0].map(PathBuf::from));
}

/// The alerts in the spool.
fn spooled(machine: &Machine) -> Vec<Spooled> {
    let Ok(list) = fs::read_dir(alert::spool(&machine.path("state"))) else { return vec![] };
    list.map(|it| serde_json::from_slice(&fs::read(it.unwrap().path()).unwrap()).unwrap()).collect()
}

/// Puts a `notify` on PATH that writes down how it was called.
fn fake_notify(machine: &Machine) {
    use std::os::unix::fs::PermissionsExt;
    let folder = machine.dir.path().display().to_string();
    let script = format!(
        "#!/bin/sh\nenv > {folder}/env\necho \"$@\" > {folder}/argv.new\nmv {folder}/argv.new {folder}/argv\n"
    );
    machine.put("bin/notify", &script);
    fs::set_permissions(machine.path("bin/notify"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_report_goes_into_the_spool_and_notify_flush_is_started() {
    let machine = Machine::with_evidence().alone();
    fake_notify(&machine);
    let said = machine.run("--notify");
    assert_eq!(said.code, 0, "{said:?}");
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !machine.path("argv").exists() {
        assert!(std::time::Instant::now() < end, "notify was not started");
        std::thread::yield_now();
    }
    assert_eq!(fs::read_to_string(machine.path("argv")).unwrap(), "flush --quiet\n");
    let env = fs::read_to_string(machine.path("env")).unwrap();
    assert!(env.contains(&format!("AIOPS_HOME={}\n", machine.path("state").display())), "{env}");
    let [spooled] = spooled(&machine).try_into().unwrap();
    assert_eq!(
        (spooled.raised_by.as_str(), spooled.alert.severity),
        ("bridge-report", Severity::Info)
    );
    assert_eq!(spooled.alert.check.as_deref(), Some("bridge.report"));
    assert_eq!(spooled.alert.title, "bridge: 2 events, audit log ok");
    let [_, text] = machine.summaries().try_into().unwrap();
    assert!(spooled.alert.message.ends_with(text.to_str().unwrap()), "{spooled:?}");
}

#[test]
fn without_notify_the_alert_waits_in_the_spool() {
    let machine = Machine::with_evidence().alone();
    let said = machine.run("--notify");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("the flush timer sends it"), "{said:?}");
    assert_eq!(spooled(&machine).len(), 1);
}

#[test]
fn a_spool_that_cannot_be_written_is_a_69_but_never_hides_a_broken_chain() {
    let machine = Machine::with_evidence().alone();
    machine.put("state/state", "in the way");
    let said = machine.run("--notify");
    assert_eq!((said.code, said.out.as_str()), (69, ""), "{said:?}");
    assert!(said.err.contains("it was written: "), "{said:?}");
    assert_eq!(machine.summaries().len(), 2);
    fs::write(machine.path("root/logs/bridge.log"), "x\n").unwrap();
    let said = machine.run("--notify --quiet");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.out.contains("chain is broken") && said.err.contains("it was written"),
        "{said:?}"
    );
}

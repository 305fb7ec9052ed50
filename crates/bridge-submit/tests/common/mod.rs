//! A bridge root of its own, the real binary, and a stand-in for the executor.
#![allow(dead_code, clippy::allow_attributes, reason = "no test file uses all of it")]

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use ops_core::host::Host;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Not a secret of anybody's.
pub(crate) const SECRET: &str = "c2VjcmV0LW9mLXRoZS10ZXN0cw==";

/// A machine of its own: home, secrets, bridge root.
pub(crate) struct Machine {
    dir: TempDir,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in
            ["home", "root/commands", "root/results", "root/dead_letter", "root/meta/held"]
        {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let machine = Self { dir };
        machine.put("secrets/bridge_hmac", SECRET.as_bytes(), 0o600);
        machine
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8], mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        Host::real().replace_file(&path, bytes, mode).unwrap();
        path
    }

    /// The binary with its surroundings but without arguments.
    pub(crate) fn bare(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bridge-submit"));
        command
            .env_clear()
            .env("HOME", self.path("home"))
            .env("AIOPS_HOME", self.path("state"))
            .env("AIOPS_CONFIGS", Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs"))
            .env("AIOPS_SECRETS_DIR", self.path("secrets"))
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn command<A: AsRef<OsStr>>(&self, args: &[A]) -> Command {
        let mut command = self.bare();
        command.env("BRIDGE_ROOT", self.path("root")).args(args);
        command
    }

    pub(crate) fn run<A: AsRef<OsStr>>(&self, args: &[A]) -> Said {
        Said::from(self.command(args).output().unwrap())
    }

    pub(crate) fn run_with_input<A: AsRef<OsStr>>(&self, args: &[A], input: &[u8]) -> Said {
        let mut child = self.spawn(args, Stdio::piped());
        // A child that refused before reading has closed its end.
        let _unread = child.stdin.take().unwrap().write_all(input).is_err();
        Said::from(child.wait_with_output().unwrap())
    }

    pub(crate) fn spawn<A: AsRef<OsStr>>(&self, args: &[A], input: Stdio) -> Child {
        let mut command = self.command(args);
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Everything in commands/, temporary names too.
    pub(crate) fn inbound(&self) -> Vec<String> {
        names(&self.path("root/commands"))
    }

    pub(crate) fn records(&self) -> usize {
        fs::read_dir(self.path("state/artifacts/runs")).map_or(0, Iterator::count)
    }

    /// Waits until `count` documents lie in commands/, and returns their names.
    pub(crate) fn wait_for_inbound(&self, count: usize) -> Vec<String> {
        let host = Host::real();
        while host.ticks() < Duration::from_secs(30) {
            let mut names = self.inbound();
            names.retain(|name| name.strip_suffix(".json").is_some());
            if names.len() >= count {
                return names;
            }
            host.pause(Duration::from_millis(5));
        }
        panic!("nothing was dropped");
    }

    /// What an executor leaves of a command it carried out.
    pub(crate) fn carry_out(&self, id: &str) {
        let outcome = json!({
            "schema": "aiops.bridge.result/1", "id": id, "status": "ok", "exit_code": 0,
            "action": "applyPatch", "target": "MAIN", "started_at": "2025-08-09T06:24:51.000Z",
            "finished_at": "2025-08-09T06:24:51.012Z", "duration_ms": 12,
            "files": [{"path": "a.txt", "change": "added", "sha256_before": null,
                "sha256_after": "00", "bytes": 5}],
            "files_changed": 1, "constraints": {"maxRuntimeMs": 1, "maxFilesChanged": 1},
            "limits_ok": true, "hmac_key": "current", "validators": [], "stdout": "", "stderr": ""
        });
        self.put(&format!("root/results/{id}.json"), outcome.to_string().as_bytes(), 0o640);
        fs::remove_file(self.path(&format!("root/commands/{id}.json"))).unwrap();
    }

    /// What an executor leaves of a command it refused.
    pub(crate) fn refuse(&self, id: &str, file: &str, verified: bool, reason: &str) {
        let letter = json!({
            "schema": "aiops.bridge.dead_letter/1", "name": format!("{id}.json"),
            "id": verified.then_some(id), "accepted": false, "reason": reason, "detail": "why so",
            "at": "2025-08-09T06:24:51.000Z", "hmac_ok": verified, "input_bytes": 2, "input": "{}"
        });
        self.put(&format!("root/dead_letter/{file}.json"), letter.to_string().as_bytes(), 0o640);
        let _gone = fs::remove_file(self.path(&format!("root/commands/{id}.json"))).is_err();
    }
}

/// What a call said.
#[derive(Debug)]
#[must_use = "assert the exit code"]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|it| name(it).unwrap()).collect();
    names.sort();
    names
}

/// Whether a real document is one of the type whose schema is exported.
pub(crate) fn assert_fits<T: schemars::JsonSchema>(document: &Value) {
    let schema = schemars::schema_for!(T).to_value();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator.iter_errors(document).map(|it| it.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?} in {document}");
}

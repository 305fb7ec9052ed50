//! A made-up machine: a home, a secrets folder, a registry, and the real binary.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The binary.
pub(crate) const KEY: &str = env!("CARGO_BIN_EXE_key");

pub(crate) struct Machine {
    pub(crate) dir: TempDir,
    env: Vec<(String, String)>,
}

#[derive(Debug)]
#[must_use = "assert the exit code"]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// The document on standard output, valid by its checked-in schema.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let document: Value = serde_json::from_str(&self.out).unwrap();
        let kind = document["schema"].as_str().unwrap().strip_prefix("aiops.").unwrap();
        let kind = kind.split('/').next().unwrap();
        let path = format!("{}/schemas/{kind}.schema.json", configs().display());
        let schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let faults: Vec<String> = jsonschema::validator_for(&schema)
            .unwrap()
            .iter_errors(&document)
            .map(|it| it.to_string())
            .collect();
        assert!(faults.is_empty(), "{faults:?} in {document}");
        document
    }
}

/// The checked-in configuration.
pub(crate) fn configs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs")
}

impl Machine {
    /// One whose registry is the shipped one, with an older folder of its own, no keychain, and
    /// nobody who could be asked about a key.
    pub(crate) fn new() -> Self {
        Self::with(|registry| {
            let registry = registry.replace("keychain: auto", "keychain: never");
            let hosts = ["openai.com", "mistral.ai", "moonshot.ai", "pushover.net", "twilio.com"];
            hosts.iter().chain(&["kajabi.com"]).fold(registry, |registry, host| {
                let base = format!("https://api.{host}");
                assert!(registry.contains(&base), "{base}");
                registry.replace(&base, "http://127.0.0.1:1")
            })
        })
    }

    /// One whose registry is the shipped one, changed.
    pub(crate) fn with(change: impl Fn(String) -> String) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["configs", "secrets", "older"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        let shipped = fs::read_to_string(configs().join("keys.yaml")).unwrap();
        let older = dir.path().join("older");
        let registry = shipped.replace("/opt/ai-ops-runner/secrets", older.to_str().unwrap());
        fs::write(dir.path().join("configs/keys.yaml"), change(registry)).unwrap();
        fs::set_permissions(dir.path().join("secrets"), PermissionsExt::from_mode(0o700)).unwrap();
        Self { dir, env: vec![] }
    }

    /// The same machine with a variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, text: &str, mode: u32) {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    pub(crate) fn get(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn is_there(&self, name: &str) -> bool {
        self.path(name).symlink_metadata().is_ok()
    }

    /// The binary with this machine's surroundings.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(KEY);
        self.surround(&mut command);
        command.args(args);
        command
    }

    /// Gives a command this machine's surroundings.
    pub(crate) fn surround(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("AIOPS_HOME", self.path("home"))
            .env("AIOPS_CONFIGS", self.path("configs"))
            .env("AIOPS_SECRETS_DIR", self.path("secrets"))
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(self.dir.path());
    }

    /// The binary as an ordinary user, to whom this machine belongs from now on.
    pub(crate) fn as_nobody(&self, args: &[&str]) -> Command {
        const NOBODY: u32 = 65534;
        let mut folders = vec![self.dir.path().to_owned()];
        while let Some(folder) = folders.pop() {
            std::os::unix::fs::chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else {
                    let path = entry.path();
                    std::os::unix::fs::lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
                }
            }
        }
        let mut command = Command::new("setpriv");
        self.surround(&mut command);
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--", KEY]).args(args);
        command
    }

    /// Runs it with nothing on standard input.
    pub(crate) fn run(&self, line: &str) -> Said {
        self.feed(line, b"")
    }

    /// Runs it with this on standard input.
    pub(crate) fn feed(&self, line: &str, input: &[u8]) -> Said {
        let words: Vec<&str> = line.split_whitespace().collect();
        finish(self.command(&words), input)
    }

    /// Every file below home, with its bytes.
    pub(crate) fn files(&self, below: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![self.path(below)];
        while let Some(folder) = folders.pop() {
            let Ok(list) = fs::read_dir(folder) else { continue };
            for entry in list.map(Result::unwrap) {
                let kind = entry.file_type().unwrap();
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    found.push((entry.path(), fs::read(entry.path()).unwrap()));
                }
            }
        }
        found
    }

    /// The run records, oldest first.
    pub(crate) fn records(&self) -> Vec<Value> {
        let mut files = self.files("home/artifacts/runs");
        files.sort();
        let mut records: Vec<Value> =
            files.iter().map(|(_, bytes)| serde_json::from_slice(bytes).unwrap()).collect();
        records.sort_by_key(|record| record["started_at"].as_str().unwrap().to_owned());
        records
    }

    /// The run records, once there is one that can be read.
    pub(crate) fn records_if_whole(&self) -> Option<Value> {
        let files = self.files("home/artifacts/runs");
        let whole = files.iter().find(|(path, _)| path.ends_with("run.json"));
        whole.and_then(|(_, bytes)| serde_json::from_slice(bytes).ok())
    }

    /// The audit lines, whose chain holds.
    #[track_caller]
    pub(crate) fn audit(&self) -> Vec<key::audit::Entry> {
        let text = fs::read_to_string(self.path("home/state/keys/audit.jsonl")).unwrap_or_default();
        audit_chain::check(&text, audit_chain::GENESIS).unwrap().0
    }
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command, input: &[u8]) -> Said {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child: Child = child.spawn().unwrap();
    // Whoever does not read its input is not to blame.
    drop(child.stdin.take().unwrap().write_all(input));
    let output = child.wait_with_output().unwrap();
    Said {
        code: output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0)),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

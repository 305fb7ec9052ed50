//! A bridge of its own for one scenario: root, home, policy and a folder to work on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bridge::settings::Settings;
use ops_core::config::{self, Source};
use ops_core::host::Host;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::letters::Document;
use crate::process::{Ran, Watch};

/// The shared secret of every bridge here: an example, good for nothing else.
pub const SECRET: &str = "example-secret-of-the-scenarios-0123456789";

/// A bridge root with its surroundings in one temporary folder.
#[derive(Debug)]
pub struct Bridge {
    /// Removed with this value; `None` when the folder is the caller's.
    dir: Option<TempDir>,
    base: PathBuf,
    /// The bridge root.
    pub root: PathBuf,
    /// The executor's home.
    pub home: PathBuf,
    /// The folder of the target `WORK`.
    pub work: PathBuf,
}

impl Default for Bridge {
    fn default() -> Self {
        Self::new()
    }
}

impl Bridge {
    /// A bridge with the shipped policy and one further target, `WORK`.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// A bridge with a policy of its own.
    pub fn with(policy: impl FnOnce(&mut Value)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let mut bridge = Self::at(&base, policy);
        bridge.dir = Some(dir);
        bridge
    }

    /// A bridge in a folder of the caller's.
    pub fn at(base: &Path, policy: impl FnOnce(&mut Value)) -> Self {
        let bridge = Self {
            dir: None,
            base: base.to_path_buf(),
            root: base.join("root"),
            home: base.join("home"),
            work: base.join("work"),
        };
        for folder in [&bridge.root.join("commands"), &bridge.home, &bridge.work] {
            fs::create_dir_all(folder).unwrap();
        }
        for folder in ["configs", "secrets", "tmp"] {
            fs::create_dir_all(base.join(folder)).unwrap();
        }
        let keys = <secrets::Registry as config::Settings>::SHIPPED;
        fs::write(bridge.base.join("configs/keys.yaml"), keys).unwrap();
        bridge.set_policy(policy);
        bridge
    }

    /// The folder that holds everything: configs/, secrets/, the root, the home.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// Writes the policy anew: the shipped one with these changes.
    pub fn set_policy(&self, policy: impl FnOnce(&mut Value)) {
        let shipped: Settings = config::load(&Host::real(), &Source::Shipped).unwrap();
        let mut settings = serde_json::to_value(shipped).unwrap();
        settings["targets"]["WORK"] = json!({"path": self.work});
        policy(&mut settings);
        // JSON is YAML.
        fs::write(self.base.join("configs/bridge.yaml"), settings.to_string()).unwrap();
    }

    /// A call of `bridge-exec` in an environment of its own.
    pub fn call(&self, args: &[&str]) -> Command {
        self.call_at(&self.home, args)
    }

    /// The same with another home.
    pub fn call_at(&self, home: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(crate::command("bridge-exec"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.base)
            .env("TMPDIR", self.base.join("tmp"))
            .env("AIOPS_HOME", home)
            .env("AIOPS_CONFIGS", self.base.join("configs"))
            .env("AIOPS_SECRETS_DIR", self.base.join("secrets"))
            .env("BRIDGE_HMAC", SECRET)
            .env("BRIDGE_ROOT", &self.root)
            .current_dir(&self.base)
            .args(args);
        command
    }

    /// Runs `bridge-exec` to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.call(args))
    }

    /// Drains the inbound folder.
    pub fn once(&self) -> Ran {
        self.run(&["once"])
    }

    /// Starts `bridge-exec watch`; it may not be ready yet.
    pub fn watch(&self) -> Watch {
        let mut command = self.call(&["watch", "--quiet"]);
        command.stderr(Stdio::null());
        Watch::of(command)
    }

    /// Starts `bridge-exec once` and leaves it running.
    pub fn start_once(&self) -> Watch {
        let mut command = self.call(&["once", "--quiet"]);
        command.stderr(Stdio::null());
        Watch::of(command)
    }

    /// Drops a command as clients do: whole, under a name after its id.
    pub fn submit(&self, document: &Document) {
        self.drop_in(&format!("{}.json", document.id()), document.signed().as_bytes());
    }

    /// Drops a file as clients do: written elsewhere, then renamed.
    pub fn drop_in(&self, name: &str, bytes: &[u8]) {
        let temp = self.root.join(".inbound");
        fs::write(&temp, bytes).unwrap();
        fs::rename(&temp, self.root.join("commands").join(name)).unwrap();
    }

    /// Names in a folder of the root, sorted; a missing folder has none.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.root.join(folder)) else { return vec![] };
        let mut names: Vec<String> =
            entries.map(|it| it.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// A dead letter.
    #[track_caller]
    pub fn letter(&self, name: &str) -> Value {
        let path = self.root.join("dead_letter").join(format!("{name}.json"));
        let text = fs::read(&path).unwrap_or_else(|err| {
            panic!("no dead letter {name}: {err}; there are {:?}", self.names("dead_letter"))
        });
        serde_json::from_slice(&text).unwrap()
    }

    /// The reason of a dead letter.
    #[track_caller]
    pub fn reason(&self, name: &str) -> String {
        self.letter(name)["reason"].as_str().unwrap().to_owned()
    }

    /// A result.
    #[track_caller]
    pub fn result(&self, id: &str) -> Value {
        let path = self.root.join("results").join(format!("{id}.json"));
        let text = fs::read(&path).unwrap_or_else(|err| {
            panic!("no result {id}: {err}; dead letters {:?}", self.names("dead_letter"))
        });
        serde_json::from_slice(&text).unwrap()
    }

    /// The audit log, a value a line, oldest first, over all its segments.
    pub fn log(&self) -> Vec<Value> {
        let mut names = self.names("logs");
        names.retain(|name| Path::new(name).extension().is_some_and(|it| it == "log"));
        // `bridge-000001.log` sorts before `bridge.log`.
        let read = |name: &String| fs::read_to_string(self.root.join("logs").join(name)).unwrap();
        let text: String = names.iter().map(read).collect();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The text of a file of `WORK`; `None` when there is none.
    pub fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.work.join(path)).ok()
    }
}

//! A bridge root, its remote, and nothing of the machine's own configuration.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A made-up world in a temporary folder.
pub(crate) struct World {
    dir: tempfile::TempDir,
    /// The bridge root.
    pub(crate) root: PathBuf,
    /// The bare repository it publishes to.
    pub(crate) remote: PathBuf,
    /// More environment for the binary.
    pub(crate) env: Vec<(String, String)>,
}

/// What a run of the binary said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) json: Value,
    pub(crate) stderr: String,
}

impl World {
    /// A root with one commit of a person's, cloned from its remote.
    pub(crate) fn new() -> Self {
        let world = Self::unborn();
        world.write("README", "one\n");
        world.git(&["add", "README"]);
        world.git(&["commit", "-qm", "start"]);
        world.git(&["push", "-q", "origin", "main"]);
        world
    }

    /// A root without any commit, and a remote without any branch.
    pub(crate) fn unborn() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        let world =
            Self { dir, root: path.join("root"), remote: path.join("remote.git"), env: vec![] };
        fs::create_dir_all(path.join("home")).unwrap();
        fs::create_dir_all(&world.root).unwrap();
        world.git_in(&path, &["init", "-q", "--bare", "-b", "main", "remote.git"]);
        world.git(&["init", "-q", "-b", "main"]);
        world.git(&["remote", "add", "origin", world.remote.to_str().unwrap()]);
        world.settings(2, 20);
        world
    }

    /// Writes bridge.yaml with so many attempts and so long for each git command, in seconds.
    pub(crate) fn settings(&self, attempts: u32, deadline: u32) {
        let shipped = include_str!("../../../../configs/bridge.yaml");
        let text = shipped
            .replace("{attempts: 6, base_ms: 500,", &format!("{{attempts: {attempts}, base_ms: 1,"))
            .replace("git_deadline_seconds: 60", &format!("git_deadline_seconds: {deadline}"));
        fs::create_dir_all(self.path("configs")).unwrap();
        fs::write(self.path("configs/bridge.yaml"), text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    /// The binary, ready to run.
    pub(crate) fn binary(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bridge-publish"));
        command.args(args).arg("--root").arg(&self.root);
        command
            .arg("--configs")
            .arg(self.path("configs"))
            .arg("--home")
            .arg(self.path("home/state"));
        self.hermetic(&mut command);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    fn hermetic(&self, command: &mut Command) {
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", self.path("home")).env("GIT_CONFIG_NOSYSTEM", "1");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "A Person");
            command.env(format!("GIT_{who}_EMAIL"), "person@example.invalid");
        }
    }

    /// Runs `once`; what it prints must be as its schema says.
    pub(crate) fn once(&self) -> Said {
        let said = said(&self.binary(&["once", "--json", "-v"]).output().unwrap());
        if said.code == 0 {
            let schema = include_str!("../../../../configs/schemas/bridge.publish.schema.json");
            assert_eq!(ops_core::config::validate("report", schema, &said.json).unwrap(), []);
        } else {
            assert!(said.json.is_null(), "{}", said.json);
        }
        said
    }

    /// Runs git in the root; it must succeed.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.root, args)
    }

    /// Runs git in any folder; it must succeed.
    pub(crate) fn git_in(&self, folder: &Path, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(args).current_dir(folder);
        self.hermetic(&mut command);
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs git in the remote.
    pub(crate) fn git_remote(&self, args: &[&str]) -> String {
        self.git_in(&self.remote, args)
    }

    /// Writes a file below the root.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Reads a file below the root.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap()
    }

    /// An executed command, as the executor leaves it.
    pub(crate) fn outcome(&self, id: &str, second: u32) {
        let at = format!(
            "2026-01-01T{:02}:{:02}:{:02}.000Z",
            second / 3600,
            second / 60 % 60,
            second % 60
        );
        let result = format!(
            r#"{{"schema":"aiops.bridge.result/1","id":"{id}","exit_code":0,"finished_at":"{at}"}}"#
        );
        self.write(&format!("results/{id}.json"), &result);
        self.write(&format!("results/{id}.integrity.json"), &format!(r#"{{"id":"{id}"}}"#));
        self.write(&format!("diffs/{id}.patch"), "");
        self.write(&format!("archive/{id}.json"), &command(id));
        self.log(&format!(r#"{{"id":"{id}"}}"#));
    }

    /// A rejected document.
    pub(crate) fn dead_letter(&self, name: &str, reason: &str, second: u32) {
        let at = format!("2026-01-01T00:00:{second:02}.000Z");
        let text = format!(r#"{{"reason":"{reason}","at":"{at}","name":"{name}"}}"#);
        self.write(&format!("dead_letter/{name}.json"), &text);
    }

    /// Adds a line to the log.
    pub(crate) fn log(&self, line: &str) {
        let path = self.root.join("logs/bridge.log");
        let old = fs::read_to_string(&path).unwrap_or_default();
        self.write("logs/bridge.log", &format!("{old}{line}\n"));
    }

    /// Subjects on the remote, oldest first.
    pub(crate) fn subjects(&self) -> Vec<String> {
        let log = self.git_remote(&["log", "--reverse", "--format=%s", "main"]);
        log.lines().map(ToOwned::to_owned).collect()
    }

    /// Paths in the remote's tree.
    pub(crate) fn remote_files(&self) -> Vec<String> {
        let list = self.git_remote(&["ls-tree", "-r", "--name-only", "main"]);
        list.lines().map(ToOwned::to_owned).collect()
    }

    /// Somebody else's clone of the remote, made once.
    pub(crate) fn other(&self) -> PathBuf {
        let path = self.path("other");
        if path.exists() {
            self.git_in(&path, &["pull", "-q", "--rebase"]);
        } else {
            self.git_in(&self.path(""), &["clone", "-q", "remote.git", "other"]);
        }
        path
    }

    /// Somebody else commits and pushes files; `None` removes one.
    pub(crate) fn other_pushes(&self, files: &[(&str, Option<&str>)]) {
        let other = self.other();
        for (path, text) in files {
            let path = other.join(path);
            match text {
                Some(text) => {
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, text).unwrap();
                }
                None => fs::remove_file(path).unwrap(),
            }
        }
        self.git_in(&other, &["add", "-A"]);
        self.git_in(&other, &["commit", "-qm", "from elsewhere"]);
        self.git_in(&other, &["push", "-q"]);
    }

    /// Both repositories are sound and nothing is locked.
    pub(crate) fn assert_sound(&self) {
        for folder in [&self.root, &self.remote] {
            self.git_in(folder, &["fsck", "--strict", "--no-dangling"]);
        }
        assert!(!self.root.join(".git/index.lock").exists());
        assert!(!self.root.join(".git/refs/heads/main.lock").exists());
    }
}

/// A command document, unsigned.
pub(crate) fn command(id: &str) -> String {
    format!(r#"{{"schemaVersion":"1.0","id":"{id}","nonce":"0","hmac":""}}"#)
}

pub(crate) fn said(output: &Output) -> Said {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let code = output.status.code().unwrap_or_else(|| panic!("killed: {stderr}"));
    Said { code, json: serde_json::from_slice(&output.stdout).unwrap_or_default(), stderr }
}

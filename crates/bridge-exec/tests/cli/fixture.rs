//! A bridge root, a home and a secret of their own.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

/// The shared secret of these tests.
pub(crate) const SECRET: &str = "example-secret-for-tests-only";

pub(crate) struct Bridge {
    pub(crate) dir: TempDir,
}

impl Bridge {
    pub(crate) fn new() -> Self {
        let bridge = Self { dir: tempfile::tempdir().expect("a temporary folder") };
        let made = bridge.exec(&["init"]);
        assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
        bridge
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("bridge")
    }

    /// A command with nothing of the caller's environment but PATH.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("AIOPS_HOME", self.dir.path().join("home"))
            .env("AIOPS_CONFIGS", concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs"))
            .env("AIOPS_SECRETS_DIR", self.dir.path().join("secrets"))
            .env("BRIDGE_ROOT", self.root())
            .env("BRIDGE_HMAC", SECRET)
            .current_dir(self.dir.path());
        command
    }

    pub(crate) fn exec(&self, args: &[&str]) -> Output {
        let mut command = self.command(env!("CARGO_BIN_EXE_bridge-exec"));
        if args.first() == Some(&"init") {
            command.arg("--root").arg(self.root());
        }
        command.args(args).output().expect("the program starts")
    }

    /// Names below a folder of the root, sorted.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.root().join(folder)).expect("the folder is there");
        let mut names: Vec<String> = entries
            .map(|it| it.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether a program is there; tells that the test is skipped where it is not.
pub(crate) fn has(program: &str) -> bool {
    let there = Command::new("sh")
        .args(["-c", "command -v \"$0\"", program])
        .output()
        .expect("the program starts");
    if !there.status.success() {
        skipped::told(skipped::this_test(), format_args!("no {program} here"));
    }
    there.status.success()
}

//! A made-up machine: its own programs, policy, home and secrets.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a call said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn json(said: &Said) -> serde_json::Value {
    serde_json::from_str(&said.stdout).unwrap_or_else(|err| panic!("{err}: {said:?}"))
}

pub(crate) struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    /// One on which tailscale, docker and systemctl say that all is well, and which has log folders
    /// and a compose file of its own.
    pub(crate) fn new() -> Self {
        let machine = Self { dir: tempfile::tempdir().unwrap() };
        for folder in ["bin", "configs", "logs", "secrets"] {
            fs::create_dir(machine.path(folder)).unwrap();
        }
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
        fs::copy(shipped.join("keys.yaml"), machine.path("configs/keys.yaml")).unwrap();
        let policy = fs::read_to_string(shipped.join("doctor.yaml")).unwrap();
        let logs = format!(
            "    - {{path: {}, largest_mib: 100, growth_mib_per_hour: 2}}",
            machine.path("logs").display()
        );
        let (head, tail) = policy.split_once("  logs:\n").unwrap();
        let (_, tail) = tail.split_once("keys:\n").unwrap();
        let head = head
            .replace("warn_percent: 80, fail_percent: 90", "warn_percent: 100, fail_percent: 100");
        machine.policy(&format!("{head}  logs:\n{logs}\nkeys:\n{tail}"));
        machine.program(
            "tailscale",
            r#"case "$1 $2" in
"status --json") echo '{"Version":"1.98.2","TUN":true,"BackendState":"Running","TailscaleIPs":["100.101.102.103"],"Self":{"Online":true,"DNSName":"a.example.ts.net."},"Health":[]}' ;;
"ip -4") echo 100.101.102.103 ;;
"funnel status") echo '{}' ;;
"debug prefs") echo '{"RunSSH":false}' ;;
esac"#,
        );
        machine.program(
            "docker",
            r#"case "$1 $4" in
"version "*) echo 28.2.2 ;;
"compose config") echo api ;;
"compose ps") echo '{"Name":"ops-api-1","Service":"api","State":"running","Health":"healthy"}' ;;
esac"#,
        );
        machine.program(
            "systemctl",
            r#"case "$1" in
list-timers) echo '[]' ;;
show) printf 'LoadState=not-found\nActiveState=inactive\nUnitFileState=\n' ;;
esac"#,
        );
        // The address that tailscale names is on no interface here.
        let text = fs::read_to_string(machine.path("configs/doctor.yaml")).unwrap();
        machine.policy(&text.replace("not_installed: []", "not_installed: [tailscale]"));
        machine
    }

    pub(crate) fn path(&self, rest: &str) -> PathBuf {
        self.dir.path().join(rest)
    }

    pub(crate) fn policy(&self, text: &str) {
        fs::write(self.path("configs/doctor.yaml"), text).unwrap();
    }

    pub(crate) fn program(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doctor"));
        command
            .args(args)
            .env_clear()
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", self.path("bin").display()))
            .env("HOME", self.path(""))
            .env("AIOPS_HOME", self.path("home"))
            .env("AIOPS_CONFIGS", self.path("configs"))
            .env("AIOPS_SECRETS_DIR", self.path("secrets"))
            .current_dir(self.path(""));
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        self.fed(args, b"")
    }

    /// Runs a call with something on its standard input.
    pub(crate) fn fed(&self, args: &[&str], input: &[u8]) -> Said {
        let mut command = self.command(args);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Whoever refuses the call before reading closes the pipe.
        let _unread = stdin.write_all(input).is_err();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        Said {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The reports that were saved.
    pub(crate) fn reports(&self) -> Vec<PathBuf> {
        let Ok(folders) = fs::read_dir(self.path("home/artifacts/doctor")) else {
            return Vec::new();
        };
        folders.map(|it| it.unwrap().path().join("doctor.json")).collect()
    }

    /// The alerts in the spool, oldest first.
    pub(crate) fn alerts(&self) -> Vec<serde_json::Value> {
        let Ok(files) = fs::read_dir(self.path("home/state/alerts/new")) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = files.map(|it| it.unwrap().path()).collect();
        paths.sort();
        let read = |path: &PathBuf| serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        paths.iter().map(read).collect()
    }
}

//! A script as first process of namespaces of its own, which lives as long as the harness holds its
//! standard input: however the harness ends, the kernel tidies up.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use crate::cgroup::Cgroup;
use crate::holds_within;
use crate::ran::{children, wait};

/// Where commands of the host are looked for, whatever the caller's `PATH` is.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Joins a control group, then becomes the command.
const JOIN: &str = r#"mkdir -p "$1" && echo $$ >"$1/cgroup.procs" && shift && exec "$@""#;

/// `argv`, started in a control group, which is made when it does not exist.
pub(crate) fn joined(cgroup: &Path) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", JOIN, "sh"]).arg(cgroup);
    command.env_clear().env("PATH", PATH).stdin(Stdio::null());
    command
}

/// A held script. Dropping it ends it, and everything in its namespaces and control group.
#[derive(Debug)]
pub(crate) struct Held {
    child: Child,
    stdin: Option<ChildStdin>,
    init: u32,
    cgroup: Cgroup,
}

impl Held {
    /// Starts `sh -c script name args…` in new namespaces, and waits until it has said `ready`.
    /// What it says goes to `log`.
    pub(crate) fn start(
        cgroup: Cgroup,
        script: &str,
        args: &[&str],
        log: &Path,
    ) -> io::Result<Self> {
        let output = File::create(log)?;
        let mut command = joined(&cgroup.path().join("supervisor"));
        command.args(["unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--mount-proc"]);
        command.args(["--fork", "--kill-child=KILL", "--", "sh", "-c", script, "machine.sh"]);
        command.args(args).stdin(Stdio::piped());
        command.stdout(output.try_clone()?).stderr(output);
        let mut child = command.spawn()?;
        let stdin = child.stdin.take();
        let mut held = Self { child, stdin, init: 0, cgroup };
        held.init = held.when_ready(log)?;
        Ok(held)
    }

    fn when_ready(&mut self, log: &Path) -> io::Result<u32> {
        let mut ended = false;
        let said = || fs::read_to_string(log).unwrap_or_default();
        let ready = holds_within(Duration::from_secs(30), || {
            ended = self.child.try_wait().is_ok_and(|status| status.is_some());
            ended || said().lines().any(|line| line == "ready")
        });
        match children(self.child.id()).first() {
            Some(&init) if ready && !ended => Ok(init),
            _ => Err(io::Error::other(said().trim().replace('\n', "; "))),
        }
    }

    /// A command in its mounts, network and processes, to be added to.
    pub(crate) fn inside(&self) -> Command {
        let mut command = joined(&self.cgroup.path().join("supervisor"));
        command.args(["nsenter", "-t", &self.init.to_string()]);
        command.args(["-m", "-n", "-p", "-i", "-u", "--"]);
        command
    }

    /// Its control group.
    pub(crate) fn cgroup(&self) -> &Cgroup {
        &self.cgroup
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.stdin.take());
        self.cgroup.end();
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs `sh -c script name args…` to its end in mounts and processes of its own; it is killed with
/// all it started when this process dies. What it says goes to `log`. `false` when it failed or
/// took longer than the limit.
pub(crate) fn run_held(
    script: &str,
    args: &[&str],
    env: &[(String, String)],
    log: &Path,
    limit: Duration,
) -> io::Result<bool> {
    let output = File::create(log)?;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--mount-proc", "--fork", "--kill-child=KILL", "--"]);
    command.args(["sh", "-c", script, "base.sh"]).args(args);
    command.env_clear().env("PATH", PATH).envs(env.iter().cloned());
    command.stdin(Stdio::piped()).stdout(output.try_clone()?).stderr(output);
    let mut child = command.spawn()?;
    let stdin = child.stdin.take();
    let status = wait(&mut child, limit);
    drop(child.kill());
    drop(child.wait());
    drop(stdin);
    Ok(status.is_some_and(|status| status.success()))
}

/// Whether a command is on [`PATH`].
pub(crate) fn has(command: &str) -> bool {
    PATH.split(':').any(|folder| PathBuf::from(folder).join(command).is_file())
}

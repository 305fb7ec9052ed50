//! Commands in a machine or outside of it: run to the end, or kept running.

use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde_json::Value;

use crate::holds_within;

/// How long a command may take when nothing else is said.
const LIMIT: Duration = Duration::from_secs(30);

/// A command that ended.
#[must_use = "look at the exit code"]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code; 128 and the signal's number when a signal ended it.
    pub code: i32,
    /// Standard output, with what is not UTF-8 replaced.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
    /// Standard output as it came.
    pub bytes: Vec<u8>,
}

impl Ran {
    /// Fails unless it ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Its standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|err| panic!("{err}: {self:?}"))
    }
}

/// A command about to be started. The environment is empty but for `PATH`, `HOME` and `LANG`.
#[must_use = "nothing happens before run() or start()"]
#[derive(Debug)]
pub struct Call {
    /// What brings the command to where it runs.
    enter: Command,
    env: Vec<OsString>,
    argv: Vec<OsString>,
    input: Vec<u8>,
    limit: Duration,
}

impl Call {
    pub(crate) fn new<A: Into<OsString>>(
        enter: Command,
        argv: impl IntoIterator<Item = A>,
    ) -> Self {
        let argv = argv.into_iter().map(Into::into).collect();
        Self { enter, env: Vec::new(), argv, input: Vec::new(), limit: LIMIT }
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push(format!("{name}={value}").into());
        self
    }

    /// What it reads from standard input; nothing by default.
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// How long it may take; 30 s by default.
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it takes longer than it may; it is killed then.
    #[track_caller]
    pub fn run(self) -> Ran {
        let (shown, limit) = (format!("{:?}", self.argv), self.limit);
        let mut running = self.start();
        let status = wait(&mut running.child, limit);
        if status.is_none() {
            running.signal(Signal::KILL);
        }
        let ran = running.collect(status);
        assert!(status.is_some(), "{shown} took longer than {limit:?}: {ran:?}");
        ran
    }

    /// Starts it and leaves it running.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    pub fn start(mut self) -> Background {
        let home = ["HOME=/root", "LANG=C.UTF-8", "LOGNAME=root", "USER=root"];
        let path = format!("PATH={}", crate::hold::PATH);
        self.enter.arg("env").arg("-i").arg(path).args(home).args(&self.env).args(&self.argv);
        let scratch = || tempfile::tempfile().expect("a temporary file");
        let (stdin, stdout, stderr) = (scratch(), scratch(), scratch());
        let again = |file: &File| file.try_clone().expect("another descriptor");
        let mut writer = again(&stdin);
        writer.write_all(&self.input).and_then(|()| writer.rewind()).expect("input is written");
        self.enter.stdin(stdin).stdout(again(&stdout)).stderr(again(&stderr));
        let child = self.enter.spawn().unwrap_or_else(|err| panic!("{:?}: {err}", self.enter));
        Background { child, stdout, stderr }
    }
}

/// A running command. Dropping it kills it; what it has started itself ends with the machine.
#[derive(Debug)]
pub struct Background {
    child: Child,
    stdout: File,
    stderr: File,
}

impl Background {
    /// Its process id as the machine sees it.
    ///
    /// # Panics
    /// When it has ended.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        let mut inside = None;
        let found = holds_within(Duration::from_secs(5), || {
            inside = children(self.child.id()).first().and_then(|&pid| innermost(pid));
            inside.is_some()
        });
        assert!(found, "the command has ended");
        inside.expect("just found")
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// What it has said so far on standard output.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&so_far(&self.stdout)).into_owned()
    }

    /// Sends it a signal. Nothing happens when it has ended.
    pub fn signal(&self, signal: Signal) {
        if let Some(process) = children(self.child.id()).first().and_then(|&pid| handle(pid)) {
            let _ = pidfd_send_signal(&process, signal);
        }
    }

    /// Waits until it ends.
    ///
    /// # Panics
    /// When it does not within the limit.
    #[track_caller]
    pub fn ended_within(mut self, limit: Duration) -> Ran {
        let status = wait(&mut self.child, limit);
        assert!(status.is_some(), "still running after {limit:?}: {}", self.stdout());
        self.collect(status)
    }

    fn collect(&mut self, status: Option<ExitStatus>) -> Ran {
        let bytes = so_far(&self.stdout);
        Ran {
            code: status.map_or(-1, exited),
            stdout: String::from_utf8_lossy(&bytes).into_owned(),
            stderr: String::from_utf8_lossy(&so_far(&self.stderr)).into_owned(),
            bytes,
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if self.runs() {
            self.signal(Signal::KILL);
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// The exit code; 128 and the signal's number when a signal ended it.
fn exited(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// All of a file that others still write to. The writers' position is shared, so it is not moved.
fn so_far(file: &File) -> Vec<u8> {
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file));
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut own| own.read_to_end(&mut bytes));
    read.expect("a temporary file can be read");
    bytes
}

/// Waits for a child, with a limit.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let mut status = None;
    holds_within(limit, || {
        status = child.try_wait().expect("a child can be waited for");
        status.is_some()
    });
    status
}

/// The children of a process, by process id of the host.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// The process id in the innermost namespace. See `proc_pid_status(5)`.
pub(crate) fn innermost(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_whitespace().last()?.parse().ok()
}

/// A handle on a process that cannot come to mean another one.
pub(crate) fn handle(pid: u32) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

/// Whether the process of a handle has ended.
pub(crate) fn has_ended(process: &OwnedFd) -> bool {
    let mut set = [rustix::event::PollFd::new(process, rustix::event::PollFlags::IN)];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut set, Some(&now)).is_ok_and(|ready| ready > 0)
}

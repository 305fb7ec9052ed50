//! A machine: a Debian that boots in a container, with an overlay of its own over the shared base.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::base::{Base, kilobytes};
use crate::cgroup::Cgroup;
use crate::hold::{Held, joined};
use crate::lifecycle::Booted;
use crate::listeners::{self, Listener};
use crate::ran::{Background, Call, Ran};
use crate::runs::Run;
use crate::tailscale::State;

const SCRIPT: &str = include_str!("../scripts/machine.sh");

/// How a machine is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// Most that may be written to it, in MiB: it lies in memory.
    pub space: u32,
    /// How long one boot may take.
    pub boot_limit: Duration,
    /// Whether it may run containers itself: fewer system calls are forbidden to it, and
    /// /var/lib/docker and /var/lib/containerd lie on a file system that takes overlays.
    pub containers: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { space: 1024, boot_limit: Duration::from_mins(1), containers: false }
    }
}

/// A booted machine. Dropping it kills everything in it and leaves nothing behind; so does the end
/// of the process that booted it, in whatever way.
///
/// It has a public address ([`PUBLIC_ADDRESS`](crate::PUBLIC_ADDRESS)) on `eth0`, sshd as Debian
/// installs it, and no tailnet until [`Machine::tailnet_up`].
#[derive(Debug)]
pub struct Machine {
    // In the order in which they are to end.
    pub(crate) booted: Option<Booted>,
    pub(crate) tunnel: Option<Background>,
    pub(crate) held: Held,
    run: Run,
    pub(crate) options: Options,
    _base: Base,
}

impl Machine {
    /// Boots a machine and waits until systemd has started everything.
    ///
    /// # Panics
    /// When it does not come up within the limit; the panic shows the console.
    #[track_caller]
    pub fn boot(base: &Base, options: Options) -> Self {
        let (run, cgroup) = Run::begin(base.cache())
            .unwrap_or_else(|err| panic!("no folder and control group for a machine: {err}"));
        let lower = base.lower();
        let space = format!("{}m", options.space);
        let held = Held::start(cgroup, SCRIPT, &[&lower, &space], &run.log("held.log"))
            .unwrap_or_else(|err| panic!("no namespaces for a machine: {err}"));
        let mut machine =
            Self { booted: None, tunnel: None, held, run, options, _base: base.clone() };
        machine.start_up(crate::Until::Settled);
        machine.tailscale(&State::default());
        machine
    }

    /// Its name: that of its folder in the cache, and the end of its control group's.
    pub fn name(&self) -> &str {
        self.run.name()
    }

    /// The folder of its control group.
    pub fn control_group(&self) -> &Path {
        self.held.cgroup().path()
    }

    /// Its process 1, by process id of the host; changes with each boot.
    ///
    /// # Panics
    /// When the machine is off.
    pub fn leader(&self) -> u32 {
        self.booted.as_ref().expect("the machine is on").leader()
    }

    /// The console's log of the last boot, for people.
    pub fn console(&self) -> String {
        std::fs::read(self.console_path())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    pub(crate) fn console_path(&self) -> std::path::PathBuf {
        self.run.log("console.log")
    }

    /// Runs a command in the machine as root, to its end.
    #[track_caller]
    pub fn run<A: Into<OsString>>(&self, argv: impl IntoIterator<Item = A>) -> Ran {
        self.call(argv).run()
    }

    /// Starts a command in the machine as root and leaves it running.
    #[track_caller]
    pub fn start<A: Into<OsString>>(&self, argv: impl IntoIterator<Item = A>) -> Background {
        self.call(argv).start()
    }

    /// A command in the machine as root, to which input, environment and a limit can be added.
    ///
    /// # Panics
    /// When the machine is off.
    #[track_caller]
    pub fn call<A: Into<OsString>>(&self, argv: impl IntoIterator<Item = A>) -> Call {
        let mut enter = joined(self.entered_group().path());
        enter.args(["nsenter", "-t", &self.leader().to_string(), "-a", "--"]);
        Call::new(enter, argv)
    }

    /// Where commands run that were entered: below the machine's own root, so that
    /// `/proc/self/cgroup` makes sense to them.
    pub(crate) fn entered_group(&self) -> Cgroup {
        Cgroup::at(self.held.cgroup().path().join("payload/booted"))
    }

    /// Writes a file whole, replacing what was there, and makes the folders above it.
    #[track_caller]
    pub fn put(&self, path: &str, bytes: impl Into<Vec<u8>>, mode: u32) {
        let script = r#"umask 022 && mkdir -p "$(dirname "$1")" && cat >"$1.booted-new" &&
            chmod "$2" "$1.booted-new" && mv -fT "$1.booted-new" "$1""#;
        let mode = format!("{mode:o}");
        let call = self.call(["sh", "-c", script, "sh", path, &mode]).input(bytes);
        drop(call.run().expect(0));
    }

    /// The bytes of a file; `None` when it does not exist.
    #[track_caller]
    pub fn read(&self, path: &str) -> Option<Vec<u8>> {
        // Looked for afterwards: what is there before may be gone when it is read.
        let script = r#"cat "$1" || { [ -e "$1" ] && exit 1; exit 66; }"#;
        let ran = self.run(["sh", "-c", script, "sh", path]);
        (ran.code != 66).then(|| ran.expect(0).bytes)
    }

    /// Copies a program of the host to /usr/local/bin.
    ///
    /// # Panics
    /// When the machine lacks a library, or a version of one, that the program needs.
    #[track_caller]
    pub fn install(&self, binary: &Path) {
        let bytes = std::fs::read(binary)
            .unwrap_or_else(|err| panic!("{} is not built: {err}", binary.display()));
        let name = binary.file_name().expect("a file has a name").to_string_lossy();
        let to = format!("/usr/local/bin/{name}");
        self.put(&to, bytes, 0o755);
        let needs = self.run(["ldd", &to]);
        let says = format!("{}{}", needs.stdout, needs.stderr);
        assert!(!says.contains("not found"), "{name} cannot run there: {says}");
    }

    /// What a unit said, of all boots, one message a line.
    #[track_caller]
    pub fn journal(&self, unit: &str) -> String {
        let argv = ["journalctl", "--sync"];
        drop(self.run(argv));
        self.run(["journalctl", "-q", "--no-pager", "-o", "cat", "-u", unit]).expect(0).stdout
    }

    /// Its listening TCP sockets and unconnected UDP sockets, as `ss` shows them.
    #[track_caller]
    pub fn listeners(&self) -> Vec<Listener> {
        listeners::parse(&self.run(["ss", "-Htulnp"]).expect(0).stdout)
    }

    /// `systemctl is-active`, one word.
    #[track_caller]
    pub fn is_active(&self, unit: &str) -> String {
        self.run(["systemctl", "is-active", unit]).stdout.trim().to_owned()
    }

    /// Kills a process of the machine, by its process id there.
    #[track_caller]
    pub fn kill_inside(&self, pid: u32) {
        drop(self.run(["kill", "-KILL", &pid.to_string()]).expect(0));
    }

    /// Bytes written to it since it was made.
    #[track_caller]
    pub fn used(&self) -> u64 {
        let argv = ["du", "-sk", "/run/tree.upper"];
        kilobytes(&Call::new(self.held.inside(), argv).run().expect(0).stdout) * 1024
    }

    /// A shell in it on this process's terminal, for people; returns when the shell ends.
    pub fn shell(&self) {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.leader().to_string(), "-a", "--", "env", "-i"]);
        command.arg(format!("PATH={}", crate::hold::PATH)).args(["HOME=/root", "TERM=linux"]);
        drop(command.args(["bash", "-l"]).status());
    }
}

//! Booting, rebooting, losing power.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Signal, pidfd_send_signal};

use crate::holds_within;
use crate::machine::Machine;
use crate::ran::{Call, children, handle, has_ended, innermost};

/// What nspawn ends with when the machine in it reboots and `--keep-unit` is given.
const REBOOT: i32 = 133;

/// How far a boot is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// systemd answers; services may still be starting.
    Answers,
    /// systemd has started everything, with or without failures.
    Settled,
}

/// One boot.
#[derive(Debug)]
pub(crate) struct Booted {
    /// `nsenter`, which waits for nspawn and ends as it does.
    child: Child,
    nspawn: OwnedFd,
    leader: u32,
    leader_handle: OwnedFd,
    /// How long it took until what was waited for was reached.
    took: Duration,
}

impl Booted {
    /// The machine's process 1, by process id of the host.
    pub(crate) fn leader(&self) -> u32 {
        self.leader
    }

    /// Kills all of it at once, as a power cut does.
    fn kill(&mut self) {
        for process in [&self.nspawn, &self.leader_handle] {
            // nspawn's child does not reliably die with it. Gone already is fine too.
            let _ = pidfd_send_signal(process, Signal::KILL);
        }
        drop(self.child.wait());
        let gone = holds_within(Duration::from_secs(10), || has_ended(&self.leader_handle));
        assert!(gone || std::thread::panicking(), "the machine does not die");
    }
}

impl Drop for Booted {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Machine {
    /// How long the last boot took, from starting nspawn to what was waited for.
    ///
    /// # Panics
    /// When the machine is off.
    pub fn boot_took(&self) -> Duration {
        self.booted.as_ref().expect("the machine is on").took
    }

    /// Reboots it as an operator would, and waits.
    ///
    /// # Panics
    /// When it does not go down, or does not come up again.
    #[track_caller]
    pub fn reboot(&mut self, until: Until) {
        // The connection to systemd may break before the command has its answer.
        drop(self.run(["systemctl", "reboot"]));
        let mut booted = self.booted.take().expect("the machine is on");
        let entered = self.entered_group();
        let mut code = None;
        holds_within(self.options.boot_limit, || {
            // systemd stops all processes for a moment. nsenter then stops itself, and would never
            // reap the one it has started, for which systemd waits.
            entered.signal(Signal::CONT);
            code = booted.child.try_wait().ok().flatten().map(|status| status.code());
            code.is_some()
        });
        assert_eq!(code.flatten(), Some(REBOOT), "no reboot; console:\n{}", self.console());
        drop(booted);
        self.start_up(until);
    }

    /// Cuts the power: everything in it is killed at once, and it stays off until
    /// [`Machine::switch_on`]. What was written is kept even when it was not flushed, because the
    /// kernel that holds it lives on: lost writes cannot be shown this way.
    pub fn cut_power(&mut self) {
        drop(self.booted.take());
        drop(self.tunnel.take());
    }

    /// Boots it again after [`Machine::cut_power`].
    ///
    /// # Panics
    /// When it is on, or does not come up.
    #[track_caller]
    pub fn switch_on(&mut self, until: Until) {
        assert!(self.booted.is_none(), "the machine is on already");
        self.start_up(until);
    }

    /// Cuts the power and boots it again.
    #[track_caller]
    pub fn power_cut(&mut self) {
        self.cut_power();
        self.switch_on(Until::Settled);
    }

    #[track_caller]
    pub(crate) fn start_up(&mut self, until: Until) {
        let begun = Instant::now();
        drop(self.tunnel.take());
        // The kernel takes its time to remove the cable of a machine that was killed.
        drop(Call::new(self.held.inside(), ["ip", "link", "delete", "public0"]).run());
        let console = File::create(self.console_path()).expect("a console log");
        let mut command = self.held.inside();
        command.args(["env", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1"]);
        if self.options.containers {
            command.arg("SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes");
        }
        command.args(["systemd-nspawn", "--quiet"]);
        command.args(["--register=no", "--keep-unit", "--private-network", "--link-journal=no"]);
        command.args(["--resolv-conf=off", "--timezone=off", "--machine=booted"]);
        command.args(["--network-veth-extra=public0:eth0", "-D", "/run/tree", "--boot"]);
        if self.options.containers {
            // nspawn 252 does not know Landlock's three and refuses them.
            let calls = "add_key keyctl bpf landlock_create_ruleset landlock_add_rule \
                 landlock_restrict_self";
            command.arg("--capability=all").arg(format!("--system-call-filter={calls}"));
            command.args(["--bind=/run/docker:/var/lib/docker"]);
            command.args(["--bind=/run/containerd:/var/lib/containerd"]);
        }
        command.stdout(console.try_clone().expect("a descriptor")).stderr(console);
        let child = command.spawn().expect("nsenter starts");
        self.booted = Some(self.when_up(child));
        self.connect_outside();
        self.wait_for(until);
        if let Some(booted) = &mut self.booted {
            booted.took = begun.elapsed();
        }
    }

    /// Waits until the machine's process 1 is systemd: its network is complete then.
    fn when_up(&self, mut child: Child) -> Booted {
        let mut found = None;
        let up = holds_within(self.options.boot_limit, || {
            if child.try_wait().is_ok_and(|status| status.is_some()) {
                return true;
            }
            found = children(child.id()).first().and_then(|&nspawn| {
                let leader = *children(nspawn).iter().find(|&&pid| innermost(pid) == Some(1))?;
                let name = fs::read_to_string(format!("/proc/{leader}/comm")).ok()?;
                (name == "systemd\n").then_some(())?;
                Some((handle(nspawn)?, leader, handle(leader)?))
            });
            found.is_some()
        });
        let Some((nspawn, leader, leader_handle)) = found else {
            drop(child.kill());
            panic!("no boot (in time: {up}); console:\n{}", self.console());
        };
        Booted { child, nspawn, leader, leader_handle, took: Duration::ZERO }
    }

    /// Waits for a stage of the boot.
    ///
    /// # Panics
    /// When it is not reached within the limit.
    #[track_caller]
    pub fn wait_for(&self, until: Until) {
        let leader = self.booted.as_ref().expect("the machine is on").leader;
        let socket = format!("/proc/{leader}/root/run/systemd/private");
        let mut state = String::new();
        let reached = holds_within(self.options.boot_limit, || {
            if !Path::new(&socket).exists() {
                return false;
            }
            state = self.run(["systemctl", "is-system-running"]).stdout;
            match state.trim() {
                "running" | "degraded" => true,
                "" | "offline" | "unknown" => false,
                _ => until == Until::Answers,
            }
        });
        assert!(reached, "not {until:?}, systemd says {state:?}; console:\n{}", self.console());
    }
}

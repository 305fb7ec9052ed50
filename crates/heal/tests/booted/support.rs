//! What these tests share: machines with everything installed, and what they look like.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use booted::{Answer, Base, Machine, Options, Over, PUBLIC_ADDRESS, Ran, holds_within};

pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(100, 101, 102, 103);
pub(crate) const HOME: &str = "/var/lib/ai-ops-runner";
const LOG: &str = "/var/log/ai-ops-runner/guard.log";
/// What repairs a host.
pub(crate) const KEEPERS: [&str; 4] = ["doctor", "guard", "heal", "notify"];

pub(crate) fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What ops/install.sh needs, as one archive: the checkout's files, and what is built beside heal.
pub(crate) fn kit(programs: &[&str]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let built = Path::new(env!("CARGO_BIN_EXE_heal")).parent().unwrap();
    fs::create_dir(dir.path().join("bin")).unwrap();
    for name in programs {
        let to = dir.path().join("bin").join(name);
        let copied = fs::copy(built.join(name), &to);
        copied.unwrap_or_else(|err| panic!("{name}: {err}: run `cargo build --workspace` first"));
        // Line numbers are no use there and would fill its memory. Without strip it takes longer.
        let _whole = Command::new("strip").arg(&to).status().is_err();
    }
    let archive = dir.path().join("kit.tar");
    let packed = Command::new("tar")
        .arg("--create")
        .arg("--file")
        .arg(&archive)
        .arg("--directory")
        .arg(top())
        .args(["ops/install.sh", "ops/smoke.sh", "ops/compose.yaml", "ops/systemd"])
        .args(["ops/logrotate", "configs", "docs"])
        .arg("--directory")
        .arg(dir.path())
        .arg("bin")
        .status();
    assert!(packed.unwrap().success());
    fs::read(archive).unwrap()
}

/// A machine with the tailnet up and everything installed; no timer runs yet.
#[track_caller]
pub(crate) fn installed(base: &Base) -> Machine {
    installed_with(base, Options::default(), &KEEPERS)
}

/// The same with these programs.
#[track_caller]
pub(crate) fn installed_with(base: &Base, options: Options, programs: &[&str]) -> Machine {
    let machine = Machine::boot(base, options);
    machine.tailnet_up_after(0, ADDRESS);
    machine.tailnet_up(ADDRESS);
    machine.put("/root/kit.tar", kit(programs), 0o600);
    let script = "mkdir /root/kit && cd /root/kit && tar -xf ../kit.tar && rm ../kit.tar &&
        ops/install.sh --from bin --no-start && rm -r bin";
    drop(machine.call(["sh", "-c", script]).within(Duration::from_mins(2)).run().expect(0));
    // Only what such a machine has is judged; how full the host's disk is, is not the matter here.
    let policy = fs::read_to_string(top().join("configs/doctor.yaml")).unwrap();
    let policy = policy
        .replace(
            "not_installed: []",
            "not_installed: [compose, api, docker_ports, keys, console, disk]",
        )
        .replace("key_expiry_days: 14", "key_expiry_days: 1");
    machine.put("/etc/ai-ops-runner/configs/doctor.yaml", policy, 0o644);
    machine
}

/// Starts guard's timer, every few seconds instead of minutes.
#[track_caller]
pub(crate) fn start_guard(machine: &Machine) {
    let timer = "[Timer]\nOnBootSec=\nOnBootSec=1s\nOnUnitActiveSec=3s\nAccuracySec=100ms\n";
    machine.put("/etc/systemd/system/aiops-guard.timer.d/fast.conf", timer, 0o644);
    let script = "systemctl daemon-reload && systemctl enable --now aiops-guard.timer";
    drop(machine.run(["sh", "-c", script]).expect(0));
}

#[track_caller]
pub(crate) fn run(machine: &Machine, args: &[&str]) -> Ran {
    machine.call(args.iter().copied()).within(Duration::from_mins(2)).run()
}

pub(crate) fn log(machine: &Machine) -> String {
    String::from_utf8(machine.read(LOG).unwrap_or_default()).unwrap()
}

/// Waits until the log tells of an event.
#[track_caller]
pub(crate) fn logged(machine: &Machine, event: &str) {
    let event = format!("event={event} ");
    let came = holds_within(Duration::from_mins(2), || log(machine).contains(&event));
    assert!(came, "no {event}\n{}\n{}", log(machine), machine.journal("aiops-guard"));
}

#[track_caller]
pub(crate) fn is_private(machine: &Machine) -> bool {
    let over_tailnet = machine.ssh(Over::Tailnet, "true").is_ok();
    over_tailnet && machine.knock(PUBLIC_ADDRESS.parse().unwrap(), 22) == Answer::Refused
}

#[track_caller]
pub(crate) fn answers_publicly(machine: &Machine) -> bool {
    machine.ssh(Over::Public, "true").is_ok()
}

/// The folders of evidence, each of which must be whole.
#[track_caller]
pub(crate) fn evidence(machine: &Machine) -> Vec<String> {
    let folder = format!("{HOME}/artifacts/evidence");
    let script = format!("ls -d {folder}/* 2>/dev/null || true");
    let all = run(machine, &["sh", "-c", &script]).expect(0).stdout;
    let all: Vec<String> = all.lines().map(str::to_owned).collect();
    for folder in &all {
        drop(run(machine, &["heal", "verify-evidence", folder]).expect(0));
        let check = format!("cd {folder} && sha256sum --check --strict --quiet SHA256SUMS");
        drop(run(machine, &["sh", "-c", &check]).expect(0));
    }
    all
}

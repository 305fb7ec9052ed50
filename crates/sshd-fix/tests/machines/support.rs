//! What these tests share: machines with `heal` on them, and what they look like.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use booted::{Answer, Base, Machine, Options, Over, PUBLIC_ADDRESS, Ran};

pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(100, 101, 102, 103);
pub(crate) const HOME: &str = "/var/lib/ai-ops-runner";
pub(crate) const LISTEN_FILE: &str = "/etc/ssh/sshd_config.d/99-tailscale-only.conf";
pub(crate) const ROLLBACK: &str = "aiops-sshd-rollback.service";

/// A machine with the tailnet up, now and after each boot, and sshd on all addresses.
#[track_caller]
pub(crate) fn machine(base: &Base) -> Machine {
    let machine = Machine::boot(base, Options::default());
    // Beside the tests' own programs: cargo builds examples with them.
    let tests = std::env::current_exe().unwrap();
    let built: PathBuf = tests.parent().unwrap().parent().unwrap().join("examples/heal");
    machine.install(&built);
    machine.tailnet_up_after(0, ADDRESS);
    machine.tailnet_up(ADDRESS);
    machine
}

#[track_caller]
pub(crate) fn heal(machine: &Machine, args: &[&str]) -> Ran {
    let call = ["heal"].iter().chain(args).copied();
    machine.call(call).within(Duration::from_mins(2)).run()
}

/// Makes it socket-activated as Ubuntu 22.10 did: the service requires its socket.
#[track_caller]
pub(crate) fn socket_activate(machine: &Machine) {
    let drop_in = "[Unit]\nAfter=ssh.socket\nRequires=ssh.socket\n";
    machine.put("/etc/systemd/system/ssh.service.d/00-socket.conf", drop_in, 0o644);
    let script = "systemctl disable --now ssh.service && systemctl daemon-reload &&
        mkdir -p /etc/systemd/system/ssh.service.requires &&
        ln -s /lib/systemd/system/ssh.socket /etc/systemd/system/ssh.service.requires/ &&
        systemctl daemon-reload && systemctl enable --now ssh.socket";
    drop(machine.run(["sh", "-c", script]).expect(0));
}

/// Where anything listens on TCP: `address:port`, sorted.
#[track_caller]
pub(crate) fn listens(machine: &Machine) -> Vec<String> {
    let tcp = machine.listeners().into_iter().filter(|it| it.protocol == "tcp");
    let mut all: Vec<String> = tcp.map(|it| format!("{}:{}", it.address, it.port)).collect();
    all.sort_unstable();
    all
}

/// Files, links, modes, owners and ages below what the fix may touch, and how units stand.
#[track_caller]
pub(crate) fn snapshot(machine: &Machine) -> String {
    let script = r"
        for folder in /etc/ssh /etc/systemd /etc/default /lib/systemd/system; do
            find $folder -type d -printf '%p folder\n' -o -type l -printf '%p %U:%G %l\n' \
                -o -printf '%p %y %m %U:%G %T@\n'
            find $folder -type f -exec sha256sum {} +
        done | sort
        for unit in ssh.service sshd.service ssh.socket; do
            systemctl show -p Id,ActiveState,UnitFileState,LoadState,Requires,Wants,DropInPaths $unit |
                while read -r line; do echo $(echo $line | tr '= ' '\n\n' | sort); done
        done
        ls /run/systemd/transient 2>/dev/null || true";
    machine.run(["sh", "-c", script]).expect(0).stdout
}

/// Fails, with the lines that differ, unless both are the same.
#[track_caller]
pub(crate) fn assert_same(now: &str, before: &str, when: &str) {
    let only = |a: &str, b: &str, sign: &str| -> Vec<String> {
        a.lines()
            .filter(|it| !b.lines().any(|other| other == *it))
            .map(|it| format!("{sign}{it}"))
            .collect()
    };
    let differs = [only(before, now, "-"), only(now, before, "+")].concat();
    assert!(differs.is_empty(), "{when}:\n{}", differs.join("\n"));
}

/// sshd answers over the tailnet, and publicly nothing does.
#[track_caller]
pub(crate) fn assert_private(machine: &Machine) {
    assert_eq!(listens(machine), [format!("{ADDRESS}:22")]);
    assert_eq!(machine.ssh(Over::Tailnet, "echo in").unwrap().expect(0).stdout, "in\n");
    assert_eq!(machine.knock(PUBLIC_ADDRESS.parse().unwrap(), 22), Answer::Refused);
    assert_eq!(
        machine.run(["test", "-e", "/etc/systemd/system/aiops-sshd-rollback.service"]).code,
        1
    );
    let timers = machine.run(["systemctl", "list-units", "--all", "--plain", "aiops-*"]).stdout;
    assert!(!timers.contains(".timer"), "{timers}");
}

/// It still answers on its public address, as before.
#[track_caller]
pub(crate) fn assert_public(machine: &Machine) {
    assert_eq!(machine.ssh(Over::Public, "echo in").unwrap().expect(0).stdout, "in\n");
}

/// How the fix says that it ended.
#[track_caller]
pub(crate) fn ended(ran: &Ran) -> String {
    let ended = &ran.json()["ended"];
    match ended {
        serde_json::Value::String(word) => word.clone(),
        other => other.as_object().unwrap().keys().next().unwrap().clone(),
    }
}

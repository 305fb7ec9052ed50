//! The two ways into a machine, and telling them apart.

use std::net::{IpAddr, Ipv4Addr};

use booted::{Answer, Base, Machine, Options, Over, PUBLIC_ADDRESS, PUBLIC_ADDRESS_V6, Until};

const TAILNET: Ipv4Addr = Ipv4Addr::new(100, 71, 2, 3);

/// Makes sshd listen on this address alone.
fn narrow(machine: &Machine, address: &str) {
    let config = format!("ListenAddress {address}\n");
    machine.put("/etc/ssh/sshd_config.d/99-narrow.conf", config, 0o644);
    drop(machine.run(["systemctl", "restart", "ssh"]).expect(0));
}

#[test]
fn sshd_answers_on_both_addresses() {
    let base = booted::or_skip!(Base::get());
    let machine = Machine::boot(&base, Options::default());
    machine.tailnet_up(TAILNET);
    for (over, from) in [(Over::Public, "203.0.113.1"), (Over::Tailnet, "100.64.0.1")] {
        let ran = machine.ssh(over, "echo $SSH_CONNECTION; hostname; exit 3").unwrap();
        assert_eq!(ran.code, 3, "{ran:?}");
        assert!(ran.stdout.starts_with(from) && ran.stdout.ends_with("\nbooted\n"), "{ran:?}");
    }
}

#[test]
fn reachable_publicly_and_reachable_over_the_tailnet_are_told_apart() {
    let base = booted::or_skip!(Base::get());
    let machine = Machine::boot(&base, Options::default());
    machine.tailnet_up(TAILNET);
    let (public, tailnet) = (PUBLIC_ADDRESS.parse().unwrap(), IpAddr::V4(TAILNET));
    let banner =
        |answer: Answer| matches!(answer, Answer::Open(said) if said.starts_with("SSH-2.0-"));

    narrow(&machine, &TAILNET.to_string());
    assert!(machine.ssh(Over::Tailnet, "true").is_ok());
    assert!(machine.ssh(Over::Public, "true").is_err());
    assert!(banner(machine.knock(tailnet, 22)));
    assert_eq!(machine.knock(public, 22), Answer::Refused);
    assert_eq!(machine.knock(PUBLIC_ADDRESS_V6.parse().unwrap(), 22), Answer::Refused);
    assert!(machine.ssh_from_outside(tailnet, 22));
    assert!(!machine.ssh_from_outside(public, 22));

    narrow(&machine, PUBLIC_ADDRESS);
    assert!(machine.ssh(Over::Public, "true").is_ok());
    assert!(machine.ssh(Over::Tailnet, "true").is_err());
    assert!(banner(machine.knock(public, 22)));
    assert_eq!(machine.knock(tailnet, 22), Answer::Refused);
}

#[test]
fn packets_of_the_tailnet_come_through_its_interface() {
    let base = booted::or_skip!(Base::get());
    let machine = Machine::boot(&base, Options::default());
    machine.tailnet_up(TAILNET);
    let received = || {
        let bytes = machine.read("/sys/class/net/tailscale0/statistics/rx_packets").unwrap();
        String::from_utf8(bytes).unwrap().trim().parse::<u64>().unwrap()
    };
    let before = received();
    drop(machine.ssh(Over::Public, "true").unwrap().expect(0));
    assert_eq!(received(), before);
    drop(machine.ssh(Over::Tailnet, "true").unwrap().expect(0));
    assert!(received() > before);
}

#[test]
fn without_the_tailnet_nothing_answers_there() {
    let base = booted::or_skip!(Base::get());
    let machine = Machine::boot(&base, Options::default());
    assert_eq!(machine.knock(IpAddr::V4(TAILNET), 22), Answer::Silent);
    machine.tailnet_up(TAILNET);
    assert!(matches!(machine.knock(IpAddr::V4(TAILNET), 22), Answer::Open(_)));
    machine.tailnet_down();
    assert!(!machine.tailnet_is_up());
    assert_eq!(machine.knock(IpAddr::V4(TAILNET), 22), Answer::Silent);
    machine.tailnet_up(TAILNET);
    assert!(machine.ssh(Over::Tailnet, "true").is_ok());
}

#[test]
fn a_public_address_of_version_six_answers() {
    let base = booted::or_skip!(Base::get());
    let machine = Machine::boot(&base, Options::default());
    let answer = machine.knock(PUBLIC_ADDRESS_V6.parse().unwrap(), 22);
    assert!(matches!(&answer, Answer::Open(said) if said.starts_with("SSH-2.0-")), "{answer:?}");
}

#[test]
fn a_session_survives_a_restart_of_sshd_and_ends_with_the_machine() {
    let base = booted::or_skip!(Base::get());
    let mut machine = Machine::boot(&base, Options::default());
    machine.tailnet_up(TAILNET);
    let mut session = machine.ssh_session(Over::Public).unwrap();
    assert_eq!(session.run("echo $((6 * 7)); hostname"), Some("42\nbooted\n".to_owned()));
    drop(machine.run(["systemctl", "restart", "ssh"]).expect(0));
    assert_eq!(session.run("echo still here"), Some("still here\n".to_owned()));
    narrow(&machine, &TAILNET.to_string());
    assert!(machine.ssh_session(Over::Public).is_err());
    assert_eq!(session.run("echo still here"), Some("still here\n".to_owned()));
    machine.cut_power();
    assert_eq!(session.run("echo still here"), None);
}

/// Long enough that it does not come by itself while a test runs.
const NEVER: u32 = 100_000;

#[test]
fn the_tailnet_address_arrives_late_after_a_reboot() {
    let base = booted::or_skip!(Base::get());
    let mut machine = Machine::boot(&base, Options::default());
    machine.tailnet_up_after(2, TAILNET);
    machine.reboot(Until::Answers);
    drop(machine.run(["tailscale", "wait"]).expect(0));
    assert!(machine.tailnet_is_up());
    assert!(machine.ssh(Over::Tailnet, "true").is_ok());

    let micros = |of: &[&str]| -> u64 {
        let ran = machine.run([&["systemctl", "show", "--value", "-P"], of].concat()).expect(0);
        ran.stdout.trim().parse().unwrap()
    };
    let begun = micros(&["UserspaceTimestampMonotonic"]);
    let arrived = micros(&["InactiveExitTimestampMonotonic", "booted-tailnet.service"]);
    assert!(arrived - begun >= 2_000_000, "after {} µs", arrived - begun);
}

#[test]
fn a_boot_that_waits_for_the_tailnet_can_be_looked_at_before_it_is_done() {
    let base = booted::or_skip!(Base::get());
    let mut machine = Machine::boot(&base, Options::default());
    let wait = "[Service]\nExecStartPre=/usr/bin/tailscale wait\n";
    machine.put("/etc/systemd/system/ssh.service.d/wait.conf", wait, 0o644);
    machine.tailnet_up_after(NEVER, TAILNET);
    machine.reboot(Until::Answers);

    booted::wait_until("sshd is to start", || machine.is_active("ssh") == "activating");
    booted::wait_until("tailscaled runs", || machine.is_active("tailscaled") == "active");
    assert!(!machine.tailnet_is_up());
    assert_eq!(machine.run(["tailscale", "status", "--json"]).json()["BackendState"], "Starting");
    assert!(machine.ssh(Over::Public, "true").is_err());

    machine.tailnet_up(TAILNET);
    machine.wait_for(Until::Settled);
    assert!(machine.ssh(Over::Tailnet, "true").is_ok());
}

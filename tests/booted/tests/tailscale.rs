//! The stand-in for `tailscale` answers as the real one does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use booted::{Backend, BackendState, Base, Fault, Funnel, Machine, Options, State};
use serde_json::{Value, json};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::new(100, 101, 102, 103));
const V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd7a, 0x115c, 0xa1e0, 0, 0, 0, 0x1234, 0x5678));
const NOT_RUNNING: &str = "failed to connect to local tailscaled; it doesn't appear to be running \
                           (sudo systemctl start tailscaled ?)\n";

fn machine() -> Option<Machine> {
    booted::or_told(Base::get()).map(|base| Machine::boot(&base, Options::default()))
}

#[test]
fn status_exits_with_zero_in_every_state_and_names_it() {
    let Some(machine) = machine() else { return };
    for state in BackendState::ALL {
        machine.tailscale(&State::says(state));
        let ran = machine.run(["tailscale", "status", "--json"]).expect(0);
        assert!(!ran.stdout.ends_with('\n'));
        let status = ran.json();
        assert_eq!(status["BackendState"], state.to_string());
        let running = state == BackendState::Running;
        assert_eq!(status["Self"]["Online"], running, "{state}");
        assert_eq!(status["Peer"].is_object(), running, "{state}");
        assert_eq!(status["CurrentTailnet"].is_null(), !running, "{state}");
        let known = running || state == BackendState::Stopped;
        let ips = if known { json!(["100.101.102.103"]) } else { Value::Null };
        assert_eq!(status["TailscaleIPs"], ips, "{state}");
        let without = machine.run(["tailscale", "status", "--json", "--peers=false"]).expect(0);
        assert_eq!(without.json()["Peer"], Value::Null);

        let text = machine.run(["tailscale", "status"]).code;
        let quiet = running || state == BackendState::Starting;
        assert_eq!(text, i32::from(!quiet), "{state}");

        let ip = machine.run(["tailscale", "ip", "-4"]);
        let no = format!("no current Tailscale IPs; state: {state}\n");
        let wanted = if known { (0, "100.101.102.103\n", "") } else { (1, "", no.as_str()) };
        assert_eq!((ip.code, ip.stdout.as_str(), ip.stderr.as_str()), wanted, "{state}");
    }
}

#[test]
fn each_field_of_the_state_is_told() {
    let Some(machine) = machine() else { return };
    let told = |state: &State| {
        machine.tailscale(state);
        machine.run(["tailscale", "status", "--json", "--peers=false"]).expect(0).json()
    };
    let healthy = State::says(BackendState::Running);
    let status = told(&healthy);
    assert_eq!((&status["TUN"], &status["Health"]), (&json!(true), &json!([])));
    assert_eq!(status["Self"].get("KeyExpiry"), None);

    let status = told(&State {
        online: false,
        tun: false,
        ips: vec![V4, V6],
        key_expiry: Some("2026-12-01T00:00:00Z".to_owned()),
        expired: true,
        health: vec!["it's odd".to_owned()],
        ..healthy.clone()
    });
    assert_eq!(status["Self"]["Online"], false);
    assert_eq!(status["TUN"], false);
    assert_eq!(status["TailscaleIPs"], json!([V4, V6]));
    assert_eq!(status["Self"]["KeyExpiry"], "2026-12-01T00:00:00Z");
    assert_eq!(status["Self"]["Expired"], true);
    assert_eq!(status["Health"], json!(["it's odd"]));
    for (flag, wanted) in [("-4", V4), ("-6", V6), ("-1", V4)] {
        let ran = machine.run(["tailscale", "ip", flag]).expect(0);
        assert_eq!(ran.stdout, format!("{wanted}\n"), "{flag}");
    }
    drop(machine.run(["tailscale", "ip", "--assert=100.101.102.103"]).expect(0));
    drop(machine.run(["tailscale", "ip", "--assert=100.101.102.104"]).expect(1));

    machine.tailscale(&State { ips: vec![V6], ..healthy });
    let ran = machine.run(["tailscale", "ip", "-4"]).expect(1);
    assert_eq!(ran.stderr, "no Tailscale IPv4 address\n");
}

#[test]
fn funnels_and_ssh_mode_are_told() {
    let Some(machine) = machine() else { return };
    let at = "booted.tail1234.ts.net:443";
    for (funnel, on, in_foreground) in [
        (Funnel::Off, false, false),
        (Funnel::ServeOnly, false, false),
        (Funnel::On, true, false),
        (Funnel::Foreground, false, true),
    ] {
        machine.tailscale(&State { funnel, ..State::says(BackendState::Running) });
        let serve = machine.run(["tailscale", "serve", "status", "--json"]).expect(0);
        let same = machine.run(["tailscale", "funnel", "status", "--json"]).expect(0);
        assert_eq!(serve, same);
        let told = serve.json();
        assert_eq!(told["AllowFunnel"][at] == true, on, "{funnel:?}");
        let sessions = told["Foreground"].as_object();
        let inside = sessions.is_some_and(|it| it.values().any(|it| it["AllowFunnel"][at] == true));
        assert_eq!(inside, in_foreground, "{funnel:?}");
        assert_eq!(told == json!({}), funnel == Funnel::Off);
    }
    for ssh in [true, false] {
        machine.tailscale(&State { ssh, ..State::says(BackendState::Running) });
        assert_eq!(machine.run(["tailscale", "debug", "prefs"]).expect(0).json()["RunSSH"], ssh);
        let ran = machine.run(["tailscale", "get", "ssh"]).expect(0);
        assert_eq!(ran.stdout, format!("{ssh}\n"));
    }
}

#[test]
fn it_goes_wrong_in_each_way() {
    let Some(machine) = machine() else { return };
    let with = |fault| {
        let state = State { fault: Some(fault), ..State::says(BackendState::Running) };
        machine.tailscale(&state);
    };
    with(Fault::NotRunning);
    for argv in [&["tailscale", "status", "--json"][..], &["tailscale", "ip", "-4"]] {
        let ran = machine.run(argv.iter().copied());
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (1, "", NOT_RUNNING));
    }
    drop(machine.run(["tailscale", "version"]).expect(0));

    with(Fault::Garbage);
    let ran = machine.run(["tailscale", "status", "--json"]).expect(0);
    assert!(serde_json::from_slice::<Value>(&ran.bytes).is_err());

    with(Fault::Hang);
    let ran = machine.run(["timeout", "0.3", "tailscale", "status", "--json"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (124, ""));

    with(Fault::Missing);
    assert_eq!(machine.run(["tailscale", "version"]).code, 127);

    machine.tailscale(&State::says(BackendState::Running));
    drop(machine.run(["tailscale", "status"]).expect(0));
}

#[test]
fn by_default_it_follows_the_machine() {
    let Some(machine) = machine() else { return };
    let state =
        || machine.run(["tailscale", "status", "--json"]).expect(0).json()["BackendState"].clone();
    let ran = machine.run(["tailscale", "status", "--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, NOT_RUNNING), "no daemon yet");

    machine.tailnet_up(Ipv4Addr::new(100, 64, 7, 8));
    assert_eq!(state(), "Running");
    assert_eq!(machine.run(["tailscale", "ip", "-4"]).expect(0).stdout, "100.64.7.8\n");
    drop(machine.run(["tailscale", "wait", "--timeout=1s"]).expect(0));

    machine.tailnet_down();
    assert_eq!(state(), "Starting");
    drop(machine.run(["tailscale", "wait", "--timeout=1s"]).expect(1));

    drop(machine.run(["systemctl", "stop", "tailscaled"]).expect(0));
    assert_eq!(machine.run(["tailscale", "ip", "-4"]).code, 1);
}

#[test]
fn waiting_needs_the_address_on_the_interface_but_not_in_userspace_mode() {
    let Some(machine) = machine() else { return };
    let running = State::says(BackendState::Running);
    assert_eq!(running.backend_state, Backend::Says(BackendState::Running));
    machine.tailscale(&running);
    drop(machine.run(["tailscale", "wait", "--timeout=1s"]).expect(1));
    machine.tailscale(&State { tun: false, ..running.clone() });
    drop(machine.run(["tailscale", "wait", "--timeout=1s"]).expect(0));

    machine.tailscale(&State { fault: Some(Fault::NotRunning), ..running.clone() });
    let mut waits = machine.start(["tailscale", "wait"]);
    assert!(waits.runs());
    machine.tailnet_up(Ipv4Addr::new(100, 101, 102, 103));
    assert_eq!(waits.ended_within(Duration::from_secs(10)).code, 0);
}

#[test]
fn an_old_client_cannot_wait() {
    let Some(machine) = machine() else { return };
    let running = State { tun: false, ..State::says(BackendState::Running) };
    for (old, version) in [(false, "1.98.2"), (true, "1.94.2")] {
        machine.tailscale(&State { old, ..running.clone() });
        assert_eq!(machine.run(["tailscale", "wait"]).code, i32::from(old));
        let ran = machine.run(["tailscale", "ip", "--assert=100.101.102.103"]);
        assert_eq!(ran.code, i32::from(old));
        let told = machine.run(["tailscale", "version", "--json"]).expect(0).json();
        assert_eq!(told["majorMinorPatch"], version);
        let text = machine.run(["tailscale", "version"]).expect(0).stdout;
        assert_eq!(text.lines().next(), Some(version));
    }
}

#[test]
fn tailscaled_is_known_by_executable_and_unit() {
    let Some(machine) = machine() else { return };
    machine.tailnet_up(Ipv4Addr::new(100, 101, 102, 103));
    let pid = machine.run(["systemctl", "show", "-P", "MainPID", "tailscaled"]).expect(0).stdout;
    let exe = machine.run(["readlink", &format!("/proc/{}/exe", pid.trim())]).expect(0).stdout;
    assert_eq!(exe, "/usr/sbin/tailscaled\n");
    let group = machine.read(&format!("/proc/{}/cgroup", pid.trim())).unwrap();
    let group = String::from_utf8(group).unwrap();
    assert!(group.contains("0::/system.slice/tailscaled.service\n"), "{group}");
    let held = machine.listeners().into_iter().filter(|it| it.process == "tailscaled");
    assert_eq!(
        held.map(|it| (it.protocol, it.port)).collect::<Vec<_>>(),
        [("udp".to_owned(), 41641)]
    );
}

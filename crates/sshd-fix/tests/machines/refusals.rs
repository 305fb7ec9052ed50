//! What is refused untouched, and what is rolled back.

use booted::{Backend, BackendState, Base, Fault, State};

use crate::support::{
    ADDRESS, assert_public, assert_same, ended, heal, machine, snapshot, socket_activate,
};

#[test]
fn with_tailscale_down_or_unknown_not_a_byte_is_changed() {
    let base = booted::or_skip!(Base::get());
    let machine = machine(&base);
    let healthy = || State::of(ADDRESS.into());
    let states = [
        State { backend_state: Backend::Says(BackendState::Stopped), ..healthy() },
        State { backend_state: Backend::Says(BackendState::NeedsLogin), ..healthy() },
        State { online: false, ..healthy() },
        State { tun: false, ..healthy() },
        State { expired: true, ..healthy() },
        State { ssh: true, ..healthy() },
        State { key_expiry: Some("2020-01-01T00:00:00Z".into()), ..healthy() },
        State { fault: Some(Fault::Garbage), ..healthy() },
        State { fault: Some(Fault::Hang), ..healthy() },
        State { fault: Some(Fault::NotRunning), ..healthy() },
        State { fault: Some(Fault::Missing), ..healthy() },
    ];
    let before = snapshot(&machine);
    for state in states {
        machine.tailscale(&state);
        let ran = heal(&machine, &["ssh"]).expect(1);
        assert_eq!(ended(&ran), "refused", "{state:?}: {ran:?}");
        assert_same(&snapshot(&machine), &before, &format!("{state:?}"));
    }
    machine.tailscale(&healthy());
    machine.tailnet_down();
    assert_eq!(ended(&heal(&machine, &["ssh"]).expect(1)), "refused");
    assert_same(&snapshot(&machine), &before, "address gone");
    assert_public(&machine);
}

#[test]
fn options_that_set_addresses_are_refused_with_their_place() {
    let base = booted::or_skip!(Base::get());
    let machine = machine(&base);
    machine.put("/etc/default/ssh", "SSHD_OPTS='-o ListenAddress=0.0.0.0'\n", 0o644);
    let before = snapshot(&machine);
    let ran = heal(&machine, &["ssh"]).expect(1);
    assert!(ran.stdout.contains("SSHD_OPTS in /etc/default/ssh"), "{ran:?}");
    assert_same(&snapshot(&machine), &before, "refused");
}

#[test]
fn a_configuration_that_sshd_refuses_is_rolled_back_and_the_old_sshd_still_answers() {
    let base = booted::or_skip!(Base::get());
    let machine = machine(&base);
    machine.put(
        "/etc/ssh/sshd_config.d/10-broken.conf",
        "ListenAddress 0.0.0.0\nNoSuchKeyword yes\n",
        0o644,
    );
    let before = snapshot(&machine);
    let ran = heal(&machine, &["ssh"]).expect(1);
    assert_eq!(ended(&ran), "rolled_back", "{ran:?}");
    assert!(ran.stdout.contains("NoSuchKeyword"), "{ran:?}");
    assert_same(&snapshot(&machine), &before, "rolled back");
    assert_public(&machine);
}

#[test]
fn an_include_that_would_change_more_than_listening_is_rolled_back() {
    let base = booted::or_skip!(Base::get());
    let machine = machine(&base);
    machine.put("/etc/ssh/sshd_config", "UsePAM yes\n", 0o644);
    machine.put("/etc/ssh/sshd_config.d/50-cloud.conf", "PasswordAuthentication no\n", 0o644);
    let before = snapshot(&machine);
    let ran = heal(&machine, &["ssh"]).expect(1);
    assert_eq!(ended(&ran), "rolled_back", "{ran:?}");
    assert!(ran.stdout.contains("passwordauthentication no"), "{ran:?}");
    assert_same(&snapshot(&machine), &before, "rolled back");
}

#[test]
fn an_sshd_that_does_not_start_is_rolled_back_to_its_socket() {
    let base = booted::or_skip!(Base::get());
    let machine = machine(&base);
    socket_activate(&machine);
    // Something else has the port on the tailnet address.
    let other = "socket(my $s,2,1,0);setsockopt($s,1,2,1);bind($s,pack('SnC4x8',2,22,100,101,102,103)) or die $!;listen($s,1);$|=1;print qq(on\\n);sleep 999";
    drop(machine.run(["systemctl", "stop", "ssh.socket"]).expect(0));
    let taker = machine.start(["perl", "-e", other]);
    booted::wait_until("it has the port", || taker.stdout() == "on\n");
    machine.put(
        "/etc/systemd/system/ssh.socket.d/x.conf",
        "[Socket]\nListenStream=\nListenStream=203.0.113.10:22\n",
        0o644,
    );
    let script = "systemctl daemon-reload && systemctl start ssh.socket";
    drop(machine.run(["sh", "-c", script]).expect(0));
    let before = snapshot(&machine);
    let ran = heal(&machine, &["ssh"]).expect(1);
    assert_eq!(ended(&ran), "rolled_back", "{ran:?}");
    assert_same(&snapshot(&machine), &before, "rolled back");
    assert_public(&machine);
}

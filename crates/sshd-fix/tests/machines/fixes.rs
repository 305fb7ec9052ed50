//! What is fixed, and stays so.

use std::time::Duration;

use booted::{Base, Machine, Over, Until};

use crate::support::{
    ADDRESS, LISTEN_FILE, assert_private, ended, heal, listens, machine, socket_activate,
};

/// Runs the fix, which must succeed, and then again, which must find nothing to do.
#[track_caller]
fn fix(machine: &Machine) {
    let ran = heal(machine, &["ssh"]).expect(0);
    assert_eq!(ended(&ran), "applied", "{ran:?}");
    assert_private(machine);
    let again = heal(machine, &["ssh"]).expect(0);
    assert_eq!(ended(&again), "nothing_to_do", "{again:?}");
}

#[test]
fn a_public_sshd_is_fixed_and_stays_fixed_after_a_reboot_with_the_address_60_s_late() {
    let base = booted::or_skip!(Base::get());
    let mut machine = machine(&base);
    assert_eq!(listens(&machine), ["0.0.0.0:22", ":::22"]);
    let mut session = machine.ssh_session(Over::Public).unwrap();
    fix(&machine);
    assert_eq!(session.run("echo alive").as_deref(), Some("alive\n"), "the old session died");
    drop(session);
    machine.tailnet_up_after(60, ADDRESS);
    machine.reboot(Until::Answers);
    assert!(!machine.tailnet_is_up());
    assert!(listens(&machine).is_empty(), "{:?}", listens(&machine));
    let came = booted::holds_within(Duration::from_secs(100), || !listens(&machine).is_empty());
    assert!(came, "{}", machine.journal("ssh"));
    assert_private(&machine);
}

#[test]
fn an_address_later_than_any_wait_is_waited_for_all_the_same() {
    let base = booted::or_skip!(Base::get());
    let mut machine = machine(&base);
    fix(&machine);
    // The wait before the start is over after a second, and then sshd fails again and again.
    let drop_in = "/etc/systemd/system/ssh.service.d/99-aiops-tailnet.conf";
    drop(machine.run(["sed", "-i", "s/--timeout=60s/--timeout=1s/", drop_in]).expect(0));
    machine.tailnet_up_after(25, ADDRESS);
    machine.reboot(Until::Answers);
    let came = booted::holds_within(Duration::from_mins(1), || !listens(&machine).is_empty());
    assert!(came, "{}", machine.journal("ssh"));
    assert_private(&machine);
    assert!(machine.journal("ssh").contains("Cannot bind any address"), "it never failed");
}

#[test]
fn an_older_tailscale_is_waited_for_by_our_own_program_and_without_it_sshd_starts_too() {
    let base = booted::or_skip!(Base::get());
    let mut machine = machine(&base);
    let older = "sed -i s/1.98.2/1.94.1/ /usr/bin/tailscale";
    drop(machine.run(["sh", "-c", older]).expect(0));
    fix(&machine);
    let text = machine.read("/etc/systemd/system/ssh.service.d/99-aiops-tailnet.conf").unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("ExecStartPre=-/usr/local/bin/heal wait-address 100."), "{text}");
    machine.tailnet_up_after(8, ADDRESS);
    machine.reboot(Until::Answers);
    assert!(booted::holds_within(Duration::from_secs(40), || !listens(&machine).is_empty()));
    assert_private(&machine);
    drop(machine.run(["rm", "/usr/local/bin/heal"]).expect(0));
    machine.reboot(Until::Answers);
    assert!(booted::holds_within(Duration::from_mins(1), || !listens(&machine).is_empty()));
    assert_private(&machine);
}

#[test]
fn socket_activation_goes_also_where_the_service_requires_the_socket() {
    let base = booted::or_skip!(Base::get());
    let mut machine = machine(&base);
    socket_activate(&machine);
    assert_eq!(listens(&machine), [":::22"]);
    fix(&machine);
    assert_eq!(machine.run(["systemctl", "is-enabled", "ssh.socket"]).stdout, "masked\n");
    assert_eq!(machine.is_active("ssh.socket"), "inactive");
    machine.reboot(Until::Settled);
    assert!(booted::holds_within(Duration::from_secs(30), || !listens(&machine).is_empty()));
    assert_private(&machine);
}

#[test]
fn a_plain_socket_that_accepts_is_taken_over_by_the_service() {
    let base = booted::or_skip!(Base::get());
    let machine = machine(&base);
    let unit = "[Socket]\nListenStream=0.0.0.0:22\nAccept=no\n[Install]\nWantedBy=sockets.target\n";
    machine.put("/etc/systemd/system/ssh.socket", unit, 0o644);
    let script = "systemctl disable --now ssh.service && systemctl daemon-reload &&
        systemctl enable --now ssh.socket";
    drop(machine.run(["sh", "-c", script]).expect(0));
    drop(machine.ssh(Over::Public, "true").unwrap().expect(0));
    assert_eq!(machine.is_active("ssh.service"), "active");
    fix(&machine);
}

#[test]
fn conflicting_directives_in_three_places_and_odd_spellings_go() {
    let base = booted::or_skip!(Base::get());
    let machine = machine(&base);
    let config = String::from_utf8(machine.read("/etc/ssh/sshd_config").unwrap()).unwrap();
    let main = format!("{config}\n\tListenAddress=0.0.0.0\r\n\"LISTENADDRESS\" ::\n");
    machine.put("/etc/ssh/sshd_config", main, 0o600);
    let cloud = "addressfamily any # x\nListen\"Address\" '0'\nPasswordAuthentication no\n";
    machine.put("/etc/ssh/sshd_config.d/50-cloud.conf", cloud, 0o640);
    let other = "Include /etc/ssh/extra/*\n";
    machine.put("/etc/ssh/sshd_config.d/100-more.conf", other, 0o644);
    machine.put("/etc/ssh/extra/x", "= ListenAddress 203.0.113.10 # public\n", 0o644);
    drop(machine.run(["systemctl", "restart", "ssh"]).expect(0));
    fix(&machine);
    let modes = machine.run([
        "stat",
        "-c",
        "%a",
        "/etc/ssh/sshd_config",
        "/etc/ssh/sshd_config.d/50-cloud.conf",
    ]);
    assert_eq!(modes.stdout, "600\n640\n");
    let told = machine.run(["sshd", "-T"]).expect(0).stdout;
    assert!(told.contains("passwordauthentication no"), "{told}");
}

#[test]
fn a_plan_is_shown_kept_and_carried_out_unless_the_machine_changed() {
    let base = booted::or_skip!(Base::get());
    let machine = machine(&base);
    let shown = heal(&machine, &["ssh", "--plan"]).expect(0).stdout;
    for part in [
        "+++ b/etc/ssh/sshd_config.d/99-tailscale-only.conf\n",
        "+ListenAddress 100.101.102.103\n",
        " 9. systemctl restart ssh.service\n",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let plan = heal(&machine, &["ssh", "--plan-json"]).expect(0).bytes;
    machine.put("/root/plan.json", plan, 0o600);
    machine.put("/etc/ssh/sshd_config.d/5.conf", "ListenAddress 0.0.0.0\n", 0o644);
    let stale = heal(&machine, &["ssh", "--plan-file", "/root/plan.json"]).expect(1);
    assert!(stale.stdout.contains("\"stale\""), "{stale:?}");
    assert_eq!(listens(&machine), ["0.0.0.0:22", ":::22"]);
    drop(machine.run(["rm", "/etc/ssh/sshd_config.d/5.conf"]).expect(0));
    let done = heal(&machine, &["ssh", "--plan-file", "/root/plan.json"]).expect(0);
    assert_eq!(ended(&done), "applied", "{done:?}");
    assert_private(&machine);
}

#[test]
fn a_missing_include_and_one_below_a_match_are_mended() {
    let base = booted::or_skip!(Base::get());
    let machine = machine(&base);
    for config in [
        "UsePAM yes\nSubsystem sftp /usr/lib/openssh/sftp-server\n",
        "UsePAM yes\nMatch User nobody\n X11Forwarding no\n Include /etc/ssh/sshd_config.d/*.conf\n",
    ] {
        machine.put("/etc/ssh/sshd_config", config, 0o644);
        drop(machine.run(["rm", "-f", LISTEN_FILE]).expect(0));
        drop(machine.run(["systemctl", "restart", "ssh"]).expect(0));
        assert_eq!(listens(&machine), ["0.0.0.0:22", ":::22"]);
        fix(&machine);
        let now = String::from_utf8(machine.read("/etc/ssh/sshd_config").unwrap()).unwrap();
        assert!(now.starts_with("Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\n"), "{now}");
    }
}

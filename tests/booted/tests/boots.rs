//! Booting, files, rebooting, losing power.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::{Duration, Instant};

use booted::{Base, Machine, Options, Until};

const TAILNET: Ipv4Addr = Ipv4Addr::new(100, 101, 102, 103);

#[test]
fn a_machine_boots_and_is_running() {
    let base = booted::or_skip!(Base::get());
    let machine = Machine::boot(&base, Options::default());
    let ran = machine.run(["systemctl", "is-system-running"]).expect(0);
    assert_eq!(ran.stdout, "running\n");
    assert_eq!(machine.is_active("ssh.service"), "active");
    booted::note(&format!(
        "base {} MiB, machine {} KiB, booted in {:?}",
        base.size() >> 20,
        machine.used() >> 10,
        machine.boot_took()
    ));
}

#[test]
fn sshd_listens_as_debian_installs_it() {
    let base = booted::or_skip!(Base::get());
    let machine = Machine::boot(&base, Options::default());
    let found: Vec<(String, IpAddr, u16, String)> = machine
        .listeners()
        .into_iter()
        .map(|it| (it.protocol, it.address, it.port, it.process))
        .collect();
    let sshd = |address: &str| ("tcp".to_owned(), address.parse().unwrap(), 22, "sshd".to_owned());
    assert_eq!(found, [sshd("0.0.0.0"), sshd("::")]);
}

#[test]
fn commands_have_input_environment_output_and_code() {
    let base = booted::or_skip!(Base::get());
    let machine = Machine::boot(&base, Options::default());
    let script = "cat; echo $COLOUR; echo bad >&2; env | wc -l; exit 7";
    let call = machine.call(["sh", "-c", script]).input("in\n").env("COLOUR", "red");
    let ran = call.run();
    // PATH, HOME, LANG, LOGNAME, USER, COLOUR, PWD.
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (7, "in\nred\n7\n", "bad\n"));
    assert_eq!(machine.run(["sh", "-c", "kill -9 $$"]).code, 137);
}

#[test]
fn a_command_that_hangs_is_killed_and_fails_the_test() {
    let base = booted::or_skip!(Base::get());
    let machine = Machine::boot(&base, Options::default());
    let hangs = || machine.call(["sleep", "1000"]).within(Duration::from_millis(200)).run();
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(hangs));
    assert!(failed.is_err());
    assert_eq!(machine.run(["pgrep", "-x", "sleep"]).code, 1, "it still runs");
}

#[test]
fn a_background_command_is_seen_and_killed() {
    let base = booted::or_skip!(Base::get());
    let machine = Machine::boot(&base, Options::default());
    let mut sleeps = machine.start(["sh", "-c", "echo hello; exec sleep 1000"]);
    booted::wait_until("it says hello", || sleeps.stdout() == "hello\n");
    let comm = format!("/proc/{}/comm", sleeps.pid());
    booted::wait_until("it sleeps", || machine.read(&comm).is_some_and(|it| it == b"sleep\n"));
    assert!(sleeps.runs());
    machine.kill_inside(sleeps.pid());
    assert_eq!(sleeps.ended_within(Duration::from_secs(5)).code, 137);

    let dropped = machine.start(["sleep", "1000"]);
    let status = format!("/proc/{}/status", dropped.pid());
    drop(dropped);
    booted::wait_until("the dropped one is gone", || machine.read(&status).is_none());
}

#[test]
fn files_are_put_with_their_mode_and_read_as_bytes() {
    let base = booted::or_skip!(Base::get());
    let machine = Machine::boot(&base, Options::default());
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    machine.put("/srv/new folder/file", bytes.clone(), 0o4750);
    assert_eq!(machine.read("/srv/new folder/file"), Some(bytes));
    let mode = machine.run(["stat", "-c", "%a %U", "/srv/new folder/file"]).expect(0);
    assert_eq!(mode.stdout, "4750 root\n");
    assert_eq!(machine.read("/srv/none"), None);
}

#[test]
fn a_program_of_this_build_runs_there() {
    let base = booted::or_skip!(Base::get());
    let machine = Machine::boot(&base, Options::default());
    machine.install(Path::new(env!("CARGO_BIN_EXE_booted")));
    let ran = machine.run(["booted"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stdout.starts_with("usage: "), "{ran:?}");
}

#[test]
fn a_unit_and_its_journal_are_seen() {
    let base = booted::or_skip!(Base::get());
    let machine = Machine::boot(&base, Options::default());
    let unit = "[Service]\nType=oneshot\nExecStart=echo hello journal\n";
    machine.put("/etc/systemd/system/hello.service", unit, 0o644);
    drop(machine.run(["systemctl", "daemon-reload"]).expect(0));
    drop(machine.run(["systemctl", "start", "hello.service"]).expect(0));
    assert!(machine.journal("hello").contains("hello journal"), "{}", machine.journal("hello"));
}

#[test]
fn a_reboot_keeps_files_and_journal_and_loses_processes_and_the_tailnet() {
    let base = booted::or_skip!(Base::get());
    let mut machine = Machine::boot(&base, Options::default());
    machine.tailnet_up(TAILNET);
    machine.put("/srv/kept", "kept", 0o600);
    let mut sleeps = machine.start(["sleep", "1000"]);
    let boot = machine.read("/proc/sys/kernel/random/boot_id");
    let id = machine.read("/etc/machine-id");

    machine.reboot(Until::Settled);

    assert_eq!(machine.read("/srv/kept"), Some(b"kept".to_vec()));
    assert!(!sleeps.runs());
    assert!(!machine.tailnet_is_up());
    assert_ne!(machine.read("/proc/sys/kernel/random/boot_id"), boot);
    assert_eq!(machine.read("/etc/machine-id"), id);
    assert_eq!(machine.run(["systemctl", "is-system-running"]).stdout, "running\n");
    let boots = machine.run(["journalctl", "-q", "--list-boots"]).expect(0).stdout;
    assert_eq!(boots.lines().count(), 2, "{boots}");
    booted::note(&format!("came up again in {:?}", machine.boot_took()));
}

#[test]
fn a_power_cut_keeps_flushed_files_and_kills_at_once() {
    let base = booted::or_skip!(Base::get());
    let mut machine = Machine::boot(&base, Options::default());
    // Would leave a mark if it were asked to stop.
    let unit = "[Service]\nExecStart=sleep 1000\nExecStop=touch /srv/stopped-in-order\n";
    machine.put("/etc/systemd/system/marks.service", unit, 0o644);
    drop(machine.run(["systemctl", "daemon-reload"]).expect(0));
    drop(machine.run(["systemctl", "start", "marks.service"]).expect(0));
    drop(machine.run(["sh", "-c", "echo kept >/srv/kept && sync /srv/kept"]).expect(0));

    machine.power_cut();

    assert_eq!(machine.read("/srv/kept"), Some(b"kept\n".to_vec()));
    assert_eq!(machine.read("/srv/stopped-in-order"), None);
    assert_eq!(machine.run(["systemctl", "is-system-running"]).stdout, "running\n");
}

#[test]
fn two_machines_at_once_have_nothing_in_common() {
    let base = booted::or_skip!(Base::get());
    let begun = Instant::now();
    let boot = || Machine::boot(&base, Options::default());
    let (one, other) = std::thread::scope(|scope| {
        let first = scope.spawn(boot);
        (boot(), first.join().unwrap())
    });
    booted::note(&format!("two at once after {:?}", begun.elapsed()));
    one.put("/srv/mine", "one", 0o600);
    assert_eq!(other.read("/srv/mine"), None);
    assert_ne!(one.read("/etc/machine-id"), other.read("/etc/machine-id"));
    one.tailnet_up(TAILNET);
    assert!(one.tailnet_is_up() && !other.tailnet_is_up());
    for machine in [&one, &other] {
        assert_eq!(machine.ssh(booted::Over::Public, "echo hi").unwrap().stdout, "hi\n");
    }
}

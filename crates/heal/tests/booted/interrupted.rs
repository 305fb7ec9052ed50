//! What was killed or lost its power in the middle of a fix.

use std::time::Duration;

use booted::{Base, Machine, Ran, Until, holds_within};

use crate::support::{answers_publicly, installed, is_private, log, run};

/// An sshd that takes a minute to start, until the next boot: the fix stands still in the middle.
#[track_caller]
fn make_sshd_slow(machine: &Machine) {
    let slow = "[Service]\nExecStartPre=/bin/sh -c '[ ! -e /run/slow ] || sleep 60'\n";
    machine.put("/etc/systemd/system/ssh.service.d/slow.conf", slow, 0o644);
    drop(run(machine, &["systemctl", "daemon-reload"]).expect(0));
    machine.put("/run/slow", "", 0o644);
}

/// Waits until a fix has changed sshd's configuration and stands before its restart.
#[track_caller]
fn wait_for_the_middle(machine: &Machine) {
    let waits = || machine.is_active("ssh.service") == "activating";
    assert!(holds_within(Duration::from_mins(1), waits), "{}", log(machine));
    assert!(machine.read("/etc/ssh/sshd_config.d/99-tailscale-only.conf").is_some());
}

#[test]
fn the_power_cut_during_a_fix_is_a_failed_fix_that_was_undone_at_boot() {
    let base = booted::or_skip!(Base::get());
    let mut machine = installed(&base);
    make_sshd_slow(&machine);
    let cycle = machine.start(["guard", "run"]);
    wait_for_the_middle(&machine);
    machine.cut_power();
    drop(cycle);
    machine.switch_on(Until::Answers);
    let undone = holds_within(Duration::from_mins(1), || answers_publicly(&machine));
    assert!(undone, "{}", machine.journal("aiops-sshd-rollback"));
    assert!(machine.read("/etc/ssh/sshd_config.d/99-tailscale-only.conf").is_none());
    // The next cycle tells of the failure first, and has one more try.
    let run_guard = || run(&machine, &["guard", "run", "--json"]);
    let busy = |ran: &Ran| ran.json()["event"] == "refused";
    let mut ran = run_guard();
    holds_within(Duration::from_mins(1), || {
        // The way back verifies itself for a moment yet.
        if busy(&ran) {
            ran = run_guard();
        }
        !busy(&ran)
    });
    assert_eq!(ran.expect(0).json()["event"], "remediated", "{}", log(&machine));
    let lines = log(&machine);
    assert!(
        lines.contains("event=remediation_failed reason=\"the fix before was cut off\""),
        "{lines}"
    );
    assert!(is_private(&machine));
}

#[test]
fn guard_and_heal_killed_during_a_fix_are_undone_by_the_dead_mans_switch() {
    let base = booted::or_skip!(Base::get());
    let machine = installed(&base);
    make_sshd_slow(&machine);
    let cycle = machine.start(["guard", "run"]);
    wait_for_the_middle(&machine);
    for name in ["guard", "heal"] {
        let of = format!(
            "for it in /proc/[0-9]*; do [ \"$(cat $it/comm)\" = {name} ] && echo ${{it#/proc/}}; done"
        );
        let pids = run(&machine, &["sh", "-c", &of]).stdout;
        assert!(!pids.trim().is_empty(), "no {name} runs");
        pids.lines().for_each(|pid| machine.kill_inside(pid.parse().unwrap()));
    }
    drop(cycle);
    drop(run(&machine, &["rm", "/run/slow"]).expect(0));
    // Two minutes after it was armed, the switch goes off by itself.
    let undone = holds_within(Duration::from_mins(4), || {
        machine.read("/etc/ssh/sshd_config.d/99-tailscale-only.conf").is_none()
            && answers_publicly(&machine)
    });
    assert!(undone, "{}", machine.journal("aiops-sshd-rollback"));
}

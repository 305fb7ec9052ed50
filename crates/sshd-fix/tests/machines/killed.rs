//! `heal` killed at every step: the machine goes back to what it was, by itself.
//!
//! Everything durable is a rename, so a kill at the n-th rename of the process, for every n, is a
//! kill before and after each step. strace does it, from outside the machine.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use booted::{Base, Machine};

use crate::support::{
    ADDRESS, HOME, ROLLBACK, assert_private, assert_public, assert_same, heal, machine, snapshot,
    socket_activate,
};

/// The shell in a machine, by process id of the host, whose command line holds that word.
fn waiting(word: &str) -> Option<u32> {
    let all = fs::read_dir("/proc").ok()?.flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).find(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let inside = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        line.windows(word.len()).any(|it| it == word.as_bytes())
            && status.starts_with("Name:\tsh\n")
            && inside.is_some_and(|pids| pids.split_whitespace().count() > 1)
    })
}

/// What makes changes durable, and what takes files away.
const RENAMES: &str = "rename,renameat,renameat2";
const REMOVALS: &str = "unlink,unlinkat,rmdir";

fn killer(pid: u32, calls: &str, number: u32) -> Child {
    let mut strace = Command::new("strace");
    strace.args(["-qq", "-o", "/dev/null", "-e", &format!("trace={calls}"), "-e"]);
    strace.arg(format!("inject={calls}:signal=KILL:when={number}"));
    strace.args(["-p", &pid.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    strace.spawn().unwrap()
}

/// Runs the fix and kills it at its n-th rename. Returns whether it came that far.
fn killed_at(machine: &Machine, rename: u32, dead_man: u32) -> bool {
    killed(machine, &format!("ssh --dead-man {dead_man}"), RENAMES, rename)
}

/// Runs `heal` with arguments and kills it at its n-th call of these. Returns whether it came that
/// far.
fn killed(machine: &Machine, args: &str, calls: &str, number: u32) -> bool {
    let word = format!("killed-{}-{number}", machine.name());
    let gate = format!("/run/{word}");
    drop(machine.run(["sh", "-c", &format!("rm -f {gate}; mkfifo {gate}")]).expect(0));
    let script = format!("read -r go <{gate}; exec heal {args}");
    let running = machine.start(["sh", "-c", &script, &word]);
    let mut found = None;
    booted::wait_until("it waits", || {
        found = waiting(&word);
        found.is_some()
    });
    let pid = found.unwrap();
    let mut strace = killer(pid, calls, number);
    booted::wait_until("strace is there", || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
        tracer.is_some_and(|it| it.trim() != "0")
    });
    drop(machine.run(["sh", "-c", &format!("echo >{gate}")]).expect(0));
    let ran = running.ended_within(Duration::from_mins(1));
    drop(strace.wait());
    assert!(matches!(ran.code, 0 | 137), "{ran:?}");
    ran.code == 137
}

fn has_strace() -> bool {
    let there = Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_ok();
    if !there {
        skipped::told(skipped::this_test(), "strace is not installed");
    }
    there
}

fn is_over(machine: &Machine) -> bool {
    machine.read(&format!("{HOME}/state/sshd-fix/pending")).is_none()
}

/// Before the switch was armed nothing may have changed but what arms it.
#[track_caller]
fn assert_untouched_but_for_the_switch(machine: &Machine, before: &str) {
    let now = snapshot(machine);
    let others: Vec<&str> = now.lines().filter(|line| !line.contains("aiops")).collect();
    assert_same(&others.join("\n"), before, "changed without a way back");
}

/// Does what the next run does first: clears away what is left of one that changed nothing yet.
fn tidy(machine: &Machine) {
    if let Some(name) = machine.read(&format!("{HOME}/state/sshd-fix/pending")) {
        let record = format!("{HOME}/state/sshd-fix/{}", String::from_utf8(name).unwrap());
        drop(heal(machine, &["ssh", "--rollback", &record]).expect(0));
        assert!(is_over(machine));
    }
}

/// A machine with much to put back.
fn scene(base: &Base) -> Machine {
    let machine = machine(base);
    machine.put("/etc/ssh/sshd_config.d/50-cloud.conf", "ListenAddress 0.0.0.0\n", 0o640);
    socket_activate(&machine);
    machine
}

#[test]
fn killed_at_every_step_it_is_put_back_by_the_switch() {
    let base = booted::or_skip!(Base::get());
    if !has_strace() {
        return;
    }
    let machine = scene(&base);
    let before = snapshot(&machine);
    let mut rename = 1;
    while killed_at(&machine, rename, 600) {
        let armed = machine.run(["systemctl", "is-enabled", ROLLBACK]).code == 0;
        if armed {
            // What the timer does when its time has come.
            drop(machine.run(["systemctl", "start", ROLLBACK]).expect(0));
            assert!(is_over(&machine), "rename {rename}");
        } else {
            assert_untouched_but_for_the_switch(&machine, &before);
        }
        tidy(&machine);
        assert_same(&snapshot(&machine), &before, &format!("killed at rename {rename}"));
        assert_public(&machine);
        rename += 1;
    }
    booted::note(&format!("killed at {} places", rename - 1));
    assert!(rename > 15, "only {rename} places to kill at");
    assert_private(&machine);
}

#[test]
fn the_timer_fires_by_itself_after_a_kill_in_the_middle() {
    let base = booted::or_skip!(Base::get());
    if !has_strace() {
        return;
    }
    let machine = scene(&base);
    let before = snapshot(&machine);
    assert!(killed_at(&machine, 18, 12));
    assert!(!is_over(&machine));
    assert!(booted::holds_within(Duration::from_secs(30), || is_over(&machine)));
    let ended = || machine.is_active(ROLLBACK) == "inactive";
    let has_ended = booted::holds_within(Duration::from_secs(10), ended);
    assert!(has_ended, "{} {}", machine.is_active(ROLLBACK), machine.journal(ROLLBACK));
    assert_same(&snapshot(&machine), &before, "after the timer");
    assert_public(&machine);
}

#[test]
fn the_power_cut_at_every_step_it_is_put_back_at_boot() {
    let base = booted::or_skip!(Base::get());
    if !has_strace() {
        return;
    }
    let mut machine = scene(&base);
    let before = snapshot(&machine);
    let mut rename = 1;
    while killed_at(&machine, rename, 600) {
        machine.power_cut();
        let armed = machine.run(["systemctl", "is-enabled", ROLLBACK]).code == 0;
        if armed {
            let over = booted::holds_within(Duration::from_secs(30), || is_over(&machine));
            assert!(over, "rename {rename}: {}", machine.journal(ROLLBACK));
        } else if !is_over(&machine) {
            assert_untouched_but_for_the_switch(&machine, &before);
        }
        booted::wait_until("its unit has ended", || machine.is_active(ROLLBACK) != "activating");
        tidy(&machine);
        assert_same(&snapshot(&machine), &before, &format!("power cut at rename {rename}"));
        assert_public(&machine);
        machine.tailnet_up(ADDRESS);
        rename += 1;
    }
    booted::note(&format!("power cut at {} places", rename - 1));
    assert_private(&machine);
}

#[test]
fn an_interrupted_run_is_undone_by_the_next_one_before_it_begins() {
    let base = booted::or_skip!(Base::get());
    if !has_strace() {
        return;
    }
    let machine = scene(&base);
    assert!(killed_at(&machine, 12, 600));
    let ran = heal(&machine, &["ssh"]).expect(0);
    assert_eq!(crate::support::ended(&ran), "applied", "{ran:?}");
    assert_private(&machine);
}

#[test]
fn killed_after_it_was_done_it_stays_done() {
    let base = booted::or_skip!(Base::get());
    if !has_strace() {
        return;
    }
    let mut machine = scene(&base);
    let mut before = snapshot(&machine);
    let (mut number, mut done) = (1, 0);
    // Removals begin with the links of the socket, before it is done, and end with the switch.
    while killed(&machine, "ssh --dead-man 600", REMOVALS, number) {
        if machine.run(["systemctl", "is-enabled", ROLLBACK]).code == 0 {
            drop(machine.run(["systemctl", "start", ROLLBACK]).expect(0));
        }
        tidy(&machine);
        if machine.run(["systemctl", "is-enabled", "ssh.socket"]).stdout == "masked\n" {
            assert_private(&machine);
            machine = scene(&base);
            before = snapshot(&machine);
            done += 1;
        } else {
            assert_same(&snapshot(&machine), &before, &format!("killed at removal {number}"));
        }
        number += 1;
    }
    booted::note(&format!("killed at {} removals, {done} of them after it was done", number - 1));
    assert!(done > 2, "only {done}");
    assert_private(&machine);
}

#[test]
fn going_back_can_itself_be_killed_at_every_step() {
    let base = booted::or_skip!(Base::get());
    if !has_strace() {
        return;
    }
    let machine = scene(&base);
    let before = snapshot(&machine);
    for calls in [RENAMES, REMOVALS] {
        assert!(killed_at(&machine, 24, 600));
        let name = machine.read(&format!("{HOME}/state/sshd-fix/pending")).unwrap();
        let record = format!("{HOME}/state/sshd-fix/{}", String::from_utf8(name).unwrap());
        let mut number = 1;
        // What was put back stays so, so every call gets further than the one before.
        while killed(&machine, &format!("ssh --rollback {record}"), calls, number) {
            number += 1;
        }
        booted::note(&format!("going back was killed at {} places", number - 1));
        assert!(number > 2, "only {number}");
        assert!(is_over(&machine));
        assert_same(&snapshot(&machine), &before, "after all");
        assert_public(&machine);
    }
}

#[test]
fn a_step_that_hangs_past_the_switch_ends_as_before() {
    let base = booted::or_skip!(Base::get());
    let machine = machine(&base);
    let hangs = "[Service]\nExecStartPre=/bin/sh -c 'test ! -e /run/hang || sleep 15'\n";
    machine.put("/etc/systemd/system/ssh.service.d/hang.conf", hangs, 0o644);
    drop(machine.run(["systemctl", "daemon-reload"]).expect(0));
    let before = snapshot(&machine);
    machine.put("/run/hang", "", 0o644);
    let ran = heal(&machine, &["ssh", "--dead-man", "10"]).expect(1);
    assert_eq!(crate::support::ended(&ran), "rolled_back", "{ran:?}");
    drop(machine.run(["rm", "/run/hang"]).expect(0));
    let ended = || machine.is_active(ROLLBACK) == "inactive" && is_over(&machine);
    assert!(booted::holds_within(Duration::from_secs(40), ended), "{}", machine.journal(ROLLBACK));
    assert_same(&snapshot(&machine), &before, "after both");
    assert_public(&machine);
}

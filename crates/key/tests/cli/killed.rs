//! `kill -9` before every single step: a secret is the old one or the new one, never gone, and what
//! is accepted is right.

use std::process::{Command, Stdio};

use secrets::rotation::{Phase, Rotation, Slot};
use serde_json::json;

use crate::machine::{KEY, Machine, Said, finish};

const OLD: &str = "old-0123456789-abcdef-0123456789";
const NEW: &str = "new-0123456789-abcdef-0123456789";

/// Every system call that changes something, and how many are let through between two kills: most
/// files are only opened to be read.
const STEPS: &[(&str, usize)] = &[
    ("renameat2", 1),
    ("renameat", 1),
    ("rename", 1),
    ("unlink", 1),
    ("unlinkat", 1),
    ("mkdir", 3),
    ("mkdirat", 3),
    ("fsync", 2),
    ("openat", 8),
    ("write", 2),
    ("fchmodat", 1),
    ("ftruncate", 1),
];

/// Whether steps can be interfered with; tells that the test is skipped where not.
fn has_strace() -> bool {
    let found = Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_ok();
    if !found {
        skipped::told(skipped::this_test(), "strace is not installed");
    }
    found
}

/// Runs a call with something done to its system calls of one kind.
fn injected(machine: &Machine, line: &str, input: &str, step: &str, what: &str) -> Said {
    let mut command = Command::new("strace");
    machine.surround(&mut command);
    command.args(["-f", "-qq", "-o", "/dev/null"]);
    command.args(["-e", &format!("trace={step}")]);
    command.args(["-e", &format!("inject={step}:{what}"), KEY]);
    command.args(line.split(' '));
    finish(command, input.as_bytes())
}

/// Runs a call that is killed before its nth system call of one kind; false when it was not.
fn killed(machine: &Machine, line: &str, input: &str, step: &str, at: usize) -> bool {
    injected(machine, line, input, step, &format!("signal=KILL:when={at}")).code == 128 + 9
}

/// Kills a call before each of its steps in turn, each time on a machine of its own, and looks at
/// what is left. Returns how often it was killed.
fn each_step(
    line: &str,
    input: &str,
    scene: impl Fn() -> Machine,
    look: impl Fn(&Machine, &str),
) -> u32 {
    let mut kills = 0;
    for (step, stride) in STEPS {
        for at in (1..).step_by(*stride) {
            let machine = scene();
            let was_killed = killed(&machine, line, input, step, at);
            look(&machine, &format!("{line}, {step} {at}"));
            if !was_killed {
                break;
            }
            kills += 1;
        }
    }
    kills
}

#[test]
fn a_disk_that_says_no_is_never_a_yes_and_keeps_the_old_value_or_the_new_one() {
    if !has_strace() {
        return;
    }
    let mut failures = 0;
    for (step, errno) in [("fsync", "EIO"), ("write", "ENOSPC"), ("rename", "EIO")] {
        let mut yes = 0;
        for at in 1.. {
            let machine = Machine::new();
            machine.put("secrets/console_token", OLD, 0o600);
            let inject = format!("error={errno}:when={at}");
            let said = injected(&machine, "set console_token", NEW, step, &inject);
            let value = value(&machine, "console_token").unwrap();
            assert!([OLD, NEW].contains(&value.as_str()), "{value} after {step} {at}");
            let what = format!("{step} {at}: {said:?}");
            if said.code == 0 {
                assert_eq!(value, NEW, "{what}");
                // Past the last one, or is it an answer that ignored what failed?
                yes += 1;
                if yes == 8 {
                    break;
                }
                continue;
            }
            assert_eq!(yes, 0, "one before ignored a failure: {what}");
            assert_eq!(said.code, 69, "{what}");
            assert!(!said.err.is_empty() || step == "write", "{what}");
            failures += 1;
        }
    }
    assert!(failures > 12, "failed only {failures} times");
}

fn value(machine: &Machine, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(machine.path(&format!("secrets/{name}"))).ok()?;
    Some(text.trim().to_owned())
}

/// What readers accept and writers sign with, by the rules of `secrets::rotation`.
fn accepted(machine: &Machine) -> (Vec<String>, String) {
    let path = machine.path("secrets/bridge_hmac.rotation.json");
    let phase = std::fs::read(path).map_or(Phase::Idle, |bytes| {
        let rotation: Rotation = serde_json::from_slice(&bytes).unwrap();
        rotation.phase(ops_core::host::Host::real().now()).unwrap()
    });
    let held = |slot| match slot {
        Slot::Current => value(machine, "bridge_hmac"),
        Slot::Next => value(machine, "bridge_hmac_next"),
    };
    let slots = [Slot::Current, Slot::Next];
    let accepted = slots.into_iter().filter(|slot| phase.accepts(*slot)).filter_map(held).collect();
    (accepted, held(phase.signs()).expect("somebody can sign"))
}

/// The next call tidies up, and the audit log's chain holds.
fn recovers(machine: &Machine, what: &str) {
    drop(machine.run("delete gmail_user").expect(0));
    for (path, _) in machine.files("secrets") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!name.starts_with(".aiops-"), "{name} after {what}");
    }
    assert!(!machine.audit().is_empty());
}

#[test]
fn a_value_that_is_being_set_is_the_old_one_or_the_new_one() {
    if !has_strace() {
        return;
    }
    let scene = || {
        let machine = Machine::new();
        machine.put("secrets/console_token", OLD, 0o600);
        machine
    };
    let kills = each_step("set console_token", NEW, scene, |machine, what| {
        let value = value(machine, "console_token").unwrap();
        assert!([OLD, NEW].contains(&value.as_str()), "{value} after {what}");
        recovers(machine, what);
    });
    assert!(kills > 12, "killed only {kills} times");
}

/// A rotation that was promoted; its window ended when `promoted` is long ago.
fn promoted(promoted: &str) -> Machine {
    let machine = Machine::new();
    machine.put("secrets/bridge_hmac", OLD, 0o600);
    machine.put("secrets/bridge_hmac_next", NEW, 0o600);
    record(&machine, Some(promoted));
    machine
}

fn record(machine: &Machine, promoted: Option<&str>) {
    let record = json!({
        "schema": "aiops.key_rotation/1", "key": "bridge_hmac",
        "begun_at": promoted.unwrap_or("2020-01-01T00:00:00Z"), "window_seconds": 3600,
        "promoted_at": promoted
    });
    machine.put("secrets/bridge_hmac.rotation.json", &record.to_string(), 0o600);
}

#[test]
fn a_retirement_never_accepts_the_old_one_again_nor_loses_the_new_one() {
    if !has_strace() {
        return;
    }
    // Over: only the new one counts, before, while and after the slots are tidied up.
    let scene = || promoted("2020-01-01T00:00:00Z");
    let kills = each_step("rotate bridge_hmac retire", "", scene, |machine, what| {
        let (accepted, signs) = accepted(machine);
        assert!(
            accepted.iter().all(|it| it == NEW) && !accepted.is_empty(),
            "{what}: {accepted:?}"
        );
        assert_eq!(signs, NEW, "{what}");
        drop(machine.run("rotate bridge_hmac status").expect(0));
        assert_eq!(value(machine, "bridge_hmac").as_deref(), Some(NEW), "{what}");
        assert_eq!(value(machine, "bridge_hmac_next"), None, "{what}");
        recovers(machine, what);
    });
    assert!(kills > 12, "killed only {kills} times");
}

#[test]
fn a_retirement_before_its_time_keeps_the_new_one_signing() {
    if !has_strace() {
        return;
    }
    let now = ops_core::time::rfc3339(ops_core::host::Host::real().now());
    let scene = || promoted(&now);
    let kills = each_step("rotate bridge_hmac retire --now", "", scene, |machine, what| {
        let (accepted, signs) = accepted(machine);
        assert!(accepted.iter().any(|it| it == NEW), "{what}: {accepted:?}");
        assert_eq!(signs, NEW, "{what}");
        recovers(machine, what);
    });
    assert!(kills > 12, "killed only {kills} times");
}

#[test]
fn a_beginning_and_a_window_that_lapsed_keep_the_old_one_signing() {
    if !has_strace() {
        return;
    }
    let begin = || {
        let machine = Machine::new();
        machine.put("secrets/bridge_hmac", OLD, 0o600);
        machine
    };
    let lapsed = || {
        let machine = begin();
        machine.put("secrets/bridge_hmac_next", NEW, 0o600);
        record(&machine, None);
        machine
    };
    let look = |machine: &Machine, what: &str| {
        let (accepted, signs) = accepted(machine);
        assert!(accepted.contains(&OLD.to_owned()), "{what}: {accepted:?}");
        assert_eq!(signs, OLD, "{what}");
        assert!(!accepted.contains(&NEW.to_owned()), "what lapsed is accepted again: {what}");
        recovers(machine, what);
    };
    assert!(each_step("rotate bridge_hmac begin", "", begin, look) > 12);
    assert!(each_step("rotate bridge_hmac status", "", lapsed, look) > 12);
}

#[test]
fn a_secret_that_is_being_moved_is_in_one_place_or_both() {
    if !has_strace() {
        return;
    }
    let scene = || {
        let machine = Machine::new();
        machine.put("older/console_token", OLD, 0o600);
        machine
    };
    let kills = each_step("migrate", "", scene, |machine, what| {
        let older = std::fs::read_to_string(machine.path("older/console_token")).ok();
        let here = value(machine, "console_token");
        assert!(older.is_some() || here.is_some(), "{what}");
        drop(machine.run("migrate").expect(0));
        assert_eq!(value(machine, "console_token").as_deref(), Some(OLD), "{what}");
        assert!(!machine.is_there("older/console_token"), "{what}");
        recovers(machine, what);
    });
    assert!(kills > 12, "killed only {kills} times");
}

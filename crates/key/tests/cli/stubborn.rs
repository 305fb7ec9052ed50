//! Places that do not answer: no call waits for them longer than two seconds, and none asks anybody.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::{Duration, Instant};

#[cfg(feature = "keychain")]
use session_bus::SessionBus;

use crate::machine::{Machine, finish};

/// Two seconds for a keychain, and what a busy machine takes to start a program.
const LIMIT: Duration = Duration::from_millis(3500);

/// A machine that asks the keychain on this bus.
fn machine(bus: &str) -> Machine {
    Machine::with(|text| text).env("DBUS_SESSION_BUS_ADDRESS", bus)
}

#[track_caller]
fn quick<T>(what: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = what();
    assert!(begun.elapsed() < LIMIT, "it took {:?}", begun.elapsed());
    done
}

#[test]
#[cfg(feature = "keychain")]
fn a_bus_that_accepts_and_says_nothing_costs_two_seconds_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus");
    let _silent = UnixListener::bind(&path).unwrap();
    let machine = machine(&format!("unix:path={}", path.display()));
    machine.put("secrets/console_token", "from-file", 0o600);
    let said = quick(|| machine.run("list")).expect(1);
    assert_eq!(said.out.matches("unusable").count(), 20, "{said:?}");
    let said = quick(|| machine.run("status console_token")).expect(77);
    assert!(said.out.contains("keychain: never"), "{said:?}");
    drop(quick(|| machine.run("exec console_token -- true")).expect(125));
    drop(quick(|| machine.feed("set console_token", b"x")).expect(77));
    assert_eq!(machine.get("secrets/console_token"), "from-file");
    let said = quick(|| machine.feed("set console_token --to file", b"new")).expect(0);
    assert!(said.out.contains("warning: keychain is asked first"), "{said:?}");
}

#[test]
fn a_bus_that_is_gone_or_was_never_there_is_no_keychain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus");
    drop(UnixListener::bind(&path).unwrap());
    for bus in [format!("unix:path={}", path.display()), "unix:path=/nonexistent/bus".into()] {
        let machine = machine(&bus);
        machine.put("secrets/console_token", "from-file", 0o600);
        let said = quick(|| machine.run("print-source console_token")).expect(0);
        assert_eq!(said.out, "file\n", "{bus}");
    }
}

#[test]
#[cfg(feature = "keychain")]
fn a_keychain_that_is_open_is_used_and_a_locked_one_is_told_and_opens_nothing() {
    let mut bus = match SessionBus::with_keyring() {
        Ok(bus) => bus,
        Err(why) => return skipped::told(skipped::this_test(), why),
    };
    let machine = machine(&bus.address());
    let value = b"canary-0123456789-abcd";
    drop(quick(|| machine.feed("set console_token --to keychain", value)).expect(0));
    assert!(!machine.is_there("secrets/console_token"));
    assert_eq!(machine.run("print-source console_token").expect(0).out, "keychain\n");
    let said = quick(|| machine.feed("set console_token", b"another-value-of-it")).expect(0);
    assert!(said.out.contains("replaced in keychain"), "it goes where it is: {said:?}");
    assert_eq!(bus.count("ai-ops-runner", "CONSOLE_TOKEN"), 1);
    machine.put("secrets/runner_token", "from-file", 0o600);
    bus.lock();
    for line in ["status console_token", "status runner_token", "delete console_token"] {
        let said = quick(|| machine.run(line));
        assert!([1, 77].contains(&said.code) && said.out.contains("lock"), "{line}: {said:?}");
    }
    assert!(!bus.was_prompted(), "a dialog was asked for");
    bus.unlock();
    drop(machine.run("delete console_token").expect(0));
    assert_eq!(bus.count("ai-ops-runner", "CONSOLE_TOKEN"), 0);
    assert_eq!(machine.run("print-source runner_token").expect(0).out, "file\n");
}

#[test]
fn a_pipe_a_folder_and_a_link_in_place_of_a_file_are_refused_at_once() {
    let machine = Machine::new();
    let path = machine.path("secrets/console_token");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    fs::create_dir(machine.path("secrets/runner_token")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", machine.path("secrets/bridge_hmac")).unwrap();
    let said = quick(|| machine.run("list")).expect(1);
    assert_eq!(said.out.matches("unusable").count(), 3, "{said:?}");
    for line in ["status console_token", "exec console_token -- true", "emit-env bridge_hmac"] {
        let said = quick(|| machine.run(line));
        assert!([77, 125].contains(&said.code), "{line}: {said:?}");
    }
    drop(quick(|| machine.feed("set console_token", b"new-value")).expect(0));
    assert_eq!(machine.get("secrets/console_token"), "new-value\n");
}

#[test]
fn a_folder_that_cannot_be_read_is_told_for_each_name() {
    let machine = Machine::new();
    machine.put("secrets/console_token", "from-file", 0o600);
    fs::remove_file(machine.path("secrets/console_token")).unwrap();
    fs::remove_dir(machine.path("secrets")).unwrap();
    drop(quick(|| machine.run("list")).expect(0));
    machine.put("secrets", "a file where a folder should be", 0o600);
    let said = quick(|| machine.run("list")).expect(1);
    assert_eq!(said.out.matches("unusable").count(), 20, "{said:?}");
    fs::remove_file(machine.path("secrets")).unwrap();
    fs::create_dir(machine.path("secrets")).unwrap();
    let list = if rustix::process::geteuid().is_root() {
        // Root reads every folder.
        machine.as_nobody(&["list"])
    } else {
        machine.command(&["list"])
    };
    fs::set_permissions(machine.path("secrets"), PermissionsExt::from_mode(0o000)).unwrap();
    drop(quick(|| finish(list, b"")).expect(1));
    fs::set_permissions(machine.path("secrets"), PermissionsExt::from_mode(0o700)).unwrap();
}

#[test]
fn without_a_place_for_state_looking_works_and_acting_does_not() {
    let machine = Machine::new().env("AIOPS_HOME", "/proc/nonexistent");
    machine.put("secrets/console_token", "from-file-0123456789", 0o600);
    let said = machine.run("list").expect(0);
    assert!(said.out.contains("…6789") && said.err.contains("no fingerprints"), "{said:?}");
    drop(machine.run("status console_token").expect(0));
    drop(machine.feed("set console_token", b"new").expect(69));
    drop(machine.run("emit-env console_token").expect(69));
    drop(machine.run("exec console_token -- true").expect(125));
    assert_eq!(machine.get("secrets/console_token"), "from-file-0123456789");
}

#[test]
fn without_an_audit_line_nothing_is_done() {
    let machine = Machine::new();
    machine.put("secrets/console_token", "old-value", 0o600);
    drop(machine.run("list").expect(0));
    fs::create_dir(machine.path("home/state/keys/audit.jsonl")).unwrap();
    for line in ["set console_token", "delete console_token", "generate console_token --force"] {
        let said = machine.feed(line, b"new-value").expect(69);
        assert!(said.err.contains("audit line"), "{said:?}");
    }
    let said = machine.run("emit-env console_token").expect(69);
    assert!(said.out.is_empty(), "{said:?}");
    drop(machine.run("exec console_token -- true").expect(125));
    drop(machine.run("rotate bridge_hmac status").expect(0));
    assert_eq!(machine.get("secrets/console_token"), "old-value");
}

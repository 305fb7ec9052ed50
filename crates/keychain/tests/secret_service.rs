//! The Secret Service as it really is: gnome-keyring on a bus of its own.
#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, reason = "tests set the scene themselves")]

mod support;

use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use secrets::keychain::{Answer, Change, OLDER_SERVICE, SERVICE};
use support::{at, found, keyring, nowhere, refused};

#[test]
fn a_stored_value_is_found_replaced_and_deleted() {
    let Some(bus) = keyring() else { return };
    let keychain = at(&bus);
    assert!(matches!(keychain.get("EXAMPLE_KEY"), Answer::Missing));
    assert_eq!(keychain.delete("EXAMPLE_KEY"), Change::Nothing);
    for value in ["one", "two", "two"] {
        assert_eq!(keychain.set("EXAMPLE_KEY", value.as_bytes()), Change::Done);
        assert_eq!(found(&keychain.get("EXAMPLE_KEY")), value.as_bytes());
        assert_eq!(bus.count(SERVICE, "EXAMPLE_KEY"), 1, "the older entry is gone");
    }
    assert!(matches!(keychain.get("OTHER_KEY"), Answer::Missing));
    assert_eq!(keychain.delete("EXAMPLE_KEY"), Change::Done);
    assert!(matches!(keychain.get("EXAMPLE_KEY"), Answer::Missing));
    assert!(!bus.was_prompted());
}

#[test]
fn any_bytes_come_back_as_they_were() {
    let Some(bus) = keyring() else { return };
    let keychain = at(&bus);
    let values: [&[u8]; 6] =
        [b"", b"two\nlines\n", b"\0", b"\xff\xfe\x80 not text", &[b'x'; 4096], &[0xaa; 16_384]];
    for value in values {
        assert_eq!(keychain.set("EXAMPLE_KEY", value), Change::Done);
        assert_eq!(found(&keychain.get("EXAMPLE_KEY")), value);
    }
}

#[test]
fn what_another_program_stored_is_found() {
    let Some(bus) = keyring() else { return };
    bus.store(SERVICE, "EXAMPLE_KEY", b"theirs");
    assert_eq!(found(&at(&bus).get("EXAMPLE_KEY")), b"theirs");
}

#[test]
fn of_several_entries_the_newest_counts_and_a_new_value_replaces_them_all() {
    let Some(bus) = keyring() else { return };
    for value in ["first", "second", "third"] {
        bus.store(SERVICE, "EXAMPLE_KEY", value.as_bytes());
    }
    assert_eq!(bus.count(SERVICE, "EXAMPLE_KEY"), 3);
    assert_eq!(found(&at(&bus).get("EXAMPLE_KEY")), b"third");
    assert_eq!(at(&bus).set("EXAMPLE_KEY", b"fourth"), Change::Done);
    assert_eq!(bus.count(SERVICE, "EXAMPLE_KEY"), 1);
    assert_eq!(found(&at(&bus).get("EXAMPLE_KEY")), b"fourth");
}

#[test]
fn an_entry_of_the_older_service_is_moved_over_once() {
    let Some(bus) = keyring() else { return };
    bus.store(OLDER_SERVICE, "EXAMPLE_KEY", b"from before");
    for _ in 0..2 {
        assert_eq!(found(&at(&bus).get("EXAMPLE_KEY")), b"from before");
        assert_eq!(bus.count(SERVICE, "EXAMPLE_KEY"), 1);
        assert_eq!(bus.count(OLDER_SERVICE, "EXAMPLE_KEY"), 0);
    }
}

#[test]
fn an_older_entry_that_cannot_be_moved_is_found_and_stays() {
    let Some(bus) = keyring() else { return };
    bus.store_aside(OLDER_SERVICE, "EXAMPLE_KEY", b"from before");
    bus.lock();
    assert_eq!(found(&at(&bus).get("EXAMPLE_KEY")), b"from before");
    assert_eq!(bus.count(SERVICE, "EXAMPLE_KEY"), 0);
    assert_eq!(bus.count(OLDER_SERVICE, "EXAMPLE_KEY"), 1);
    refused(&at(&bus).delete("EXAMPLE_KEY"));
    assert_eq!(bus.count(OLDER_SERVICE, "EXAMPLE_KEY"), 1, "the locked one may hold more");
}

#[test]
fn a_newer_entry_is_not_replaced_by_one_of_the_older_service() {
    let Some(bus) = keyring() else { return };
    bus.store(SERVICE, "EXAMPLE_KEY", b"new");
    bus.store(OLDER_SERVICE, "EXAMPLE_KEY", b"old");
    assert_eq!(found(&at(&bus).get("EXAMPLE_KEY")), b"new");
    assert_eq!(at(&bus).delete("EXAMPLE_KEY"), Change::Done);
    assert_eq!(bus.count(SERVICE, "EXAMPLE_KEY"), 0);
    assert_eq!(bus.count(OLDER_SERVICE, "EXAMPLE_KEY"), 0);
}

#[test]
fn a_locked_collection_is_reported_left_alone_and_never_opens_a_dialog() {
    let Some(mut bus) = keyring() else { return };
    bus.store(SERVICE, "EXAMPLE_KEY", b"as it was");
    bus.store(OLDER_SERVICE, "OLDER_KEY", b"as it was");
    bus.lock();
    let keychain = at(&bus);
    for account in ["EXAMPLE_KEY", "OLDER_KEY", "OTHER_KEY"] {
        let began = Instant::now();
        let answer = keychain.get(account);
        assert!(matches!(answer, Answer::Locked(_)), "{account}: {answer:?}");
        assert!(refused(&keychain.set(account, b"changed")).contains("locked"));
        assert!(refused(&keychain.delete(account)).contains("locked"));
        assert!(began.elapsed() < keychain::LIMIT, "none of the three waited for anything");
    }
    assert!(!bus.was_prompted(), "nothing asked for a dialog");
    bus.prompt();
    assert!(bus.was_prompted(), "it would have been seen");
    bus.unlock();
    assert_eq!(found(&at(&bus).get("EXAMPLE_KEY")), b"as it was");
    assert_eq!(found(&at(&bus).get("OLDER_KEY")), b"as it was");
    assert!(matches!(at(&bus).get("OTHER_KEY"), Answer::Missing));
}

#[test]
fn without_a_bus_there_is_no_keychain() {
    let folder = tempfile::tempdir().unwrap();
    let gone = folder.path().join("gone");
    drop(UnixListener::bind(&gone).unwrap());
    let path = |path: &std::path::Path| format!("unix:path={}", path.display());
    let runtime = folder.path().to_str().unwrap();
    for env in [
        vec![],
        vec![("DBUS_SESSION_BUS_ADDRESS", "")],
        vec![("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")],
        vec![("DBUS_SESSION_BUS_ADDRESS", "unix:abstract=nobody-listens-here-4711")],
        vec![("DBUS_SESSION_BUS_ADDRESS", path(&gone).as_str())],
        vec![("XDG_RUNTIME_DIR", runtime)],
    ] {
        let keychain = nowhere(&env);
        let answer = keychain.get("EXAMPLE_KEY");
        assert!(matches!(answer, Answer::Absent(_)), "{env:?}: {answer:?}");
        refused(&keychain.set("EXAMPLE_KEY", b"x"));
        assert_eq!(keychain.delete("EXAMPLE_KEY"), Change::Nothing);
    }
}

#[test]
fn an_address_that_cannot_be_used_is_no_reason_to_look_further() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let long = format!("unix:path=/{}", "x".repeat(200));
    for address in ["tcp:host=localhost,port=1", "nonsense", long.as_str()] {
        let answer = nowhere(&[("DBUS_SESSION_BUS_ADDRESS", address)]).get("EXAMPLE_KEY");
        assert!(matches!(answer, Answer::Failed(_)), "{address}: {answer:?}");
    }
}

#[test]
fn a_bus_that_accepts_and_never_answers_is_given_up_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus");
    let listener = UnixListener::bind(&path).unwrap();
    let address = format!("unix:path={}", path.display());
    let began = Instant::now();
    let answer = nowhere(&[("DBUS_SESSION_BUS_ADDRESS", &address)]).get("EXAMPLE_KEY");
    let took = began.elapsed();
    let Answer::Failed(why) = &answer else { panic!("{answer:?}") };
    assert!(why.contains("did not answer within 2 s"), "{why}");
    assert!(took >= keychain::LIMIT && took < keychain::LIMIT * 2, "{took:?}");
    // The connection was ended, and with it the thread that waited.
    let (mut accepted, _) = listener.accept().unwrap();
    accepted.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    std::io::Read::read_to_end(&mut accepted, &mut Vec::new()).unwrap();
}

#[test]
fn a_bus_whose_queue_is_full_does_not_hold_anybody_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus");
    let listener = UnixListener::bind(&path).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let address = format!("unix:path={}", path.display());
    let keychain = nowhere(&[("DBUS_SESSION_BUS_ADDRESS", &address)]);
    let _first = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let began = Instant::now();
    assert!(matches!(keychain.get("EXAMPLE_KEY"), Answer::Failed(_)));
    assert!(began.elapsed() < keychain::LIMIT);
}

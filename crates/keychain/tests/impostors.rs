//! Services that misbehave, are locked in the middle, or want to open a dialog; and buses whose
//! service cannot be started.
#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests set the scene themselves"
)]

mod support;

use std::time::Instant;

use secrets::keychain::{Answer, Change};
use session_bus::{Call, Impostor, SessionBus};
use support::{at, empty, refused};
use zbus::message::Message;
use zbus::{Array, ObjectPath, OwnedObjectPath, Variant};

const SESSION: &str = "/org/freedesktop/secrets/session/s1";
const COLLECTION: &str = "/org/freedesktop/secrets/collection/login";
const OLD: &str = "/org/freedesktop/secrets/collection/login/1";
const NEW: &str = "/org/freedesktop/secrets/collection/login/2";
const PROMPT: &str = "/org/freedesktop/secrets/prompt/p1";
const NO_OBJECT: &str = "/";

fn path(text: &'static str) -> ObjectPath<'static> {
    ObjectPath::try_from(text).unwrap()
}

fn nobody() -> Vec<ObjectPath<'static>> {
    Vec::new()
}

type Sealed = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

/// A service as it should be, which holds one entry of the account.
fn honest(call: &Call, held: &mut Option<Sealed>) -> Message {
    match call.method.as_str() {
        // With the public number 2 no exponent is needed: the sealed bytes are only handed back.
        "OpenSession" => call.reply(&(Variant::new(Array::from(vec![2_u8])), path(SESSION))),
        "SearchItems" => call.reply(&(vec![path(OLD)], nobody())),
        "ReadAlias" => call.reply(&path(COLLECTION)),
        "Get" => call.reply(&Variant::new(false)),
        "CreateItem" => {
            let body = call.body();
            let asked: (std::collections::HashMap<String, Variant<'_>>, Sealed, bool) =
                body.deserialize().unwrap();
            *held = Some(asked.1);
            call.reply(&(path(NEW), path(NO_OBJECT)))
        }
        "GetSecret" => call.reply(held.as_ref().expect("something was stored")),
        "Delete" => call.reply(&path(NO_OBJECT)),
        "Dismiss" => call.reply(&()),
        other => call.error("org.freedesktop.DBus.Error.UnknownMethod", other),
    }
}

/// An honest service but for what `differs` answers.
fn but(
    bus: &SessionBus,
    differs: impl Fn(&Call) -> Option<Option<Message>> + Send + 'static,
) -> Impostor {
    let mut held = None;
    bus.impostor(move |call| differs(call).unwrap_or_else(|| Some(honest(call, &mut held))))
}

/// Nothing was unlocked and no dialog was asked for.
#[track_caller]
fn discreet(impostor: &Impostor) {
    let calls = impostor.calls();
    for forbidden in ["Unlock", "Prompt", "Lock"] {
        assert!(!calls.iter().any(|call| call == forbidden), "{calls:?}");
    }
}

fn times(impostor: &Impostor, method: &str) -> usize {
    impostor.calls().iter().filter(|call| *call == method).count()
}

#[test]
fn the_honest_impostor_passes() {
    let Some(bus) = empty() else { return };
    let impostor = but(&bus, |_| None);
    assert_eq!(at(&bus).set("EXAMPLE_KEY", b"value"), Change::Done);
    assert_eq!(times(&impostor, "Delete"), 1, "the older entry");
    discreet(&impostor);
}

#[test]
fn a_dialog_that_a_service_wants_is_dismissed_and_never_opened() {
    let Some(bus) = empty() else { return };
    for method in ["CreateItem", "Delete"] {
        let impostor = but(&bus, move |call| {
            (call.method == method).then(|| {
                Some(match method {
                    "Delete" => call.reply(&path(PROMPT)),
                    _ => call.reply(&(path(NO_OBJECT), path(PROMPT))),
                })
            })
        });
        let change = match method {
            "Delete" => at(&bus).delete("EXAMPLE_KEY"),
            _ => at(&bus).set("EXAMPLE_KEY", b"value"),
        };
        assert!(refused(&change).contains("dialog"), "{method}: {change:?}");
        assert_eq!(times(&impostor, "Dismiss"), 1, "{method}");
        discreet(&impostor);
    }
}

#[test]
fn a_value_that_does_not_read_back_is_taken_away_and_the_older_one_stays() {
    let Some(bus) = empty() else { return };
    let (tell, told) = std::sync::mpsc::channel();
    let mut held = None;
    let impostor = bus.impostor(move |call| {
        if call.method == "Delete" {
            tell.send(call.path.clone()).unwrap();
        }
        let reply = honest(call, &mut held);
        // One bit of the initialisation vector is one bit of the value's first block.
        if let (Some(sealed), "CreateItem") = (&mut held, call.method.as_str()) {
            sealed.1[0] ^= 1;
        }
        Some(reply)
    });
    let change = at(&bus).set("EXAMPLE_KEY", b"longer than one block");
    assert!(refused(&change).contains("does not give back"), "{change:?}");
    discreet(&impostor);
    drop(impostor);
    assert_eq!(told.iter().collect::<Vec<_>>(), [NEW]);
}

#[test]
fn a_new_value_is_taken_away_when_the_older_one_cannot_be() {
    let Some(bus) = empty() else { return };
    let (tell, told) = std::sync::mpsc::channel();
    let impostor = but(&bus, move |call| {
        let deleting = call.method == "Delete";
        if deleting {
            tell.send(call.path.clone()).unwrap();
        }
        let refusal = || Some(call.error("org.freedesktop.DBus.Error.AccessDenied", "no"));
        (deleting && call.path == OLD).then(refusal)
    });
    refused(&at(&bus).set("EXAMPLE_KEY", b"value"));
    drop(impostor);
    assert_eq!(told.iter().collect::<Vec<_>>(), [OLD, NEW]);
}

#[test]
fn what_is_locked_between_search_and_reading_is_locked() {
    let Some(bus) = empty() else { return };
    let impostor = but(&bus, |call| {
        let locked = || Some(call.error("org.freedesktop.Secret.Error.IsLocked", "now"));
        (call.method == "GetSecret").then(locked)
    });
    let answer = at(&bus).get("EXAMPLE_KEY");
    assert!(matches!(answer, Answer::Locked(_)), "{answer:?}");
    discreet(&impostor);
}

#[test]
fn a_locked_entry_outside_the_default_collection_is_locked() {
    let Some(bus) = empty() else { return };
    let impostor = but(&bus, |call| {
        let locked = || Some(call.reply(&(nobody(), vec![path(OLD)])));
        (call.method == "SearchItems").then(locked)
    });
    let answer = at(&bus).get("EXAMPLE_KEY");
    assert!(matches!(answer, Answer::Locked(_)), "{answer:?}");
    assert!(refused(&at(&bus).set("EXAMPLE_KEY", b"value")).contains("locked"));
    assert!(refused(&at(&bus).delete("EXAMPLE_KEY")).contains("locked"));
    for changing in ["CreateItem", "Delete"] {
        assert_eq!(times(&impostor, changing), 0);
    }
    discreet(&impostor);
}

#[test]
fn the_text_of_an_error_is_told_to_nobody() {
    let Some(bus) = empty() else { return };
    let names = [
        "org.freedesktop.DBus.Error.Failed",
        "org.freedesktop.DBus.Error.ServiceUnknown",
        "org.example.Error.Odd",
    ];
    for name in names {
        let impostor = but(&bus, move |call| {
            (call.method == "SearchItems").then(|| Some(call.error(name, "hunter2")))
        });
        let answer = at(&bus).get("EXAMPLE_KEY");
        // Also for a service that goes away in the middle: it was there.
        assert!(matches!(answer, Answer::Failed(_)), "{name}: {answer:?}");
        assert!(!format!("{answer:?}").contains("hunter2"), "{answer:?}");
        assert!(format!("{answer:?}").contains(name), "{answer:?}");
        discreet(&impostor);
    }
}

#[test]
fn answers_of_another_shape_are_a_failure() {
    type Answered = fn(&Call) -> Message;
    let Some(bus) = empty() else { return };
    let cases: [(&str, Answered); 11] = [
        ("OpenSession", |call| call.reply(&())),
        ("OpenSession", |call| call.reply(&(Variant::new("text"), path(SESSION)))),
        ("OpenSession", |call| {
            call.reply(&(Variant::new(Array::from(vec![9_u8; 129])), path(SESSION)))
        }),
        ("OpenSession", |call| call.reply(&(Variant::new(Array::from(vec![1_u8])), path(SESSION)))),
        ("SearchItems", |call| call.reply(&"text")),
        ("SearchItems", |call| call.reply(&(vec![path(OLD), path(NEW)], nobody()))),
        ("GetSecret", |call| call.reply(&(path(SESSION), vec![0_u8; 16]))),
        ("GetSecret", |call| call.reply(&(path(SESSION), vec![0_u8; 3], vec![0_u8; 16], ""))),
        ("GetSecret", |call| call.reply(&(path(SESSION), vec![0_u8; 16], vec![0_u8; 17], ""))),
        ("GetSecret", |call| call.reply(&(path(SESSION), vec![0_u8; 16], vec![0_u8; 16], ""))),
        ("GetSecret", |call| call.reply(&7_u64)),
    ];
    for (number, (method, answered)) in cases.into_iter().enumerate() {
        let impostor = but(&bus, move |call| (call.method == method).then(|| Some(answered(call))));
        let answer = at(&bus).get("EXAMPLE_KEY");
        assert!(matches!(answer, Answer::Failed(_)), "case {number}: {answer:?}");
        discreet(&impostor);
    }
}

#[test]
fn a_service_that_stops_answering_is_given_up_on() {
    let Some(bus) = empty() else { return };
    let impostor = but(&bus, |call| (call.method == "CreateItem").then_some(None));
    let began = Instant::now();
    let change = at(&bus).set("EXAMPLE_KEY", b"value");
    let took = began.elapsed();
    assert!(refused(&change).contains("did not answer within 2 s"), "{change:?}");
    assert!(took >= keychain::LIMIT && took < keychain::LIMIT * 2, "{took:?}");
    assert_eq!(times(&impostor, "Delete"), 0, "the older entry stays");
}

#[test]
fn a_bus_without_the_service_has_no_keychain() {
    let Some(bus) = empty() else { return };
    let answer = at(&bus).get("EXAMPLE_KEY");
    assert!(matches!(answer, Answer::Absent(_)), "{answer:?}");
    refused(&at(&bus).set("EXAMPLE_KEY", b"value"));
    assert_eq!(at(&bus).delete("EXAMPLE_KEY"), Change::Nothing);
}

#[test]
fn a_service_that_cannot_be_started_is_a_failure() {
    let Some(bus) = empty() else { return };
    bus.offer("org.freedesktop.secrets", "/bin/false");
    let answer = at(&bus).get("EXAMPLE_KEY");
    assert!(matches!(answer, Answer::Failed(_)), "{answer:?}");
}

#[test]
fn a_service_that_never_gets_ready_is_given_up_on() {
    let Some(bus) = empty() else { return };
    let this = std::process::id();
    // Ends with this test.
    bus.offer("org.freedesktop.secrets", &format!("/usr/bin/tail --pid={this} -f /dev/null"));
    let began = Instant::now();
    let answer = at(&bus).get("EXAMPLE_KEY");
    assert!(matches!(answer, Answer::Failed(_)), "{answer:?}");
    assert!(began.elapsed() < keychain::LIMIT * 2);
}

#[test]
fn a_keyring_that_the_bus_starts_holds_nothing_and_takes_nothing() {
    let Some(bus) = empty() else { return };
    bus.offer(
        "org.freedesktop.secrets",
        "/usr/bin/gnome-keyring-daemon --foreground --components=secrets",
    );
    let answer = at(&bus).get("EXAMPLE_KEY");
    assert!(matches!(answer, Answer::Missing), "{answer:?}");
    let change = at(&bus).set("EXAMPLE_KEY", b"value");
    assert!(refused(&change).contains("no default collection"), "{change:?}");
    assert_eq!(at(&bus).delete("EXAMPLE_KEY"), Change::Nothing);
    assert!(!bus.was_prompted());
}

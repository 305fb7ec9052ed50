//! `key doctor` asks services that behave like the real ones, and some that do not.

use std::time::{Duration, Instant};

use fakes::{Behaviour, Fake, How, Kajabi, OpenAi, Pushover, Service, Twilio};
use serde_json::Value;

use crate::machine::Machine;

const KEY: &str = "canary-0123456789-abcd";

/// A machine whose registry asks this service instead of the real one.
fn asks<S: Service>(base: &str, fake: &Fake<S>) -> Machine {
    Machine::with(|text| {
        assert!(text.contains(base), "{base}");
        text.replace("keychain: auto", "keychain: never").replace(base, &fake.url())
    })
}

#[track_caller]
fn verdict(machine: &Machine, name: &str, code: i32) -> String {
    let said = machine.run(&format!("doctor {name} --json")).expect(code);
    assert!(!said.out.contains("canary") && !said.err.contains("canary"), "{said:?}");
    let document: Value = said.json();
    document["keys"][0]["verdict"].as_str().unwrap().to_owned()
}

#[test]
fn a_bearer_key_passes_fails_or_is_not_judged() {
    let fake = Fake::start(OpenAi::new(KEY));
    let machine = asks("https://api.openai.com", &fake);
    assert_eq!(verdict(&machine, "openai_api_key", 77), "missing");
    machine.put("secrets/openai_api_key", KEY, 0o644);
    assert_eq!(verdict(&machine, "openai_api_key", 77), "unusable");
    assert_eq!(fake.received().len(), 0);
    machine.put("secrets/openai_api_key", KEY, 0o600);
    assert_eq!(verdict(&machine, "openai_api_key", 0), "pass");
    let asked = fake.received();
    assert_eq!((asked.len(), asked[0].path()), (1, "/v1/models"));
    for trouble in [
        Behaviour::status(500),
        Behaviour::status(302),
        Behaviour::slow_down("1"),
        How::CloseAtOnce.into(),
        How::Close.into(),
        How::CutHead(5).into(),
    ] {
        fake.then(trouble.clone());
        assert_eq!(verdict(&machine, "openai_api_key", 69), "unknown", "{trouble:?}");
    }
    machine.put("secrets/openai_api_key", "canary-that-is-wrong", 0o600);
    assert_eq!(verdict(&machine, "openai_api_key", 1), "fail");
}

#[test]
fn a_service_that_hangs_is_given_up_in_time() {
    let fake = Fake::start(OpenAi::new(KEY));
    fake.otherwise(How::Hang);
    let machine = asks("https://api.openai.com", &fake);
    machine.put("secrets/openai_api_key", KEY, 0o600);
    let begun = Instant::now();
    let said = machine.run("doctor --timeout 1s").expect(69);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(said.out.contains("unknown   openai_api_key"), "{said:?}");
    fake.release();
}

#[test]
fn a_pair_is_asked_about_once_and_each_half_judged() {
    let service = Pushover::default();
    let (token, user) = (service.token.clone(), service.user.clone());
    let fake = Fake::start(service);
    let machine = asks("https://api.pushover.net", &fake);
    machine.put("secrets/pushover_token", &token, 0o600);
    assert_eq!(verdict(&machine, "pushover_token", 69), "unknown");
    assert_eq!(fake.received().len(), 0, "half a pair is not asked about");
    machine.put("secrets/pushover_user", &user, 0o600);
    let said = machine.run("doctor").expect(0);
    assert!(said.out.contains("PASS      pushover_token"), "{said:?}");
    assert!(said.out.contains("PASS      pushover_user"), "{said:?}");
    assert_eq!(fake.received().len(), 1);
    assert_eq!(fake.accepted().len(), 0, "nothing is sent to a phone");
    machine.put("secrets/pushover_user", &format!("{user}x"), 0o600);
    assert_eq!(verdict(&machine, "pushover_user", 1), "fail");
    assert_eq!(verdict(&machine, "pushover_token", 69), "unknown");
}

#[test]
fn a_twilio_account_and_a_kajabi_client_are_judged() {
    let service = Twilio::default();
    let (account, token) = (service.account.clone(), service.token.clone());
    let fake = Fake::start(service);
    let machine = asks("https://api.twilio.com", &fake);
    machine.put("secrets/twilio_account_sid", &account, 0o600);
    machine.put("secrets/twilio_auth_token", &token, 0o600);
    assert_eq!(verdict(&machine, "twilio_auth_token", 0), "pass");
    assert_eq!(verdict(&machine, "twilio_account_sid", 0), "pass");
    machine.put("secrets/twilio_auth_token", "canary-that-is-wrong", 0o600);
    assert_eq!(verdict(&machine, "twilio_auth_token", 1), "fail");

    let service = Kajabi { client_id: "id".into(), client_secret: KEY.into(), tokens: 0 };
    let fake = Fake::start(service);
    let machine = asks("https://api.kajabi.com", &fake);
    machine.put("secrets/kajabi_client_id", "id", 0o600);
    machine.put("secrets/kajabi_client_secret", KEY, 0o600);
    let said = machine.run("doctor kajabi_client_secret").expect(0);
    assert!(!said.out.contains("access-1"), "{said:?}");
    machine.put("secrets/kajabi_client_secret", "canary-that-is-wrong", 0o600);
    assert_eq!(verdict(&machine, "kajabi_client_secret", 1), "fail");
}

#[test]
fn what_nobody_asks_about_is_judged_by_its_text_or_not_at_all() {
    let machine = Machine::new();
    for (name, text, code, want) in [
        ("console_token", "0123456789abcdef0123456789abcdef", 0, "pass"),
        ("console_token", "short", 1, "fail"),
        ("twilio_from_number", "+14155550100", 0, "pass"),
        ("twilio_from_number", "14155550100", 1, "fail"),
        ("sms_allowlist", "+14155550100,+14155550101", 0, "pass"),
        ("kajabi_session_token", "anything-at-all", 69, "unknown"),
        ("gmail_app_password", "abcdabcdabcdabcd", 69, "unknown"),
    ] {
        machine.put(&format!("secrets/{name}"), text, 0o600);
        assert_eq!(verdict(&machine, name, code), want, "{name} {text}");
    }
}

#[test]
fn an_address_that_may_not_be_used_is_a_configuration_error() {
    let machine = Machine::with(|text| {
        text.replace("keychain: auto", "keychain: never")
            .replace("https://api.openai.com", "http://api.openai.example")
    });
    machine.put("secrets/openai_api_key", KEY, 0o600);
    let said = machine.run("doctor openai_api_key").expect(78);
    assert!(said.err.contains("http is for loopback only"), "{said:?}");
}

#[test]
fn nobody_listening_is_no_answer() {
    let machine = Machine::with(|text| {
        text.replace("keychain: auto", "keychain: never")
            .replace("https://api.openai.com", "http://127.0.0.1:1")
    });
    machine.put("secrets/openai_api_key", KEY, 0o600);
    let said = machine.run("doctor openai_api_key").expect(69);
    assert!(said.out.contains("it could not be asked"), "{said:?}");
}

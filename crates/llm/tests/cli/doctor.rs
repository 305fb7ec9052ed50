//! `llm status` and `llm doctor`.

use fakes::llm::trouble;
use fakes::{Behaviour, Reply};
use serde_json::{Value, json};

use crate::machine::{Machine, key};

fn provider<'a>(status: &'a Value, name: &str) -> &'a Value {
    let providers = status["providers"].as_array().unwrap();
    providers.iter().find(|it| it["provider"] == name).unwrap()
}

#[test]
fn status_asks_nobody_and_shows_keys_masked() {
    let machine = Machine::new();
    let run = machine.run(&["--json", "status"]);
    let status = run.json();
    assert_eq!(status["schema"], "aiops.provider_status/1");
    let openai = provider(&status, "openai");
    assert_eq!((&openai["enabled"], &openai["configured"]), (&json!(true), &json!(true)));
    let masked = openai["fingerprint"].as_str().unwrap();
    assert!(masked.ends_with("cdef") && masked.len() < 16, "{masked}");
    assert_eq!(provider(&status, "moonshot")["enabled"], false);
    assert_eq!(provider(&status, "moonshot")["state"], json!(null));
    assert_eq!(machine.openai.received().len() + machine.mistral.received().len(), 0);
    assert!(!machine.home().exists(), "a look changes nothing");
    let text = machine.run(&["status"]).stdout;
    assert!(text.contains("moonshot  disabled"), "{text}");
}

#[test]
fn doctor_asks_who_is_enabled_and_leaves_its_answer() {
    let machine = Machine::new();
    let run = machine.run(&["--json", "doctor"]);
    let status = run.json();
    assert_eq!(status["config"]["ok"], true);
    // gpt-4o-mini has a shutdown date: told 60 days ahead, and once it has come.
    assert!(provider(&status, "openai")["models"][0]["shutdown"].is_string());
    assert_eq!(machine.openai.received().len(), 1);
    assert_eq!(machine.openai.received()[0].path(), "/v1/models");
    let written = status["written"].as_str().unwrap();
    assert!(
        written.ends_with("provider_status.json")
            && written.contains("artifacts/doctor/providers/")
    );
    let kept: Value = serde_json::from_slice(&std::fs::read(written).unwrap()).unwrap();
    assert_eq!(kept, status);
}

#[test]
fn each_trouble_has_its_state_and_class() {
    type Scene = fn(&mut Machine);
    let cases: [(&str, Scene, &str, &str, i32); 7] = [
        ("no key", |it| it.unset_env("OPENAI_API_KEY"), "DOWN", "missing_key", 1),
        (
            "a wrong key",
            |it| it.env[0].1 = format!("{}x", key("openai")),
            "DOWN",
            "unauthorized",
            1,
        ),
        (
            "a restricted key",
            |it| {
                let body = br#"{"error":{"message":"missing scopes","type":"x","code":"y"}}"#;
                it.openai.otherwise(Behaviour::instead(Reply::new(
                    403,
                    "application/json",
                    body.to_vec(),
                )));
            },
            "DEGRADED",
            "forbidden",
            0,
        ),
        ("nobody there", |it| it.openai.stop(), "DOWN", "transient_network", 1),
        (
            "a server error",
            |it| {
                it.openai.otherwise(Behaviour::status(500));
            },
            "DOWN",
            "transient_server",
            1,
        ),
        (
            "a model that is gone",
            |it| it.openai.service(|it| it.models.retain(|it| it.id != "gpt-4o")),
            "DEGRADED",
            "unknown_model",
            0,
        ),
        (
            "a page",
            |it| {
                it.openai.otherwise(Behaviour::garbage());
            },
            "DOWN",
            "content_type",
            1,
        ),
    ];
    for (name, scene, state, class, code) in cases {
        let mut machine = Machine::new();
        scene(&mut machine);
        let run = machine.run(&["--json", "doctor"]);
        let status = run.json();
        let openai = provider(&status, "openai");
        let got = (&openai["state"], &openai["last_error_class"], run.code);
        assert_eq!(got, (&json!(state), &json!(class), code), "{name}: {openai}");
    }
}

#[test]
fn a_lack_of_money_is_remembered_until_a_call_succeeds() {
    let machine = Machine::new();
    machine.openai.then(Behaviour::instead(trouble("openai", "no_quota").unwrap()));
    let run = machine.review();
    assert_eq!((run.code, machine.asked()), (0, (1, 1)), "{run:?}");
    // Its list of models is to be had all the same.
    let status = machine.run(&["--json", "doctor"]);
    let openai = provider(&status.json(), "openai").clone();
    assert_eq!(
        (&openai["state"], &openai["last_error_class"]),
        (&json!("DOWN"), &json!("billing"))
    );
    assert_eq!(status.code, 1);
    assert_eq!(machine.review().code, 0);
    let status = machine.run(&["--json", "status"]).json();
    assert_ne!(provider(&status, "openai")["last_error_class"], "billing");
}

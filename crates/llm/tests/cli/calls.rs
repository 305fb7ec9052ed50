//! What a question becomes, and what each call answers.

use fakes::llm::Said;
use serde_json::{Value, json};

use crate::machine::{Machine, approved, key};

fn body(machine: &Machine, at: usize) -> Value {
    machine.openai.received()[at].json().unwrap()
}

#[test]
fn a_review_is_asked_under_its_caps_whatever_its_caller_wants() {
    let machine = Machine::new();
    let run = machine.run(&[
        "ask",
        "--purpose=review",
        "--max-output-tokens=4000",
        "--temperature=0.9",
        "--system=Judge.",
        "--schema=schema.json",
        "--artifact-dir=artifacts",
        "a change",
    ]);
    assert_eq!(run.code, 0, "{run:?}");
    let body = body(&machine, 0);
    assert_eq!(body["model"], "gpt-4o-mini");
    assert_eq!(body["max_completion_tokens"], 600);
    assert_eq!(body["temperature"].as_f64(), Some(0.0));
    assert_eq!(body["response_format"]["json_schema"]["strict"], true);
    assert_eq!(body["service_tier"], "default");
    let received = &machine.openai.received()[0];
    let bearer = format!("Bearer {}", key("openai"));
    assert_eq!(received.header("authorization"), Some(bearer.as_str()));
    assert!(
        !String::from_utf8_lossy(&received.body).contains("canary"),
        "the key is a header only"
    );
}

#[test]
fn the_answer_says_who_gave_it_and_what_it_cost() {
    let machine = Machine::new();
    machine.openai.service(|it| it.brain.thinks(|_| approved("x").uses(1000, 400, 50)));
    let run = machine.review();
    let answer = run.json();
    assert_eq!(answer["schema"], "aiops.llm.answer/1");
    assert_eq!(answer["model_requested"], "gpt-4o-mini");
    assert_eq!(answer["model_effective"], "gpt-4o-mini");
    assert_eq!(answer["model_replied"], "gpt-4o-mini-2024-07-18");
    assert_eq!(answer["endpoint_host"], machine.openai.address().to_string());
    // 600 x $0.15 + 400 x $0.075 + 50 x $0.60, per million.
    let cost = answer["cost_usd"].as_f64().unwrap();
    assert!((cost - 0.000_15).abs() < 1e-12, "{cost}");
    assert_eq!(answer["spent_usd"], answer["cost_usd"]);
    let line = &machine.telemetry()[0];
    for (name, want) in [
        ("outcome", json!("ok")),
        ("purpose", json!("review")),
        ("tokens_in", json!(1000)),
        ("tokens_cached", json!(400)),
        ("tokens_out", json!(50)),
        ("actual_usd", answer["cost_usd"].clone()),
        ("estimated_usd", answer["estimated_usd"].clone()),
        ("request_id", answer["request_id"].clone()),
    ] {
        assert_eq!(line[name], want, "{name}");
    }
    let runs = machine.home().join("artifacts/runs");
    let record = std::fs::read_dir(runs).unwrap().next().unwrap().unwrap().path().join("run.json");
    let record: Value = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
    assert_eq!(record["cost_usd"], answer["cost_usd"]);
    assert!(!record["argv"].to_string().contains("a change"), "{record}");
}

#[test]
fn a_missing_openai_key_is_77_at_once() {
    let mut machine = Machine::new();
    machine.unset_env("OPENAI_API_KEY");
    for words in [&["ask", "--purpose=review", "x"][..], &["ask", "x"]] {
        let run = machine.run(words);
        assert_eq!(run.code, 77, "{run:?}");
        assert!(run.stderr.contains("key set openai_api_key"), "{run:?}");
    }
    assert_eq!(machine.asked(), (0, 0));
}

#[test]
fn a_fallback_that_may_not_or_cannot_be_asked_is_not() {
    let mut machine = Machine::new();
    machine.openai.otherwise(fakes::Behaviour::status(503));
    machine.unset_env("MISTRAL_API_KEY");
    let run = machine.review();
    assert_eq!((run.code, machine.asked()), (69, (2, 0)), "{run:?}");
    let evidence = machine.fail_closed().unwrap();
    assert!(evidence["fallback_error"].as_str().unwrap().contains("mistral_api_key"));
    let mut machine = Machine::new();
    machine.openai.otherwise(fakes::Behaviour::status(503));
    machine.set("/enabledProviders", json!(["openai"]));
    let run = machine.review();
    assert_eq!((run.code, machine.asked()), (69, (2, 0)), "disabled providers are never called");
    // Other purposes have none.
    let machine = Machine::new();
    machine.openai.otherwise(fakes::Behaviour::status(503));
    let run = machine.run(&["ask", "x"]);
    assert_eq!((run.code, machine.asked()), (69, (2, 0)), "{run:?}");
}

#[test]
fn the_environment_names_only_models_that_are_fit() {
    for variable in ["AIOPS_REVIEW_MODEL", "OPENCLAW_REVIEW_MODEL"] {
        for (model, code) in [
            ("gpt-5.4-mini", 0),
            ("gpt-5-mini", 78),
            ("mistral-small-latest", 78),
            ("no-such-model", 78),
            ("../gpt-4o", 78),
        ] {
            let mut machine = Machine::new();
            machine.env.push((variable.to_owned(), model.to_owned()));
            let run = machine.review();
            assert_eq!(run.code, code, "{variable} {model} {run:?}");
            if code == 0 {
                assert_eq!(run.json()["model_effective"], model);
            } else {
                assert_eq!(machine.asked(), (0, 0));
            }
            // Other purposes do not listen to it.
            let run = machine.run(&["--json", "ask", "x"]);
            assert_eq!(run.json()["model_effective"], "gpt-4o-mini");
        }
    }
}

#[test]
fn an_unknown_purpose_is_general_and_vision_takes_an_image() {
    let machine = Machine::new();
    machine.openai.service(|it| it.brain.thinks(|_| Said::text("hello")));
    let run = machine.run(&["ask", "--purpose=poetry", "--artifact-dir=artifacts", "x"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "hello\n"), "{run:?}");
    assert_eq!(machine.telemetry()[0]["purpose"], "general");
    let png = machine.dir.path().join("a.png");
    std::fs::write(&png, b"\x89PNG\r\n\x1a\nrest").unwrap();
    let run = machine.run(&["ask", "--purpose=vision", "--image=a.png", "what is it?"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(body(&machine, 1)["model"], "gpt-4o");
    std::fs::write(&png, b"not an image").unwrap();
    let run = machine.run(&["ask", "--purpose=vision", "--image=a.png", "what is it?"]);
    assert_eq!(run.code, 65, "{run:?}");
}

#[test]
fn a_wrong_configuration_stops_everything_and_tells_all_of_it() {
    let mut machine = Machine::new();
    machine.set("/enabledProviders", json!(["mistral"]));
    machine.set("/reviewFallback/provider", json!("openai"));
    for words in [&["ask", "x"][..], &["--json", "status"], &["--json", "doctor"]] {
        let run = machine.run(words);
        assert_eq!(run.code, 78, "{run:?}");
        let told = format!("{}{}", run.stdout, run.stderr);
        for part in ["/enabledProviders", "/reviewFallback/provider"] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
    assert_eq!(machine.openai.received().len(), 0);
}

#[test]
fn cost_sums_what_was_asked_and_models_lists_what_is_known() {
    let machine = Machine::new();
    machine.openai.service(|it| it.brain.thinks(|_| Said::text("x").uses(1_000_000, 0, 1_000_000)));
    for _ in 0..2 {
        assert_eq!(machine.run(&["ask", "x"]).code, 0);
    }
    let cost = machine.run(&["--json", "cost", "--since=1d"]).json();
    assert_eq!(cost["total"]["calls"], 2);
    assert!((cost["total"]["usd"].as_f64().unwrap() - 1.5).abs() < 1e-9, "{cost}");
    assert_eq!(cost["by_model"]["openai/gpt-4o-mini"]["ok"], 2);
    let text = machine.run(&["cost"]).stdout;
    assert!(text.contains("openai/gpt-4o-mini") && text.contains("1.500000"), "{text}");
    let models = machine.run(&["--json", "models", "--provider=openai"]).json();
    assert!(models["models"].as_array().unwrap().iter().all(|it| it["provider"] == "openai"));
    assert!(machine.run(&["models"]).stdout.contains("gpt-6-luna"));
    assert_eq!(machine.run(&["models", "--provider=nobody"]).code, 2);
}

//! Each rule, by the schema and by the code: both must refuse.

use ops_core::config::{self, Settings as _};
use serde_json::{Value, json};

use super::super::Settings;

/// The sample of the specification.
fn sample() -> Value {
    json!({
        "enabledProviders": ["openai"],
        "defaults": {
            "review": {"provider": "openai", "model": "gpt-4o-mini"},
            "general": {"provider": "openai", "model": "gpt-4o-mini"},
            "vision": {"provider": "openai", "model": "gpt-4o"},
        },
        "reviewFallback": {"provider": "mistral", "model": "labs-devstral-small-2512"},
        "reviewCaps": {"maxOutputTokens": 600, "temperature": 0},
        "budget": {
            "maxUsdPerReview": 0.50, "maxUsdPerRun": 5.00, "maxUsdPerDay": 20.00,
            "pricing": {"my-own-model": {"inputPer1M": 0.15, "outputPer1M": 0.60}},
        },
        "providers": {
            "openai": {"apiBase": "https://api.openai.com/v1"},
            "mistral": {"apiBase": "https://api.mistral.ai/v1"},
            "moonshot": {},
            "ollama": {"apiBase": "http://127.0.0.1:11434"},
        },
    })
}

/// The sample with one value changed; null removes it.
fn with(pointer: &str, value: Value) -> Value {
    let mut document = sample();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Value::Null => drop(parent.remove(name)),
        value => drop(parent.insert(name.into(), value)),
    }
    document
}

fn violations(document: &Value) -> Vec<String> {
    let found = config::validate("llm.json", Settings::SCHEMA, document).unwrap();
    found.into_iter().map(|it| it.pointer).collect()
}

#[test]
fn the_specification_s_sample_is_accepted() {
    let text = sample().to_string();
    let settings: Settings = config::parse("llm.json", text.as_bytes()).unwrap();
    assert_eq!(settings.budget.per_review(), crate::Money::from_usd(0.5));
    assert_eq!(settings.api_base(crate::Provider::Moonshot), "https://api.moonshot.ai/v1");
}

#[test]
fn rules_across_fields_are_in_the_schema_and_in_the_code() {
    for (at, value) in [
        ("/enabledProviders", json!(["mistral"])),
        ("/defaults/review/provider", json!("mistral")),
        ("/defaults/review/provider", json!("ollama")),
        ("/reviewFallback/provider", json!("openai")),
        ("/reviewFallback/provider", json!("ollama")),
        ("/reviewFallback/provider", json!("moonshot")),
        ("/providers/ollama/apiBase", json!("http://192.0.2.1:11434")),
        ("/providers/ollama/apiBase", json!("https://ollama.example")),
        ("/providers/ollama/apiBase", json!("http://127.0.0.1.example:11434")),
        ("/reviewCaps/maxOutputTokens", json!(99)),
        ("/reviewCaps/maxOutputTokens", json!(4097)),
        ("/reviewCaps/temperature", json!(1.1)),
        ("/reviewCaps/temperature", json!(-0.1)),
        ("/budget/maxUsdPerDay", json!(-1)),
    ] {
        let document = with(at, value);
        assert!(
            violations(&document).iter().any(|it| it == at),
            "the schema misses {at}: {document}"
        );
        let settings: Settings = serde_json::from_value(document.clone()).unwrap();
        let told = settings.check();
        assert!(told.iter().any(|(it, _)| it == at), "the code misses {at}: {told:?}");
    }
}

#[test]
fn every_violation_is_listed_at_once_those_only_code_can_see_too() {
    let mut document = with("/enabledProviders", json!([]));
    document["more"] = json!(1);
    document["providers"]["openai"]["apiBase"] = json!("http://api.openai.example");
    document["reviewCaps"]["maxOutputTokens"] = json!(5);
    let failure =
        config::parse::<Settings>("llm.json", document.to_string().as_bytes()).unwrap_err();
    let told = failure.lines().join("\n");
    for part in ["/enabledProviders", "more", "/reviewCaps/maxOutputTokens"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    document.as_object_mut().unwrap().remove("more");
    let failure =
        config::parse::<Settings>("llm.json", document.to_string().as_bytes()).unwrap_err();
    let told = failure.lines().join("\n");
    for part in ["/enabledProviders", "/reviewCaps/maxOutputTokens", "/providers/openai/apiBase"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn what_the_shape_forbids_is_refused() {
    for (at, value) in [
        ("/defaults/review", Value::Null),
        ("/budget", Value::Null),
        ("/budget/pricing", json!({"x": {"inputPer1M": 1}})),
        ("/budget/pricing", json!({"x": {"inputPer1M": 1, "outputPer1M": 1_000_000}})),
        ("/enabledProviders", json!(["openai", "openai"])),
        ("/enabledProviders", json!(["openai", "anthropic"])),
        ("/providers/openai", json!({"apiBase": 7})),
        ("/providers/other", json!({})),
        ("/defaults/general/model", json!("../x y")),
    ] {
        assert_ne!(violations(&with(at, value.clone())), Vec::<String>::new(), "{at} {value}");
    }
}

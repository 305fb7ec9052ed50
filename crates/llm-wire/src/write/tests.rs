//! What each provider is sent, member by member.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::ask::Model;

const SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"required":["z","a"],"properties":{"z":{"type":"string"},"a":{"type":["string","null"]}}}"#;

fn model(api: Api) -> Model<'static> {
    let (name, token_cap) = match api {
        Api::OpenaiChat => ("gpt-4o-mini", TokenCap::MaxCompletionTokens),
        Api::OpenaiResponses => ("gpt-6-luna", TokenCap::MaxOutputTokens),
        Api::MistralChat => ("mistral-small-latest", TokenCap::MaxTokens),
        Api::MoonshotChat => ("kimi-k2.6", TokenCap::MaxTokens),
        Api::OllamaChat => ("llama3.2", TokenCap::NumPredict),
    };
    Model {
        api,
        name,
        token_cap,
        takes_temperature: true,
        effort: None,
        structured: Structured::JsonSchema,
        context_tokens: 128_000,
    }
}

fn ask(api: Api) -> Ask<'static> {
    Ask {
        model: model(api),
        system: "be brief",
        user: "hello",
        closing: Some("be brief, again"),
        image: None,
        input_tokens: 100,
        max_output_tokens: 600,
        temperature: Some(0.0),
        schema: Some(Schema { name: "review", text: SCHEMA }),
        seed: Some(7),
    }
}

fn written(ask: &Ask<'_>) -> (&'static str, Value, String) {
    let wire = write(ask).unwrap();
    let text = String::from_utf8(wire.body).unwrap();
    (wire.path, serde_json::from_str(&text).unwrap(), text)
}

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

#[test]
fn openai_chat_is_sent_exactly_this() {
    let (path, body, _) = written(&ask(Api::OpenaiChat));
    assert_eq!(path, "/chat/completions");
    let wanted = json!({
        "model": "gpt-4o-mini",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "hello"},
            {"role": "system", "content": "be brief, again"},
        ],
        "max_completion_tokens": 600, "temperature": 0.0, "seed": 7,
        "store": false, "service_tier": "default",
        "response_format": {"type": "json_schema", "json_schema": {
            "name": "review", "strict": true, "schema": schema(),
        }},
    });
    assert_eq!(body, wanted);
}

#[test]
fn openai_responses_is_sent_exactly_this() {
    let (path, body, _) = written(&ask(Api::OpenaiResponses));
    assert_eq!(path, "/responses");
    let wanted = json!({
        "model": "gpt-6-luna", "instructions": "be brief",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "hello"}]},
            {"role": "system", "content": [{"type": "input_text", "text": "be brief, again"}]},
        ],
        "max_output_tokens": 600, "temperature": 0.0, "store": false, "service_tier": "default",
        "text": {"format": {
            "type": "json_schema", "name": "review", "strict": true, "schema": schema(),
        }},
    });
    assert_eq!(body, wanted);
}

#[test]
fn mistral_is_sent_exactly_this() {
    let (path, body, _) = written(&ask(Api::MistralChat));
    assert_eq!(path, "/chat/completions");
    let wanted = json!({
        "model": "mistral-small-latest",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "hello\n\nbe brief, again"},
        ],
        "max_tokens": 600, "temperature": 0.0, "random_seed": 7,
        "response_format": {"type": "json_schema", "json_schema": {
            "name": "review", "strict": true, "schema": schema(),
        }},
    });
    assert_eq!(body, wanted);
}

#[test]
fn moonshot_is_sent_exactly_this() {
    let model = Model {
        takes_temperature: false,
        effort: Some("none"),
        structured: Structured::JsonObject,
        ..model(Api::MoonshotChat)
    };
    let (path, body, _) = written(&Ask { model, ..ask(Api::MoonshotChat) });
    assert_eq!(path, "/chat/completions");
    let told = "be brief\n\nAnswer with one JSON object and nothing else. \
                It must match this JSON Schema:\n\n";
    let wanted = json!({
        "model": "kimi-k2.6",
        "messages": [
            {"role": "system", "content": format!("{told}{SCHEMA}")},
            {"role": "user", "content": "hello"},
            {"role": "system", "content": "be brief, again"},
        ],
        "max_tokens": 600, "thinking": {"type": "disabled"},
        "response_format": {"type": "json_object"},
    });
    assert_eq!(body, wanted);
}

#[test]
fn ollama_is_sent_exactly_this() {
    let model = Model { effort: Some("none"), ..model(Api::OllamaChat) };
    let (path, body, _) = written(&Ask { model, input_tokens: 8000, ..ask(Api::OllamaChat) });
    assert_eq!(path, "/api/chat");
    let wanted = json!({
        "model": "llama3.2",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "hello"},
            {"role": "system", "content": "be brief, again"},
        ],
        "stream": false, "think": false, "format": schema(),
        "options": {"num_ctx": 12_288, "num_predict": 600, "temperature": 0.0, "seed": 7},
    });
    assert_eq!(body, wanted);
}

#[test]
fn ollama_is_asked_for_room_in_steps_and_never_for_more_than_there_is() {
    for (input_tokens, room) in [(1, 4096), (3496, 4096), (3497, 8192), (127_400, 128_000)] {
        let (_, body, _) = written(&Ask { input_tokens, ..ask(Api::OllamaChat) });
        assert_eq!(body["options"]["num_ctx"], room, "{input_tokens}");
    }
}

#[test]
fn a_schema_keeps_the_order_of_its_properties() {
    for api in [Api::OpenaiChat, Api::OpenaiResponses, Api::MistralChat, Api::OllamaChat] {
        assert!(written(&ask(api)).2.contains(SCHEMA), "{api:?}");
    }
}

#[test]
fn what_is_not_asked_for_is_not_sent() {
    for (api, members) in [
        (
            Api::OpenaiChat,
            &["max_completion_tokens", "messages", "model", "service_tier", "store"][..],
        ),
        (
            Api::OpenaiResponses,
            &["input", "max_output_tokens", "model", "service_tier", "store"][..],
        ),
        (Api::MistralChat, &["max_tokens", "messages", "model"][..]),
        (Api::MoonshotChat, &["max_tokens", "messages", "model"][..]),
        (Api::OllamaChat, &["messages", "model", "options", "stream"][..]),
    ] {
        let bare = Ask {
            system: "",
            closing: None,
            temperature: None,
            schema: None,
            seed: None,
            ..ask(api)
        };
        let (_, body, _) = written(&bare);
        let names: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(names, members, "{api:?}");
    }
}

#[test]
fn a_model_that_reasons_gets_an_effort_and_no_temperature() {
    for (effort, takes, sent) in [
        (None, true, true),
        (Some("none"), true, true),
        (Some("low"), true, false),
        (None, false, false),
    ] {
        let with = |api| Model { effort, takes_temperature: takes, ..model(api) };
        let (_, chat, _) = written(&Ask { model: with(Api::OpenaiChat), ..ask(Api::OpenaiChat) });
        let (_, responses, _) =
            written(&Ask { model: with(Api::OpenaiResponses), ..ask(Api::OpenaiResponses) });
        assert_eq!(chat.get("temperature").is_some(), sent, "{effort:?}");
        assert_eq!(responses.get("temperature").is_some(), sent, "{effort:?}");
        assert_eq!(chat.get("reasoning_effort").and_then(Value::as_str), effort);
        assert_eq!(responses.pointer("/reasoning/effort").and_then(Value::as_str), effort);
    }
}

#[test]
fn a_picture_goes_beside_the_text() {
    let address = "data:image/png;base64,AQID";
    for (api, place, wanted) in [
        (Api::OpenaiChat, "/messages/1/content/1/image_url/url", address),
        (Api::MistralChat, "/messages/1/content/1/image_url/url", address),
        (Api::MoonshotChat, "/messages/1/content/1/image_url/url", address),
        (Api::OpenaiResponses, "/input/0/content/1/image_url", address),
        (Api::OllamaChat, "/messages/1/images/0", "AQID"),
    ] {
        let image = Some(Image { mime: "image/png", bytes: &[1, 2, 3] });
        let (_, body, text) = written(&Ask { image, ..ask(api) });
        assert_eq!(body.pointer(place), Some(&json!(wanted)), "{text}");
        assert!(text.contains("hello"));
    }
}

#[test]
fn what_a_provider_would_refuse_is_not_sent() {
    let chat = ask(Api::OpenaiChat);
    let with = |model| Ask { model, ..chat };
    let named = |name| Some(Schema { name, text: SCHEMA });
    let no_room = Model { context_tokens: 699, ..model(Api::OpenaiChat) };
    let wrong_cap = Model { token_cap: TokenCap::NumPredict, ..model(Api::OpenaiChat) };
    let effort = Model { effort: Some("high"), ..model(Api::MoonshotChat) };
    for (ask, why) in [
        (Ask { schema: named(""), ..chat }, "a schema's name"),
        (Ask { schema: named("a b"), ..chat }, "a schema's name"),
        (Ask { schema: Some(Schema { name: "a", text: "{" }), ..chat }, "is not JSON"),
        (Ask { schema: Some(Schema { name: "a", text: "{}" }), ..chat }, "is not strict"),
        (Ask { temperature: Some(f64::NAN), ..chat }, "temperature"),
        (Ask { temperature: Some(-0.1), ..chat }, "temperature"),
        (Ask { temperature: Some(2.1), ..chat }, "temperature"),
        (Ask { temperature: Some(1.1), ..ask(Api::MistralChat) }, "temperature"),
        (Ask { max_output_tokens: 0, ..chat }, "at least 1"),
        (Ask { max_output_tokens: 15, ..ask(Api::OpenaiResponses) }, "at least 16"),
        (Ask { input_tokens: u64::MAX, ..chat }, "do not fit"),
        (with(no_room), "700 tokens do not fit into a context of 699"),
        (with(wrong_cap), "has no NumPredict"),
        (Ask { input_tokens: 0, ..ask(Api::OllamaChat) }, "how large"),
        (Ask { model: effort, ..chat }, "effort"),
        (Ask { image: Some(Image { mime: "image/svg+xml", bytes: b"" }), ..chat }, "a picture"),
    ] {
        let told = write(&ask).map(|wire| wire.path).unwrap_err().to_string();
        assert!(told.contains(why), "{told}");
    }
}

proptest! {
    #[test]
    fn any_text_arrives_as_it_is(system in "\\PC{0,20}", user in "\\PC*", closing in "\\PC{0,20}") {
        for api in [
            Api::OpenaiChat, Api::OpenaiResponses, Api::MistralChat, Api::MoonshotChat,
            Api::OllamaChat,
        ] {
            let ask = Ask { system: &system, user: &user, closing: Some(&closing), ..ask(api) };
            let (_, body, _) = written(&ask);
            let at = match (api, system.is_empty()) {
                (Api::OpenaiResponses, _) => "/input/0/content/0/text",
                (_, true) => "/messages/0/content",
                (_, false) => "/messages/1/content",
            };
            let sent = body.pointer(at).and_then(Value::as_str).unwrap_or_default();
            prop_assert!(sent.starts_with(user.as_str()), "{body}");
        }
    }
}

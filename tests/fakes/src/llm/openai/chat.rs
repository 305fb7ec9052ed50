//! `POST /v1/chat/completions`.

use serde_json::{Value, json};

use super::OpenAi;
use super::rules::{Refusal, bad, cap, effort, is_name, opened, reasons, strict, temperature};
use crate::http::Received;
use crate::llm::{Asked, CREATED, Said, chat_messages, chat_schema, choices};

const KNOWN: &[&str] = &[
    "model",
    "messages",
    "max_completion_tokens",
    "max_tokens",
    "temperature",
    "top_p",
    "response_format",
    "reasoning_effort",
    "verbosity",
    "seed",
    "store",
    "service_tier",
    "stop",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "metadata",
    "n",
    "stream",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "logit_bias",
];

const ROLES: &[&str] = &["system", "developer", "user", "assistant", "tool"];

/// The question and the snapshot that answers it, or a refusal.
pub(super) fn judged(provider: &OpenAi, request: &Received) -> Result<(Asked, String), Refusal> {
    let (body, model) = opened(provider, request, KNOWN)?;
    let Some(messages) = chat_messages(&body, ROLES) else {
        let message = "Invalid 'messages': empty array or a message of an unknown form.";
        return Err(bad(message, "messages", Some("invalid_value")));
    };
    let has = |name: &str| body.get(name).is_some_and(|it| !it.is_null());
    if has("max_tokens") && reasons(model) {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use \
                       'max_completion_tokens' instead.";
        return Err(bad(message, "max_tokens", Some("unsupported_parameter")));
    }
    if has("max_tokens") && has("max_completion_tokens") {
        let message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not \
                       supported.";
        return Err(bad(message, "max_tokens", Some("invalid_parameter_combination")));
    }
    cap(&body, "max_tokens", 1, model)?;
    cap(&body, "max_completion_tokens", 1, model)?;
    effort(body.get("reasoning_effort"), model, "reasoning_effort")?;
    temperature(&body, model, body.get("reasoning_effort"))?;
    response_format(&body, &messages)?;
    let schema = chat_schema(&body);
    Ok((Asked { model: model.id.clone(), messages, schema, body }, model.snapshot.clone()))
}

fn response_format(body: &Value, messages: &[(String, String)]) -> Result<(), Refusal> {
    let Some(format) = body.get("response_format").filter(|it| !it.is_null()) else {
        return Ok(());
    };
    let param = "response_format";
    match format.get("type").and_then(Value::as_str) {
        Some("text") => Ok(()),
        Some("json_object") => {
            let says_json = messages.iter().any(|(_, text)| text.to_lowercase().contains("json"));
            let message = "'messages' must contain the word 'json' in some form, to use \
                           'response_format' of type 'json_object'.";
            if says_json { Ok(()) } else { Err(bad(message, "messages", None)) }
        }
        Some("json_schema") => {
            let wrapped = format.get("json_schema").and_then(Value::as_object);
            let Some(wrapped) = wrapped else {
                let message = "Missing required parameter: 'response_format.json_schema'.";
                return Err(bad(message, param, Some("missing_required_parameter")));
            };
            if !is_name(wrapped.get("name")) {
                let message = "Invalid 'response_format.json_schema.name': string does not match \
                               pattern '^[a-zA-Z0-9_-]+$'.";
                return Err(bad(
                    message,
                    "response_format.json_schema.name",
                    Some("invalid_value"),
                ));
            }
            let name = wrapped.get("name").and_then(Value::as_str).unwrap_or_default();
            let is_strict = wrapped.get("strict") == Some(&json!(true));
            let wrong = wrapped.get("schema").filter(|_| is_strict).and_then(strict);
            match wrong {
                Some(wrong) => {
                    let message = format!("Invalid schema for response_format '{name}': {wrong}");
                    Err(bad(&message, param, None))
                }
                None => Ok(()),
            }
        }
        _ => Err(bad("Invalid value: 'response_format.type'.", param, Some("invalid_value"))),
    }
}

/// A chat completion.
pub(super) fn completion(number: u64, asked: &Asked, said: &Said, snapshot: &str) -> Value {
    let (input, cached, output) = said.used(asked);
    let mut document = json!({
        "id": format!("chatcmpl-{number}"), "object": "chat.completion", "created": CREATED,
        "model": said.model.as_deref().unwrap_or(snapshot),
        "choices": choices(said, &json!({"annotations": []}), true),
        "service_tier": "default", "system_fingerprint": "fp_1",
    });
    for choice in document["choices"].as_array_mut().into_iter().flatten() {
        choice["logprobs"] = Value::Null;
    }
    if said.tells_usage {
        document["usage"] = json!({
            "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
            "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        });
    }
    document
}

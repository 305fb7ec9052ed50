//! Mistral: models and chat completions. Unknown fields are refused; a retired model is a 400.

use serde_json::{Value, json};

use super::{
    Asked, Brain, CREATED, Ending, Offered, chat_messages, chat_schema, choices, find,
    number_between, object, reply,
};
use crate::http::{Received, Reply};
use crate::{Accepted, Service};

/// Mistral below `/v1`.
#[derive(Debug)]
pub struct Mistral {
    /// The key.
    pub key: String,
    /// What it offers. Anything else is answered like a model that was retired.
    pub models: Vec<Offered>,
    /// What its models say.
    pub brain: Brain,
}

const KNOWN: &[&str] = &[
    "model",
    "messages",
    "temperature",
    "top_p",
    "max_tokens",
    "stream",
    "stop",
    "random_seed",
    "metadata",
    "response_format",
    "tools",
    "tool_choice",
    "presence_penalty",
    "frequency_penalty",
    "n",
    "prediction",
    "parallel_tool_calls",
    "prompt_mode",
    "reasoning_effort",
    "safe_prompt",
];

impl Mistral {
    /// With a small model, an alias of it, and one that is about to end.
    pub fn new(key: impl Into<String>) -> Self {
        let ending = Offered {
            successor: Some("mistral-small-latest".to_owned()),
            ..Offered::new("devstral-small-latest", "devstral-small-2512", 256_000)
                .until("2026-12-31T12:00:00Z")
        };
        let models = vec![
            Offered::new("mistral-small-latest", "mistral-small-2603", 262_144),
            Offered::new("codestral-2508", "codestral-2508", 128_000),
            ending,
        ];
        Self { key: key.into(), models, brain: Brain::default() }
    }

    fn entry(model: &Offered) -> Value {
        json!({
            "id": model.snapshot, "object": "model", "created": 1_760_000_000,
            "owned_by": "mistralai", "name": model.snapshot, "description": "An example.",
            "capabilities": {
                "completion_chat": true, "function_calling": true, "completion_fim": false,
                "fine_tuning": false, "vision": false,
            },
            "max_context_length": 262_144, "aliases": [model.id], "deprecation": model.shutdown,
            "deprecation_replacement_model": model.successor,
            "default_model_temperature": 0.15, "type": "base",
        })
    }

    fn chat(&mut self, request: &Received) -> Reply {
        let Some(body) = object(request) else {
            let wrong =
                json!([{"type": "json_invalid", "loc": ["body", 0], "msg": "JSON decode error"}]);
            return Reply::json(422, &json!({"detail": wrong}));
        };
        if let Some(refusal) = refusal(&body) {
            return refusal;
        }
        let name = body.get("model").and_then(Value::as_str).unwrap_or_default();
        let Some(model) = find(&self.models, name) else {
            let message = format!("Invalid model: {name}");
            return error(400, &json!(message), "invalid_model", Some("1500"));
        };
        let snapshot = model.snapshot.clone();
        let roles = ["system", "user", "assistant", "tool"];
        let Some(messages) = chat_messages(&body, &roles) else {
            return invalid(&["messages"], "Input should be a valid list of messages");
        };
        let last = messages.last().map_or("", |(role, _)| role);
        if !matches!(last, "user" | "tool") {
            let message = format!(
                "Expected last role User or Tool (or Assistant with prefix True) for serving but \
                 got {last}"
            );
            return error(400, &json!(message), "invalid_request_message_order", Some("3230"));
        }
        let (schema, model) = (chat_schema(&body), name.to_owned());
        let asked = Asked { model, messages, schema, body };
        let (number, said) = self.brain.answer(asked.clone());
        let (input, cached, output) = said.used(&asked);
        let mut choices = choices(&said, &json!({"tool_calls": null, "prefix": false}), false);
        for choice in &mut choices {
            if said.end == Ending::Filtered {
                choice["finish_reason"] = json!("error");
            }
            // It knows no field for a refusal: the model just says so.
            if let Some(refusal) = &said.refusal {
                choice["message"]["content"] = json!(refusal);
            }
        }
        let mut document = json!({
            "id": format!("cmpl-{number:032x}"), "object": "chat.completion", "created": CREATED,
            "model": said.model.as_deref().unwrap_or(&snapshot), "choices": choices,
        });
        if said.tells_usage {
            document["usage"] = json!({
                "prompt_tokens": input, "completion_tokens": output,
                "total_tokens": input + output, "num_cached_tokens": cached,
            });
        }
        reply(&document, number)
    }
}

fn refusal(body: &Value) -> Option<Reply> {
    let members = body.as_object()?;
    if let Some((name, value)) = members.iter().find(|(name, _)| !KNOWN.contains(&name.as_str())) {
        let detail = json!([{
            "type": "extra_forbidden", "loc": ["body", name],
            "msg": "Extra inputs are not permitted", "input": value,
        }]);
        let message = json!({"detail": detail});
        return Some(error(422, &message, "invalid_request_error", None));
    }
    if !number_between(body.get("temperature"), 0.0..=1.5) {
        return Some(invalid(&["temperature"], "Input should be less than or equal to 1.5"));
    }
    let cap = body.get("max_tokens").filter(|it| !it.is_null());
    if cap.is_some_and(|it| it.as_u64().is_none()) {
        return Some(invalid(&["max_tokens"], "Input should be a valid integer"));
    }
    let format = body.get("response_format").filter(|it| !it.is_null())?;
    match format.get("type").and_then(Value::as_str) {
        Some("text" | "json_object") => None,
        Some("json_schema") => {
            let wrapped = format.get("json_schema");
            let has = |name: &str| wrapped.and_then(|it| it.get(name)).is_some();
            let missing = ["name", "schema"].into_iter().find(|name| !has(name))?;
            Some(invalid(&["response_format", "json_schema", missing], "Field required"))
        }
        _ => Some(invalid(&["response_format", "type"], "Input should be a known type")),
    }
}

fn invalid(place: &[&str], message: &str) -> Reply {
    let place: Vec<&str> = ["body"].iter().chain(place).copied().collect();
    let detail = json!([{"type": "value_error", "loc": place, "msg": message, "input": null}]);
    Reply::json(422, &json!({"detail": detail}))
}

fn error(status: u16, message: &Value, kind: &str, code: Option<&str>) -> Reply {
    let document = json!({
        "object": "error", "message": message, "type": kind, "param": null, "code": code,
        "raw_status_code": status,
    });
    Reply::json(status, &document)
}

impl Service for Mistral {
    fn answer(&mut self, request: &Received) -> Reply {
        if request.bearer() != Some(self.key.as_str()) {
            return Reply::json(401, &json!({"detail": "Unauthorized"}));
        }
        match (request.method.as_str(), request.path()) {
            ("GET", "/v1/models") => {
                let data: Vec<Value> = self.models.iter().map(Self::entry).collect();
                Reply::json(200, &json!({"object": "list", "data": data}))
            }
            ("POST", "/v1/chat/completions") => self.chat(request),
            _ => Reply::json(404, &json!({"detail": "Not Found"})),
        }
    }

    fn accepted(&self) -> Vec<Accepted> {
        self.brain.accepted.clone()
    }
}

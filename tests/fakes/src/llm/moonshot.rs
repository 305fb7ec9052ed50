//! Moonshot: models and chat completions. Unknown fields are ignored, temperatures are not.

use serde_json::{Value, json};

use super::{
    Asked, Brain, CREATED, Offered, chat_messages, chat_schema, choices, find, number_between,
    object, reply,
};
use crate::http::{Received, Reply};
use crate::{Accepted, Service};

/// Moonshot below `/v1`.
#[derive(Debug)]
pub struct Moonshot {
    /// The key.
    pub key: String,
    /// What it offers.
    pub models: Vec<Offered>,
    /// What its models say.
    pub brain: Brain,
}

impl Moonshot {
    /// With models of facts/moonshot.md.
    pub fn new(key: impl Into<String>) -> Self {
        let models = ["kimi-k2.6", "kimi-k3", "moonshot-v1-8k"];
        let models = models.map(|name| Offered::new(name, name, 262_144)).into();
        Self { key: key.into(), models, brain: Brain::default() }
    }

    fn chat(&mut self, request: &Received) -> Reply {
        let Some(body) = object(request) else {
            return refused(400, "invalid_request_error", "Invalid request: not a JSON object");
        };
        let name = body.get("model").and_then(Value::as_str).unwrap_or_default().to_owned();
        if find(&self.models, &name).is_none() {
            let message = format!("Not found the model {name} or Permission denied");
            return refused(404, "resource_not_found_error", &message);
        }
        let is_off = body.pointer("/thinking/type").and_then(Value::as_str) == Some("disabled");
        let fixed = name.starts_with("kimi-").then_some(if is_off { 0.6 } else { 1.0 });
        let temperature = body.get("temperature").filter(|it| !it.is_null());
        if let (Some(temperature), Some(fixed)) = (temperature, fixed)
            && temperature.as_f64() != Some(fixed)
        {
            let message = format!("invalid temperature: only {fixed} is allowed for this model");
            return refused(400, "invalid_request_error", &message);
        }
        if !number_between(temperature, 0.0..=1.0) {
            let message = "invalid temperature: must be between 0 and 1";
            return refused(400, "invalid_request_error", message);
        }
        let roles = ["system", "user", "assistant", "tool"];
        let Some(messages) = chat_messages(&body, &roles) else {
            return refused(400, "invalid_request_error", "Invalid request: messages");
        };
        let schema = chat_schema(&body);
        let asked = Asked { model: name.clone(), messages, schema, body };
        let (number, said) = self.brain.answer(asked.clone());
        let (input, cached, output) = said.used(&asked);
        let thought = if is_off { json!({}) } else { json!({"reasoning_content": "Let me see."}) };
        let mut document = json!({
            "id": format!("chatcmpl-{number}"), "object": "chat.completion", "created": CREATED,
            "model": said.model.as_deref().unwrap_or(&name),
            "choices": choices(&said, &thought, said.refusal.is_some()),
        });
        if said.tells_usage {
            document["usage"] = json!({
                "prompt_tokens": input, "completion_tokens": output,
                "total_tokens": input + output, "cached_tokens": cached,
            });
        }
        reply(&document, number)
    }
}

fn refused(status: u16, kind: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"error": {"type": kind, "message": message}}))
}

impl Service for Moonshot {
    fn answer(&mut self, request: &Received) -> Reply {
        if request.bearer() != Some(self.key.as_str()) {
            return refused(401, "invalid_authentication_error", "Invalid Authentication");
        }
        match (request.method.as_str(), request.path()) {
            ("GET", "/v1/models") => {
                let entry = |model: &Offered| {
                    json!({
                        "id": model.id, "object": "model", "created": 1_760_000_000,
                        "owned_by": "moonshot",
                    })
                };
                let data: Vec<Value> = self.models.iter().map(entry).collect();
                Reply::json(200, &json!({"object": "list", "data": data}))
            }
            ("POST", "/v1/chat/completions") => self.chat(request),
            _ => refused(404, "resource_not_found_error", "not found"),
        }
    }

    fn accepted(&self) -> Vec<Accepted> {
        self.brain.accepted.clone()
    }
}

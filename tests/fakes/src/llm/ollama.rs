//! Ollama: the native API. Streams unless told not to; drops what its context cannot hold.

use serde_json::{Value, json};

use super::{Asked, Brain, Ending, Offered, object};
use crate::http::{Received, Reply};
use crate::{Accepted, Service};

/// The context when none is asked for.
const DEFAULT_CONTEXT: u64 = 4096;

/// Ollama on loopback.
#[derive(Debug)]
pub struct Ollama {
    /// What is installed, with its tag.
    pub models: Vec<Offered>,
    /// What its models say. They see only what their context holds.
    pub brain: Brain,
}

impl Default for Ollama {
    fn default() -> Self {
        let models = vec![Offered::new("llama3.2:latest", "llama3.2", 131_072)];
        Self { models, brain: Brain::default() }
    }
}

impl Ollama {
    fn chat(&mut self, request: &Received) -> Reply {
        // It does not look at the type of the body.
        let Some(body) = request.json().filter(Value::is_object).or_else(|| object(request)) else {
            return refused(400, "invalid character in the request");
        };
        let name = body.get("model").and_then(Value::as_str).unwrap_or_default().to_owned();
        let tagged = if name.contains(':') { name.clone() } else { format!("{name}:latest") };
        if !self.models.iter().any(|model| model.id == tagged) {
            return refused(404, &format!("model '{name}' not found"));
        }
        let Some(mut messages) = messages(&body) else {
            return refused(400, "json: cannot unmarshal messages");
        };
        let context = body.pointer("/options/num_ctx").and_then(Value::as_u64);
        let context = context.unwrap_or(DEFAULT_CONTEXT);
        let size = |messages: &[(String, String)]| -> u64 {
            messages.iter().map(|(_, text)| text.len() as u64 / 4 + 4).sum()
        };
        // The oldest go first, without a word; system messages and the last one stay.
        while size(&messages) > context {
            let last = messages.len() - 1;
            let oldest = messages.iter().take(last).position(|(role, _)| role != "system");
            let Some(at) = oldest else { break };
            messages.remove(at);
        }
        let schema = body.get("format").filter(|it| it.is_object()).cloned();
        let streams = body.get("stream") != Some(&Value::Bool(false));
        let asked = Asked { model: name.clone(), messages, schema, body };
        let (_, said) = self.brain.answer(asked.clone());
        let (input, _, output) = said.used(&asked);
        let reason = match said.end {
            Ending::Length => "length",
            _ => "stop",
        };
        let mut message = json!({"role": "assistant", "content": said.text});
        if let Some(refusal) = &said.refusal {
            message["content"] = json!(refusal);
        }
        if said.end == Ending::ToolCalls {
            message["tool_calls"] = json!([{"function": {"name": "f", "arguments": {}}}]);
        }
        let base = json!({
            "model": said.model.as_deref().unwrap_or(&name),
            "created_at": "2026-01-01T10:00:00.123456789Z",
        });
        let with = |more: Value| {
            let mut whole = base.clone();
            for (name, value) in more.as_object().into_iter().flatten() {
                whole[name] = value.clone();
            }
            whole
        };
        let mut end = json!({
            "done": true, "done_reason": reason, "total_duration": 5_191_566_416_u64,
            "load_duration": 2_154_458, "prompt_eval_duration": 383_809_000,
            "eval_duration": 4_799_921_000_u64,
        });
        if said.tells_usage {
            end["prompt_eval_count"] = json!(input);
            end["eval_count"] = json!(output);
        }
        if streams {
            let first = with(json!({"message": message, "done": false}));
            end["message"] = json!({"role": "assistant", "content": ""});
            let lines = format!("{first}\n{}\n", with(end));
            return Reply::new(200, "application/x-ndjson", lines.into_bytes());
        }
        end["message"] = message;
        Reply::json(200, &with(end))
    }
}

fn messages(body: &Value) -> Option<Vec<(String, String)>> {
    let messages = body.get("messages")?.as_array().filter(|it| !it.is_empty())?;
    let message = |message: &Value| {
        let role = message.get("role")?.as_str()?;
        Some((role.to_owned(), message.get("content")?.as_str()?.to_owned()))
    };
    messages.iter().map(message).collect()
}

fn refused(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({"error": message}))
}

fn is_local(host: Option<&str>) -> bool {
    let host = host.unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name.starts_with("127.") || name == "[::1]"
}

impl Service for Ollama {
    fn answer(&mut self, request: &Received) -> Reply {
        if !is_local(request.header("host")) {
            return Reply::new(403, "text/plain", Vec::new());
        }
        match (request.method.as_str(), request.path()) {
            ("GET", "/") => Reply::new(200, "text/plain", b"Ollama is running".to_vec()),
            ("GET", "/api/version") => Reply::json(200, &json!({"version": "0.32.1"})),
            ("GET", "/api/tags") => {
                let entry = |model: &Offered| {
                    json!({
                        "name": model.id, "model": model.id, "size": 2_019_393_189_u64,
                        "modified_at": "2025-05-04T17:37:44.706015396-07:00", "digest": "a80c4f17",
                        "details": {"format": "gguf", "parameter_size": "3.2B"},
                    })
                };
                let models: Vec<Value> = self.models.iter().map(entry).collect();
                Reply::json(200, &json!({"models": models}))
            }
            ("POST", "/api/chat") => self.chat(request),
            _ => Reply::new(404, "text/plain", b"404 page not found".to_vec()),
        }
    }

    fn accepted(&self) -> Vec<Accepted> {
        self.brain.accepted.clone()
    }
}

//! `OpenAI`: models, chat completions, responses.

mod chat;
mod responses;
mod rules;

use serde_json::{Value, json};

use super::{Brain, Offered, find, reply};
use crate::http::{Received, Reply};
use crate::{Accepted, Service};

/// `OpenAI` below `/v1`.
#[derive(Debug)]
pub struct OpenAi {
    /// The key.
    pub key: String,
    /// What it offers.
    pub models: Vec<Offered>,
    /// What its models say.
    pub brain: Brain,
}

impl OpenAi {
    /// With the models of facts/openai.md.
    pub fn new(key: impl Into<String>) -> Self {
        let models = vec![
            Offered::new("gpt-4o-mini", "gpt-4o-mini-2024-07-18", 16_384).until("2027-01-14"),
            Offered::new("gpt-4o", "gpt-4o-2024-08-06", 16_384).until("2027-01-14"),
            Offered::new("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", 32_768).until("2027-01-14"),
            Offered::new("gpt-5-mini", "gpt-5-mini-2025-08-07", 128_000).until("2026-12-11"),
            Offered::new("gpt-5.4-mini", "gpt-5.4-mini-2026-03-17", 128_000),
            Offered::new("gpt-6-luna", "gpt-6-luna-2026-09-01", 128_000),
            Offered::new("o4-mini", "o4-mini-2025-04-16", 100_000).until("2026-10-23"),
        ];
        Self { key: key.into(), models, brain: Brain::default() }
    }

    fn entry(model: &Offered) -> Value {
        json!({
            "id": model.id, "object": "model", "created": 1_721_172_741, "owned_by": "system",
            "shutdown_date": model.shutdown,
        })
    }

    /// As the real one: it repeats part of the key, and a short one whole.
    fn wrong_key(key: &str) -> Reply {
        let (head, tail) = (key.get(..8), key.get(key.len().saturating_sub(4)..));
        let echoed = match (head, tail) {
            (Some(head), Some(tail)) if key.len() > 12 => format!("{head}***{tail}"),
            _ => key.to_owned(),
        };
        let message = format!(
            "Incorrect API key provided: {echoed}. You can find your API key at \
             https://platform.openai.com/account/api-keys."
        );
        refused(401, &message, None, Some("invalid_api_key"))
    }
}

/// An error in `OpenAI`'s form.
fn refused(status: u16, message: &str, param: Option<&str>, code: Option<&str>) -> Reply {
    let error = json!({
        "message": message, "type": "invalid_request_error", "param": param, "code": code,
    });
    Reply::json(status, &json!({"error": error}))
}

fn unknown_model(name: &str) -> Reply {
    let message = format!("The model `{name}` does not exist or you do not have access to it.");
    refused(404, &message, None, Some("model_not_found"))
}

impl Service for OpenAi {
    fn answer(&mut self, request: &Received) -> Reply {
        let answered = match request.bearer() {
            None => refused(401, "You didn't provide an API key.", None, None),
            Some(key) if key != self.key => Self::wrong_key(key),
            Some(_) => match (request.method.as_str(), request.path()) {
                ("GET", "/v1/models") => {
                    let data: Vec<Value> = self.models.iter().map(Self::entry).collect();
                    Reply::json(200, &json!({"object": "list", "data": data}))
                }
                ("GET", path) if path.starts_with("/v1/models/") => {
                    let name = path.trim_start_matches("/v1/models/");
                    match find(&self.models, name) {
                        Some(model) => Reply::json(200, &Self::entry(model)),
                        None => unknown_model(name),
                    }
                }
                ("POST", "/v1/chat/completions") => match chat::judged(self, request) {
                    Ok((asked, snapshot)) => {
                        let (number, said) = self.brain.answer(asked.clone());
                        return headed(reply(
                            &chat::completion(number, &asked, &said, &snapshot),
                            number,
                        ));
                    }
                    Err(refusal) => refusal,
                },
                ("POST", "/v1/responses") => match responses::judged(self, request) {
                    Ok((asked, snapshot)) => {
                        let (number, said) = self.brain.answer(asked.clone());
                        return headed(reply(
                            &responses::response(number, &asked, &said, &snapshot),
                            number,
                        ));
                    }
                    Err(refusal) => refusal,
                },
                (method, path) => {
                    refused(404, &format!("Invalid URL ({method} {path})"), None, None)
                }
            },
        };
        headed(answered.with_header("x-request-id", "req_0000000000000001"))
    }

    fn accepted(&self) -> Vec<Accepted> {
        self.brain.accepted.clone()
    }
}

fn headed(reply: Reply) -> Reply {
    reply
        .with_header("openai-version", "2020-10-01")
        .with_header("openai-processing-ms", "12")
        .with_header("x-ratelimit-limit-requests", "5000")
        .with_header("x-ratelimit-remaining-requests", "4999")
        .with_header("x-ratelimit-reset-requests", "12ms")
        .with_header("x-ratelimit-reset-tokens", "6m0s")
}

//! ntfy: publishing by headers or by JSON. Formats are general knowledge.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::http::{Received, Reply};
use crate::{Accepted, Service};

/// The service.
#[derive(Clone, Debug, Default)]
pub struct Ntfy {
    /// The access token that is asked for, if any.
    pub token: Option<String>,
    accepted: Vec<Accepted>,
}

impl Ntfy {
    /// A refusal as the service words it.
    pub fn refusal(status: u16, code: u32, error: &str) -> Reply {
        let link = "https://ntfy.sh/docs/publish/";
        Reply::json(status, &json!({"code": code, "http": status, "error": error, "link": link}))
    }

    /// 429 as the service words it.
    pub fn too_many_requests() -> Reply {
        Self::refusal(429, 42_901, "limit reached: too many requests")
    }

    fn fields(request: &Received) -> Option<BTreeMap<String, String>> {
        let topic = request.path().trim_start_matches('/');
        let mut fields = BTreeMap::new();
        if topic.is_empty() {
            for (name, value) in request.json()?.as_object()? {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                fields.insert(name.clone(), text);
            }
            return Some(fields);
        }
        fields.insert("topic".to_owned(), topic.to_owned());
        fields.insert("message".to_owned(), String::from_utf8(request.body.clone()).ok()?);
        for name in ["title", "priority", "tags", "click"] {
            let short = format!("x-{name}");
            if let Some(value) = request.header(name).or_else(|| request.header(&short)) {
                fields.insert(name.to_owned(), value.to_owned());
            }
        }
        Some(fields)
    }
}

impl Service for Ntfy {
    fn answer(&mut self, request: &Received) -> Reply {
        if self.token.as_deref().is_some_and(|token| request.bearer() != Some(token)) {
            return Self::refusal(401, 40_101, "unauthorized");
        }
        if !matches!(request.method.as_str(), "POST" | "PUT") {
            return Self::refusal(404, 40_401, "page not found");
        }
        let Some(mut fields) = Self::fields(request) else {
            return Self::refusal(400, 40_024, "invalid request: request body must be valid JSON");
        };
        let topic = fields.get("topic").cloned().unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if topic.is_empty() || topic.len() > 64 || !topic.bytes().all(plain) {
            return Self::refusal(400, 40_009, "invalid request: topic invalid");
        }
        let known = ["1", "2", "3", "4", "5", "min", "low", "default", "high", "max", "urgent"];
        if fields.get("priority").is_some_and(|it| !known.contains(&it.as_str())) {
            return Self::refusal(400, 40_007, "invalid request: priority invalid");
        }
        let message = fields.entry("message".to_owned()).or_default();
        if message.is_empty() {
            message.push_str("triggered");
        }
        if message.len() > 4096 {
            return Self::refusal(413, 41_301, "attachment too large, or bandwidth limit reached");
        }
        let id = format!("ntfy{:08}", self.accepted.len() + 1);
        let mut body = json!({
            "id": id, "time": 1_800_000_000, "expires": 1_800_043_200,
            "event": "message", "topic": topic, "message": message.clone(),
        });
        if let (Some(title), Value::Object(body)) = (fields.get("title"), &mut body) {
            body.insert("title".to_owned(), title.clone().into());
        }
        self.accepted.push(Accepted { id, fields });
        Reply::json(200, &body)
    }

    fn accepted(&self) -> Vec<Accepted> {
        self.accepted.clone()
    }
}

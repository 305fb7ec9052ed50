//! A receiver of JSON that honours `Idempotency-Key`: the same key acts once.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::http::{Received, Reply};
use crate::{Accepted, Service};

/// The service.
#[derive(Clone, Debug, Default)]
pub struct Webhook {
    /// The bearer token that is asked for, if any.
    pub token: Option<String>,
    accepted: Vec<Accepted>,
    answers: BTreeMap<String, (Vec<u8>, Reply)>,
}

impl Service for Webhook {
    fn answer(&mut self, request: &Received) -> Reply {
        let refused = |status: u16, why: &str| Reply::json(status, &json!({"error": why}));
        if self.token.as_deref().is_some_and(|token| request.bearer() != Some(token)) {
            return refused(401, "unauthorized");
        }
        if request.method != "POST" {
            return refused(405, "only POST");
        }
        let document = request.is_json().then(|| request.json()).flatten();
        let Some(Value::Object(document)) = document else {
            return refused(400, "not a JSON object");
        };
        let key = request.header("idempotency-key").unwrap_or_default().to_owned();
        if let Some((body, reply)) = self.answers.get(&key) {
            let same = *body == request.body;
            return if same { reply.clone() } else { refused(422, "key used for another body") };
        }
        let id = format!("hook-{}", self.accepted.len() + 1);
        let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let fields = document.into_iter().map(|(name, value)| (name, text(value))).collect();
        let reply = Reply::json(200, &json!({"ok": true, "id": id}));
        self.accepted.push(Accepted { id, fields });
        if !key.is_empty() {
            self.answers.insert(key, (request.body.clone(), reply.clone()));
        }
        reply
    }

    fn accepted(&self) -> Vec<Accepted> {
        self.accepted.clone()
    }
}

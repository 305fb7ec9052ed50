//! The addresses that `key doctor` asks: a list of models, a token for an application
//! (facts/openai.md, mistral.md, moonshot.md, kajabi.md).

use serde_json::{Value, json};

use crate::http::{Received, Reply};
use crate::{Accepted, Service};

/// `OpenAI`: `GET /v1/models`.
#[derive(Clone, Debug)]
pub struct OpenAi {
    /// The key.
    pub key: String,
}

/// Mistral: `GET /v1/models`.
#[derive(Clone, Debug)]
pub struct Mistral {
    /// The key.
    pub key: String,
}

/// Moonshot: `GET /v1/models`.
#[derive(Clone, Debug)]
pub struct Moonshot {
    /// The key.
    pub key: String,
}

/// Kajabi: `POST /v1/oauth/token`, `GET /v1/me`, `GET /v1/version`.
#[derive(Clone, Debug)]
pub struct Kajabi {
    /// The application's id.
    pub client_id: String,
    /// The application's secret.
    pub client_secret: String,
    /// How many tokens were given out.
    pub tokens: u64,
}

fn models(id: &str, owned_by: &str) -> Value {
    json!({"object": "list", "data": [
        {"id": id, "object": "model", "created": 1_721_172_741, "owned_by": owned_by},
    ]})
}

fn asks_for_models(request: &Received) -> bool {
    request.method == "GET" && request.path() == "/v1/models"
}

impl Service for OpenAi {
    fn answer(&mut self, request: &Received) -> Reply {
        let refused = |status: u16, message: &str, code: Option<&str>| {
            let error = json!({
                "message": message, "type": "invalid_request_error", "param": null, "code": code,
            });
            Reply::json(status, &json!({"error": error}))
        };
        let reply = match request.bearer() {
            Some(key) if key == self.key && asks_for_models(request) => {
                Reply::json(200, &models("gpt-5.4-mini", "system"))
            }
            Some(key) if key == self.key => refused(404, "Invalid URL", None),
            // As the real one: it repeats part of the key, and a short one whole.
            Some(key) => {
                let (head, tail) = (key.get(..8), key.get(key.len().saturating_sub(4)..));
                let echoed = match (head, tail) {
                    (Some(head), Some(tail)) if key.len() > 12 => format!("{head}***{tail}"),
                    _ => key.to_owned(),
                };
                let message = format!(
                    "Incorrect API key provided: {echoed}. You can find your API key at \
                     https://platform.openai.com/account/api-keys."
                );
                refused(401, &message, Some("invalid_api_key"))
            }
            None => refused(401, "You didn't provide an API key.", None),
        };
        reply.with_header("x-request-id", "req_0000000000000001")
    }

    fn accepted(&self) -> Vec<Accepted> {
        Vec::new()
    }
}

impl Service for Mistral {
    fn answer(&mut self, request: &Received) -> Reply {
        if request.bearer() != Some(self.key.as_str()) {
            return Reply::json(401, &json!({"detail": "Unauthorized"}));
        }
        if !asks_for_models(request) {
            return Reply::json(404, &json!({"detail": "Not Found"}));
        }
        Reply::json(200, &models("mistral-small-latest", "mistralai"))
    }

    fn accepted(&self) -> Vec<Accepted> {
        Vec::new()
    }
}

impl Service for Moonshot {
    fn answer(&mut self, request: &Received) -> Reply {
        let refused = |status: u16, kind: &str, message: &str| {
            Reply::json(status, &json!({"error": {"type": kind, "message": message}}))
        };
        if request.bearer() != Some(self.key.as_str()) {
            return refused(401, "invalid_authentication_error", "Invalid Authentication");
        }
        if !asks_for_models(request) {
            return refused(404, "resource_not_found_error", "not found");
        }
        Reply::json(200, &models("kimi-k2.6", "moonshot"))
    }

    fn accepted(&self) -> Vec<Accepted> {
        Vec::new()
    }
}

impl Kajabi {
    fn token(&mut self, request: &Received) -> Reply {
        let failed = |status: u16, why: &str| Reply::json(status, &json!({"error": why}));
        if !request.is_form() {
            return failed(400, "unsupported_grant_type");
        }
        let form = request.form();
        let get = |name: &str| form.iter().find(|(it, _)| it == name).map(|(_, it)| it.as_str());
        if form.len() != 3 || get("grant_type") != Some("client_credentials") {
            return failed(400, "unsupported_grant_type");
        }
        if get("client_id") != Some(&self.client_id)
            || get("client_secret") != Some(&self.client_secret)
        {
            return failed(401, "invalid_client");
        }
        self.tokens += 1;
        let number = self.tokens;
        let body = json!({
            "access_token": format!("access-{number}"), "refresh_token": format!("refresh-{number}"),
            "token_type": "Bearer", "expires_in": 3600,
        });
        Reply::new(200, "application/json", body.to_string().into_bytes())
    }

    fn resource(status: u16, document: &Value) -> Reply {
        Reply::new(status, "application/vnd.api+json", document.to_string().into_bytes())
    }

    fn error(status: u16, title: &str) -> Reply {
        let error = json!({
            "status": status.to_string(), "source": null, "title": title, "detail": title,
        });
        Self::resource(status, &json!({"errors": [error]}))
    }
}

impl Service for Kajabi {
    fn answer(&mut self, request: &Received) -> Reply {
        let given = (1..=self.tokens).map(|number| format!("access-{number}"));
        let may_enter = given.into_iter().any(|token| request.bearer() == Some(&token));
        match (request.method.as_str(), request.path()) {
            ("POST", "/v1/oauth/token") => self.token(request),
            ("GET", "/v1/version") => {
                let data = json!({"type": "version", "id": "1", "attributes": {}});
                Self::resource(200, &json!({"data": data}))
            }
            ("GET", "/v1/me") if may_enter => {
                let data = json!({"type": "users", "id": "1", "attributes": {"name": "Example"}});
                Self::resource(200, &json!({"data": data}))
            }
            ("GET", "/v1/me") => Self::error(401, "Unauthorized"),
            _ => Self::error(404, "Not Found"),
        }
    }

    fn accepted(&self) -> Vec<Accepted> {
        Vec::new()
    }
}

//! Kajabi: a token for an application, and two resources (facts/kajabi.md).

use serde_json::{Value, json};

use crate::http::{Received, Reply};
use crate::{Accepted, Service};

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

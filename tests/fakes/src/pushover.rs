//! Pushover: `/1/messages.json` and what belongs to it (facts/pushover.md).
//!
//! The texts for messages and titles that are too long, for a used-up quota and for unknown
//! addresses are general knowledge.

mod rules;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::http::{Received, Reply};
use crate::{Accepted, Service};

/// The service, with one application and one user.
#[derive(Clone, Debug)]
pub struct Pushover {
    /// The application's token.
    pub token: String,
    /// The user's key.
    pub user: String,
    /// The user's devices.
    pub devices: Vec<String>,
    /// Messages a month.
    pub limit: u64,
    /// Messages left this month; at 0 every message is answered with 429.
    pub remaining: u64,
    /// When the month begins anew, in Unix seconds.
    pub reset: i64,
    /// The service's clock, in Unix seconds. Only tests move it.
    pub now: i64,
    /// Receipts of messages with priority 2.
    pub receipts: BTreeMap<String, Receipt>,
    accepted: Vec<Accepted>,
    requests: u64,
}

/// What became of a message with priority 2. Times in Unix seconds, 0 for never.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Receipt {
    /// When somebody acknowledged it.
    pub acknowledged_at: i64,
    /// Who that was: a user key, empty before.
    pub acknowledged_by: String,
    /// The device it was done on.
    pub acknowledged_by_device: String,
    /// When it was last shown.
    pub last_delivered_at: i64,
    /// When it stops to repeat.
    pub expires_at: i64,
    /// Whether it was cancelled.
    pub is_cancelled: bool,
    /// The tags it was sent with.
    pub tags: Vec<String>,
}

impl Default for Pushover {
    fn default() -> Self {
        Self {
            token: format!("a{}", "1token".repeat(5).get(..29).unwrap_or_default()),
            user: format!("u{}", "2user".repeat(6).get(..29).unwrap_or_default()),
            devices: vec!["phone".to_owned()],
            limit: 10_000,
            remaining: 10_000,
            reset: 1_801_461_600,
            now: 1_800_000_000,
            receipts: BTreeMap::new(),
            accepted: Vec::new(),
            requests: 0,
        }
    }
}

type Fields = BTreeMap<String, String>;
/// The field that is wrong, what is said of it, and the whole sentence.
type Wrong = (&'static str, &'static str, String);

impl Pushover {
    /// Somebody acknowledges an emergency on their device. False when there is no such receipt.
    pub fn acknowledge(&mut self, receipt: &str) -> bool {
        let (at, by, on) = (self.now, self.user.clone(), self.devices.first().cloned());
        self.receipts.get_mut(receipt).is_some_and(|it| {
            it.acknowledged_at = at;
            it.acknowledged_by = by;
            it.acknowledged_by_device = on.unwrap_or_default();
            true
        })
    }

    /// A refusal as the service words it: the bad field is itself a key.
    pub fn refusal(field: &str, what: &str, sentence: &str) -> Reply {
        Self::refused(400, field, what, sentence, 0)
    }

    /// 200 that is a refusal nevertheless.
    pub fn status_zero() -> Reply {
        Reply::json(200, &json!({"status": 0, "request": request_id(0), "errors": ["no"]}))
    }

    /// 429 as it comes when the month's messages are used up.
    pub fn quota_used(&self) -> Reply {
        let sentence = "application is over its message limit for this month";
        let reply = Self::refused(429, "token", "is over its message limit", sentence, 0);
        self.with_limits(reply, 0)
    }

    fn refused(status: u16, field: &str, what: &str, sentence: &str, request: u64) -> Reply {
        let id = request_id(request);
        let body = json!({field: what, "errors": [sentence], "status": 0, "request": id});
        Reply::json(status, &body)
    }

    fn with_limits(&self, reply: Reply, remaining: u64) -> Reply {
        reply
            .with_header("X-Limit-App-Limit", &self.limit.to_string())
            .with_header("X-Limit-App-Remaining", &remaining.to_string())
            .with_header("X-Limit-App-Reset", &self.reset.to_string())
    }

    fn check_token(&self, fields: &Fields) -> Result<(), Wrong> {
        if fields.get("token") == Some(&self.token) {
            return Ok(());
        }
        let sentence = "application token is invalid, see https://pushover.net/api";
        Err(("token", "invalid", sentence.to_owned()))
    }

    fn check_user(&self, fields: &Fields) -> Result<(), Wrong> {
        let given = fields.get("user").map_or("", String::as_str);
        let all: Vec<&str> = given.split(',').collect();
        if all.len() <= 50 && all.iter().all(|key| *key == self.user) {
            return Ok(());
        }
        let sentence = "user identifier is not a valid user, group, or subscribed user key, see \
                        https://pushover.net/api#identifiers";
        Err(("user", "invalid", sentence.to_owned()))
    }

    fn send(&mut self, fields: Fields) -> Result<Reply, Wrong> {
        self.check_token(&fields)?;
        self.check_user(&fields)?;
        rules::check_message(&fields)?;
        let users = fields.get("user").map_or(1, |keys| keys.split(',').count());
        let Some(remaining) = self.remaining.checked_sub(users as u64) else {
            return Ok(self.quota_used());
        };
        self.remaining = remaining;
        let id = request_id(self.requests);
        let mut body = Map::from_iter([("status".to_owned(), 1.into())]);
        if fields.get("priority").is_some_and(|priority| priority == "2") {
            let number = self.requests;
            let receipt = format!("r{number:029}");
            let expire: i64 = fields.get("expire").and_then(|it| it.parse().ok()).unwrap_or(0);
            let tags = fields.get("tags").map_or("", String::as_str).split(',');
            let about = Receipt {
                last_delivered_at: self.now,
                expires_at: self.now.saturating_add(expire),
                tags: tags.map(str::to_owned).collect(),
                ..Receipt::default()
            };
            self.receipts.insert(receipt.clone(), about);
            body.insert("receipt".to_owned(), receipt.into());
        }
        body.insert("request".to_owned(), id.clone().into());
        self.accepted.push(Accepted { id, fields });
        Ok(self.with_limits(Reply::json(200, &Value::Object(body)), remaining))
    }

    fn validate(&self, fields: &Fields) -> Result<Reply, Wrong> {
        self.check_token(fields)?;
        self.check_user(fields)?;
        let device = fields.get("device").filter(|device| !device.is_empty());
        if device.is_some_and(|device| !self.devices.contains(device)) {
            return Err(("device", "invalid", "device name is not valid for user".to_owned()));
        }
        let request = request_id(self.requests);
        let devices = &self.devices;
        let body = json!({
            "status": 1, "group": 0, "devices": devices, "licenses": ["iOS"], "request": request,
        });
        Ok(Reply::json(200, &body))
    }

    fn limits(&self, fields: &Fields) -> Result<Reply, Wrong> {
        self.check_token(fields)?;
        let body = json!({
            "limit": self.limit, "remaining": self.remaining, "reset": self.reset,
            "status": 1, "request": request_id(self.requests),
        });
        Ok(Reply::json(200, &body))
    }

    fn receipt(&self, receipt: &str, fields: &Fields) -> Result<Reply, Wrong> {
        self.check_token(fields)?;
        let about = self.receipts.get(receipt).ok_or_else(not_found)?;
        let expired = about.is_cancelled || self.now >= about.expires_at;
        let body = json!({
            "status": 1,
            "acknowledged": u8::from(about.acknowledged_at > 0),
            "acknowledged_at": about.acknowledged_at,
            "acknowledged_by": about.acknowledged_by,
            "acknowledged_by_device": about.acknowledged_by_device,
            "last_delivered_at": about.last_delivered_at,
            "expired": u8::from(expired),
            "expires_at": about.expires_at,
            "called_back": 0,
            "called_back_at": 0,
            "request": request_id(self.requests),
        });
        Ok(Reply::json(200, &body))
    }

    fn cancel(&mut self, receipt: &str, fields: &Fields) -> Result<Reply, Wrong> {
        self.check_token(fields)?;
        let about = self.receipts.get_mut(receipt).ok_or_else(not_found)?;
        about.is_cancelled = true;
        Ok(Reply::json(200, &json!({"status": 1, "request": request_id(self.requests)})))
    }

    fn cancel_by_tag(&mut self, tag: &str, fields: &Fields) -> Result<Reply, Wrong> {
        self.check_token(fields)?;
        let tagged = self.receipts.values_mut().filter(|it| it.tags.iter().any(|it| it == tag));
        let mut canceled = 0;
        for receipt in tagged.filter(|it| !it.is_cancelled) {
            receipt.is_cancelled = true;
            canceled += 1;
        }
        let request = request_id(self.requests);
        Ok(Reply::json(200, &json!({"status": 1, "canceled": canceled, "request": request})))
    }
}

impl Service for Pushover {
    fn answer(&mut self, request: &Received) -> Reply {
        self.requests += 1;
        let path = request.path().strip_prefix("/1/").and_then(|it| it.strip_suffix(".json"));
        let parts: Vec<&str> = path.unwrap_or_default().split('/').collect();
        let answer = match (request.method.as_str(), parts.as_slice()) {
            ("POST", ["messages"]) => self.send(posted(request)),
            ("POST", ["users", "validate"]) => self.validate(&posted(request)),
            ("GET", ["apps", "limits"]) => self.limits(&asked(request)),
            ("GET", ["receipts", receipt]) => self.receipt(receipt, &asked(request)),
            ("POST", ["receipts", receipt, "cancel"]) => self.cancel(receipt, &posted(request)),
            ("POST", ["receipts", "cancel_by_tag", tag]) => {
                self.cancel_by_tag(tag, &posted(request))
            }
            _ => Err(not_found()),
        };
        answer.unwrap_or_else(|(field, what, sentence)| {
            let status = if field == "receipt" { 404 } else { 400 };
            Self::refused(status, field, what, &sentence, self.requests)
        })
    }

    fn accepted(&self) -> Vec<Accepted> {
        self.accepted.clone()
    }
}

fn not_found() -> Wrong {
    ("receipt", "not found", "receipt not found; may be invalid or expired".to_owned())
}

fn asked(request: &Received) -> Fields {
    request.query().into_iter().collect()
}

fn posted(request: &Received) -> Fields {
    if !request.is_json() {
        return if request.is_form() {
            request.form().into_iter().collect()
        } else {
            Fields::new()
        };
    }
    let Some(Value::Object(document)) = request.json() else { return Fields::new() };
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    document.into_iter().map(|(name, value)| (name, text(value))).collect()
}

fn request_id(number: u64) -> String {
    format!("647d2300-702c-4b38-8b2f-{number:012x}")
}

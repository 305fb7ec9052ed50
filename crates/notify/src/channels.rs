//! What each service is asked, to the byte: facts/pushover.md, facts/twilio.md, ntfy's JSON publish.

use ops_core::alert::{Kind, Severity};
use ops_core::time;
use outbound::{Outcome, Request, segment};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use twilio::message::{form, message_path, messages_path};
use twilio::segments::fit;

use crate::decide::text::joined;
use crate::lines::{Line, Lines, Ntfy, Pushover, Twilio, Webhook};
use crate::model::{Channel, Message, Text};

/// How often Pushover repeats an emergency, and for how long, seconds.
const REPEAT: (u32, u32) = (60, 3600);

/// How long Twilio may try to hand an SMS over, seconds. Its own default is ten hours.
const VALIDITY: u32 = 600;

/// How many segments an SMS may cost.
pub const SEGMENTS: usize = 2;

/// Makes a request and says what became of it.
pub type Call<'a> = dyn FnMut(Request<'_>) -> Outcome + 'a;

/// What a webhook is sent.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AlertDelivery {
    /// `aiops.alert_delivery/1`.
    pub schema: String,
    /// The message's id, also sent as `Idempotency-Key`.
    pub id: String,
    /// One line.
    pub title: String,
    /// The text, with what was held back and dropped; may be empty.
    pub message: String,
    /// What it is about.
    pub check: Option<String>,
    /// How much it matters.
    pub severity: Severity,
    /// Whether it tells of something or that it is over.
    pub kind: Kind,
    /// RFC 3339 UTC.
    pub raised_at: String,
    /// The machine that sends it.
    pub host: String,
}

/// A message on its way.
#[derive(Clone, Copy, Debug)]
pub struct Parcel<'a> {
    /// The message.
    pub message: &'a Message,
    /// What it says.
    pub text: &'a Text,
    /// How old messages may become, seconds: Pushover removes them from phones then.
    pub ttl_seconds: u64,
    /// This machine's name.
    pub host: &'a str,
}

impl Lines {
    /// Sends a message to one recipient of a channel.
    pub fn send(
        &self,
        channel: Channel,
        parcel: Parcel<'_>,
        recipient: &str,
        call: &mut Call<'_>,
    ) -> Outcome {
        let unready = || Outcome::NotSent(format!("{} is not ready", channel.name()));
        match channel {
            Channel::Pushover => match &self.pushover {
                Line::Ready(line) => call(line.request(parcel)),
                _ => unready(),
            },
            Channel::Twilio => match &self.twilio {
                Line::Ready(line) => line.send(parcel, recipient, call),
                _ => unready(),
            },
            Channel::Ntfy => match &self.ntfy {
                Line::Ready(line) => call(line.request(parcel)),
                _ => unready(),
            },
            Channel::Webhook => match &self.webhook {
                Line::Ready(line) => call(line.request(parcel)),
                _ => unready(),
            },
        }
    }
}

/// Title and message for a service that wants a message: one without text is its title.
fn titled(text: &Text) -> (Option<&str>, &str) {
    if text.body.is_empty() {
        (None, &text.title)
    } else {
        (Some(&text.title).filter(|title| !title.is_empty()).map(String::as_str), &text.body)
    }
}

impl Pushover {
    fn request(&self, parcel: Parcel<'_>) -> Request<'_> {
        let severity = parcel.message.severity;
        let priority = match severity {
            Severity::Info => "-1",
            Severity::Warn => "0",
            Severity::High => "1",
            Severity::Emergency => "2",
        };
        let (retry, expire) = (REPEAT.0.to_string(), REPEAT.1.to_string());
        let ttl = parcel.ttl_seconds.to_string();
        let raised = parcel.message.raised_at.as_second().to_string();
        let (title, message) = titled(parcel.text);
        let mut form = vec![("token", self.token.expose()), ("user", self.user.expose())];
        form.push(("message", message));
        form.extend(title.map(|title| ("title", title)));
        form.push(("priority", priority));
        if severity == Severity::Emergency {
            form.extend([("retry", retry.as_str()), ("expire", expire.as_str())]);
        } else {
            form.push(("ttl", &ttl));
        }
        form.push(("timestamp", &raised));
        Request::post(&self.base, "/1/messages.json").form(&form)
    }

    /// Asks how an emergency stands.
    pub fn poll(&self, receipt: &str, call: &mut Call<'_>) -> Outcome {
        let path = format!("/1/receipts/{}.json", segment(receipt));
        call(Request::get(&self.base, &path).query("token", self.token.expose()))
    }

    /// Stops an emergency from repeating.
    pub fn cancel(&self, receipt: &str, call: &mut Call<'_>) -> Outcome {
        let path = format!("/1/receipts/{}/cancel.json", segment(receipt));
        call(Request::post(&self.base, &path).form(&[("token", self.token.expose())]))
    }
}

impl Twilio {
    /// The path of the account's messages.
    pub fn path(&self) -> String {
        messages_path(&segment(self.account.expose()))
    }

    fn send(&self, parcel: Parcel<'_>, recipient: &str, call: &mut Call<'_>) -> Outcome {
        let Some(to) = self.numbers.iter().find(|number| number.name == recipient) else {
            return Outcome::NotSent(format!("{recipient} is not in sms_allowlist"));
        };
        let body = fit(&joined(parcel.text), SEGMENTS);
        let form = form(&to.number, self.from.expose(), &body, VALIDITY);
        let path = self.path();
        let request = Request::post(&self.base, &path);
        call(request.basic(self.account.expose(), self.token.expose()).form(&form))
    }

    /// Asks how an SMS stands.
    pub fn state(&self, sid: &str, call: &mut Call<'_>) -> Outcome {
        let path = message_path(&segment(self.account.expose()), &segment(sid));
        self.get(&path, &[], call)
    }

    /// Asks for a page of messages.
    pub fn list(&self, query: &[(String, String)], call: &mut Call<'_>) -> Outcome {
        self.get(&self.path(), query, call)
    }

    fn get(&self, path: &str, query: &[(String, String)], call: &mut Call<'_>) -> Outcome {
        let request = Request::get(&self.base, path);
        let request = query.iter().fold(request, |it, (name, value)| it.query(name, value));
        call(request.basic(self.account.expose(), self.token.expose()))
    }
}

impl Ntfy {
    fn request(&self, parcel: Parcel<'_>) -> Request<'_> {
        let (priority, tag) = match (parcel.message.kind, parcel.message.severity) {
            (Kind::Recovery, _) => (2, "white_check_mark"),
            (Kind::Event, Severity::Info) => (2, "information_source"),
            (Kind::Event, Severity::Warn) => (3, "warning"),
            (Kind::Event, Severity::High) => (4, "warning"),
            (Kind::Event, Severity::Emergency) => (5, "rotating_light"),
        };
        let (title, message) = titled(parcel.text);
        let mut body = json!({"topic": self.topic, "message": message, "priority": priority});
        if let Value::Object(body) = &mut body {
            body.extend(title.map(|title| ("title".to_owned(), title.into())));
            body.insert("tags".into(), json!([tag]));
        }
        let request = Request::post(&self.base, "/").json(&body);
        match &self.token {
            Some(token) => request.bearer(token.expose()),
            None => request,
        }
    }
}

impl Webhook {
    fn request(&self, parcel: Parcel<'_>) -> Request<'_> {
        let message = parcel.message;
        let document = AlertDelivery {
            schema: "aiops.alert_delivery/1".into(),
            id: message.id.clone(),
            title: parcel.text.title.clone(),
            message: parcel.text.body.clone(),
            check: message.check.clone(),
            severity: message.severity,
            kind: message.kind,
            raised_at: time::rfc3339(message.raised_at),
            host: parcel.host.to_owned(),
        };
        let request = Request::post(&self.base, &self.path)
            .header("Idempotency-Key", &message.id)
            .json(&json!(document));
        match &self.token {
            Some(token) => request.bearer(token.expose()),
            None => request,
        }
    }
}

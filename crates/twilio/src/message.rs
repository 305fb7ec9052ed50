//! Messages: what is sent and asked for, and what comes back. API 2010-04-01.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::verdict::{Verdict, verdict};

/// The service's address.
pub const BASE: &str = "https://api.twilio.com";

/// The path for sending (POST) and listing (GET).
pub fn messages_path(account: &str) -> String {
    format!("/2010-04-01/Accounts/{account}/Messages.json")
}

/// The path of one message.
pub fn message_path(account: &str, sid: &str) -> String {
    format!("/2010-04-01/Accounts/{account}/Messages/{sid}.json")
}

/// The path of the account: a cheap look whether the credentials are good.
pub fn account_path(account: &str) -> String {
    format!("/2010-04-01/Accounts/{account}.json")
}

/// Whether a text may stand in a path as an id: two letters and 32 hex digits.
pub fn is_sid(text: &str) -> bool {
    let (kind, digits) = text.split_at_checked(2).unwrap_or_default();
    kind.bytes().all(|byte| byte.is_ascii_uppercase())
        && digits.len() == 32
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The form of a message. `validity` is how many seconds it may wait to be sent, 1 to 36000: the
/// service's own default lets an alert arrive ten hours late.
pub fn form(to: &str, from: &str, body: &str, validity: u32) -> [(&'static str, String); 4] {
    let validity = validity.clamp(1, 36_000).to_string();
    [("To", to.into()), ("From", from.into()), ("Body", body.into()), ("ValidityPeriod", validity)]
}

/// The query for messages to one of our numbers since a time (the service's filter has days).
pub fn inbound_query(to: &str, since: Timestamp, page_size: u16) -> [(&'static str, String); 3] {
    let day = since.strftime("%Y-%m-%d").to_string();
    [("To", to.into()), ("DateSent>", day), ("PageSize", page_size.clamp(1, 1000).to_string())]
}

/// One message, in or out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Its id.
    pub sid: String,
    /// The receiver.
    pub to: String,
    /// The sender; empty while a messaging service has not chosen one.
    pub from: String,
    /// The text.
    pub body: String,
    /// `inbound`, `outbound-api`, …
    pub direction: String,
    /// How far it has come.
    pub state: State,
    /// Why it did not arrive, once it is known.
    pub error_code: Option<u32>,
    /// When it was sent or came in; before that, when it was made.
    pub at: Option<Timestamp>,
}

/// How far a message has come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum State {
    /// On its way: accepted, scheduled, queued, sending, sent, receiving, or a word that is not
    /// known here. Some carriers never say more than `sent`.
    Moving(String),
    /// At its reader: delivered, read, received, `partially_delivered`.
    Arrived(String),
    /// It will not arrive: failed, undelivered, canceled.
    Lost(String),
}

impl State {
    fn of(word: &str) -> Self {
        let kind = match word {
            "delivered" | "read" | "received" | "partially_delivered" => Self::Arrived,
            "failed" | "undelivered" | "canceled" => Self::Lost,
            _ => Self::Moving,
        };
        kind(word.to_owned())
    }

    /// Whether nothing more is to come.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Moving(_))
    }

    /// The service's own word.
    pub fn word(&self) -> &str {
        let (Self::Moving(word) | Self::Arrived(word) | Self::Lost(word)) = self;
        word
    }
}

#[derive(Deserialize)]
struct WireMessage {
    sid: String,
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    direction: Option<String>,
    status: String,
    #[serde(default)]
    error_code: Option<Value>,
    #[serde(default)]
    date_sent: Option<String>,
    #[serde(default)]
    date_created: Option<String>,
}

impl From<WireMessage> for Message {
    fn from(wire: WireMessage) -> Self {
        let time = |text: Option<String>| {
            let parsed = jiff::fmt::rfc2822::parse(&text?).ok()?;
            Some(parsed.timestamp())
        };
        Self {
            sid: wire.sid,
            to: wire.to.unwrap_or_default(),
            from: wire.from.unwrap_or_default(),
            body: wire.body.unwrap_or_default(),
            direction: wire.direction.unwrap_or_default(),
            state: State::of(&wire.status),
            error_code: wire.error_code.as_ref().and_then(number),
            at: time(wire.date_sent).or_else(|| time(wire.date_created)),
        }
    }
}

/// Numbers come as numbers, and now and then as text.
fn number(value: &Value) -> Option<u32> {
    let text = value.as_str().and_then(|text| text.parse().ok());
    value.as_u64().and_then(|number| u32::try_from(number).ok()).or(text)
}

/// Reads the answer to a send (201) or to a look at one message (200).
///
/// # Errors
/// When it is not a message: then nothing is known about what became of it.
pub fn message(body: &[u8]) -> Result<Message, String> {
    let wire: WireMessage =
        serde_json::from_slice(body).map_err(|err| format!("not a message: {err}"))?;
    if !is_sid(&wire.sid) {
        return Err("not a message: its id is not one".to_owned());
    }
    Ok(wire.into())
}

/// One page of a list, newest first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page {
    /// The messages.
    pub messages: Vec<Message>,
    /// The query that asks the same path for the next page.
    pub next: Option<Vec<(String, String)>>,
}

/// Reads a page of the list at `path` (see [`messages_path`]).
///
/// # Errors
/// When it is not such a page, or leads to another path.
pub fn page(path: &str, body: &[u8]) -> Result<Page, String> {
    #[derive(Deserialize)]
    struct Wire {
        messages: Vec<WireMessage>,
        #[serde(default)]
        next_page_uri: Option<String>,
    }
    let wire: Wire =
        serde_json::from_slice(body).map_err(|err| format!("not a list of messages: {err}"))?;
    let next = match wire.next_page_uri.as_deref() {
        None | Some("") => None,
        Some(uri) => {
            let query = uri.strip_prefix(path).and_then(|rest| rest.strip_prefix('?'));
            let query = query.ok_or("the next page is somewhere else")?;
            let pairs = form_urlencoded::parse(query.as_bytes());
            Some(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
        }
    };
    Ok(Page { messages: wire.messages.into_iter().map(Message::from).collect(), next })
}

/// The account's state: `active`, `suspended`, `closed`.
pub fn account_status(body: &[u8]) -> Option<String> {
    let document: Value = serde_json::from_slice(body).ok()?;
    document.get("status")?.as_str().map(str::to_owned)
}

/// A refusal, in whichever of the two forms it came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The HTTP status of the answer.
    pub status: u16,
    /// Twilio's code; `twilio.com/docs/errors/CODE` explains it.
    pub code: Option<u32>,
    /// What the service says. It may name numbers.
    pub message: String,
}

impl Problem {
    /// What it settles.
    pub fn verdict(&self) -> Verdict {
        verdict(self.status, self.code)
    }
}

/// Reads the answer to a request that was not granted. An unreadable body leaves the status.
///
/// The newer form (RFC 9457: type, title, status, code, detail) is tried first, as the official
/// library does; then the classic one (code, message, status).
pub fn problem(status: u16, body: &[u8]) -> Problem {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    let is_newer = ["type", "title", "status", "code"].iter().all(|it| document.get(it).is_some());
    let message = if is_newer { text("detail").or_else(|| text("title")) } else { text("message") };
    let code = document.get("code").and_then(number);
    Problem { status, code, message: message.unwrap_or_default().to_owned() }
}

#[cfg(test)]
mod tests;

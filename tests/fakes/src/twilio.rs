//! Twilio's message API, 2010-04-01 (facts/twilio.md).
//!
//! General knowledge: the codes for missing parameters (21602, 21604) and for a wrong
//! `ValidityPeriod` (21624), the fields of an account, and the frame of a list.

mod form;

use std::collections::VecDeque;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::http::{Received, Reply};
use crate::{Accepted, Service};
use form::{is_number, rfc_2822, shown, span};

/// The service, with one account.
#[derive(Clone, Debug)]
pub struct Twilio {
    /// The account's id, `AC` and 32 hex digits.
    pub account: String,
    /// The account's token.
    pub token: String,
    /// An API key and its secret, which may send too.
    pub api_key: (String, String),
    /// Numbers of the account.
    pub numbers: Vec<String>,
    /// Numbers that asked for silence.
    pub opted_out: Vec<String>,
    /// On a trial account: the only numbers that may be sent to.
    pub verified: Option<Vec<String>>,
    /// The states that a new message goes through, one each time it is looked at, and the error
    /// code it ends with. Later messages get [`Twilio::delivered`].
    pub fates: VecDeque<(Vec<&'static str>, Option<u32>)>,
    /// Messages a page unless asked otherwise.
    pub page_size: usize,
    /// The service's clock, in Unix seconds. Only tests move it.
    pub now: i64,
    messages: Vec<Sms>,
}

/// One message, in or out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sms {
    /// Its id, `SM` and 32 hex digits.
    pub sid: String,
    /// The receiver.
    pub to: String,
    /// The sender.
    pub from: String,
    /// The text.
    pub body: String,
    /// `inbound` or `outbound-api`.
    pub direction: &'static str,
    /// Unix seconds.
    pub at: i64,
    /// The states that are left; the last one stays.
    states: Vec<&'static str>,
    error: Option<u32>,
    validity: String,
}

impl Default for Twilio {
    fn default() -> Self {
        Self {
            account: format!("AC{:032x}", 1),
            token: format!("{:032x}", 0x7e57),
            api_key: (format!("SK{:032x}", 1), format!("{:032x}", 0x5ec)),
            numbers: vec!["+14155550100".to_owned()],
            opted_out: Vec::new(),
            verified: None,
            fates: VecDeque::new(),
            page_size: 50,
            now: 1_800_000_000,
            messages: Vec::new(),
        }
    }
}

impl Twilio {
    /// The states of a message that arrives.
    pub fn delivered() -> Vec<&'static str> {
        vec!["queued", "sending", "sent", "delivered"]
    }

    /// Somebody sends an SMS to the account; returns its id.
    pub fn receive(&mut self, from: &str, body: &str) -> String {
        let to = self.numbers.first().cloned().unwrap_or_default();
        self.add(from.to_owned(), to, body.to_owned(), "inbound", (vec!["received"], None))
            .sid
            .clone()
    }

    /// Every message, in and out, oldest first.
    pub fn messages(&self) -> &[Sms] {
        &self.messages
    }

    /// A refusal in the classic form.
    pub fn refusal(status: u16, code: u32, message: &str) -> Reply {
        let more_info = format!("https://www.twilio.com/docs/errors/{code}");
        let body =
            json!({"code": code, "message": message, "more_info": more_info, "status": status});
        Reply::json(status, &body)
    }

    /// A refusal in the newer form (RFC 9457).
    pub fn problem(status: u16, code: u32, title: &str, detail: &str) -> Reply {
        let kind = format!("https://www.twilio.com/docs/errors/{code}");
        let body = json!({
            "type": kind, "title": title, "status": status, "code": code, "detail": detail,
        });
        let body = body.to_string().into_bytes();
        Reply::new(status, "application/problem+json", body)
    }

    /// 429 as the service words it.
    pub fn too_many_requests() -> Reply {
        Self::refusal(429, 20_429, "Too Many Requests")
    }

    fn add(
        &mut self,
        from: String,
        to: String,
        body: String,
        direction: &'static str,
        (states, error): (Vec<&'static str>, Option<u32>),
    ) -> &mut Sms {
        let sid = format!("SM{:032x}", self.messages.len() + 1);
        let (at, validity) = (self.now, String::new());
        let message = Sms { sid, to, from, body, direction, at, states, error, validity };
        self.messages.push_mut(message)
    }

    fn may_enter(&self, request: &Received) -> bool {
        let text = request.header("authorization").and_then(|it| it.strip_prefix("Basic "));
        let decoded = text.and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
        let pair = |user: &str, secret: &str| decoded == format!("{user}:{secret}").into_bytes();
        pair(&self.account, &self.token) || pair(&self.api_key.0, &self.api_key.1)
    }

    fn send(&mut self, request: &Received) -> Reply {
        let form = if request.is_form() { request.form() } else { Vec::new() };
        let get = |name: &str| {
            let found = form.iter().find(|(it, _)| it == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let (to, from, body) = (get("To"), get("From"), get("Body"));
        let validity = get("ValidityPeriod");
        if let Err((code, message)) = self.check(&to, &from, &body, &validity) {
            return Self::refusal(400, code, &message);
        }
        let fate = self.fates.pop_front().unwrap_or_else(|| (Self::delivered(), None));
        let account = self.account.clone();
        let message = self.add(from, to, body, "outbound-api", fate);
        message.validity = validity;
        Reply::json(201, &shown(message, &account))
    }

    fn check(&self, to: &str, from: &str, body: &str, validity: &str) -> Result<(), (u32, String)> {
        let wrong = |code: u32, message: String| Err((code, message));
        if to.is_empty() {
            return wrong(21_604, "A 'To' phone number is required.".to_owned());
        }
        if !is_number(to) {
            return wrong(21_211, format!("The 'To' number {to} is not a valid phone number."));
        }
        if !is_number(from) {
            return wrong(21_212, format!("The 'From' number {from} is not a valid phone number."));
        }
        if !self.numbers.iter().any(|it| it == from) {
            let message = format!(
                "The From phone number {from} is not a valid, SMS-capable inbound phone number or \
                 short code for your account."
            );
            return wrong(21_606, message);
        }
        if body.is_empty() {
            return wrong(21_602, "Message body is required.".to_owned());
        }
        if body.chars().count() > 1600 {
            let message = "The concatenated message body exceeds the 1600 character limit";
            return wrong(21_617, message.to_owned());
        }
        if self.verified.as_ref().is_some_and(|all| !all.iter().any(|it| it == to)) {
            let message = "The number  is unverified. Trial accounts cannot send messages to \
                           unverified numbers; verify it, or purchase a Twilio number to send \
                           messages to unverified numbers.";
            return wrong(21_608, message.to_owned());
        }
        if self.opted_out.iter().any(|it| it == to) {
            return wrong(21_610, "Attempt to send to unsubscribed recipient".to_owned());
        }
        let seconds = validity.parse::<u32>();
        if !validity.is_empty() && !seconds.is_ok_and(|it| (1..=36_000).contains(&it)) {
            return wrong(21_624, "Invalid Validity Period value.".to_owned());
        }
        Ok(())
    }

    fn fetch(&mut self, sid: &str) -> Option<Reply> {
        let message = self.messages.iter_mut().find(|it| it.sid == sid)?;
        if message.states.len() > 1 {
            message.states.remove(0);
        }
        Some(Reply::json(200, &shown(message, &self.account)))
    }

    fn list(&self, request: &Received) -> Reply {
        let query = request.query();
        let get = |name: &str| query.iter().find(|(it, _)| it == name).map(|(_, it)| it.as_str());
        let mut bounds = Vec::new();
        for (name, is_in) in [
            ("DateSent", (|at, from, to| from <= at && at < to) as fn(i64, i64, i64) -> bool),
            ("DateSent>", |at, from, _| at >= from),
            ("DateSent<", |at, _, to| at < to),
        ] {
            if let Some(text) = get(name) {
                let Some((from, to)) = span(text) else {
                    return Self::refusal(400, 20_001, "Invalid parameter DateSent");
                };
                bounds.push((is_in, from, to));
            }
        }
        let fits = |it: &&Sms| {
            get("To").is_none_or(|to| it.to == to)
                && get("From").is_none_or(|from| it.from == from)
                && bounds.iter().all(|(is_in, from, to)| is_in(it.at, *from, *to))
        };
        let found: Vec<&Sms> = self.messages.iter().rev().filter(fits).collect();
        let number = |name: &str| get(name).and_then(|it| it.parse::<usize>().ok());
        let size = number("PageSize").unwrap_or(self.page_size).clamp(1, 1000);
        let page = number("Page").unwrap_or(0);
        let start = page.saturating_mul(size);
        let here: Vec<Value> =
            found.iter().skip(start).take(size).map(|it| shown(it, &self.account)).collect();
        let uri = |page: usize| {
            let kept = query.iter().filter(|(name, _)| name != "Page" && name != "PageSize");
            let mut text = form_urlencoded::Serializer::new(String::new());
            text.extend_pairs(kept);
            text.append_pair("PageSize", &size.to_string());
            text.append_pair("Page", &page.to_string());
            format!("{}?{}", request.path(), text.finish())
        };
        let next = (found.len() > start.saturating_add(size)).then(|| uri(page + 1));
        let body = json!({
            "messages": here, "page": page, "page_size": size,
            "start": start, "end": (start + here.len()).saturating_sub(1),
            "uri": uri(page), "first_page_uri": uri(0), "next_page_uri": next,
            "previous_page_uri": page.checked_sub(1).map(uri),
        });
        Reply::json(200, &body)
    }

    fn unknown(path: &str) -> Reply {
        let message = format!("The requested resource {path} was not found");
        Self::refusal(404, 20_404, &message)
    }
}

impl Service for Twilio {
    fn answer(&mut self, request: &Received) -> Reply {
        if !self.may_enter(request) {
            return Self::refusal(401, 20_003, "Authenticate");
        }
        let path = request.path().to_owned();
        let below = path.strip_prefix("/2010-04-01/Accounts/").unwrap_or_default();
        let account = format!("{}.json", self.account);
        let answer =
            match (request.method.as_str(), below.split('/').collect::<Vec<_>>().as_slice()) {
                ("GET", [own]) if *own == account => Some(Reply::json(
                    200,
                    &json!({
                        "sid": self.account, "friendly_name": "example", "status": "active",
                        "type": "Full", "auth_token": "", "owner_account_sid": self.account,
                        "date_created": rfc_2822(self.now), "date_updated": rfc_2822(self.now),
                        "uri": path,
                    }),
                )),
                ("POST", [own, "Messages.json"]) if *own == self.account => {
                    Some(self.send(request))
                }
                ("GET", [own, "Messages.json"]) if *own == self.account => Some(self.list(request)),
                ("GET", [own, "Messages", sid]) if *own == self.account => {
                    self.fetch(sid.strip_suffix(".json").unwrap_or_default())
                }
                _ => None,
            };
        answer.unwrap_or_else(|| Self::unknown(&path))
    }

    fn accepted(&self) -> Vec<Accepted> {
        let sent = self.messages.iter().filter(|it| it.direction == "outbound-api");
        let fields = |it: &Sms| {
            [
                ("To", &it.to),
                ("From", &it.from),
                ("Body", &it.body),
                ("ValidityPeriod", &it.validity),
            ]
            .map(|(name, value)| (name.to_owned(), value.clone()))
        };
        sent.map(|it| Accepted { id: it.sid.clone(), fields: fields(it).into() }).collect()
    }
}

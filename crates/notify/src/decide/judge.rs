//! What an answer of each service means for the message and for the channel.

use std::time::Duration;

use ops_core::time::Timestamp;
use outbound::{Answer, Outcome, retry_after};
use serde_json::Value;
use twilio::message::{State, message, problem};

use crate::model::{Channel, Quota};

/// What it means.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The service took it.
    Accepted {
        /// Its own id of the message.
        id: Option<String>,
        /// What an emergency can be followed by.
        receipt: Option<String>,
    },
    /// It will never take this message.
    Refused(String),
    /// It does not know us: it will take neither this message nor others.
    Unauthorised(String),
    /// The quota is gone, until then if it said so.
    QuotaGone(Option<Timestamp>, String),
    /// It may take it later; how long it asked to be left alone.
    Later(Option<Duration>, String),
    /// It could not be reached.
    Unreachable(String),
    /// Nobody knows.
    Ambiguous(String),
}

/// Judges what came of sending a message.
pub fn judge(channel: Channel, heard: &Outcome, now: Timestamp) -> Verdict {
    let answer = match heard {
        Outcome::NotSent(why) => return Verdict::Unreachable(why.clone()),
        Outcome::Ambiguous(why) => return Verdict::Ambiguous(why.clone()),
        Outcome::Answered(answer) => answer,
    };
    let patience = retry_after(answer, now);
    match channel {
        Channel::Pushover => pushover(answer),
        Channel::Twilio => twilio(answer, patience),
        Channel::Ntfy => ntfy(answer, patience),
        Channel::Webhook => webhook(answer, patience),
    }
}

/// Any 4xx is final for that message, 429 means that the month's quota is gone, and 200 alone is no
/// success: <https://pushover.net/api>, facts/pushover.md.
fn pushover(answer: &Answer) -> Verdict {
    let body = answer.json();
    let field = |name: &str| body.as_ref().and_then(|body| body.get(name));
    let text = |name: &str| field(name).and_then(Value::as_str).map(str::to_owned);
    let why = || {
        let errors = field("errors").map(said).unwrap_or_default();
        let request = text("request").map(|it| format!(" (request {it})")).unwrap_or_default();
        format!("{}{errors}{request}", status(answer))
    };
    match answer.status {
        200 => match field("status").and_then(Value::as_i64) {
            Some(1) => Verdict::Accepted { id: text("request"), receipt: text("receipt") },
            Some(_) => Verdict::Refused(why()),
            None => Verdict::Ambiguous("200, and the body says neither yes nor no".into()),
        },
        429 => Verdict::QuotaGone(quota(answer).map(|it| it.resets_at), why()),
        400..=499 if field("token").is_some() || field("user").is_some() => {
            Verdict::Unauthorised(why())
        }
        401 | 403 => Verdict::Unauthorised(why()),
        500..=599 => Verdict::Later(None, why()),
        _ => Verdict::Refused(why()),
    }
}

/// Which codes are final is the `twilio` crate's to know.
fn twilio(answer: &Answer, patience: Option<Duration>) -> Verdict {
    if (200..300).contains(&answer.status) {
        return match message(&answer.body) {
            Ok(message) => Verdict::Accepted { id: Some(message.sid), receipt: None },
            Err(why) => Verdict::Ambiguous(format!("{}, and the body is {why}", answer.status)),
        };
    }
    let problem = problem(answer.status, &answer.body);
    let code = problem.code.map(|code| format!(" {code}")).unwrap_or_default();
    let said = problem.message.as_str();
    let why = format!("{}{code}{}{said}", status(answer), if said.is_empty() { "" } else { ": " });
    match problem.verdict() {
        twilio::verdict::Verdict::Message | twilio::verdict::Verdict::Recipient => {
            Verdict::Refused(why)
        }
        twilio::verdict::Verdict::Sender => Verdict::Unauthorised(why),
        twilio::verdict::Verdict::Later => Verdict::Later(patience, why),
    }
}

fn ntfy(answer: &Answer, patience: Option<Duration>) -> Verdict {
    let body = answer.json();
    let text = |name: &str| body.as_ref().and_then(|it| it.get(name)?.as_str().map(str::to_owned));
    let why = || {
        let said = text("error").map(|it| format!(": {it}")).unwrap_or_default();
        format!("{}{said}", status(answer))
    };
    match answer.status {
        200..=299 => Verdict::Accepted { id: text("id"), receipt: None },
        408 | 425 | 429 | 500..=599 => Verdict::Later(patience, why()),
        401 | 403 => Verdict::Unauthorised(why()),
        _ => Verdict::Refused(why()),
    }
}

fn webhook(answer: &Answer, patience: Option<Duration>) -> Verdict {
    match answer.status {
        200..=299 => Verdict::Accepted { id: None, receipt: None },
        408 | 425 | 429 | 500..=599 => Verdict::Later(patience, status(answer)),
        401 | 403 => Verdict::Unauthorised(status(answer)),
        _ => Verdict::Refused(status(answer)),
    }
}

fn status(answer: &Answer) -> String {
    format!("the service answered {}", answer.status)
}

/// `errors` as a text: a list by the book, a single text as some clients saw it.
fn said(errors: &Value) -> String {
    let list: Vec<&str> = match errors {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        Value::String(text) => vec![text],
        _ => vec![],
    };
    if list.is_empty() { String::new() } else { format!(": {}", list.join("; ")) }
}

/// What Pushover says of its quota beside every answer.
pub fn quota(answer: &Answer) -> Option<Quota> {
    let number = |name: &str| answer.header(name)?.trim().parse::<u64>().ok();
    Some(Quota {
        limit: number("x-limit-app-limit")?,
        remaining: number("x-limit-app-remaining")?,
        resets_at: Timestamp::from_second(i64::try_from(number("x-limit-app-reset")?).ok()?)
            .ok()?,
    })
}

/// How an emergency stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Followed {
    /// Somebody acknowledged it: when, and whom the service names.
    Acknowledged(Timestamp, String),
    /// It stopped repeating.
    Expired,
    /// It goes on.
    Repeating,
    /// The service does not know it (any more). Why.
    Gone(String),
    /// It could not be asked. Why.
    Unknown(String),
}

/// Judges an answer to `GET /1/receipts/<receipt>.json`.
pub fn receipt(heard: &Outcome, now: Timestamp) -> Followed {
    let answer = match heard {
        Outcome::NotSent(why) | Outcome::Ambiguous(why) => return Followed::Unknown(why.clone()),
        Outcome::Answered(answer) => answer,
    };
    let body = answer.json().unwrap_or_default();
    let number = |name: &str| body.get(name).and_then(Value::as_i64);
    match (answer.status, number("status")) {
        (200, Some(1)) if number("acknowledged") == Some(1) => {
            let at = number("acknowledged_at").and_then(|at| Timestamp::from_second(at).ok());
            let name =
                |name: &str| body.get(name).and_then(Value::as_str).filter(|it| !it.is_empty());
            let by = name("acknowledged_by_device").or(name("acknowledged_by"));
            Followed::Acknowledged(at.unwrap_or(now), by.unwrap_or("somebody").to_owned())
        }
        (200, Some(1)) if number("expired") == Some(1) => Followed::Expired,
        (200, Some(1)) => Followed::Repeating,
        (404 | 410, _) => Followed::Gone(status(answer)),
        _ => Followed::Unknown(status(answer)),
    }
}

/// What came of cancelling an emergency: done, not possible and never will be, or to be tried again.
pub fn cancelled(heard: &Outcome) -> Result<(), (bool, String)> {
    match heard {
        Outcome::NotSent(why) | Outcome::Ambiguous(why) => Err((false, why.clone())),
        Outcome::Answered(answer) => match answer.status {
            200..=299 => Ok(()),
            429 | 500..=599 => Err((false, status(answer))),
            _ => Err((true, status(answer))),
        },
    }
}

/// How an SMS stands, by a look at it: how far it has come, and a word for people.
pub fn sms_state(heard: &Outcome) -> Option<(State, String)> {
    let Outcome::Answered(answer) = heard else { return None };
    let message = message(&answer.body).ok().filter(|_| answer.status == 200)?;
    let code = message.error_code.map(|code| format!(" ({code})")).unwrap_or_default();
    let word = format!("{}{code}", message.state.word());
    Some((message.state, word))
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;

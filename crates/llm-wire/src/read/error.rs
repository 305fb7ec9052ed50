//! Answers that are not a 200, in all the shapes that providers have for them.

use std::time::SystemTime;

use canonical_json::Value;

use super::{End, Head, Received};
use crate::ask::Api;
use crate::fault::{Class, Fault, LONGEST_MESSAGE, Why};
use crate::unredacted::Unredacted;
use crate::wait;

/// Codes and types that mean money, not load (facts/openai.md, moonshot.md).
const ABOUT_MONEY: &[&str] = &[
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "exceeded_current_quota_error",
];

pub(super) fn fault(api: Api, received: &Received<'_>, head: &Head, now: SystemTime) -> Fault {
    let document = match received.end {
        End::Whole => canonical_json::parse(received.body).ok(),
        // What is missing could change what the rest means.
        End::Cut | End::OverCap => None,
    };
    let said = document.as_ref().map(said).unwrap_or_default();
    let body = String::from_utf8_lossy(received.body.get(..4000).unwrap_or(received.body));
    let message = said.message.as_deref().unwrap_or(&body);
    Fault {
        retry_after: wait::retry_after(received.headers, now),
        message: Unredacted::new(message, LONGEST_MESSAGE),
        code: said.code.clone(),
        kind: said.kind.clone(),
        ..head.fault(received.status, class(api, received.status, &said), "")
    }
}

fn class(api: Api, status: u16, said: &SaidError) -> Class {
    let is = |words: &[&str]| {
        let told = [said.code.as_deref(), said.kind.as_deref()];
        told.into_iter().flatten().any(|word| words.contains(&word))
    };
    let billing = is(ABOUT_MONEY);
    let is_unknown_model = match api {
        Api::OpenaiChat | Api::OpenaiResponses => is(&["model_not_found"]),
        Api::MistralChat => is(&["invalid_model", "1500"]),
        Api::MoonshotChat => status == 404 && is(&["resource_not_found_error"]),
        Api::OllamaChat => status == 404,
    };
    let why = match status {
        429 => return Class::TransientQuota { billing },
        500..=504 => return Class::TransientServer,
        402 => Why::Unpaid,
        400..=499 if billing => Why::Unpaid,
        400 | 403 | 404 if is_unknown_model => Why::UnknownModel,
        401 => Why::Unauthorized,
        403 => Why::Forbidden,
        404 => Why::NotFound,
        400 | 413 | 422 => Why::BadRequest,
        300..=399 => Why::Redirect,
        _ => Why::OtherStatus,
    };
    Class::NonTransient(why)
}

/// What an error says of itself.
#[derive(Debug, Default)]
pub(super) struct SaidError {
    pub(super) code: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) message: Option<String>,
}

/// Finds code, type and message: in `error` (`OpenAI`, Moonshot), at the top (Mistral), `detail`
/// (Mistral's gateway), or a bare text in `error` (Ollama).
pub(super) fn said(document: &Value) -> SaidError {
    let (inner, message) = match document.get("error") {
        Some(error @ Value::Object(_)) => (Some(error), error.get("message")),
        Some(text @ Value::Str(_)) => (None, Some(text)),
        _ if document
            .get("object")
            .and_then(Value::as_str)
            .is_some_and(|it| it.eq_ignore_ascii_case("error")) =>
        {
            (Some(document), document.get("message").or_else(|| document.get("detail")))
        }
        _ => (None, document.get("message").or_else(|| document.get("detail"))),
    };
    let field = |name: &str| inner.and_then(|it| it.get(name)).and_then(word);
    SaidError {
        code: field("code"),
        kind: field("type"),
        message: message.filter(|it| **it != Value::Null).map(text),
    }
}

/// A code: a word, or a number, never a sentence.
fn word(value: &Value) -> Option<String> {
    let text = match value {
        Value::Str(text) => text.clone(),
        Value::Int(number) => number.as_i64()?.to_string(),
        _ => return None,
    };
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    ((1..=64).contains(&text.len()) && text.bytes().all(is_word)).then_some(text)
}

/// A message is a text, but Mistral's can be anything.
fn text(value: &Value) -> String {
    match value {
        Value::Str(text) => text.clone(),
        other => String::from_utf8_lossy(&other.canonical()).into_owned(),
    }
}

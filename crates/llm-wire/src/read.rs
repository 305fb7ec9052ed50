//! An answer of a provider: a reply that can be used, or a fault.

mod chat;
mod error;
mod ollama;
mod responses;

use std::time::SystemTime;

use canonical_json::Value;

use crate::ask::Api;
use crate::fault::{Class, Fault, Why};
use crate::unredacted::Unredacted;

/// What came over the wire.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The status.
    pub status: u16,
    /// Names in any letter case, values as they came.
    pub headers: &'a [(String, Vec<u8>)],
    /// The body, or as much of it as was read.
    pub body: &'a [u8],
    /// Whether that is all.
    pub end: End,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// It is all there.
    Whole,
    /// The connection ended before it did.
    Cut,
    /// The reader stopped at its own limit.
    OverCap,
}

/// An answer that can be used. Whether it matches the schema is still to be validated.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// What the model wrote; never blank.
    pub text: String,
    /// The model that says it answered: a dated snapshot where an alias was asked.
    pub model: String,
    /// The provider's id of the call: a header, else the document's own id.
    pub request_id: Option<String>,
    /// What will be billed.
    pub usage: Usage,
    /// How it ended, in the provider's word: `stop`, `completed`.
    pub finish: String,
}

/// Tokens that were used.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// All of the input.
    pub input: u64,
    /// The part of it that came from the provider's cache. Never more than `input`.
    pub cached: u64,
    /// The part of it that was written into the provider's cache, where that is billed.
    pub cache_write: u64,
    /// The output, reasoning included.
    pub output: u64,
}

/// Reads the answer to a question.
///
/// `now` is only for a `Retry-After` that is a date. Never panics, whatever came. The class of a
/// fault follows spec/40-review.md and facts/review-and-router.md 3.5:
/// 429 is about quota, 500 to 504 about the server, a cut body of a 200 about the network, and
/// everything else final.
pub fn read(api: Api, received: &Received<'_>, now: SystemTime) -> Result<Reply, Box<Fault>> {
    if received.status != 200 {
        return Err(Box::new(read_error(api, received, now)));
    }
    let head = Head::of(received);
    let document = document(received, &head)?;
    let said = match api {
        Api::OpenaiChat | Api::MistralChat | Api::MoonshotChat => chat::read(api, &document),
        Api::OpenaiResponses => responses::read(&document),
        Api::OllamaChat => ollama::read(&document),
    };
    said.settle(&document, &head)
}

/// The fault of an answer that is not a 200.
pub(crate) fn read_error(api: Api, received: &Received<'_>, now: SystemTime) -> Fault {
    error::fault(api, received, &Head::of(received), now)
}

/// What the headers say.
pub(crate) struct Head {
    request_id: Option<String>,
}

impl Head {
    pub(crate) fn of(received: &Received<'_>) -> Self {
        let find = |name: &str| {
            let (_, value) =
                received.headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name))?;
            std::str::from_utf8(value).ok()
        };
        Self { request_id: find("x-request-id").and_then(plain_word) }
    }

    pub(crate) fn fault(&self, status: u16, class: Class, message: &str) -> Fault {
        let request_id = self.request_id.clone();
        Fault { status: Some(status), request_id, ..Fault::without_answer(class, message) }
    }
}

/// The document of a 200.
pub(crate) fn document(received: &Received<'_>, head: &Head) -> Result<Value, Box<Fault>> {
    let fault = |class, message: &str| Err(Box::new(head.fault(200, class, message)));
    let last = |why, message: &str| fault(Class::NonTransient(why), message);
    match received.end {
        End::Whole => {}
        End::Cut => {
            return fault(Class::TransientNetwork, "the answer was cut short");
        }
        End::OverCap => return last(Why::TooLarge, "the answer is larger than what is read"),
    }
    let types = received.headers.iter().filter(|(it, _)| it.eq_ignore_ascii_case("content-type"));
    let mut types = types.map(|(_, value)| is_json(value)).peekable();
    if types.peek().is_none() || !types.all(|is_json| is_json) {
        let start = String::from_utf8_lossy(received.body.get(..200).unwrap_or(received.body));
        return last(Why::ContentType, &format!("not application/json; it begins: {start}"));
    }
    match canonical_json::parse(received.body) {
        Ok(document @ Value::Object(_)) => Ok(document),
        Ok(_) => last(Why::Shape, "the answer is not a JSON object"),
        Err(err) => last(Why::NotJson, &format!("the answer is not JSON: {err}")),
    }
}

fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// What a document says, before it is settled whether that is enough.
#[derive(Default)]
struct Said {
    /// Everything the model wrote that is meant for the reader, refusals too.
    text: String,
    finish: Option<String>,
    usage: Option<Usage>,
    /// The first thing that makes it unusable, and what is to be said of it.
    wrong: Option<(Why, String)>,
    /// Whether an answer costs nothing, so that a missing usage does not matter.
    is_free: bool,
}

impl Said {
    fn wrong(why: Why, message: impl Into<String>) -> Self {
        Self { wrong: Some((why, message.into())), ..Self::default() }
    }

    /// Keeps the first thing that is wrong.
    fn blame(&mut self, why: Why, message: impl Into<String>) {
        if self.wrong.is_none() {
            self.wrong = Some((why, message.into()));
        }
    }

    fn settle(mut self, document: &Value, head: &Head) -> Result<Reply, Box<Fault>> {
        let text_of = |name: &str| document.get(name).and_then(Value::as_str);
        let model = text_of("model").and_then(plain_word);
        let id = head.request_id.clone().or_else(|| text_of("id").and_then(plain_word));
        if model.is_none() {
            self.blame(Why::Shape, "it does not say which model answered");
        }
        if self.text.trim().is_empty() {
            self.blame(Why::Empty, "the answer is empty");
        }
        let usage = self.usage.take();
        let believable = usage.filter(|it| self.is_free || (it.input > 0 && it.output > 0));
        if believable.is_none() {
            self.blame(Why::NoUsage, "it does not say what was used");
        }
        match (self.wrong, model, believable) {
            (None, Some(model), Some(usage)) => Ok(Reply {
                text: self.text,
                model,
                request_id: id,
                usage,
                finish: self.finish.unwrap_or_default(),
            }),
            (wrong, model, _) => {
                let (why, message) = wrong.unwrap_or((Why::Shape, String::new()));
                let said = error::said(document);
                let message = match said.message {
                    Some(more) => format!("{message}: {more}"),
                    None => message,
                };
                Err(Box::new(Fault {
                    code: said.code,
                    kind: said.kind,
                    text: Unredacted::new(&self.text, LONGEST_TEXT),
                    // Output may be 0 here: a refused prompt still costs its input.
                    usage: usage.filter(|it| self.is_free || it.input > 0),
                    model,
                    request_id: id,
                    ..head.fault(200, Class::NonTransient(why), &message)
                }))
            }
        }
    }
}

/// Bytes of an unusable answer that are kept for the user.
const LONGEST_TEXT: usize = 16 * 1024;

/// A word that can be shown and stored as it is: printable ASCII without spaces, not long.
pub(crate) fn plain_word(text: &str) -> Option<String> {
    let fits = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| text.to_owned())
}

/// A count that is there, and is one.
fn count(of: &Value, name: &str) -> Option<u64> {
    match of.get(name) {
        Some(Value::Int(number)) => number.as_u64(),
        _ => None,
    }
}

/// A count that may be missing or null. `None`: it is there and is none.
fn optional_count(of: &Value, name: &str) -> Option<u64> {
    match of.get(name) {
        None | Some(Value::Null) => Some(0),
        Some(_) => count(of, name),
    }
}

/// The count of a member that is itself optional: `usage.prompt_tokens_details.cached_tokens`.
fn detail(of: &Value, group: &str, name: &str) -> Option<u64> {
    match of.get(group) {
        None | Some(Value::Null) => Some(0),
        Some(details) => optional_count(details, name),
    }
}

/// Whether a member says nothing: not there, null, or empty.
fn is_nothing(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Str(text)) => text.is_empty(),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests;

//! Providers of language models: they judge a request as the real ones do, and answer what they
//! are told to (facts/openai.md, mistral.md, moonshot.md, ollama.md).
//!
//! What a model says comes from a [`Brain`]: the next [`Said`] that was put in line, else a
//! closure over the question, else a sample that fits the schema. Faults come from the script of
//! the [`crate::Fake`]; [`trouble()`] has the providers' own error bodies for it.

mod mistral;
mod moonshot;
mod ollama;
mod openai;
mod sample;
mod script;
mod trouble;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use serde_json::{Value, json};

pub use mistral::Mistral;
pub use moonshot::Moonshot;
pub use ollama::Ollama;
pub use openai::OpenAi;
pub use script::{Step, perform, script};
pub use trouble::{trouble, troubles};

use crate::Accepted;
use crate::http::{Received, Reply};

/// When every made-up answer was made.
const CREATED: u64 = 1_760_000_000;

/// A question, as the model sees it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The model's name as it was asked for.
    pub model: String,
    /// Role and text of every message, in order; the parts of a text joined, pictures left out.
    pub messages: Vec<(String, String)>,
    /// The schema the answer is held to.
    pub schema: Option<Value>,
    /// The whole body.
    pub body: Value,
}

impl Asked {
    /// The texts of one role, joined by line ends.
    pub fn text_of(&self, role: &str) -> String {
        let texts = self.messages.iter().filter(|(it, _)| it == role).map(|(_, text)| &**text);
        texts.collect::<Vec<_>>().join("\n")
    }

    /// About what a tokenizer would count.
    fn tokens(&self) -> u64 {
        let bytes: usize = self.messages.iter().map(|(_, text)| text.len()).sum();
        (bytes / 4 + 4 * self.messages.len() + 3) as u64
    }
}

/// What a model says.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its text.
    pub text: String,
    /// What it says instead of an answer.
    pub refusal: Option<String>,
    /// How it ends.
    pub end: Ending,
    /// How often: 0 or 2 where something is wrong.
    pub choices: usize,
    /// Tokens of input, of input from the cache, and of output; `None`: about as real.
    pub usage: Option<(u64, u64, u64)>,
    /// Whether the usage is told.
    pub tells_usage: bool,
    /// The model that is said to have answered; `None`: the snapshot behind the name.
    pub model: Option<String>,
}

/// How an answer ends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ending {
    /// As it should.
    Stop,
    /// Cut at the cap.
    Length,
    /// By the provider's filter.
    Filtered,
    /// With the wish to call a tool.
    ToolCalls,
    /// 200, and yet failed with this code. Only the responses API has that.
    Failed(String),
}

impl Said {
    /// A plain answer.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            refusal: None,
            end: Ending::Stop,
            choices: 1,
            usage: None,
            tells_usage: true,
            model: None,
        }
    }

    /// A document.
    pub fn json(document: &Value) -> Self {
        Self::text(document.to_string())
    }

    /// A refusal.
    pub fn refusal(text: impl Into<String>) -> Self {
        Self { refusal: Some(text.into()), ..Self::text("") }
    }

    /// Ends another way.
    #[must_use]
    pub fn ends(self, end: Ending) -> Self {
        Self { end, ..self }
    }

    /// That many choices.
    #[must_use]
    pub fn times(self, choices: usize) -> Self {
        Self { choices, ..self }
    }

    /// Input, cached input and output tokens.
    #[must_use]
    pub fn uses(self, input: u64, cached: u64, output: u64) -> Self {
        Self { usage: Some((input, cached, output)), ..self }
    }

    /// Without a usage.
    #[must_use]
    pub fn without_usage(self) -> Self {
        Self { tells_usage: false, ..self }
    }

    /// Said by another model than was asked.
    #[must_use]
    pub fn by(self, model: impl Into<String>) -> Self {
        Self { model: Some(model.into()), ..self }
    }

    fn used(&self, asked: &Asked) -> (u64, u64, u64) {
        let output = (self.text.len() / 4 + 1) as u64;
        self.usage.unwrap_or_else(|| (asked.tokens(), 0, output))
    }
}

type Thinks = Box<dyn FnMut(&Asked) -> Said + Send>;

/// What a provider's models say, and what they said.
#[derive(Default)]
pub struct Brain {
    /// `None`: whatever the model makes of it.
    said: VecDeque<Option<Said>>,
    thinks: Option<Thinks>,
    asked: Vec<Asked>,
    accepted: Vec<Accepted>,
}

impl Brain {
    /// Puts an answer in line: each question that passes the provider's rules takes one.
    pub fn then(&mut self, said: Said) {
        self.said.push_back(Some(said));
    }

    /// Puts in line that the next question is answered as if nothing were.
    pub fn then_as_usual(&mut self) {
        self.said.push_back(None);
    }

    /// Answers whatever is not in line.
    pub fn thinks(&mut self, thinks: impl FnMut(&Asked) -> Said + Send + 'static) {
        self.thinks = Some(Box::new(thinks));
    }

    /// Every question that was taken: what has to be paid for.
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    fn answer(&mut self, asked: Asked) -> (u64, Said) {
        let said = match (self.said.pop_front().flatten(), &mut self.thinks) {
            (Some(said), _) => said,
            (None, Some(thinks)) => thinks(&asked),
            (None, None) => match &asked.schema {
                Some(schema) => Said::json(&sample::of(schema)),
                None => Said::text("ok"),
            },
        };
        let number = self.asked.len() as u64 + 1;
        let (input, _, output) = said.used(&asked);
        let fields = [
            ("model", asked.model.clone()),
            ("input", input.to_string()),
            ("output", output.to_string()),
        ];
        let fields: BTreeMap<String, String> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.accepted.push(Accepted { id: number.to_string(), fields });
        self.asked.push(asked);
        (number, said)
    }
}

impl fmt::Debug for Brain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Brain({} asked, {} in line)", self.asked.len(), self.said.len())
    }
}

/// A model of a provider.
#[derive(Clone, Debug)]
pub struct Offered {
    /// Its name.
    pub id: String,
    /// Who answers to that name, when it is an alias.
    pub snapshot: String,
    /// When it ends: the provider's own text for it.
    pub shutdown: Option<String>,
    /// What the provider names in its place.
    pub successor: Option<String>,
    /// The most output tokens it takes as a cap.
    pub max_output: u64,
}

impl Offered {
    fn new(id: &str, snapshot: &str, max_output: u64) -> Self {
        let (id, snapshot) = (id.to_owned(), snapshot.to_owned());
        Self { id, snapshot, shutdown: None, successor: None, max_output }
    }

    fn until(self, shutdown: &str) -> Self {
        Self { shutdown: Some(shutdown.to_owned()), ..self }
    }
}

fn find<'a>(models: &'a [Offered], name: &str) -> Option<&'a Offered> {
    models.iter().find(|model| model.id == name || model.snapshot == name)
}

/// The body of a POST as a JSON object.
fn object(request: &Received) -> Option<Value> {
    request.json().filter(|body| request.is_json() && body.is_object())
}

/// The text of a message's content, and whether the content is of a form all providers take.
fn content_text(content: &Value, text_kind: &str, image_kind: &str) -> Option<String> {
    if let Some(text) = content.as_str() {
        return Some(text.to_owned());
    }
    let mut whole = String::new();
    for part in content.as_array()? {
        let kind = part.get("type")?.as_str()?;
        if kind == text_kind {
            whole.push_str(part.get("text")?.as_str()?);
        } else if kind == image_kind {
            let image = part.get("image_url")?;
            let address = image.as_str().or_else(|| image.get("url")?.as_str())?;
            let data = address.strip_prefix("data:image/")?.split_once(";base64,")?.1;
            base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data).ok()?;
        } else {
            return None;
        }
    }
    Some(whole)
}

fn chat_messages(body: &Value, roles: &[&str]) -> Option<Vec<(String, String)>> {
    let messages = body.get("messages")?.as_array().filter(|it| !it.is_empty())?;
    let message = |message: &Value| {
        let role = message.get("role")?.as_str().filter(|role| roles.contains(role))?;
        let text = content_text(message.get("content")?, "text", "image_url")?;
        Some((role.to_owned(), text))
    };
    messages.iter().map(message).collect()
}

/// The `choices` of a chat completion.
fn choices(said: &Said, base: &Value, with_refusal: bool) -> Vec<Value> {
    let one = |index: usize| {
        let mut message = base.clone();
        message["role"] = json!("assistant");
        message["content"] = match (&said.refusal, &said.end) {
            (Some(_), _) | (_, Ending::ToolCalls) => Value::Null,
            _ => json!(said.text),
        };
        if with_refusal {
            message["refusal"] = json!(said.refusal);
        }
        if said.end == Ending::ToolCalls {
            let function = json!({"name": "f", "arguments": "{}"});
            let call = json!({"id": "call_1", "type": "function", "function": function});
            message["tool_calls"] = json!([call]);
        }
        let finish = match said.end {
            Ending::Stop => "stop",
            Ending::Length => "length",
            Ending::Filtered => "content_filter",
            Ending::ToolCalls => "tool_calls",
            Ending::Failed(_) => "error",
        };
        json!({"index": index, "message": message, "finish_reason": finish})
    };
    (0..said.choices).map(one).collect()
}

/// The schema of a chat request's `response_format`.
fn chat_schema(body: &Value) -> Option<Value> {
    body.pointer("/response_format/json_schema/schema").cloned()
}

fn number_between(value: Option<&Value>, range: std::ops::RangeInclusive<f64>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(value) => value.as_f64().is_some_and(|it| range.contains(&it)),
    }
}

fn reply(document: &Value, number: u64) -> Reply {
    Reply::json(200, document).with_header("x-request-id", &format!("req_{number:016}"))
}

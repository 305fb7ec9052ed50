//! `POST /chat/completions`: `OpenAI`, and what Mistral and Moonshot make of it.

use serde::Serialize;

use super::{Body, Form, Unaskable};
use crate::ask::{Api, Ask, Structured, TokenCap};
use crate::ordered::Ordered;

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Typed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    random_seed: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Content<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(&'a str),
    Joined(String),
    Parts(Vec<Part>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part {
    Text { text: String },
    ImageUrl { image_url: Address },
}

#[derive(Serialize)]
struct Address {
    url: String,
}

#[derive(Serialize)]
struct Typed {
    r#type: &'static str,
}

#[derive(Serialize)]
struct ResponseFormat<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_schema: Option<JsonSchema<'a>>,
}

#[derive(Serialize)]
struct JsonSchema<'a> {
    name: &'a str,
    strict: bool,
    schema: &'a Ordered,
}

pub(super) fn body(ask: &Ask<'_>, form: &Form<'_>) -> Result<Body, Unaskable> {
    let model = &ask.model;
    let is_openai = model.api == Api::OpenaiChat;
    let is_moonshot = model.api == Api::MoonshotChat;
    let thinking = match model.effort {
        Some("none") if is_moonshot => Some(Typed { r#type: "disabled" }),
        None | Some("default") => None,
        Some(_) if is_moonshot => {
            return Err(Unaskable("Moonshot's effort is `none` or `default`".to_owned()));
        }
        Some(_) => None,
    };
    let response_format = form.schema.as_ref().and_then(|(schema, tree)| match model.structured {
        Structured::JsonSchema => Some(ResponseFormat {
            r#type: "json_schema",
            json_schema: Some(JsonSchema { name: schema.name, strict: true, schema: tree }),
        }),
        Structured::JsonObject => Some(ResponseFormat { r#type: "json_object", json_schema: None }),
        Structured::Prompt => None,
    });
    let cap = |field| (model.token_cap == field).then_some(ask.max_output_tokens);
    let request = Request {
        model: model.name,
        messages: messages(ask, form),
        max_tokens: cap(TokenCap::MaxTokens),
        max_completion_tokens: cap(TokenCap::MaxCompletionTokens),
        temperature: form.temperature,
        reasoning_effort: model.effort.filter(|_| !is_moonshot),
        thinking,
        response_format,
        seed: ask.seed.filter(|_| is_openai),
        random_seed: ask.seed.filter(|_| model.api == Api::MistralChat),
        // Kept by default on new accounts.
        store: is_openai.then_some(false),
        // Without it the project's setting decides, and with it the price.
        service_tier: is_openai.then_some("default"),
    };
    Ok(serde_json::to_vec(&request))
}

fn messages<'a>(ask: &Ask<'a>, form: &'a Form<'_>) -> Vec<Message<'a>> {
    let mut messages = Vec::new();
    if !form.system.is_empty() {
        messages.push(Message { role: "system", content: Content::Text(&form.system) });
    }
    let is_mistral = ask.model.api == Api::MistralChat;
    let user = match ask.closing.filter(|_| is_mistral) {
        Some(closing) => Content::Joined([ask.user, closing].join("\n\n")),
        None => Content::Text(ask.user),
    };
    let content = match (&form.image, user) {
        (None, user) => user,
        (Some(image), user) => Content::Parts(vec![
            Part::Text { text: user.into_text() },
            Part::ImageUrl { image_url: Address { url: image.address() } },
        ]),
    };
    messages.push(Message { role: "user", content });
    if let Some(closing) = ask.closing.filter(|_| !is_mistral) {
        messages.push(Message { role: "system", content: Content::Text(closing) });
    }
    messages
}

impl Content<'_> {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text.to_owned(),
            Self::Joined(text) => text,
            Self::Parts(_) => String::new(),
        }
    }
}

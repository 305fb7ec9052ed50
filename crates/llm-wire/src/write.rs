//! A question in the words of each provider.

mod chat;
mod ollama;
mod responses;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::ask::{Api, Ask, Image, Schema, Structured, TokenCap};
use crate::ordered::Ordered;
use crate::strict;

/// A call: a POST of this body to this path below the provider's base address.
#[derive(Clone, Eq, PartialEq)]
pub struct Wire {
    /// Begins with a slash.
    pub path: &'static str,
    /// JSON, UTF-8. Members are in a fixed order, those of a schema in its own.
    pub body: Vec<u8>,
}

impl fmt::Debug for Wire {
    /// The path and the size: a body quotes what was asked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wire({}, {} bytes)", self.path, self.body.len())
    }
}

/// Why a question cannot be put to a model. Holds nothing of the question's texts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unaskable(String);

impl fmt::Display for Unaskable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unaskable {}

/// Puts a question into its provider's form.
///
/// What the provider would refuse is refused here already, before anything is spent: a schema
/// that strict mode does not take, a cap of no tokens, a temperature out of range, a picture of an
/// unknown type, more input than the context holds.
pub fn write(ask: &Ask<'_>) -> Result<Wire, Unaskable> {
    let form = checked(ask)?;
    let (path, body) = match ask.model.api {
        Api::OpenaiChat | Api::MistralChat | Api::MoonshotChat => {
            ("/chat/completions", chat::body(ask, &form)?)
        }
        Api::OpenaiResponses => ("/responses", responses::body(ask, &form)),
        Api::OllamaChat => ("/api/chat", ollama::body(ask, &form)),
    };
    let body = body.map_err(|err| Unaskable(format!("the body cannot be written: {err}")))?;
    Ok(Wire { path, body })
}

type Body = Result<Vec<u8>, serde_json::Error>;

/// What every provider's form needs, checked.
struct Form<'a> {
    /// With the schema in words, where it cannot be a field.
    system: String,
    temperature: Option<f64>,
    schema: Option<(Schema<'a>, Ordered)>,
    /// The picture in base64, and as a `data:` address.
    image: Option<Image64<'a>>,
}

struct Image64<'a> {
    base64: String,
    mime: &'a str,
}

impl Image64<'_> {
    fn address(&self) -> String {
        format!("data:{};base64,{}", self.mime, self.base64)
    }
}

fn checked<'a>(ask: &Ask<'a>) -> Result<Form<'a>, Unaskable> {
    let no = |what: String| Err(Unaskable(what));
    let model = &ask.model;
    let caps: &[TokenCap] = match model.api {
        Api::OpenaiChat => &[TokenCap::MaxCompletionTokens, TokenCap::MaxTokens],
        Api::MoonshotChat => &[TokenCap::MaxTokens, TokenCap::MaxCompletionTokens],
        Api::MistralChat => &[TokenCap::MaxTokens],
        Api::OpenaiResponses => &[TokenCap::MaxOutputTokens],
        Api::OllamaChat => &[TokenCap::NumPredict],
    };
    if !caps.contains(&model.token_cap) {
        return no(format!("{:?} has no {:?}", model.api, model.token_cap));
    }
    let least = if model.api == Api::OpenaiResponses { 16 } else { 1 };
    if ask.max_output_tokens < least {
        return no(format!("the cap on output tokens must be at least {least}"));
    }
    let needed = ask.input_tokens.saturating_add(ask.max_output_tokens);
    if needed > model.context_tokens {
        let holds = model.context_tokens;
        return no(format!("{needed} tokens do not fit into a context of {holds}"));
    }
    if model.api == Api::OllamaChat && ask.input_tokens == 0 {
        return no("Ollama must be told how large the input is".to_owned());
    }
    let schema = ask.schema.map(|schema| parsed(schema, model.structured)).transpose()?;
    let mut system = ask.system.to_owned();
    if let Some((schema, _)) = &schema
        && model.structured != Structured::JsonSchema
    {
        let told = "Answer with one JSON object and nothing else. It must match this JSON Schema:";
        let parts = [ask.system, told, schema.text].into_iter().filter(|it| !it.is_empty());
        system = parts.collect::<Vec<_>>().join("\n\n");
    }
    Ok(Form {
        system,
        temperature: temperature(ask)?,
        schema,
        image: ask.image.map(picture).transpose()?,
    })
}

fn parsed(schema: Schema<'_>, structured: Structured) -> Result<(Schema<'_>, Ordered), Unaskable> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !(1..=64).contains(&schema.name.len()) || !schema.name.bytes().all(is_word) {
        return Err(Unaskable("a schema's name is 1 to 64 of [A-Za-z0-9_-]".to_owned()));
    }
    let tree = Ordered::parse(schema.text)
        .map_err(|err| Unaskable(format!("the schema is not JSON: {err}")))?;
    let violations = strict::violations(&tree);
    if structured == Structured::JsonSchema && !violations.is_empty() {
        return Err(Unaskable(format!("the schema is not strict: {}", violations.join("; "))));
    }
    Ok((schema, tree))
}

fn temperature(ask: &Ask<'_>) -> Result<Option<f64>, Unaskable> {
    let highest = match ask.model.api {
        Api::MistralChat | Api::MoonshotChat => 1.0,
        _ => 2.0,
    };
    if ask.temperature.is_some_and(|it| !(0.0..=highest).contains(&it)) {
        return Err(Unaskable(format!("the temperature must be 0 to {highest}")));
    }
    let is_openai = matches!(ask.model.api, Api::OpenaiChat | Api::OpenaiResponses);
    let reasons = is_openai && ask.model.effort.is_some_and(|effort| effort != "none");
    Ok(ask.temperature.filter(|_| ask.model.takes_temperature && !reasons))
}

fn picture(image: Image<'_>) -> Result<Image64<'_>, Unaskable> {
    if !["image/png", "image/jpeg", "image/webp", "image/gif"].contains(&image.mime) {
        return Err(Unaskable("a picture is png, jpeg, webp or gif".to_owned()));
    }
    Ok(Image64 { base64: STANDARD.encode(image.bytes), mime: image.mime })
}

#[cfg(test)]
mod tests;

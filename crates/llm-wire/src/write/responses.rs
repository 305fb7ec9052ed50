//! `POST /responses`. The schema is flat here, and answers are kept unless told not to.

use serde::Serialize;

use super::{Body, Form};
use crate::ask::{Ask, Structured};
use crate::ordered::Ordered;

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    instructions: &'a str,
    input: Vec<Message<'a>>,
    max_output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Reasoning<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
    store: bool,
    service_tier: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Vec<Part<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part<'a> {
    InputText { text: &'a str },
    InputImage { image_url: String, detail: &'static str },
}

#[derive(Serialize)]
struct Reasoning<'a> {
    effort: &'a str,
}

#[derive(Serialize)]
struct Text<'a> {
    format: Format<'a>,
}

#[derive(Serialize)]
struct Format<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a Ordered>,
}

pub(super) fn body(ask: &Ask<'_>, form: &Form<'_>) -> Body {
    let mut content = vec![Part::InputText { text: ask.user }];
    if let Some(image) = &form.image {
        content.push(Part::InputImage { image_url: image.address(), detail: "auto" });
    }
    let mut input = vec![Message { role: "user", content }];
    if let Some(closing) = ask.closing {
        let content = vec![Part::InputText { text: closing }];
        input.push(Message { role: "system", content });
    }
    let format = form.schema.as_ref().and_then(|(schema, tree)| match ask.model.structured {
        Structured::JsonSchema => Some(Format {
            r#type: "json_schema",
            name: Some(schema.name),
            strict: Some(true),
            schema: Some(tree),
        }),
        Structured::JsonObject => {
            Some(Format { r#type: "json_object", name: None, strict: None, schema: None })
        }
        Structured::Prompt => None,
    });
    serde_json::to_vec(&Request {
        model: ask.model.name,
        instructions: &form.system,
        input,
        max_output_tokens: ask.max_output_tokens,
        temperature: form.temperature,
        reasoning: ask.model.effort.map(|effort| Reasoning { effort }),
        text: format.map(|format| Text { format }),
        store: false,
        service_tier: "default",
    })
}

//! `POST /api/chat`: the native form, because only there the context can be sized.

use serde::Serialize;
use serde_json::Value;

use super::{Body, Form};
use crate::ask::{Ask, Structured};
use crate::ordered::Ordered;

/// Contexts are asked for in steps, so that one more line does not reload the model.
const STEP: u64 = 4096;

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    think: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Ordered>,
    options: Options,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<&'a str>,
}

#[derive(Serialize)]
struct Options {
    num_ctx: u64,
    num_predict: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u32>,
}

pub(super) fn body(ask: &Ask<'_>, form: &Form<'_>) -> Body {
    let plain = |role, content| Message { role, content, images: Vec::new() };
    let mut messages = Vec::new();
    if !form.system.is_empty() {
        messages.push(plain("system", &form.system));
    }
    let images = form.image.iter().map(|image| image.base64.as_str()).collect();
    messages.push(Message { images, ..plain("user", ask.user) });
    if let Some(closing) = ask.closing {
        messages.push(plain("system", closing));
    }
    let format = form.schema.as_ref().and_then(|(_, tree)| match ask.model.structured {
        Structured::JsonSchema => Some(tree.clone()),
        Structured::JsonObject => Some(Ordered::Scalar("json".into())),
        Structured::Prompt => None,
    });
    serde_json::to_vec(&Request {
        model: ask.model.name,
        messages,
        stream: false,
        think: ask.model.effort.map(|effort| match effort {
            "none" => Value::Bool(false),
            "default" => Value::Bool(true),
            level => level.into(),
        }),
        format,
        options: Options {
            num_ctx: context(ask),
            num_predict: ask.max_output_tokens,
            temperature: form.temperature,
            seed: ask.seed,
        },
    })
}

/// The context to ask for: whole steps, at most what the model has.
fn context(ask: &Ask<'_>) -> u64 {
    let needed = ask.input_tokens.saturating_add(ask.max_output_tokens);
    needed.div_ceil(STEP).saturating_mul(STEP).min(ask.model.context_tokens)
}

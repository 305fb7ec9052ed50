//! Answers of `POST /chat/completions`.

use canonical_json::Value;

use super::{Said, Usage, count, detail, is_nothing, optional_count};
use crate::ask::Api;
use crate::fault::Why;

pub(super) fn read(api: Api, document: &Value) -> Said {
    let mut said = match document.get("choices") {
        Some(Value::Array(choices)) => match choices.as_slice() {
            [] => Said::wrong(Why::NoAnswer, "there is no choice in it"),
            [choice] => one(choice),
            _ => Said::wrong(Why::ManyAnswers, "there is more than one choice in it"),
        },
        _ if is_nothing(document.get("error")) => {
            Said::wrong(Why::NoAnswer, "there are no choices in it")
        }
        _ => Said::default(),
    };
    if !is_nothing(document.get("error")) {
        said.blame(Why::Failed, "an error with status 200");
    }
    said.usage = document.get("usage").and_then(|usage| used(api, usage));
    said
}

fn one(choice: &Value) -> Said {
    let Some(message @ Value::Object(_)) = choice.get("message") else {
        return Said::wrong(Why::Shape, "the choice has no message");
    };
    let mut said = Said::default();
    match choice.get("finish_reason") {
        Some(Value::Str(finish)) => said.finish = Some(finish.clone()),
        _ => said.blame(Why::Unfinished, "it does not say how it ended"),
    }
    match content(message.get("content")) {
        Some(text) => said.text = text,
        None => said.blame(Why::Shape, "the content is neither text nor parts of text"),
    }
    // A refusal has no content; what it says instead is kept.
    match message.get("refusal") {
        None | Some(Value::Null) => {}
        Some(Value::Str(refusal)) if refusal.is_empty() => {}
        Some(refusal) => {
            if let (true, Some(refusal)) = (said.text.is_empty(), refusal.as_str()) {
                refusal.clone_into(&mut said.text);
            }
            said.blame(Why::Refused, "the model refused");
        }
    }
    match said.finish.as_deref() {
        Some("stop") => {}
        Some("length" | "model_length") => {
            said.blame(Why::Truncated, "the answer was cut at the cap");
        }
        Some("content_filter") => said.blame(Why::Filtered, "the answer was filtered"),
        Some("tool_calls" | "function_call") => said.blame(Why::ToolCalls, "it calls a tool"),
        _ => said.blame(Why::Unfinished, "it did not end properly"),
    }
    if !is_nothing(message.get("tool_calls")) || !is_nothing(message.get("function_call")) {
        said.blame(Why::ToolCalls, "it calls a tool");
    }
    if message.get("role").and_then(Value::as_str) != Some("assistant") {
        said.blame(Why::Shape, "the message is not the assistant's");
    }
    said
}

/// Text, or Mistral's parts: those of text are joined, those of thinking left out.
fn content(content: Option<&Value>) -> Option<String> {
    match content {
        None | Some(Value::Null) => Some(String::new()),
        Some(Value::Str(text)) => Some(text.clone()),
        Some(Value::Array(parts)) => {
            let mut whole = String::new();
            for part in parts {
                match part.get("type").and_then(Value::as_str)? {
                    "text" => whole.push_str(part.get("text")?.as_str()?),
                    "thinking" => {}
                    _ => return None,
                }
            }
            Some(whole)
        }
        Some(_) => None,
    }
}

fn used(api: Api, usage: &Value) -> Option<Usage> {
    let input = count(usage, "prompt_tokens")?;
    let output = count(usage, "completion_tokens")?;
    let mut cached = detail(usage, "prompt_tokens_details", "cached_tokens")?;
    match api {
        Api::MoonshotChat => cached = cached.max(optional_count(usage, "cached_tokens")?),
        Api::MistralChat => cached = cached.max(optional_count(usage, "num_cached_tokens")?),
        _ => {}
    }
    let cache_write = detail(usage, "prompt_tokens_details", "cache_write_tokens")?;
    (cached <= input && cache_write <= input).then_some(Usage {
        input,
        cached,
        cache_write,
        output,
    })
}

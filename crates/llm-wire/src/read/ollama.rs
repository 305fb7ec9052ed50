//! Answers of `POST /api/chat`, not streamed.

use canonical_json::Value;

use super::{Said, Usage, count, is_nothing, optional_count};
use crate::fault::Why;

pub(super) fn read(document: &Value) -> Said {
    let mut said = Said { is_free: true, ..Said::default() };
    if !is_nothing(document.get("error")) {
        said.blame(Why::Failed, "an error with status 200");
    }
    if document.get("done") != Some(&Value::Bool(true)) {
        said.blame(Why::Unfinished, "it is not done");
    }
    let finish = document.get("done_reason").and_then(Value::as_str);
    match finish {
        Some("stop") => {}
        Some("length") => said.blame(Why::Truncated, "the answer was cut at the cap"),
        _ => said.blame(Why::Unfinished, "it did not end properly"),
    }
    said.finish = finish.map(str::to_owned);
    match document.get("message") {
        Some(message @ Value::Object(_)) => {
            if !is_nothing(message.get("tool_calls")) {
                said.blame(Why::ToolCalls, "it calls a tool");
            }
            if message.get("role").and_then(Value::as_str) != Some("assistant") {
                said.blame(Why::Shape, "the message is not the assistant's");
            }
            match message.get("content") {
                Some(Value::Str(text)) => said.text.clone_from(text),
                _ => said.blame(Why::Shape, "the message has no text"),
            }
        }
        _ => said.blame(Why::NoAnswer, "there is no message in it"),
    }
    said.usage = used(document);
    said
}

/// The count of the prompt is missing where all of it was in the cache.
fn used(document: &Value) -> Option<Usage> {
    let input = optional_count(document, "prompt_eval_count")?;
    let output = count(document, "eval_count")?;
    Some(Usage { input, output, ..Usage::default() })
}

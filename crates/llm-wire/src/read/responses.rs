//! Answers of `POST /responses`: 200 also for what failed or was cut.

use canonical_json::Value;

use super::{Said, Usage, count, detail, is_nothing};
use crate::fault::Why;

pub(super) fn read(document: &Value) -> Said {
    let mut said = Said::default();
    let status = document.get("status").and_then(Value::as_str);
    match status {
        Some("completed") => {}
        Some("incomplete") => {
            let details = document.get("incomplete_details");
            match details.and_then(|it| it.get("reason")).and_then(Value::as_str) {
                Some("max_output_tokens") => {
                    said.blame(Why::Truncated, "the answer was cut at the cap");
                }
                Some("content_filter") => said.blame(Why::Filtered, "the answer was filtered"),
                _ => said.blame(Why::Unfinished, "the answer is incomplete"),
            }
        }
        Some("failed") => said.blame(Why::Failed, "the call failed"),
        _ => said.blame(Why::Unfinished, "the answer is not complete"),
    }
    if !is_nothing(document.get("error")) {
        said.blame(Why::Failed, "the call failed");
    }
    said.finish = status.map(str::to_owned);
    match document.get("output") {
        Some(Value::Array(items)) => output(&mut said, items),
        _ => said.blame(Why::NoAnswer, "there is no output in it"),
    }
    said.usage = document.get("usage").and_then(used);
    said
}

/// Reasoning comes first and is nobody's business; then exactly one message.
fn output(said: &mut Said, items: &[Value]) {
    let mut messages = 0;
    for item in items {
        match item.get("type").and_then(Value::as_str) {
            Some("reasoning") => {}
            Some("message") => {
                messages += 1;
                if messages == 1 {
                    message(said, item);
                }
            }
            Some(kind) if kind.ends_with("_call") => said.blame(Why::ToolCalls, "it calls a tool"),
            _ => said.blame(Why::Shape, "an output of unknown type"),
        }
    }
    match messages {
        0 => said.blame(Why::NoAnswer, "there is no message in it"),
        1 => {}
        _ => said.blame(Why::ManyAnswers, "there is more than one message in it"),
    }
}

fn message(said: &mut Said, item: &Value) {
    if item.get("role").and_then(Value::as_str) != Some("assistant") {
        said.blame(Why::Shape, "the message is not the assistant's");
    }
    let Some(Value::Array(parts)) = item.get("content") else {
        said.blame(Why::Shape, "the message has no parts");
        return;
    };
    for part in parts {
        let text = |name| part.get(name).and_then(Value::as_str);
        match (text("type"), text("text"), text("refusal")) {
            (Some("output_text"), Some(text), _) => said.text.push_str(text),
            (Some("refusal"), _, refusal) => {
                said.text.push_str(refusal.unwrap_or_default());
                said.blame(Why::Refused, "the model refused");
            }
            _ => said.blame(Why::Shape, "a part that is not text"),
        }
    }
    match item.get("status").and_then(Value::as_str) {
        None | Some("completed") => {}
        Some(_) => said.blame(Why::Unfinished, "the message is incomplete"),
    }
}

fn used(usage: &Value) -> Option<Usage> {
    let input = count(usage, "input_tokens")?;
    let output = count(usage, "output_tokens")?;
    let cached = detail(usage, "input_tokens_details", "cached_tokens")?;
    let cache_write = detail(usage, "input_tokens_details", "cache_write_tokens")?;
    (cached <= input && cache_write <= input).then_some(Usage {
        input,
        cached,
        cache_write,
        output,
    })
}

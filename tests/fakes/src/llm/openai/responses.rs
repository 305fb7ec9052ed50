//! `POST /v1/responses`.

use serde_json::{Value, json};

use super::OpenAi;
use super::rules::{Refusal, bad, cap, effort, is_name, opened, strict, temperature};
use crate::http::Received;
use crate::llm::{Asked, CREATED, Ending, Said, content_text};

const KNOWN: &[&str] = &[
    "model",
    "input",
    "instructions",
    "max_output_tokens",
    "text",
    "reasoning",
    "store",
    "temperature",
    "top_p",
    "service_tier",
    "metadata",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "truncation",
    "include",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "previous_response_id",
    "stream",
    "background",
];

/// The question and the snapshot that answers it, or a refusal.
pub(super) fn judged(provider: &OpenAi, request: &Received) -> Result<(Asked, String), Refusal> {
    let (body, model) = opened(provider, request, KNOWN)?;
    let Some(messages) = messages(&body) else {
        return Err(bad("Invalid value: 'input'.", "input", Some("invalid_value")));
    };
    cap(&body, "max_output_tokens", 16, model)?;
    effort(body.pointer("/reasoning/effort"), model, "reasoning.effort")?;
    temperature(&body, model, body.pointer("/reasoning/effort"))?;
    format(&body)?;
    let schema = body.pointer("/text/format/schema").cloned();
    Ok((Asked { model: model.id.clone(), messages, schema, body }, model.snapshot.clone()))
}

fn messages(body: &Value) -> Option<Vec<(String, String)>> {
    let mut messages = Vec::new();
    match body.get("instructions") {
        None | Some(Value::Null) => {}
        Some(text) => messages.push(("system".to_owned(), text.as_str()?.to_owned())),
    }
    match body.get("input")? {
        Value::String(text) => messages.push(("user".to_owned(), text.clone())),
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let role = item.get("role")?.as_str()?;
                if !["system", "developer", "user", "assistant"].contains(&role) {
                    return None;
                }
                let text = content_text(item.get("content")?, "input_text", "input_image")?;
                messages.push((role.to_owned(), text));
            }
        }
        _ => return None,
    }
    Some(messages)
}

fn format(body: &Value) -> Result<(), Refusal> {
    let Some(format) = body.pointer("/text/format").filter(|it| !it.is_null()) else {
        return Ok(());
    };
    if format.get("type").and_then(Value::as_str) != Some("json_schema") {
        return Ok(());
    }
    if !is_name(format.get("name")) {
        let message = "Missing required parameter: 'text.format.name'.";
        return Err(bad(message, "text.format.name", Some("missing_required_parameter")));
    }
    let Some(schema) = format.get("schema") else {
        let message = "Missing required parameter: 'text.format.schema'.";
        return Err(bad(message, "text.format.schema", Some("missing_required_parameter")));
    };
    let is_strict = format.get("strict") != Some(&json!(false));
    match Some(schema).filter(|_| is_strict).and_then(strict) {
        Some(wrong) => {
            let name = format.get("name").and_then(Value::as_str).unwrap_or_default();
            let message = format!("Invalid schema for response_format '{name}': {wrong}");
            Err(bad(&message, "text.format.schema", Some("invalid_json_schema")))
        }
        None => Ok(()),
    }
}

/// A response: 200, whatever became of it.
pub(super) fn response(number: u64, asked: &Asked, said: &Said, snapshot: &str) -> Value {
    let (status, reason, error) = match &said.end {
        Ending::Stop | Ending::ToolCalls => ("completed", None, Value::Null),
        Ending::Length => ("incomplete", Some("max_output_tokens"), Value::Null),
        Ending::Filtered => ("incomplete", Some("content_filter"), Value::Null),
        Ending::Failed(code) => ("failed", None, json!({"code": code, "message": "It failed."})),
    };
    let content = match &said.refusal {
        Some(refusal) => json!([{"type": "refusal", "refusal": refusal}]),
        None => json!([
            {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []},
        ]),
    };
    let message_status = if status == "incomplete" { "incomplete" } else { "completed" };
    let mut output =
        vec![json!({"id": format!("rs_{number}"), "type": "reasoning", "summary": []})];
    match said.end {
        Ending::Failed(_) => output.clear(),
        Ending::ToolCalls => output.push(json!({
            "id": format!("fc_{number}"), "type": "function_call", "call_id": "call_1",
            "name": "f", "arguments": "{}", "status": "completed",
        })),
        _ => output.extend((0..said.choices).map(|index| {
            json!({
                "id": format!("msg_{number}_{index}"), "type": "message", "role": "assistant",
                "status": message_status, "content": content,
            })
        })),
    }
    let (input, cached, spent) = said.used(asked);
    let usage = json!({
        "input_tokens": input,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
        "output_tokens": spent, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input + spent,
    });
    let is_told = said.tells_usage && !matches!(said.end, Ending::Failed(_));
    json!({
        "id": format!("resp_{number}"), "object": "response", "created_at": CREATED,
        "status": status, "error": error, "incomplete_details": reason.map(|it| json!({"reason": it})),
        "instructions": asked.body.get("instructions"), "metadata": {},
        "model": said.model.as_deref().unwrap_or(snapshot), "output": output,
        "parallel_tool_calls": true, "temperature": 1.0, "tool_choice": "auto", "tools": [],
        "top_p": 1.0, "store": asked.body.get("store").cloned().unwrap_or(json!(true)),
        "service_tier": "default",
        "text": asked.body.get("text").cloned().unwrap_or(json!({"format": {"type": "text"}})),
        "usage": if is_told { usage } else { Value::Null },
    })
}

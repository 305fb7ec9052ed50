//! What `codex exec --json` prints, a JSON object a line.

use llm::Usage;
use serde_json::Value;

/// What a run told.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Told {
    /// The text of its last message.
    pub answer: Option<String>,
    /// Tokens, over all turns; `None` where it does not say, or says that an answer took none.
    pub usage: Option<Usage>,
    /// Why a turn failed.
    pub failed: Option<String>,
}

/// Reads the lines. An item of type `error` and a top-level `error` are only warnings.
///
/// # Errors
/// When a line is no JSON object, or codex did anything but think and answer: a reviewer that ran a
/// command, changed a file or searched was led to it by what it read.
pub fn read(lines: &[u8]) -> Result<Told, String> {
    let mut told = Told::default();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        let event: Value =
            serde_json::from_slice(line).map_err(|err| format!("a line is no JSON: {err}"))?;
        let text = |at: &str| event.pointer(at).and_then(Value::as_str);
        let count = |name: &str| {
            event.pointer(&format!("/usage/{name}")).and_then(Value::as_u64).unwrap_or(0)
        };
        match text("/type").ok_or("a line names no type")? {
            "item.started" | "item.updated" | "item.completed" => match text("/item/type") {
                Some("agent_message") if text("/type") == Some("item.completed") => {
                    told.answer = text("/item/text").map(str::to_owned);
                }
                Some("agent_message" | "reasoning" | "error" | "todo_list") => {}
                other => {
                    let what = other.unwrap_or("something without a name");
                    return Err(format!("it did more than answer: {what}"));
                }
            },
            "turn.completed" => {
                let before = told.usage.unwrap_or_default();
                let add = |old: u64, name: &str| old.saturating_add(count(name));
                let usage = Usage {
                    input: add(before.input, "input_tokens"),
                    cached: add(before.cached, "cached_input_tokens"),
                    cache_write: add(before.cache_write, "cache_write_input_tokens"),
                    output: add(before.output, "output_tokens"),
                };
                told.usage = Some(usage).filter(|it| it.input > 0 && it.output > 0);
            }
            "turn.failed" => {
                let why = text("/error/message").unwrap_or("it does not say why");
                told.failed = Some(why.to_owned());
                told.answer = None;
            }
            _ => {}
        }
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = r#"{"type":"thread.started","thread_id":"1"}
{"type":"item.completed","item":{"id":"item_0","type":"error","message":"Model metadata not found."}}
{"type":"turn.started"}
"#;

    fn told(rest: &str) -> Result<Told, String> {
        read(format!("{START}{rest}\n").as_bytes())
    }

    #[test]
    fn the_last_message_is_the_answer_and_usage_adds_up() {
        let rest = r#"{"type":"item.completed","item":{"type":"reasoning","text":"hm"}}
{"type":"item.completed","item":{"type":"agent_message","text":"first"}}
{"type":"error","message":"Reconnecting... 2/5"}
{"type":"item.completed","item":{"type":"agent_message","text":"{\"ok\":true}"}}
{"type":"turn.completed","usage":{"input_tokens":11,"cached_input_tokens":3,"cache_write_input_tokens":2,"output_tokens":5}}"#;
        let told = told(rest).unwrap();
        assert_eq!(told.answer.as_deref(), Some("{\"ok\":true}"));
        let usage = Usage { input: 11, cached: 3, cache_write: 2, output: 5 };
        assert_eq!(told.usage, Some(usage));
    }

    #[test]
    fn usage_that_is_not_told_or_is_nothing_is_not_known() {
        for rest in [
            "",
            r#"{"type":"turn.completed"}"#,
            r#"{"type":"turn.completed","usage":{"input_tokens":0,"output_tokens":0}}"#,
            r#"{"type":"turn.completed","usage":{"input_tokens":9,"output_tokens":-1}}"#,
        ] {
            assert_eq!(told(rest).unwrap().usage, None, "{rest}");
        }
    }

    #[test]
    fn a_failed_turn_leaves_no_answer() {
        let rest = r#"{"type":"item.completed","item":{"type":"agent_message","text":"{}"}}
{"type":"turn.failed","error":{"message":"unexpected status 401"}}"#;
        let told = told(rest).unwrap();
        assert_eq!((told.answer, told.failed.as_deref()), (None, Some("unexpected status 401")));
    }

    #[test]
    fn a_reviewer_that_does_more_than_answer_is_no_reviewer() {
        for kind in ["command_execution", "file_change", "mcp_tool_call", "web_search", "novelty"] {
            let rest = format!(r#"{{"type":"item.started","item":{{"type":"{kind}"}}}}"#);
            assert!(told(&rest).unwrap_err().contains(kind));
        }
        assert!(told(r#"{"type":"item.completed"}"#).is_err());
        assert!(told("not json").is_err());
        assert!(told("[]").is_err());
    }
}

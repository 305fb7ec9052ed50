//! What `codex exec --json` prints, a JSON object a line.

use llm::Usage;
use serde_json::Value;

/// What a run told.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Told {
    /// The text of its last message.
    pub answer: Option<String>,
    /// Tokens, over all turns; `None` where it does not say so of each that began, or says that one
    /// took none: what is not known has to be taken for the most it can be.
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
    // What all turns up to here took; whether one is under way.
    let (mut usage, mut in_turn) = (Some(Usage::default()), false);
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
            "turn.started" => {
                // The one before never said what it took.
                usage = usage.filter(|_| !in_turn);
                in_turn = true;
            }
            "turn.completed" => {
                in_turn = false;
                let says = count("input_tokens") > 0 && count("output_tokens") > 0;
                let add = |old: u64, name: &str| old.saturating_add(count(name));
                usage = usage.filter(|_| says).map(|before| Usage {
                    input: add(before.input, "input_tokens"),
                    cached: add(before.cached, "cached_input_tokens"),
                    cache_write: add(before.cache_write, "cache_write_input_tokens"),
                    output: add(before.output, "output_tokens"),
                });
            }
            "turn.failed" => {
                (usage, in_turn) = (None, false);
                let why = text("/error/message").unwrap_or("it does not say why");
                told.failed = Some(why.to_owned());
                told.answer = None;
            }
            _ => {}
        }
    }
    told.usage = usage.filter(|it| !in_turn && *it != Usage::default());
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
    fn usage_of_one_turn_is_not_that_of_all() {
        let start = r#"{"type":"turn.started"}"#;
        let fine = r#"{"type":"turn.completed","usage":{"input_tokens":9,"output_tokens":2}}"#;
        let silent = r#"{"type":"turn.completed"}"#;
        let none = r#"{"type":"turn.completed","usage":{"input_tokens":0,"output_tokens":0}}"#;
        let failed = r#"{"type":"turn.failed","error":{"message":"no"}}"#;
        let both = Usage { input: 18, output: 4, ..Usage::default() };
        for (lines, usage) in [
            (vec![fine, start, fine], Some(both)),
            (vec![fine, start, silent], None),
            (vec![fine, start, none], None),
            (vec![silent, start, fine], None),
            (vec![fine, start, failed], None),
            (vec![failed, start, fine], None),
            (vec![fine, start], None),
            (vec![start, fine], None),
        ] {
            assert_eq!(told(&lines.join("\n")).unwrap().usage, usage, "{lines:?}");
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

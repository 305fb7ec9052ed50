//! A script as a JSON document: for `fake-llm`, whose callers do not speak Rust.
//!
//! ```json
//! {"then": [STEP, …], "otherwise": STEP}
//! ```
//! A step is one of
//! `"answer"`, `"hang"`, `"reset"`, `"close"`, `"close_at_once"`, `"close_after_head"`,
//! `{"say": {"text"|"json"|"refusal": …, "end": "length"|"filtered"|"tool_calls"|{"failed": CODE},
//! "choices": N, "usage": [IN, CACHED, OUT]|null, "model": NAME}}`,
//! `{"trouble": NAME, "headers": {…}}`,
//! `{"status": N, "body": TEXT, "headers": {…}}`,
//! `{"cut_body": BYTES}`, `{"cut_head": BYTES}`, `{"slowly_ms": N}`.
//!
//! Each request takes one step, lists of models too: give those `"answer"` only where no question
//! follows that is to be answered by `say`.

use std::time::Duration;

use serde_json::Value;

use super::{Brain, Ending, Said, trouble};
use crate::behaviour::{Behaviour, How};
use crate::http::Reply;
use crate::{Fake, Service};

/// One step of a script.
#[derive(Clone, Debug)]
pub enum Step {
    /// The model says this, if the request passes the provider's rules.
    Say(Box<Said>),
    /// Something happens on the way.
    Happens(Behaviour),
}

/// Reads a script: its steps, and what happens after them. The provider's name finds its troubles.
pub fn script(provider: &str, document: &Value) -> Result<(Vec<Step>, Option<Step>), String> {
    let members = document.as_object().ok_or("a script is an object")?;
    if let Some(name) = members.keys().find(|it| !["then", "otherwise"].contains(&it.as_str())) {
        return Err(format!("a script has no `{name}`"));
    }
    let steps = match members.get("then") {
        None => Vec::new(),
        Some(steps) => {
            let steps = steps.as_array().ok_or("`then` is a list")?;
            steps.iter().map(|it| step(provider, it)).collect::<Result<_, _>>()?
        }
    };
    let otherwise = members.get("otherwise").map(|it| step(provider, it)).transpose()?;
    Ok((steps, otherwise))
}

/// Puts a script before a fake; `brain` finds the part of the service that talks.
pub fn perform<S: Service>(
    fake: &Fake<S>,
    (steps, otherwise): (Vec<Step>, Option<Step>),
    brain: fn(&mut S) -> &mut Brain,
) {
    for step in steps {
        match step {
            Step::Say(said) => {
                fake.then(Behaviour::normal());
                fake.service(|it| brain(it).then(*said));
            }
            Step::Happens(behaviour) => {
                // An answer that is spoilt on its way must not use up what a later step says.
                if behaviour.acts || matches!(behaviour.how, How::Hang) {
                    fake.service(|it| brain(it).then_as_usual());
                }
                fake.then(behaviour);
            }
        }
    }
    match otherwise {
        None => {}
        Some(Step::Say(said)) => fake.service(|it| brain(it).thinks(move |_| (*said).clone())),
        Some(Step::Happens(behaviour)) => {
            fake.otherwise(behaviour);
        }
    }
}

fn step(provider: &str, step: &Value) -> Result<Step, String> {
    let wrong = || format!("no such step: {step}");
    if let Some(word) = step.as_str() {
        let how = match word {
            "answer" => How::Answer,
            "hang" => How::Hang,
            "reset" => How::Reset,
            "close" => How::Close,
            "close_at_once" => How::CloseAtOnce,
            "close_after_head" => How::CloseAfterHead,
            _ => return Err(wrong()),
        };
        return Ok(Step::Happens(how.into()));
    }
    let members = step.as_object().ok_or_else(wrong)?;
    let number = |name: &str| step.get(name).and_then(Value::as_u64);
    let size = |name: &str| number(name).and_then(|it| usize::try_from(it).ok()).ok_or_else(wrong);
    let names: Vec<&str> = members.keys().map(String::as_str).collect();
    let how = match names.as_slice() {
        ["say"] => return said(&members["say"]).map(|it| Step::Say(Box::new(it))),
        ["cut_body"] => How::CutBody(size("cut_body")?),
        ["cut_head"] => How::CutHead(size("cut_head")?),
        ["slowly_ms"] => How::Slowly(Duration::from_millis(number("slowly_ms").ok_or_else(wrong)?)),
        ["trouble"] | ["headers", "trouble"] => {
            let name = step.get("trouble").and_then(Value::as_str).ok_or_else(wrong)?;
            let reply = trouble(provider, name).ok_or_else(wrong)?;
            How::Instead(with_headers(reply, step.get("headers")).ok_or_else(wrong)?)
        }
        _ if names.contains(&"status")
            && names.iter().all(|it| ["status", "body", "headers"].contains(it)) =>
        {
            let status = number("status").and_then(|it| u16::try_from(it).ok());
            let body = step.get("body").map_or(Some(""), Value::as_str).ok_or_else(wrong)?;
            let reply = Reply {
                status: status.ok_or_else(wrong)?,
                headers: Vec::new(),
                body: body.as_bytes().to_vec(),
            };
            How::Instead(with_headers(reply, step.get("headers")).ok_or_else(wrong)?)
        }
        _ => return Err(wrong()),
    };
    Ok(Step::Happens(how.into()))
}

fn with_headers(reply: Reply, headers: Option<&Value>) -> Option<Reply> {
    let Some(headers) = headers else { return Some(reply) };
    headers
        .as_object()?
        .iter()
        .try_fold(reply, |reply, (name, value)| Some(reply.with_header(name, value.as_str()?)))
}

fn said(document: &Value) -> Result<Said, String> {
    let wrong = |what: &str| format!("`say` has a wrong `{what}`");
    let mut said = Said::text("ok");
    for (name, value) in document.as_object().ok_or("`say` is an object")? {
        let text = || value.as_str().map(str::to_owned).ok_or_else(|| wrong(name));
        match name.as_str() {
            "text" => said.text = text()?,
            "json" => said.text = value.to_string(),
            "refusal" => said = Said { refusal: Some(text()?), text: String::new(), ..said },
            "model" => said.model = Some(text()?),
            "choices" => {
                let count = value.as_u64().and_then(|it| usize::try_from(it).ok());
                said.choices = count.ok_or_else(|| wrong(name))?;
            }
            "usage" if value.is_null() => said.tells_usage = false,
            "usage" => {
                let counts = value.as_array().map(|it| it.iter().filter_map(Value::as_u64));
                let counts: Vec<u64> = counts.into_iter().flatten().collect();
                let [input, cached, output] = counts[..] else { return Err(wrong(name)) };
                said.usage = Some((input, cached, output));
            }
            "end" => {
                let failed = value.get("failed").and_then(Value::as_str);
                said.end = match (value.as_str(), failed) {
                    (Some("length"), _) => Ending::Length,
                    (Some("filtered"), _) => Ending::Filtered,
                    (Some("tool_calls"), _) => Ending::ToolCalls,
                    (_, Some(code)) => Ending::Failed(code.to_owned()),
                    _ => return Err(wrong(name)),
                };
            }
            _ => return Err(format!("`say` has no `{name}`")),
        }
    }
    Ok(said)
}

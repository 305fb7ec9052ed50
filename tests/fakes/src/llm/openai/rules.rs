//! What both of `OpenAI`'s forms refuse, in its words.

use serde_json::Value;

use super::{OpenAi, refused, unknown_model};
use crate::http::{Received, Reply};
use crate::llm::{Offered, find, number_between, object};

pub(super) type Refusal = Reply;

pub(super) fn bad(message: &str, param: &str, code: Option<&str>) -> Refusal {
    refused(400, message, Some(param), code)
}

/// The body and the model of a request that passes the rules of both forms.
pub(super) fn opened<'a>(
    provider: &'a OpenAi,
    request: &Received,
    known: &[&str],
) -> Result<(Value, &'a Offered), Refusal> {
    let Some(body) = object(request) else {
        let message = "We could not parse the JSON body of your request.";
        return Err(refused(400, message, None, None));
    };
    for name in body.as_object().into_iter().flat_map(|it| it.keys()) {
        if !known.contains(&name.as_str()) {
            let message = format!("Unknown parameter: '{name}'.");
            return Err(bad(&message, name, Some("unknown_parameter")));
        }
    }
    let Some(name) = body.get("model").and_then(Value::as_str) else {
        return Err(bad("you must provide a model parameter", "model", None));
    };
    let model = find(&provider.models, name).ok_or_else(|| unknown_model(name))?;
    let tiers = ["auto", "default", "flex", "scale", "priority", "fast"];
    let tier = body.get("service_tier").filter(|it| !it.is_null());
    if tier.is_some_and(|it| !it.as_str().is_some_and(|it| tiers.contains(&it))) {
        let message = "Invalid value: 'service_tier'.";
        return Err(bad(message, "service_tier", Some("invalid_value")));
    }
    if body.get("store").is_some_and(|it| !it.is_boolean() && !it.is_null()) {
        let message = "Invalid type for 'store': expected a boolean.";
        return Err(bad(message, "store", Some("invalid_type")));
    }
    Ok((body, model))
}

/// gpt-4 and before do not reason; everything since does.
pub(super) fn reasons(model: &Offered) -> bool {
    !model.id.starts_with("gpt-4")
}

pub(super) fn temperature(
    body: &Value,
    model: &Offered,
    effort: Option<&Value>,
) -> Result<(), Refusal> {
    let temperature = body.get("temperature").filter(|it| !it.is_null());
    let thinks = reasons(model) && effort.and_then(Value::as_str) != Some("none");
    if thinks && temperature.is_some_and(|it| it.as_f64() != Some(1.0)) {
        let value = temperature.map(Value::to_string).unwrap_or_default();
        let message = format!(
            "Unsupported value: 'temperature' does not support {value} with this model. Only the \
             default (1) value is supported."
        );
        return Err(bad(&message, "temperature", Some("unsupported_value")));
    }
    if !number_between(temperature, 0.0..=2.0) {
        let message = "Invalid 'temperature': expected a value between 0 and 2.";
        return Err(bad(message, "temperature", Some("decimal_above_max_value")));
    }
    Ok(())
}

pub(super) fn effort(effort: Option<&Value>, model: &Offered, param: &str) -> Result<(), Refusal> {
    let Some(effort) = effort.filter(|it| !it.is_null()) else { return Ok(()) };
    let levels = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
    if !reasons(model) {
        let message = format!("Unsupported parameter: '{param}' is not supported with this model.");
        return Err(bad(&message, param, Some("unsupported_parameter")));
    }
    // The first reasoning models cannot do without.
    let takes_none = !(model.id.starts_with('o') || model.id.starts_with("gpt-5-"));
    match effort.as_str() {
        Some("none") if !takes_none => {
            let message = format!("Unsupported value: '{param}' does not support 'none'.");
            Err(bad(&message, param, Some("unsupported_value")))
        }
        Some(level) if levels.contains(&level) => Ok(()),
        _ => Err(bad(&format!("Invalid value: '{param}'."), param, Some("invalid_value"))),
    }
}

/// A cap on output tokens.
pub(super) fn cap(body: &Value, name: &str, least: u64, model: &Offered) -> Result<(), Refusal> {
    let Some(cap) = body.get(name).filter(|it| !it.is_null()) else { return Ok(()) };
    match cap.as_u64() {
        Some(cap) if cap < least => {
            let message = format!(
                "Invalid '{name}': integer below minimum value. Expected a value >= {least}, but \
                 got {cap} instead."
            );
            Err(bad(&message, name, Some("integer_below_min_value")))
        }
        Some(cap) if cap > model.max_output => {
            let most = model.max_output;
            let message = format!(
                "{name} is too large: {cap}. This model supports at most {most} completion tokens."
            );
            Err(bad(&message, name, Some("invalid_value")))
        }
        Some(_) => Ok(()),
        None => {
            let message = format!("Invalid type for '{name}': expected an integer.");
            Err(bad(&message, name, Some("invalid_type")))
        }
    }
}

/// The name of a schema.
pub(super) fn is_name(name: Option<&Value>) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let fits = |name: &str| (1..=64).contains(&name.len()) && name.bytes().all(is_word);
    name.and_then(Value::as_str).is_some_and(fits)
}

/// What is wrong with a strict schema, in the service's words; told for the first place only.
pub(super) fn strict(schema: &Value) -> Option<String> {
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return Some("schema must be a JSON Schema of 'type: \"object\"', got another.".to_owned());
    }
    within(schema, &mut Vec::new(), 1)
}

fn within(schema: &Value, path: &mut Vec<String>, depth: usize) -> Option<String> {
    let context = |path: &[String]| {
        let quoted: Vec<String> = path.iter().map(|it| format!("'{it}'")).collect();
        format!("In context=({})", quoted.join(", "))
    };
    for word in ["allOf", "oneOf", "not", "if", "patternProperties", "dependentRequired"] {
        if schema.get(word).is_some() {
            return Some(format!("{}, '{word}' is not permitted.", context(path)));
        }
    }
    if schema.get("$ref").is_some() && schema.as_object().is_some_and(|it| it.len() > 1) {
        return Some(format!("{}, $ref cannot have keywords beside it.", context(path)));
    }
    let kind = schema.get("type");
    let is_object = kind.and_then(Value::as_str) == Some("object")
        || kind.and_then(Value::as_array).is_some_and(|it| it.iter().any(|it| it == "object"));
    if is_object {
        if depth > 10 {
            return Some(format!("{depth} levels of nesting exceeds limit of 10."));
        }
        if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
            return Some(format!(
                "{}, 'additionalProperties' is required to be supplied and to be false.",
                context(path)
            ));
        }
        let empty = serde_json::Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let required = schema.get("required").and_then(Value::as_array);
        for name in properties.keys() {
            if !required.is_some_and(|it| it.iter().any(|it| it == name)) {
                return Some(format!(
                    "{}, 'required' is required to be supplied and to be an array including every \
                     key in properties. Missing '{name}'.",
                    context(path)
                ));
            }
        }
    }
    let mut below: Vec<(Vec<String>, &Value)> = Vec::new();
    for group in ["properties", "$defs", "definitions"] {
        for (name, schema) in schema.get(group).and_then(Value::as_object).into_iter().flatten() {
            below.push((vec![group.to_owned(), name.clone()], schema));
        }
    }
    if let Some(items) = schema.get("items") {
        below.push((vec!["items".to_owned()], items));
    }
    for (at, option) in
        schema.get("anyOf").and_then(Value::as_array).into_iter().flatten().enumerate()
    {
        below.push((vec!["anyOf".to_owned(), at.to_string()], option));
    }
    for (step, schema) in below {
        let length = path.len();
        path.extend(step);
        let found = within(schema, path, depth + 1);
        path.truncate(length);
        if found.is_some() {
            return found;
        }
    }
    None
}

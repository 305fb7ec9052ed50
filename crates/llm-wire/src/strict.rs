//! The subset of JSON Schema that strict structured output takes everywhere
//! (facts/openai.md, "Strict rules"; facts/review-and-router.md 3.4).

use crate::ordered::Ordered;
use serde_json::Value;

/// Nesting of objects and arrays that `OpenAI` was seen to take.
const DEEPEST: usize = 5;
/// Properties in all objects together.
const MOST_PROPERTIES: usize = 100;

/// Keywords that strict mode is known to refuse.
const REFUSED: &[&str] = &[
    "allOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
    "propertyNames",
    "unevaluatedProperties",
    "default",
];

/// Keywords that only some models take: lengths and ranges are for our own validation.
const RISKY: &[&str] = &[
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "pattern",
    "format",
    "minProperties",
    "maxProperties",
    "contains",
];

/// Every reason why providers may refuse this schema in strict mode, each with its place as a
/// JSON pointer. Empty: it is fine. The text need not be JSON; that is a reason too.
pub fn strict_violations(schema: &str) -> Vec<String> {
    match Ordered::parse(schema) {
        Ok(schema) => violations(&schema),
        Err(err) => vec![format!("/: not a JSON document: {err}")],
    }
}

pub(crate) fn violations(schema: &Ordered) -> Vec<String> {
    let mut found = Found::default();
    if !is_text(schema.get("type"), "object") {
        found.add("", "the root must have \"type\": \"object\"");
    }
    if schema.get("anyOf").is_some() {
        found.add("", "the root must not have anyOf");
    }
    found.schema(schema, "", 0);
    if found.properties > MOST_PROPERTIES {
        found.add("", &format!("more than {MOST_PROPERTIES} properties"));
    }
    found.violations
}

#[derive(Default)]
struct Found {
    violations: Vec<String>,
    properties: usize,
}

impl Found {
    fn add(&mut self, at: &str, what: &str) {
        self.violations.push(format!("{}: {what}", if at.is_empty() { "/" } else { at }));
    }

    fn schema(&mut self, schema: &Ordered, at: &str, depth: usize) {
        let Ordered::Object(members) = schema else {
            self.add(at, "a schema must be an object");
            return;
        };
        for (name, value) in members {
            let below = format!("{at}/{name}");
            match name.as_str() {
                "properties" => {}
                "items" => self.schema(value, &below, depth + 1),
                "anyOf" => match value {
                    Ordered::List(options) => {
                        for (number, option) in options.iter().enumerate() {
                            self.schema(option, &format!("{below}/{number}"), depth);
                        }
                    }
                    _ => self.add(&below, "must be an array"),
                },
                "$defs" | "definitions" => self.each(value, &below, depth),
                "$ref" if members.len() > 1 => self.add(&below, "must stand alone"),
                name if REFUSED.contains(&name) => self.add(&below, "strict mode has no such word"),
                name if RISKY.contains(&name) => {
                    self.add(&below, "not every model takes it: leave it to our own validation");
                }
                _ => {}
            }
        }
        if is_text(schema.get("type"), "object") || schema.get("properties").is_some() {
            self.object(schema, at, depth);
        }
    }

    fn object(&mut self, schema: &Ordered, at: &str, depth: usize) {
        if depth >= DEEPEST {
            self.add(at, &format!("nested more than {DEEPEST} deep"));
            return;
        }
        if schema.get("additionalProperties") != Some(&Ordered::Scalar(Value::Bool(false))) {
            self.add(at, "additionalProperties must be false");
        }
        let names: Vec<&str> = match schema.get("properties") {
            Some(Ordered::Object(members)) => members.iter().map(|(name, _)| &**name).collect(),
            _ => Vec::new(),
        };
        self.properties += names.len();
        let required: Vec<&str> = match schema.get("required") {
            Some(Ordered::List(items)) => items.iter().filter_map(text).collect(),
            _ => Vec::new(),
        };
        for name in &names {
            if !required.contains(name) {
                self.add(at, &format!("`{name}` must be required; make it nullable instead"));
            }
        }
        for name in required.iter().filter(|name| !names.contains(name)) {
            self.add(at, &format!("`{name}` is required and not a property"));
        }
        if let Some(properties) = schema.get("properties") {
            self.each(properties, &format!("{at}/properties"), depth + 1);
        }
    }

    fn each(&mut self, schemas: &Ordered, at: &str, depth: usize) {
        match schemas {
            Ordered::Object(members) => {
                for (name, schema) in members {
                    self.schema(schema, &format!("{at}/{name}"), depth);
                }
            }
            _ => self.add(at, "must be an object"),
        }
    }
}

fn text(value: &Ordered) -> Option<&str> {
    match value {
        Ordered::Scalar(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// Whether a `type` is that text, or a list with it.
fn is_text(value: Option<&Ordered>, wanted: &str) -> bool {
    match value {
        Some(Ordered::List(items)) => items.iter().any(|item| text(item) == Some(wanted)),
        Some(value) => text(value) == Some(wanted),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strict_schema_passes() {
        let schema = r##"{"type":"object","additionalProperties":false,"required":["a","b","c"],
            "properties":{"a":{"type":["string","null"]},
              "b":{"type":"array","items":{"type":"object","additionalProperties":false,
                "required":["x"],"properties":{"x":{"$ref":"#/$defs/y"}}}},
              "c":{"anyOf":[{"type":"string","enum":["p","q"]},{"type":"null"}]}},
            "$defs":{"y":{"type":"integer"}}}"##;
        assert_eq!(strict_violations(schema), Vec::<String>::new());
    }

    #[test]
    fn each_rule_is_told_with_its_place() {
        let within = |inner: &str| {
            format!(
                r#"{{"type":"object","additionalProperties":false,"required":["a"],"properties":{{"a":{inner}}}}}"#
            )
        };
        for (schema, told) in [
            ("{".to_owned(), "/: not a JSON document"),
            (r#"{"type":"array"}"#.to_owned(), "/: the root must have"),
            (r#"{"type":"object","anyOf":[]}"#.to_owned(), "/: the root must not have anyOf"),
            (r#"{"type":"object","required":[]}"#.to_owned(), "/: additionalProperties"),
            (within(r#"{"type":"object"}"#), "/properties/a: additionalProperties"),
            (within(r#"{"type":"string","default":""}"#), "/properties/a/default: strict"),
            (within(r#"{"type":"string","maxLength":9}"#), "/properties/a/maxLength: not every"),
            (within(r##"{"$ref":"#/x","title":"t"}"##), "/properties/a/$ref: must stand alone"),
            (within(r#"{"oneOf":[]}"#), "/properties/a/oneOf: strict"),
            (within("true"), "/properties/a: a schema must be an object"),
            (within(r#"{"anyOf":[{"allOf":[]}]}"#), "/properties/a/anyOf/0/allOf: strict"),
            (within(r#"{"type":"array","items":{"not":{}}}"#), "/properties/a/items/not: strict"),
            (within(&within(&within(&within(&within(&within("{}")))))), "nested more than 5 deep"),
            (
                r#"{"type":"object","additionalProperties":false,"properties":{"a":{}}}"#.to_owned(),
                "/: `a` must be required",
            ),
            (
                r#"{"type":"object","additionalProperties":false,"properties":{},"required":["a"]}"#
                    .to_owned(),
                "/: `a` is required and not",
            ),
        ] {
            let found = strict_violations(&schema);
            assert!(found.iter().any(|it| it.contains(told)), "{told}: {found:?}");
        }
    }
}

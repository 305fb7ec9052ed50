//! Whether an answer is what was asked for. Nothing a provider promises stands in for this.

use jsonschema::Validator;
use ops_core::failure::{Exit, Failure, OrFail};
use serde_json::Value;

use crate::question::AnswerSchema;

/// How many violations are told.
const MOST_TOLD: usize = 5;

/// A schema that is ready to judge answers.
#[derive(Debug)]
pub(crate) struct Form {
    text: String,
    validator: Validator,
}

impl Form {
    /// Prepares a schema.
    ///
    /// # Errors
    /// Exit 65 when it is none.
    pub(crate) fn new(schema: &AnswerSchema) -> Result<Self, Failure> {
        let doing = || format!("use the answer's schema {}", schema.name);
        let document: Value =
            serde_json::from_str(&schema.text).or_fail(Exit::Malformed, doing())?;
        let validator = jsonschema::validator_for(&document)
            .map_err(|err| err.to_string())
            .or_fail(Exit::Malformed, doing())?;
        Ok(Self { text: schema.text.clone(), validator })
    }

    /// Whether it was made of this schema.
    pub(crate) fn is_of(&self, schema: &AnswerSchema) -> bool {
        self.text == schema.text
    }

    /// The answer as a document that the schema accepts; a key that is there twice is refused.
    ///
    /// # Errors
    /// What is wrong, without quoting the answer.
    pub(crate) fn judge(&self, text: &str) -> Result<Value, String> {
        canonical_json::parse(text.as_bytes()).map_err(|err| format!("it is not JSON: {err}"))?;
        let value: Value =
            serde_json::from_str(text).map_err(|err| format!("it is not JSON: {err}"))?;
        let wrong: Vec<String> = self
            .validator
            .iter_errors(&value)
            .take(MOST_TOLD)
            .map(|err| format!("{} breaks {}", err.instance_path(), err.schema_path()))
            .collect();
        if wrong.is_empty() { Ok(value) } else { Err(wrong.join("; ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn form() -> Form {
        let text = r#"{"type":"object","additionalProperties":false,"required":["ok","note"],
            "properties":{"ok":{"type":"boolean"},"note":{"type":["string","null"]}}}"#;
        Form::new(&AnswerSchema { name: "t".into(), text: text.into() }).unwrap()
    }

    #[test]
    fn only_what_the_schema_accepts_is_an_answer() {
        let form = form();
        assert!(form.judge(r#"{"ok":true,"note":null}"#).is_ok());
        for wrong in [
            "",
            "APPROVED",
            "{\"ok\":true}",
            "{\"ok\":true,\"note\":null,\"more\":1}",
            "{\"ok\":\"true\",\"note\":null}",
            "{\"ok\":false,\"note\":null,\"ok\":true}",
            "```json\n{\"ok\":true,\"note\":null}\n```",
            "{\"ok\":true,\"note\":null} and more",
            "[{\"ok\":true,\"note\":null}]",
        ] {
            assert!(form.judge(wrong).is_err(), "{wrong}");
        }
        let told = form.judge(r#"{"ok":"canary","note":null}"#).unwrap_err();
        assert!(told.contains("/ok") && !told.contains("canary"), "{told}");
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        for text in ["{", "{\"type\":\"nothing\"}"] {
            let schema = AnswerSchema { name: "t".into(), text: text.into() };
            assert_eq!(Form::new(&schema).unwrap_err().exit, Exit::Malformed, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            drop(form().judge(&text));
        }
    }
}

//! What a model is asked for, and nothing more. Its word alone approves nothing: [`crate::derive`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::{Decision, Gate, Gates, Severity};

/// The JSON Schema of an [`Answer`] in the subset that strict response formats take: every property
/// required, absence as null, no limits. The decision stands first, so that an answer that was cut
/// off is seen as cut; a `serde_json::Value` would sort that order away, so send this text.
pub const ANSWER_SCHEMA: &str = include_str!("answer.schema.json");

/// The largest answer that is read, bytes.
pub const LARGEST_ANSWER: usize = 1 << 20;

/// A model's answer about one packet.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The model's own decision; BLOCKED blocks, APPROVED is only an opinion.
    pub verdict: Decision,
    /// A few sentences.
    pub summary: String,
    /// The five questions.
    pub gates: Gates,
    /// What must be mended first.
    pub blockers: Vec<Proposed>,
    /// What else it has to say.
    pub non_blocking: Vec<Proposed>,
}

/// A finding as a model words it.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Proposed {
    /// The path, if it is about one.
    #[serde(deserialize_with = "present")]
    pub file: Option<String>,
    /// The line, counted from 1, if it is about one.
    #[serde(deserialize_with = "present")]
    pub line: Option<u32>,
    /// The gate it belongs to, if it belongs to one.
    #[serde(deserialize_with = "present")]
    pub gate: Option<Gate>,
    /// How bad it is.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// What is wrong.
    pub detail: String,
    /// What to do instead; may be empty.
    pub suggestion: String,
}

/// A finding of a deterministic rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RuleFinding {
    /// The rule's id: `no-verify`.
    pub rule: String,
    /// Whether it blocks.
    pub blocks: bool,
    /// What it says.
    pub finding: Proposed,
}

impl Answer {
    /// Reads an answer strictly: one JSON document of exactly this shape, no key twice, no text
    /// around it.
    ///
    /// # Errors
    /// What is wrong, without the answer's own text where that could be long.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        if text.len() > LARGEST_ANSWER {
            return Err(format!("it is larger than {LARGEST_ANSWER} bytes"));
        }
        let value = canonical_json::parse(text).map_err(|err| err.to_string())?;
        serde_json::from_value(value.to_serde()).map_err(|err| err.to_string())
    }
}

/// Reads a field that may be null but not absent.
fn present<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn sample() -> Value {
        let finding = json!({"file": "src/a.rs", "line": 3, "gate": null, "severity": "high",
            "title": "t", "detail": "d", "suggestion": ""});
        json!({"verdict": "BLOCKED", "summary": "s", "gates": {"public_binds": "pass",
            "allowlist_bypass": "n/a", "key_handling": "fail", "guard_doctor_intact": "pass",
            "lockout_risk": "pass"}, "blockers": [finding], "non_blocking": []})
    }

    #[test]
    fn the_schema_asks_for_the_decision_first() {
        let at = |name: &str| ANSWER_SCHEMA.find(&format!("\"{name}\": {{")).unwrap();
        let names = ["verdict", "summary", "gates", "blockers", "non_blocking"];
        assert!(names.map(at).is_sorted());
    }

    #[test]
    fn schema_and_reader_agree_on_what_an_answer_is() {
        let schema: Value = serde_json::from_str(ANSWER_SCHEMA).unwrap();
        let checker = jsonschema::validator_for(&schema).unwrap();
        let mut cases = vec![(sample(), true)];
        let mut change = |path: &str, value: Value| {
            let mut it = sample();
            *it.pointer_mut(path).unwrap() = value;
            cases.push((it, false));
        };
        change("/verdict", json!("approved"));
        change("/summary", json!(null));
        change("/gates/key_handling", json!("maybe"));
        change("/blockers", json!({}));
        change("/blockers/0/line", json!("3"));
        change("/blockers/0/severity", json!("bad"));
        change("/blockers/0/gate", json!("other"));
        for pointer in ["", "/gates", "/blockers/0"] {
            let whole = sample();
            let object = whole.pointer(pointer).unwrap().as_object().unwrap();
            for name in object.keys().map(String::as_str).chain(["extra"]) {
                let mut it = sample();
                let object = it.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
                if object.remove(name).is_none() {
                    object.insert(name.to_owned(), json!(1));
                }
                cases.push((it, false));
            }
        }
        for (value, good) in cases {
            assert_eq!(checker.is_valid(&value), good, "{value}");
            assert_eq!(Answer::read(value.to_string().as_bytes()).is_ok(), good, "{value}");
        }
    }

    #[test]
    fn text_around_an_answer_or_a_key_twice_is_no_answer() {
        let text = sample().to_string();
        let twice = text.replacen('{', "{\"verdict\":\"APPROVED\",", 1);
        for bad in [format!("{text} APPROVED"), format!("x{text}"), twice, "APPROVED".into()] {
            assert!(Answer::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}

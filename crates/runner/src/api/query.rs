//! Query strings, held to a list of names.

use std::collections::BTreeMap;

use crate::documents::FieldError;

use super::answer::Refusal;

/// The values of a query by name. Names that are not known, or stand there twice, are refused.
pub(crate) struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads the part of an address after the question mark.
    pub(crate) fn read(text: Option<&str>, known: &[&str]) -> Result<Self, Refusal> {
        let mut values = BTreeMap::new();
        let mut errors = vec![];
        for (name, value) in form_urlencoded::parse(text.unwrap_or_default().as_bytes()) {
            let mut wrong = |message: String| {
                errors.push(FieldError { field: name.chars().take(64).collect(), message });
            };
            if !known.contains(&name.as_ref()) {
                wrong(format!("it is not known here; known: {}", known.join(", ")));
            } else if values.insert(name.to_string(), value.into_owned()).is_some() {
                wrong("it is there twice".to_owned());
            }
        }
        if errors.is_empty() {
            return Ok(Self(values));
        }
        Err(Refusal::fields("the query is not as it must be", errors))
    }

    /// A value as it stands.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A value that must be a name of ours.
    pub(crate) fn name(&self, name: &str) -> Result<Option<String>, Refusal> {
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        match self.text(name) {
            None => Ok(None),
            Some(text) if (1..=64).contains(&text.len()) && text.bytes().all(plain) => {
                Ok(Some(text.to_owned()))
            }
            Some(_) => Err(Refusal::field(name, "expected 1 to 64 of a-z, 0-9, _ and -")),
        }
    }

    /// A value that must be a number within bounds.
    pub(crate) fn number(
        &self,
        name: &str,
        bounds: std::ops::RangeInclusive<i64>,
    ) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && bounds.contains(number));
        let why = || format!("expected a number from {} to {}", bounds.start(), bounds.end());
        number.map(Some).ok_or_else(|| Refusal::field(name, why()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_names_once_and_plain_values_pass() {
        let read = |text: &str| Query::read(Some(text), &["limit", "repo_name"]);
        for (text, ok) in [
            ("", true),
            ("limit=5&repo_name=a", true),
            ("limit=5&limit=5", false),
            ("Limit=5", false),
            ("x", false),
        ] {
            assert_eq!(read(text).is_ok(), ok, "{text}");
        }
        for (text, ok) in [
            ("limit=5", true),
            ("limit=05", true),
            ("limit=0", false),
            ("limit=", false),
            ("limit=%2B5", false),
            ("limit=-5", false),
            ("limit=99999999999999999999", false),
        ] {
            let query = read(text).map_err(|_| "unreadable").unwrap();
            assert_eq!(query.number("limit", 1..=10).is_ok(), ok, "{text}");
        }
        for (text, ok) in [
            ("repo_name=algo-nt8-orb", true),
            ("repo_name=", false),
            ("repo_name=%00", false),
            ("repo_name=%C3%A4", false),
            ("repo_name=A", false),
        ] {
            let query = read(text).map_err(|_| "unreadable").unwrap();
            assert_eq!(query.name("repo_name").is_ok(), ok, "{text}");
        }
    }
}

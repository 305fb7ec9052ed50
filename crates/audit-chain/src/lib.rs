//! Logs of one JSON object a line, each chained to the one before by its hash.
//!
//! `hash` is SHA-256 over the line's own bytes up to `,"hash":`, which include `prev`; so a removed,
//! added or edited line breaks the chain at the next one.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// `prev` of the very first line.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A line and its hash, which the next line carries as `prev`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// The bytes with the newline.
    pub text: String,
    /// The hash at its end.
    pub hash: String,
}

/// Why a chain does not hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Broken {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub why: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

#[derive(Serialize)]
struct Chained<'a, E> {
    #[serde(flatten)]
    entry: &'a E,
    prev: &'a str,
}

/// Writes one line of an entry that serialises as a JSON object.
///
/// # Errors
/// When the entry does not serialise, or not as an object.
pub fn line<E: Serialize>(entry: &E, prev: &str) -> serde_json::Result<Line> {
    let mut text = serde_json::to_string(&Chained { entry, prev })?;
    text.pop();
    let hash = hex(&Sha256::digest(text.as_bytes()));
    text.push_str(",\"hash\":\"");
    text.push_str(&hash);
    text.push_str("\"}\n");
    Ok(Line { text, hash })
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// Checks a whole segment and returns its entries and the last hash.
///
/// # Errors
/// The first line that does not fit.
pub fn check<E: DeserializeOwned>(segment: &str, prev: &str) -> Result<(Vec<E>, String), Broken> {
    let mut prev = prev.to_owned();
    let mut entries = Vec::new();
    if !segment.is_empty() && !segment.ends_with('\n') {
        let line = segment.lines().count();
        return Err(Broken { line, why: "the last line is cut off".into() });
    }
    for (at, text) in segment.lines().enumerate() {
        let broken = |why: &str| Broken { line: at + 1, why: why.to_owned() };
        let (head, tail) =
            text.rsplit_once(",\"hash\":\"").ok_or_else(|| broken("it has no hash"))?;
        let hash = tail.strip_suffix("\"}").ok_or_else(|| broken("it ends oddly"))?;
        if hex(&Sha256::digest(head.as_bytes())) != hash {
            return Err(broken("it was edited: its hash does not fit"));
        }
        if !head.ends_with(&format!(",\"prev\":\"{prev}\"")) {
            return Err(broken("a line before it was removed, added or edited"));
        }
        let entry = serde_json::from_str(text).map_err(|err| broken(&err.to_string()))?;
        entries.push(entry);
        hash.clone_into(&mut prev);
    }
    Ok((entries, prev))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, Eq, PartialEq, Serialize)]
    struct Entry {
        id: String,
    }

    fn entry(id: &str) -> Entry {
        Entry { id: id.into() }
    }

    fn log(ids: &[&str]) -> String {
        let mut prev = GENESIS.to_owned();
        let mut text = String::new();
        for id in ids {
            let line = line(&entry(id), &prev).unwrap();
            text.push_str(&line.text);
            prev = line.hash;
        }
        text
    }

    #[test]
    fn a_chain_holds_and_carries_on_over_segments() {
        let (one, all) = (log(&["a", "b"]), log(&["a", "b", "c"]));
        let (entries, tail) = check::<Entry>(&one, GENESIS).unwrap();
        assert_eq!(entries, [entry("a"), entry("b")]);
        assert!(check::<Entry>(all.strip_prefix(&one).unwrap(), &tail).is_ok());
        assert_eq!(check::<Entry>("", GENESIS).unwrap().1, GENESIS);
    }

    #[test]
    fn a_removed_edited_added_or_cut_line_shows() {
        let text = log(&["a", "b", "c"]);
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let cases = [
            (lines[1..].concat(), 1),
            ([lines[0], lines[2]].concat(), 2),
            (text.replace("\"id\":\"b\"", "\"id\":\"x\""), 2),
            ([lines[0], lines[0], lines[1]].concat(), 2),
            (text.trim_end().to_owned(), 3),
            (format!("{}\n{}", lines[0].trim_end(), "{}\n"), 2),
        ];
        for (tampered, line) in cases {
            assert_eq!(check::<Entry>(&tampered, GENESIS).unwrap_err().line, line, "{tampered}");
        }
    }
}

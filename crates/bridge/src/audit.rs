//! The audit log: one JSON object a line, each chained to the one before by its hash.
//!
//! `hash` is SHA-256 over the line's own bytes up to `,"hash":`, which include `prev`; so a removed,
//! added or edited line breaks the chain at the next one.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::evidence::hex;
use crate::reason::Reason;

/// `prev` of the very first line.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What is written down of one event.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Entry {
    /// RFC 3339 UTC.
    pub ts: String,
    /// The command's id, or the dead letter's name when no id is to be believed.
    pub id: String,
    /// `applyPatch`, or what an operator did.
    pub action: String,
    /// `ok`, `dead_letter`, `held`, `retry`, `approved` or `clock_reset`.
    pub result: String,
    /// 0 for ok and held, 1 for a no, 69 for a retry.
    pub exit: i32,
    /// Paths that changed.
    pub files_changed: u64,
    /// Whether the signature held.
    pub hmac_ok: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

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
struct Chained<'a> {
    #[serde(flatten)]
    entry: &'a Entry,
    prev: &'a str,
}

/// Writes one line.
///
/// # Panics
/// Never: the entry is a plain struct.
pub fn line(entry: &Entry, prev: &str) -> Line {
    let mut text =
        serde_json::to_string(&Chained { entry, prev }).expect("a plain struct serialises");
    text.pop();
    let hash = hex(&Sha256::digest(text.as_bytes()));
    text.push_str(",\"hash\":\"");
    text.push_str(&hash);
    text.push_str("\"}\n");
    Line { text, hash }
}

/// Checks a whole segment and returns its entries and the last hash.
///
/// # Errors
/// The first line that does not fit.
pub fn check(segment: &str, prev: &str) -> Result<(Vec<Entry>, String), Broken> {
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
    use super::*;

    fn entry(id: &str) -> Entry {
        Entry {
            ts: "2025-08-09T06:24:51.000Z".into(),
            id: id.into(),
            action: "applyPatch".into(),
            result: "ok".into(),
            exit: 0,
            files_changed: 1,
            hmac_ok: true,
            reason: None,
        }
    }

    fn log(ids: &[&str]) -> String {
        let mut prev = GENESIS.to_owned();
        let mut text = String::new();
        for id in ids {
            let line = line(&entry(id), &prev);
            text.push_str(&line.text);
            prev = line.hash;
        }
        text
    }

    #[test]
    fn a_chain_holds_and_carries_on_over_segments() {
        let (one, all) = (log(&["a", "b"]), log(&["a", "b", "c"]));
        let (entries, tail) = check(&one, GENESIS).unwrap();
        assert_eq!(entries, [entry("a"), entry("b")]);
        assert!(check(all.strip_prefix(&one).unwrap(), &tail).is_ok());
        assert_eq!(check("", GENESIS).unwrap().1, GENESIS);
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
            assert_eq!(check(&tampered, GENESIS).unwrap_err().line, line, "{tampered}");
        }
    }
}

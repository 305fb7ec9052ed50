//! Review verdicts: the document (`aiops.verdict/1`), how it is derived from answers and rules, how
//! it is signed and by whom it is trusted, where it is kept, and how it is shown.
//!
//! Deciding is pure: [`derive`] makes a verdict, [`trust`] judges one. What reads or writes is in
//! [`in_force`], [`store`], [`notes`] and [`export`].

pub mod answer;
pub mod cache;
mod derive;
pub mod document;
pub mod dsse;
pub mod export;
pub mod in_force;
pub mod notes;
pub mod objects;
pub mod policy;
pub mod render;
#[cfg(test)]
mod sample;
pub mod signers;
pub mod statement;
pub mod store;
pub mod trust;
pub mod waivable;
pub mod waiver;

pub use answer::{ANSWER_SCHEMA, Answer, Proposed, RuleFinding};
pub use derive::{Changed, Inputs, derive, fingerprint};
pub use document::Verdict;
pub use policy::Policy;

/// Bytes as lower case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _done = write!(text, "{byte:02x}").is_ok();
        text
    })
}

/// SHA-256 as 64 hex digits.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    hex(&sha2::Sha256::digest(bytes))
}

/// Whether a text is an object id: 40 or 64 lower case hex digits.
pub fn is_oid(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && is_hex(text)
}

/// Whether a text is nothing but lower case hex digits.
pub(crate) fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

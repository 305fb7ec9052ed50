//! How many tokens a text is: exactly where the vocabulary is known, never too few elsewhere.
//!
//! [`count`] counts a text, [`estimate`] bounds what a whole question will be billed as input.
//! Nothing is loaded: the tables lie in the binary (docs/DEPENDENCIES.md has the figures of the
//! libraries that were measured). The time is linear in the text but for a logarithm.

mod classes;
mod estimate;
mod hash;
mod merge;
mod split;
mod vocabulary;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use estimate::estimate;
use merge::Scratch;
use split::Pattern;

/// How a model splits text.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tokenizer {
    /// `OpenAI` since gpt-4o.
    O200kBase,
    /// `OpenAI` before that.
    Cl100kBase,
    /// Any other: only a bound is known.
    Other,
}

/// A number of tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Count {
    /// Never less than the model counts.
    pub tokens: u64,
    /// Whether it is the number itself and not a bound.
    pub is_exact: bool,
}

/// Counts the tokens of a text, special tokens as plain text.
pub fn count(tokenizer: Tokenizer, text: &str) -> Count {
    let (vocabulary, pattern) = match tokenizer {
        Tokenizer::O200kBase => (vocabulary::O200K, Pattern::O200k),
        Tokenizer::Cl100kBase => (vocabulary::CL100K, Pattern::Cl100k),
        Tokenizer::Other => return Count { tokens: bound(text), is_exact: false },
    };
    let mut scratch = Scratch::default();
    let pieces = split::pieces(pattern, text);
    let tokens = pieces.map(|piece| merge::tokens(&vocabulary, piece.as_bytes(), &mut scratch));
    Count { tokens: tokens.map(|it| it as u64).sum(), is_exact: true }
}

/// Every token of a byte-level vocabulary is at least one byte: there is no tighter bound.
fn bound(text: &str) -> u64 {
    text.len() as u64
}

#[cfg(test)]
mod tests;

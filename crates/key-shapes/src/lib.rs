//! What well-known keys look like, and how one is shown to people.
//!
//! One table, three readers: the redactor masks every shape in text that leaves a program, the
//! scanner makes a rule of each, and [`mask`] shows a key by the prefix that is known anyway. Only
//! shapes with a prefix of their own are here: what can be told only by a name beside it is the
//! scanner's. No shape states an exact length, which no vendor promises: they are lower bounds.

mod mask;
mod table;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use regex::Regex;

pub use mask::{ELLIPSIS, mask};
pub use table::{SHAPES, Shape};

/// Private keys in armour (PEM, OpenSSH, PGP), to the end of the armour or of the text.
///
/// Also matches where line ends are escaped, as inside JSON.
pub const PRIVATE_KEY: &str = r"(?s:-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\z))";

/// What a key goes on with: whatever follows a shape without a break is part of it.
pub const TAIL: &str = "[A-Za-z0-9_-]*";

/// Returns the expression that finds every shape, and private keys, in a text. Compiled once.
///
/// Matches start at a word boundary, so that `task-…` does not hide an `sk-…`.
///
/// # Panics
/// Never: a test compiles it.
pub fn any() -> &'static Regex {
    static ANY: LazyLock<Regex> = LazyLock::new(|| {
        let shapes: Vec<String> = SHAPES.iter().map(Shape::pattern).collect();
        let text = format!(r"{PRIVATE_KEY}|(?-u:\b)(?:{})(?:{TAIL})", shapes.join("|"));
        Regex::new(&text).expect("a constant expression that a test compiles")
    });
    &ANY
}

/// Whether a text can hold anything that [`any`] finds. Much cheaper: most texts hold no prefix, and
/// a short-lived program then never compiles the expression.
pub fn may_hold(text: &str) -> bool {
    text.contains("-----BEGIN ") || SHAPES.iter().any(|shape| text.contains(shape.prefix))
}

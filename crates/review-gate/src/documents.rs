//! What `review-gate` prints beside verdicts: one value, two renderings, one exit code.

use std::io::{self, Write};

use ops_core::failure::Exit;
use ops_core::report::Report;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use verdict::render::plain;

/// What a call did, or why it did not: `aiops.review.outcome/1`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// `aiops.review.outcome/1`.
    pub schema: String,
    /// The call: `finish`, `init`, `install-hooks`, `verify-tree`, `waive`.
    pub call: String,
    /// Whether the answer is yes.
    pub ok: bool,
    /// What was done or found in order, a line each.
    pub done: Vec<String>,
    /// What is not as it must be, a line each; empty exactly when `ok`.
    pub problems: Vec<String>,
    /// What to do next.
    pub next: Vec<String>,
    /// The commit that was made or found, in full.
    pub commit: Option<String>,
}

impl Outcome {
    /// An outcome with nothing in it yet, which is a yes.
    pub(crate) fn of(call: &str) -> Self {
        Self {
            schema: "aiops.review.outcome/1".into(),
            call: call.into(),
            ok: true,
            done: vec![],
            problems: vec![],
            next: vec![],
            commit: None,
        }
    }

    /// Adds what was done.
    #[must_use]
    pub(crate) fn did(mut self, what: impl Into<String>) -> Self {
        self.done.push(what.into());
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub(crate) fn then(mut self, what: impl Into<String>) -> Self {
        self.next.push(what.into());
        self
    }

    /// Adds a problem, which makes it a no.
    #[must_use]
    pub(crate) fn but(mut self, what: impl Into<String>) -> Self {
        self.ok = false;
        self.problems.push(what.into());
        self
    }
}

impl Report for Outcome {
    fn exit(&self) -> Exit {
        if self.ok { Exit::Ok } else { Exit::No }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        for line in &self.done {
            writeln!(out, "{}", plain(line))?;
        }
        for line in &self.problems {
            writeln!(out, "NO: {}", plain(line))?;
        }
        for line in &self.next {
            writeln!(out, "next: {}", plain(line))?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_moves_no_cursor() {
        let outcome = Outcome::of("verify-tree").did("a\u{1b}[2Jb").but("c\u{202e}d\r");
        let mut text = Vec::new();
        outcome.write_human(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text, "a\\u{1b}[2Jb\nNO: c\\u{202e}d\\u{d}\n");
        assert_eq!(outcome.exit(), Exit::No);
    }
}

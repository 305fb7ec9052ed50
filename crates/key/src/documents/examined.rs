//! What was looked into: `doctor`, `scan`.

use std::io::{self, Write};

use ops_core::failure::Exit;
use ops_core::report::Report;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Whether keys work.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Examination {
    /// `aiops.key.doctor/1`.
    pub schema: String,
    /// Whether one key was named.
    pub is_named: bool,
    /// Every key that was looked at.
    pub keys: Vec<Examined>,
}

/// Whether one key works.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Examined {
    /// Its name.
    pub name: String,
    /// Whether every install needs it.
    pub required: bool,
    /// The judgement.
    pub verdict: Verdict,
    /// Why; never anything of the key.
    pub why: String,
}

/// Whether a key works.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Whoever issued it accepted it, or its text is what it should be.
    Pass,
    /// It was refused, or its text cannot be right.
    Fail,
    /// Nobody could tell. Never a pass.
    Unknown,
    /// It is nowhere.
    Missing,
    /// It is there and must not be used.
    Unusable,
}

impl Examination {
    pub(crate) fn new(is_named: bool, keys: Vec<Examined>) -> Self {
        Self { schema: "aiops.key.doctor/1".into(), is_named, keys }
    }
}

impl Report for Examination {
    fn exit(&self) -> Exit {
        let any = |wanted: &dyn Fn(&Examined) -> bool| self.keys.iter().any(wanted);
        let held = |it: &Examined| matches!(it.verdict, Verdict::Missing | Verdict::Unusable);
        if self.is_named && any(&held) {
            Exit::NotPermitted
        } else if any(&|it| match it.verdict {
            Verdict::Fail | Verdict::Unusable => true,
            Verdict::Missing => it.required,
            Verdict::Pass | Verdict::Unknown => false,
        }) {
            Exit::No
        } else if any(&|it| it.verdict == Verdict::Unknown) {
            Exit::Unavailable
        } else {
            Exit::Ok
        }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        for key in &self.keys {
            let verdict = match key.verdict {
                Verdict::Pass => "PASS",
                Verdict::Fail => "FAIL",
                Verdict::Unknown => "unknown",
                Verdict::Missing if key.required => "MISSING",
                Verdict::Missing => "missing",
                Verdict::Unusable => "UNUSABLE",
            };
            writeln!(out, "{verdict:8}  {}: {}", key.name, key.why)?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

/// What looks like a secret.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Scanned {
    /// `aiops.key.scan/1`.
    pub schema: String,
    /// What was found, by path and line.
    pub findings: Vec<Found>,
    /// Files that were scanned to their end; 0 for a text or diff.
    pub files: u64,
    /// Bytes that were scanned.
    pub bytes: u64,
    /// Files passed over on purpose, and why.
    pub passed: Vec<Passed>,
    /// What could not be looked at, and why.
    pub unread: Vec<Passed>,
}

/// Something that looks like a secret.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Found {
    /// The file; nothing for a text.
    pub path: Option<String>,
    /// From 1.
    pub line: usize,
    /// The byte of the line, from 1.
    pub column: usize,
    /// The rule's id.
    pub rule: String,
    /// What the rule finds.
    pub description: String,
    /// Known prefix, `…`, last four characters; `…` alone when short.
    pub masked: String,
}

/// A file that was not scanned.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Passed {
    /// Which.
    pub path: String,
    /// Why.
    pub why: String,
}

impl Report for Scanned {
    fn exit(&self) -> Exit {
        match (self.findings.is_empty(), self.unread.is_empty()) {
            (false, _) => Exit::No,
            (true, false) => Exit::Unavailable,
            (true, true) => Exit::Ok,
        }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        for found in &self.findings {
            let Found { line, column, rule, masked, description, .. } = found;
            let path = found.path.as_deref().unwrap_or("-");
            writeln!(out, "{path}:{line}:{column}: {rule}: {masked}  ({description})")?;
        }
        for unread in &self.unread {
            writeln!(out, "{}: NOT LOOKED AT: {}", unread.path, unread.why)?;
        }
        let (found, unread) = (self.findings.len(), self.unread.len());
        writeln!(out, "{found} found, {unread} not looked at, {} passed over", self.passed.len())
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fail_weighs_more_than_no_answer_and_no_answer_is_no_pass() {
        use Verdict::{Fail, Missing, Pass, Unknown, Unusable};
        let key = |verdict, required| Examined {
            name: "a".into(),
            required,
            verdict,
            why: String::new(),
        };
        for (is_named, keys, want) in [
            (false, vec![(Pass, true), (Missing, false)], Exit::Ok),
            (false, vec![(Pass, true), (Missing, true)], Exit::No),
            (false, vec![(Unknown, false), (Pass, false)], Exit::Unavailable),
            (false, vec![(Unknown, false), (Fail, false)], Exit::No),
            (false, vec![(Unusable, false)], Exit::No),
            (true, vec![(Missing, false)], Exit::NotPermitted),
            (true, vec![(Unusable, false)], Exit::NotPermitted),
            (true, vec![(Fail, false)], Exit::No),
            (false, vec![], Exit::Ok),
        ] {
            let keys: Vec<_> = keys.into_iter().map(|(it, required)| key(it, required)).collect();
            assert_eq!(Examination::new(is_named, keys.clone()).exit(), want, "{keys:?}");
        }
    }
}

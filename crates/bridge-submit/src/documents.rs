//! What `bridge-submit` prints: one value, two renderings, one exit code.

use std::io::{self, Write};
use std::path::Path;

use bridge::evidence::{DeadLetter, FileChange, Outcome};
use ops_core::failure::Exit;
use ops_core::report::Report;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A document lies in commands/: `aiops.bridge.submitted/1`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Submitted {
    /// `aiops.bridge.submitted/1`.
    pub schema: String,
    /// The command's id.
    pub id: String,
    /// The file it lies in.
    pub path: String,
}

impl Submitted {
    pub(crate) fn new(id: &str, path: &Path) -> Self {
        let path = path.display().to_string();
        Self { schema: "aiops.bridge.submitted/1".into(), id: id.into(), path }
    }
}

impl Report for Submitted {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        let folder = Path::new(&self.path).parent().unwrap_or(Path::new(""));
        writeln!(out, "dropped {} into {}", self.id, folder.display())
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

/// A signed document that was not dropped: `aiops.bridge.signed/1`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// `aiops.bridge.signed/1`.
    pub schema: String,
    /// The command's id.
    pub id: String,
    /// The document as text, since its numbers would not survive every reader and writer of JSON.
    pub document: String,
}

impl Signed {
    pub(crate) fn new(id: &str, document: &[u8]) -> Self {
        // The canonical form that documents are written in is ASCII.
        let document = String::from_utf8_lossy(document).into_owned();
        Self { schema: "aiops.bridge.signed/1".into(), id: id.into(), document }
    }
}

impl Report for Signed {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.document.as_bytes())
    }

    fn json(&self) -> Value {
        json!(self)
    }

    fn is_exact(&self) -> bool {
        true
    }
}

/// The exact bytes a signature covers: `aiops.bridge.canonical/1`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Canonical {
    /// `aiops.bridge.canonical/1`.
    pub schema: String,
    /// The bytes, which are always UTF-8.
    pub signed: String,
}

impl Canonical {
    pub(crate) fn new(signed: &[u8]) -> Self {
        let signed = String::from_utf8_lossy(signed).into_owned();
        Self { schema: "aiops.bridge.canonical/1".into(), signed }
    }
}

impl Report for Canonical {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.signed.as_bytes())
    }

    fn json(&self) -> Value {
        json!(self)
    }

    fn is_exact(&self) -> bool {
        true
    }
}

/// How a command ended: the executor's own document, passed on.
#[derive(Clone, Debug)]
pub(crate) enum Ended {
    Done(Outcome),
    Refused { id: String, letter: DeadLetter },
}

impl Report for Ended {
    fn exit(&self) -> Exit {
        match self {
            Self::Done(outcome) if outcome.exit_code == 0 => Exit::Ok,
            Self::Done(_) | Self::Refused { .. } => Exit::No,
        }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Done(outcome) => {
                let (status, id, ms) = (&outcome.status, &outcome.id, outcome.duration_ms);
                writeln!(
                    out,
                    "{status} {id} in {ms} ms, {} changed",
                    files(outcome.files_changed)
                )?;
                for file in &outcome.files {
                    let change = match file.change {
                        FileChange::Added => "added",
                        FileChange::Modified => "modified",
                        FileChange::Moved => "moved",
                        FileChange::Deleted => "deleted",
                    };
                    let from = file.from.as_ref().map(|it| format!("{it} -> ")).unwrap_or_default();
                    writeln!(out, "  {change:8}  {from}{}  {} bytes", file.path, file.bytes)?;
                }
                Ok(())
            }
            Self::Refused { id, letter } => {
                writeln!(out, "refused {id}: {}", letter.reason)?;
                letter.detail.lines().try_for_each(|line| writeln!(out, "  {line}"))
            }
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Done(outcome) => json!(outcome),
            Self::Refused { letter, .. } => json!(letter),
        }
    }
}

fn files(count: u64) -> String {
    format!("{count} file{}", if count == 1 { "" } else { "s" })
}

/// What an executor made of four documents: `aiops.bridge.smoke/1`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Smoke {
    /// `aiops.bridge.smoke/1`.
    pub schema: String,
    /// Whether all were as expected.
    pub ok: bool,
    /// How long it took.
    pub duration_ms: u64,
    /// One row for each document.
    pub checks: Vec<SmokeCheck>,
}

/// What became of one document.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SmokeCheck {
    /// `noop`, `bad-signature`, `expired` or `escape`.
    pub name: String,
    /// The id in the document.
    pub id: String,
    /// Whether it was as expected.
    pub ok: bool,
    /// `executed`, or a reason.
    pub expected: String,
    /// `executed`, a reason, `held`, or `no answer`.
    pub found: String,
    /// What the executor said of it, if it refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Report for Smoke {
    fn exit(&self) -> Exit {
        if self.ok { Exit::Ok } else { Exit::No }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        for check in &self.checks {
            let SmokeCheck { name, found, .. } = check;
            if check.ok {
                writeln!(out, "ok    {name:13}  {found}")?;
            } else {
                writeln!(out, "FAIL  {name:13}  {found}; {} was expected", check.expected)?;
                let detail = check.detail.iter().flat_map(|detail| detail.lines());
                detail.into_iter().try_for_each(|line| writeln!(out, "      {line}"))?;
            }
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

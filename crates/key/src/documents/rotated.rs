//! How far a rotation is: `rotate`.

use std::io::{self, Write};

use ops_core::failure::Exit;
use ops_core::report::Report;
use schemars::JsonSchema;
use secrets::rotation::Phase;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How far a rotation is, after what was done.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Rotated {
    /// `aiops.key.rotation/1`.
    pub schema: String,
    /// The secret's name.
    pub name: String,
    /// What was done.
    pub turn: Turn,
    /// Why nothing was done although something was asked for.
    pub refused: Option<String>,
    /// Whether a window had ended before and was settled first, and how.
    pub settled: Option<Phase>,
    /// How far it is now.
    pub phase: Phase,
    /// RFC 3339 UTC; nothing while none is under way.
    pub begun_at: Option<String>,
    /// RFC 3339 UTC; nothing before.
    pub promoted_at: Option<String>,
    /// RFC 3339 UTC: when the window ends by itself.
    pub ends_at: Option<String>,
    /// The fingerprint of the secret itself.
    pub current: Option<String>,
    /// The fingerprint of its second slot.
    pub next: Option<String>,
    /// What a person does next.
    pub then: String,
}

/// What one step did.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// Nothing: it was looked at, or was so already.
    Nothing,
    /// A second secret was made.
    Begun,
    /// The second secret that lay there was taken.
    Adopted,
    /// Writers sign with the second one.
    Promoted,
    /// The second one is the only one.
    Retired,
}

impl Report for Rotated {
    fn exit(&self) -> Exit {
        if self.refused.is_none() { Exit::Ok } else { Exit::No }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        let name = &self.name;
        match self.settled {
            Some(Phase::Lapsed) => writeln!(
                out,
                "the window had ended before a promotion: the second secret was removed"
            )?,
            Some(_) => {
                writeln!(out, "the window had ended: the second secret was made the only one")?;
            }
            None => {}
        }
        if let Some(why) = &self.refused {
            writeln!(out, "{name}: REFUSED: {why}")?;
        }
        match self.turn {
            Turn::Nothing => {}
            Turn::Begun => writeln!(out, "{name}: a second secret was made; both are accepted")?,
            Turn::Adopted => {
                writeln!(out, "{name}: the second secret that lay there is accepted too")?;
            }
            Turn::Promoted => writeln!(out, "{name}: writers sign with the second secret")?,
            Turn::Retired => writeln!(out, "{name}: the second secret is the only one now")?,
        }
        let phase = match self.phase {
            Phase::Idle => "none under way",
            Phase::Begun => "begun: both accepted, the first one signs",
            Phase::Promoted => "promoted: both accepted, the second one signs",
            Phase::Lapsed => "lapsed: only the first counts",
            Phase::Over => "over: only the second counts",
        };
        writeln!(out, "phase    {phase}")?;
        for (what, text) in [
            ("begun", &self.begun_at),
            ("promoted", &self.promoted_at),
            ("ends", &self.ends_at),
            ("current", &self.current),
            ("next", &self.next),
        ] {
            if let Some(text) = text {
                writeln!(out, "{what:8} {text}")?;
            }
        }
        writeln!(out, "then     {}", self.then)
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

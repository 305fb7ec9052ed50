//! What `ship` prints and records: one value, two renderings, one exit code.

use std::io::{self, Write};

use ops_core::failure::Exit;
use ops_core::report::Report;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use verdict::render::plain;

/// How far a call came, `<home>/state/ship/<repository>.json`: `aiops.ship/1`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Shipping {
    /// `aiops.ship/1`.
    pub schema: String,
    /// The top of the work tree.
    pub repository: String,
    /// RFC 3339 UTC.
    pub started_at: String,
    /// RFC 3339 UTC: when this was written.
    pub updated_at: String,
    /// What was done, in order.
    pub steps: Vec<Taken>,
    /// US dollars spent so far.
    pub spent_usd: f64,
    /// The commit HEAD is at.
    pub head: Option<String>,
    /// How it ended; absent while it runs, or when it was killed.
    pub ended: Option<End>,
}

/// A step that was taken.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// `verify-tree`, `tests`, `review`, `heal`, `finish` or `push`.
    pub step: String,
    /// How many rounds of autoheal there were before.
    pub round: u32,
    /// RFC 3339 UTC.
    pub started_at: String,
    /// Milliseconds.
    pub duration_ms: u64,
    /// Whether it said yes.
    pub ok: bool,
    /// What it said, in a few lines.
    pub said: Vec<String>,
}

/// How a call ended.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Whether it was pushed.
    pub ok: bool,
    /// Why not; empty when it was.
    pub why: String,
}

impl Report for Shipping {
    fn exit(&self) -> Exit {
        if self.ended.as_ref().is_some_and(|end| end.ok) { Exit::Ok } else { Exit::No }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        for taken in &self.steps {
            let mark = if taken.ok { "ok" } else { "NO" };
            writeln!(out, "{mark}  {:<12} {:>7} ms", taken.step, taken.duration_ms)?;
            for line in &taken.said {
                writeln!(out, "      {}", plain(line))?;
            }
        }
        let spent = self.spent_usd;
        match &self.ended {
            Some(end) if end.ok => writeln!(out, "shipped; ${spent:.4} spent"),
            Some(end) => writeln!(out, "stopped: {}; ${spent:.4} spent", plain(&end.why)),
            None => writeln!(out, "not ended: it runs, or was killed; ${spent:.4} spent"),
        }
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

/// The last call's standing, to be looked at: a yes when there is one.
#[derive(Clone, Debug)]
pub struct Status(pub Shipping);

impl Report for Status {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        let Shipping { repository, started_at, .. } = &self.0;
        writeln!(out, "{repository}, {started_at}")?;
        self.0.write_human(out)
    }

    fn json(&self) -> Value {
        self.0.json()
    }
}

/// What would be done: `aiops.ship.plan/1`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// `aiops.ship.plan/1`.
    pub schema: String,
    /// Where the range starts, a commit in full.
    pub since: String,
    /// Where it ends.
    pub to: String,
    /// The steps, in order, a sentence each.
    pub steps: Vec<String>,
    /// What autoheal may touch.
    pub heal_paths: Vec<String>,
    /// Minutes at most.
    pub minutes: u64,
    /// US dollars at most.
    pub max_usd: f64,
}

impl Report for Plan {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{:.12}..{:.12}, nothing is done", self.since, self.to)?;
        for (number, step) in (1..).zip(&self.steps) {
            writeln!(out, "{number}. {step}")?;
        }
        writeln!(out, "at most {} minutes and ${:.2}", self.minutes, self.max_usd)
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

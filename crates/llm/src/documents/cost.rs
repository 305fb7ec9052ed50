//! `aiops.llm.cost/1`.

use std::collections::BTreeMap;
use std::io::{self, Write};

use ops_core::failure::Exit;
use ops_core::report::Report;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What calls cost in a time.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Cost {
    /// `aiops.llm.cost/1`.
    pub schema: String,
    /// RFC 3339 UTC.
    pub since: String,
    /// RFC 3339 UTC.
    pub until: String,
    /// All of it.
    pub total: Sum,
    /// By day (UTC).
    pub by_day: BTreeMap<String, Sum>,
    /// By `<provider>/<model>`.
    pub by_model: BTreeMap<String, Sum>,
    /// By purpose.
    pub by_purpose: BTreeMap<String, Sum>,
    /// What could not be read and is therefore not counted.
    pub unread: Vec<String>,
}

/// What some calls cost.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Sum {
    /// Calls that were made.
    pub calls: u64,
    /// Those that brought an answer that holds.
    pub ok: u64,
    /// Tokens that were sent.
    pub tokens_in: u64,
    /// Those of them that were cached there.
    pub tokens_cached: u64,
    /// Tokens that came back.
    pub tokens_out: u64,
    /// US dollars; calls whose cost is not known at their worst case.
    pub usd: f64,
    /// Calls whose cost is not known.
    pub cost_unknown: u64,
}

impl Report for Cost {
    /// What is not counted makes the sum no answer.
    fn exit(&self) -> Exit {
        if self.unread.is_empty() { Exit::Ok } else { Exit::Unavailable }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} to {}", self.since, self.until)?;
        writeln!(out, "{:<44} {:>6} {:>12} {:>10} {:>12}", "", "calls", "in", "out", "US dollars")?;
        let mut row = |name: &str, sum: &Sum| {
            let Sum { calls, tokens_in, tokens_out, usd, cost_unknown, .. } = sum;
            let note = match cost_unknown {
                0 => String::new(),
                some => format!("  ({some} unknown, at their worst)"),
            };
            writeln!(
                out,
                "{name:<44} {calls:>6} {tokens_in:>12} {tokens_out:>10} {usd:>12.6}{note}"
            )
        };
        for entries in [&self.by_day, &self.by_model, &self.by_purpose] {
            entries.iter().try_for_each(|(name, sum)| row(name, sum))?;
        }
        row("total", &self.total)?;
        self.unread.iter().try_for_each(|it| writeln!(out, "not counted: {it}"))
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

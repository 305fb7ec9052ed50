//! `aiops.llm.models/1`.

use std::io::{self, Write};

use ops_core::failure::Exit;
use ops_core::report::Report;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::settings::Provider;

/// The known models.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct ModelList {
    /// `aiops.llm.models/1`.
    pub schema: String,
    /// Where prices and dates come from.
    pub source: String,
    /// One row for each.
    pub models: Vec<ModelRow>,
}

/// One model. Prices are US dollars per million tokens.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct ModelRow {
    /// Who serves it.
    pub provider: Provider,
    /// Its name.
    pub model: String,
    /// Tokens that are sent.
    pub input_per_1m: f64,
    /// Tokens that are sent and cached there.
    pub cached_input_per_1m: Option<f64>,
    /// Tokens that come back.
    pub output_per_1m: f64,
    /// Tokens that can be sent.
    pub context_tokens: u64,
    /// Tokens that can come back.
    pub max_output_tokens: u64,
    /// Whether it may serve reviews.
    pub fit_for_review: bool,
    /// Whether it sees images.
    pub vision: bool,
    /// The first day on which it is gone.
    pub shutdown: Option<String>,
    /// Days until then, negative afterwards.
    pub days_left: Option<i64>,
    /// Who is asked then.
    pub successor: Option<String>,
}

impl Report for ModelList {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "{:<10} {:<28} {:>7} {:>7} {:>8} {:<7} shutdown",
            "provider", "model", "in/1M", "out/1M", "context", "review"
        )?;
        for row in &self.models {
            let review = if row.fit_for_review { "fit" } else { "-" };
            let end = match (&row.shutdown, row.days_left, &row.successor) {
                (Some(day), Some(left), successor) => {
                    let left = if left < 0 { "gone".to_owned() } else { format!("in {left} days") };
                    let next = successor.as_ref().map(|it| format!(", then {it}"));
                    format!("{day} ({left}{})", next.unwrap_or_default())
                }
                _ => "-".to_owned(),
            };
            writeln!(
                out,
                "{:<10} {:<28} {:>7} {:>7} {:>8} {review:<7} {end}",
                row.provider.name(),
                row.model,
                row.input_per_1m,
                row.output_per_1m,
                row.context_tokens,
            )?;
        }
        writeln!(out, "source: {}", self.source)
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

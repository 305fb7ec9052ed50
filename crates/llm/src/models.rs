//! What a model needs, as data: configs/models.json.

mod choose;

use std::collections::{BTreeMap, BTreeSet};

use llm_tokens::Tokenizer;
use llm_wire::{Api, Model, Structured, TokenCap};
use ops_core::config;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::Provider;

pub(crate) use choose::{day, days_until};

/// The models that are known.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Models {
    /// Where prices, limits and dates come from, and as of when.
    pub source: String,
    /// One row for each provider and model.
    pub models: Vec<Row>,
}

/// One model of one provider. Prices are US dollars per million tokens.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Row {
    /// Who serves it.
    pub provider: Provider,
    /// Its name there.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$"))]
    pub model: String,
    /// Other names that answers may give it. A name that ends in a date (`-YYYY-MM-DD`) is found
    /// without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The interface it is asked through.
    pub api: Api,
    /// Tokens that are sent.
    #[schemars(range(min = 0, max = 1000))]
    pub input: f64,
    /// Tokens that are sent and were cached there [default: as `input`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub cached_input: Option<f64>,
    /// Tokens that are put into the cache [default: as `input`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub cache_write: Option<f64>,
    /// Tokens that come back, hidden reasoning included.
    #[schemars(range(min = 0, max = 1000))]
    pub output: f64,
    /// Other prices of a whole request with very many tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_context: Option<LongContext>,
    /// Tokens that can be sent.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub context_tokens: u64,
    /// Tokens that can come back.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub max_output_tokens: u64,
    /// The field that caps the tokens of an answer.
    pub token_cap: TokenCap,
    /// Whether it takes a temperature.
    pub temperature: bool,
    /// The reasoning effort to send; none for a model that has no such field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// How it is held to a schema.
    pub structured: Structured,
    /// How its tokens are counted.
    pub tokenizer: Tokenizer,
    /// Whether it may serve reviews.
    #[serde(default)]
    pub fit_for_review: bool,
    /// Whether it sees images.
    #[serde(default)]
    pub vision: bool,
    /// The first day (UTC) on which it is not served any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub shutdown: Option<String>,
    /// The provider's own named replacement, taken from that day on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<String>,
}

/// Prices of a whole request that sends more than so many tokens.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LongContext {
    /// More tokens than this are sent.
    pub above_tokens: u64,
    /// As in the row.
    #[schemars(range(min = 0, max = 1000))]
    pub input: f64,
    /// As in the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub cached_input: Option<f64>,
    /// As in the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub cache_write: Option<f64>,
    /// As in the row.
    #[schemars(range(min = 0, max = 1000))]
    pub output: f64,
}

/// How much a model reasons before it answers.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as it can.
    Minimal,
    /// A little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// Whatever the model's own default is (Moonshot).
    Default,
}

impl Effort {
    /// As providers spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Default => "default",
        }
    }
}

impl Row {
    /// What the wire has to know of it.
    pub fn model(&self) -> Model<'_> {
        Model {
            api: self.api,
            name: &self.model,
            token_cap: self.token_cap,
            takes_temperature: self.temperature,
            effort: self.effort.map(Effort::name),
            structured: self.structured,
            context_tokens: self.context_tokens,
        }
    }
}

impl Provider {
    /// The interfaces it has.
    pub(crate) fn has(self, api: Api) -> bool {
        match self {
            Self::Openai => matches!(api, Api::OpenaiChat | Api::OpenaiResponses),
            Self::Mistral => api == Api::MistralChat,
            Self::Moonshot => api == Api::MoonshotChat,
            Self::Ollama => api == Api::OllamaChat,
        }
    }
}

impl Models {
    /// The row of a model by the name it is asked for.
    pub fn row(&self, provider: Provider, model: &str) -> Option<&Row> {
        self.models.iter().find(|row| row.provider == provider && row.model == model)
    }

    /// The row of a model by the name an answer gave it: that very name, an alias, or the name
    /// without a date at its end.
    pub fn replied(&self, provider: Provider, model: &str) -> Option<&Row> {
        let of_provider = || self.models.iter().filter(|row| row.provider == provider);
        let exact = |name: &str| {
            of_provider()
                .find(|row| row.model == name)
                .or_else(|| of_provider().find(|row| row.aliases.iter().any(|it| it == name)))
        };
        exact(model).or_else(|| exact(undated(model)?))
    }
}

/// A name without the date (`-YYYY-MM-DD`) at its end.
pub(crate) fn undated(name: &str) -> Option<&str> {
    let at = name.len().checked_sub(11)?;
    let (front, date) = (name.get(..at)?, name.as_bytes().get(at..)?);
    let fits = date.iter().enumerate().all(|(at, byte)| match at {
        0 | 5 | 8 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    (fits && !front.is_empty()).then_some(front)
}

impl config::Settings for Models {
    const FILE: &'static str = "models.json";
    const SCHEMA: &'static str = include_str!("../../../configs/schemas/models.schema.json");
    const SHIPPED: &'static str = include_str!("../../../configs/models.json");

    fn check(&self) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        let mut seen = BTreeSet::new();
        for (at, row) in self.models.iter().enumerate() {
            let mut rule = |holds: bool, field: &str, expected: String| {
                if !holds {
                    wrong.push((format!("/models/{at}/{field}"), expected));
                }
            };
            for name in std::iter::once(&row.model).chain(&row.aliases) {
                let is_new = seen.insert((row.provider, name));
                rule(is_new, "model", format!("{name} of {} once only", row.provider));
            }
            let api = row.api;
            rule(row.provider.has(api), "api", format!("an interface of {}", row.provider));
            let prices = [row.input, row.output].into_iter().chain(row.cached_input);
            let prices = prices.chain(row.cache_write);
            let long = row.long_context.iter();
            let prices = prices.chain(long.clone().flat_map(|it| [it.input, it.output]));
            let mut prices =
                prices.chain(long.flat_map(|it| [it.cached_input, it.cache_write]).flatten());
            let sane = prices.all(|price| (0.0..=1000.0).contains(&price));
            rule(sane, "input", "prices of 0 to 1000 US dollars per million tokens".into());
            // A price of nothing would let every budget be passed.
            rule(
                row.provider == Provider::Ollama || (row.input > 0.0 && row.output > 0.0),
                "input",
                "a price above 0: only a local model costs nothing".into(),
            );
            let may_review = row.provider.may_review() && row.structured == Structured::JsonSchema;
            rule(
                !row.fit_for_review || may_review,
                "fitForReview",
                "only for openai and mistral, and with structured json_schema".into(),
            );
            let date = row.shutdown.as_deref();
            rule(date.is_none_or(|it| day(it).is_some()), "shutdown", "a date".into());
            if let Some(next) = &row.successor {
                rule(date.is_some(), "successor", "a shutdown date beside it".into());
                let there = self.row(row.provider, next);
                rule(there.is_some(), "successor", format!("a model of {} here", row.provider));
                let fit = there.is_none_or(|it| !row.fit_for_review || it.fit_for_review);
                rule(fit, "successor", "one that is fit for review, as this is".into());
                rule(!self.turns_in_circles(row), "successor", "no circle".into());
            }
        }
        wrong
    }
}

impl Models {
    fn turns_in_circles(&self, from: &Row) -> bool {
        let next: BTreeMap<&str, &str> = self
            .models
            .iter()
            .filter(|row| row.provider == from.provider)
            .filter_map(|row| Some((row.model.as_str(), row.successor.as_deref()?)))
            .collect();
        let mut at = from.model.as_str();
        for _ in 0..=next.len() {
            match next.get(at) {
                None => return false,
                Some(successor) => at = successor,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests;

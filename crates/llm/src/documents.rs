//! What the calls answer, as data and for people.

mod cost;
mod models;
mod providers;

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::money::Money;
use crate::question::Answer;
use crate::settings::Provider;

pub use cost::{Cost, Sum};
pub use models::{ModelList, ModelRow};
pub use providers::{ConfigHealth, Day, ProviderHealth, ProviderStatus, RouterHealth, ServedModel};

/// `llm ask`: an answer that holds.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub struct Answered {
    /// `aiops.llm.answer/1`.
    pub schema: String,
    /// What the model wrote.
    pub text: String,
    /// The same, parsed and validated, where a schema was asked for.
    pub value: Option<Value>,
    /// Who answered.
    pub provider: Provider,
    /// The model that configuration names.
    pub model_requested: String,
    /// The model that was asked.
    pub model_effective: String,
    /// The model that says it answered.
    pub model_replied: String,
    /// Host and port that answered.
    pub endpoint_host: String,
    /// Tokens that were sent.
    pub tokens_in: u64,
    /// Those of them that were cached there.
    pub tokens_cached: u64,
    /// Tokens that came back.
    pub tokens_out: u64,
    /// What the answer cost, US dollars; null when no price is known.
    pub cost_usd: Option<f64>,
    /// What it could have cost at most; null when no price is known.
    pub estimated_usd: Option<f64>,
    /// What all calls for it cost, failed ones at their worst case where unknown.
    pub spent_usd: f64,
    /// Whether the fallback answered.
    pub fallback_used: bool,
    /// How the primary failed, where the fallback answered.
    pub transient_class: Option<String>,
    /// The provider's id of the call.
    pub request_id: Option<String>,
    /// What somebody should know.
    pub warnings: Vec<String>,
    /// Where telemetry is.
    pub artifact_dir: String,
}

/// `llm ask`: nothing was sent.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub struct Refused {
    /// `aiops.llm.refused/1`.
    pub schema: String,
    /// Why.
    pub why: String,
}

impl Answered {
    pub(crate) fn new(answer: Answer, artifact_dir: &Path) -> Self {
        Self {
            schema: "aiops.llm.answer/1".into(),
            text: answer.text,
            value: answer.value,
            provider: answer.provider,
            model_requested: answer.model_requested,
            model_effective: answer.model_effective,
            model_replied: answer.model_replied,
            endpoint_host: answer.endpoint_host,
            tokens_in: answer.usage.input,
            tokens_cached: answer.usage.cached,
            tokens_out: answer.usage.output,
            cost_usd: answer.cost.map(Money::usd),
            estimated_usd: answer.estimated.map(Money::usd),
            spent_usd: answer.spent.usd(),
            fallback_used: answer.fallback_used,
            transient_class: answer.transient_class.map(str::to_owned),
            request_id: answer.request_id,
            warnings: answer.warnings,
            artifact_dir: artifact_dir.display().to_string(),
        }
    }
}

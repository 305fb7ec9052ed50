//! What configs/llm.json may say: which providers, which models, how much money.

mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::money::Money;

/// Whoever serves models.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// `OpenAI`; secret `openai_api_key`. The only one that reviews.
    Openai,
    /// Mistral; secret `mistral_api_key`. May take a review over.
    Mistral,
    /// Moonshot; secret `moonshot_api_key`. General tasks only.
    Moonshot,
    /// A local Ollama; no secret. General tasks only.
    Ollama,
}

/// What a question is for.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// A review: strict rules, the only one with a fallback.
    Review,
    /// Anything else.
    General,
    /// About an image.
    Vision,
}

/// A model of a provider.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The provider.
    pub provider: Provider,
    /// The model, as the provider names it.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$"))]
    pub model: String,
}

/// The router's configuration.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = rules::in_schema)]
pub struct Settings {
    /// Providers that may be called. `openai` is always one of them.
    pub enabled_providers: BTreeSet<Provider>,
    /// Which model serves which purpose.
    pub defaults: Defaults,
    /// Who takes a review over, once, when `OpenAI` fails for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_fallback: Option<Choice>,
    /// A second opinion on every review; both must approve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_opinion: Option<Choice>,
    /// What no review exceeds, whatever its caller asks for.
    pub review_caps: ReviewCaps,
    /// How much may be spent.
    pub budget: Budget,
    /// Where the providers are.
    #[serde(default)]
    pub providers: Providers,
    /// How long things may take.
    #[serde(default)]
    pub limits: Limits,
}

/// Which model serves which purpose.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// Reviews; the provider is `openai`.
    pub review: Choice,
    /// Everything that is neither review nor vision.
    pub general: Choice,
    /// Questions about an image.
    pub vision: Choice,
}

/// What no review exceeds.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ReviewCaps {
    /// Tokens of an answer, hidden reasoning included.
    #[schemars(range(min = 100, max = 4096))]
    pub max_output_tokens: u32,
    /// The highest temperature, where the model takes one.
    #[schemars(range(min = 0, max = 1))]
    pub temperature: f64,
}

/// How much may be spent, US dollars.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Budget {
    /// One review: all its packets, retries and the fallback.
    #[schemars(range(min = 0, max = 100_000))]
    pub max_usd_per_review: f64,
    /// One run of a program.
    #[schemars(range(min = 0, max = 100_000))]
    pub max_usd_per_run: f64,
    /// One day (UTC), all programs of this home.
    #[schemars(range(min = 0, max = 100_000))]
    pub max_usd_per_day: f64,
    /// Prices by model; they go before configs/models.json.
    #[serde(default)]
    pub pricing: BTreeMap<String, Pricing>,
}

/// The price of a model, US dollars per million tokens.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Pricing {
    /// Tokens that are sent.
    #[serde(rename = "inputPer1M")]
    #[schemars(range(min = 0, max = 1000))]
    pub input_per_1m: f64,
    /// Tokens that are sent and were cached there [default: the same].
    #[serde(rename = "cachedInputPer1M", default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub cached_input_per_1m: Option<f64>,
    /// Tokens that come back.
    #[serde(rename = "outputPer1M")]
    #[schemars(range(min = 0, max = 1000))]
    pub output_per_1m: f64,
}

/// Where the providers are.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Providers {
    /// `OpenAI` [default: <https://api.openai.com/v1>].
    pub openai: Endpoint,
    /// Mistral [default: <https://api.mistral.ai/v1>].
    pub mistral: Endpoint,
    /// Moonshot [default: <https://api.moonshot.ai/v1>].
    pub moonshot: Endpoint,
    /// Ollama, on this machine only [default: <http://127.0.0.1:11434>].
    pub ollama: Endpoint,
}

/// Where a provider is.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Endpoint {
    /// The front part of its addresses: https, or http on loopback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_base: Option<String>,
}

/// How long things may take.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Limits {
    /// One question: calls, waits, retry and fallback together, seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub deadline_seconds: f64,
    /// One call, seconds.
    #[schemars(range(min = 0.1, max = 3600))]
    pub call_seconds: f64,
    /// The longest `Retry-After` that is waited for, seconds. A longer one: no retry.
    #[schemars(range(min = 0, max = 600))]
    pub longest_retry_after_seconds: f64,
    /// The wait before a retry where the provider names none, seconds.
    #[schemars(range(min = 0, max = 60))]
    pub retry_pause_seconds: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline_seconds: 180.0,
            call_seconds: 80.0,
            longest_retry_after_seconds: 20.0,
            retry_pause_seconds: 0.5,
        }
    }
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Openai, Self::Mistral, Self::Moonshot, Self::Ollama];

    /// As configuration and documents write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Mistral => "mistral",
            Self::Moonshot => "moonshot",
            Self::Ollama => "ollama",
        }
    }

    /// The registered secret that opens it; a local one needs none.
    pub fn secret(self) -> Option<&'static str> {
        match self {
            Self::Openai => Some("openai_api_key"),
            Self::Mistral => Some("mistral_api_key"),
            Self::Moonshot => Some("moonshot_api_key"),
            Self::Ollama => None,
        }
    }

    /// Whether its models may ever serve a review.
    pub fn may_review(self) -> bool {
        matches!(self, Self::Openai | Self::Mistral)
    }

    fn default_base(self) -> &'static str {
        match self {
            Self::Openai => "https://api.openai.com/v1",
            Self::Mistral => "https://api.mistral.ai/v1",
            Self::Moonshot => "https://api.moonshot.ai/v1",
            Self::Ollama => "http://127.0.0.1:11434",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Purpose {
    /// The purpose of that name; an unknown one is served as general.
    pub fn named(name: &str) -> Self {
        match name {
            "review" => Self::Review,
            "vision" => Self::Vision,
            _ => Self::General,
        }
    }

    /// As documents write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Review => "review",
            Self::General => "general",
            Self::Vision => "vision",
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

impl Settings {
    /// The front part of a provider's addresses.
    pub fn api_base(&self, provider: Provider) -> &str {
        let endpoint = match provider {
            Provider::Openai => &self.providers.openai,
            Provider::Mistral => &self.providers.mistral,
            Provider::Moonshot => &self.providers.moonshot,
            Provider::Ollama => &self.providers.ollama,
        };
        endpoint.api_base.as_deref().unwrap_or(provider.default_base())
    }

    /// Whether a provider may be called.
    pub fn is_enabled(&self, provider: Provider) -> bool {
        self.enabled_providers.contains(&provider)
    }

    /// The configured model of a purpose.
    pub fn choice(&self, purpose: Purpose) -> &Choice {
        match purpose {
            Purpose::Review => &self.defaults.review,
            Purpose::General => &self.defaults.general,
            Purpose::Vision => &self.defaults.vision,
        }
    }
}

impl Budget {
    /// Of one review.
    pub fn per_review(&self) -> Money {
        Money::from_usd(self.max_usd_per_review)
    }

    /// Of one run.
    pub fn per_run(&self) -> Money {
        Money::from_usd(self.max_usd_per_run)
    }

    /// Of one day.
    pub fn per_day(&self) -> Money {
        Money::from_usd(self.max_usd_per_day)
    }
}

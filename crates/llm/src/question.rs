//! What is asked of a model, and what comes back.

use std::path::Path;

pub use llm_wire::Usage;
use ops_core::host::Host;
use ops_core::time;
use serde_json::Value;

use crate::money::Money;
use crate::settings::{Provider, Purpose};

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What it is for.
    pub purpose: Purpose,
    /// Instructions before the user's text, and after it.
    pub system: Instructions<'a>,
    /// The user's text.
    pub user: &'a str,
    /// An image to look at.
    pub image: Option<&'a Image>,
    /// What the answer must be; none for free text.
    pub schema: Option<&'a AnswerSchema>,
    /// The longest answer, tokens; reviews never exceed `reviewCaps`.
    pub max_output_tokens: Option<u32>,
    /// The temperature, where the model takes one; reviews never exceed `reviewCaps`.
    pub temperature: Option<f64>,
    /// The review that this is a part of; a review question without one is a review of its own.
    pub review: Option<&'a ReviewRun>,
    /// Another model than the configured one, such as a second opinion. Under the same rules.
    pub model: Option<&'a crate::settings::Choice>,
    /// Where telemetry and `review_fail_closed.json` are written.
    pub artifact_dir: &'a Path,
}

/// Instructions, which are never mixed with the user's text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Instructions<'a> {
    /// Before the user's text.
    pub first: &'a str,
    /// After it, for a model to read last; empty for none.
    pub last: &'a str,
}

/// An image.
#[derive(Clone, Debug)]
pub struct Image {
    /// `image/png`, `image/jpeg`, `image/gif` or `image/webp`.
    pub mime: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What an answer must be.
#[derive(Clone, Debug)]
pub struct AnswerSchema {
    /// 1 to 64 of `[A-Za-z0-9_-]`.
    pub name: String,
    /// The JSON text of a schema that strict structured output can take: all properties required,
    /// closed. Models answer in the order of its properties.
    pub text: String,
}

/// The review that several questions (packets, second opinion) belong to: one budget.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReviewRun {
    id: String,
    earlier: Money,
}

impl ReviewRun {
    /// A new review with a budget of its own.
    pub fn new(host: &Host) -> Self {
        Self { id: time::run_id(host.now(), host.random()), earlier: Money::ZERO }
    }

    /// One that goes on with a review of which earlier runs paid a part: its budget counts that.
    #[must_use]
    pub fn after(mut self, earlier: Money) -> Self {
        self.earlier = earlier;
        self
    }

    /// What earlier runs paid of it.
    pub fn earlier(&self) -> Money {
        self.earlier
    }

    /// Its name in the ledger and in telemetry.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// An answer that holds: whole, not refused, and valid where a schema was asked for.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What the model wrote.
    pub text: String,
    /// The same, parsed and validated, where a schema was asked for.
    pub value: Option<Value>,
    /// Who answered.
    pub provider: Provider,
    /// The model that configuration (or an override) names for whoever answered.
    pub model_requested: String,
    /// The model that was asked: its successor after a shutdown.
    pub model_effective: String,
    /// The model the answer names.
    pub model_replied: String,
    /// Host and port that answered.
    pub endpoint_host: String,
    /// Tokens, as reported.
    pub usage: Usage,
    /// What it cost; `None` when no price is known.
    pub cost: Option<Money>,
    /// What it could have cost at most, estimated before; `None` when no price is known.
    pub estimated: Option<Money>,
    /// All that this question cost, failed calls included (at their worst case where unknown).
    pub spent: Money,
    /// Whether the fallback answered.
    pub fallback_used: bool,
    /// How the primary failed, where the fallback answered: `transient_quota`,
    /// `transient_server` or `transient_network`.
    pub transient_class: Option<&'static str>,
    /// The provider's own name for the call.
    pub request_id: Option<String>,
    /// What the caller should tell a person.
    pub warnings: Vec<String>,
}

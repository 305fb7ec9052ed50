//! Which model a question really goes to: the one asked for, or from its shutdown on its successor.

use llm_tokens::Tokenizer;
use llm_wire::{Api, Structured, TokenCap};
use ops_core::time::Timestamp;

use super::{Models, Row};
use crate::settings::{Choice, Provider};

impl Models {
    /// The row of the model that a question goes to at this time: that of the model itself, or of
    /// its successor. `None` for a model without a row.
    pub fn effective(&self, requested: &Choice, now: Timestamp) -> Option<&Row> {
        let mut row = self.row(requested.provider, &requested.model)?;
        // A successor may be gone as well; no chain is longer than the table.
        for _ in 0..self.models.len() {
            let next = row.successor.as_deref().filter(|_| row.is_gone(now));
            match next.and_then(|next| self.row(row.provider, next)) {
                Some(next) => row = next,
                None => break,
            }
        }
        Some(row)
    }
}

impl Row {
    /// What is assumed of a model without a row: only what every model of its provider takes. Its
    /// prices here mean nothing.
    pub(crate) fn assumed(choice: &Choice) -> Self {
        let (api, token_cap, structured, context_tokens) = match choice.provider {
            Provider::Openai => {
                let cap = TokenCap::MaxCompletionTokens;
                (Api::OpenaiChat, cap, Structured::JsonSchema, 128_000)
            }
            Provider::Mistral => {
                (Api::MistralChat, TokenCap::MaxTokens, Structured::JsonSchema, 128_000)
            }
            Provider::Moonshot => {
                (Api::MoonshotChat, TokenCap::MaxTokens, Structured::JsonObject, 128_000)
            }
            Provider::Ollama => {
                (Api::OllamaChat, TokenCap::NumPredict, Structured::JsonSchema, 131_072)
            }
        };
        Self {
            provider: choice.provider,
            model: choice.model.clone(),
            aliases: Vec::new(),
            api,
            input: 0.0,
            cached_input: None,
            cache_write: None,
            output: 0.0,
            long_context: None,
            context_tokens,
            max_output_tokens: 4096,
            token_cap,
            temperature: choice.provider == Provider::Ollama,
            effort: None,
            structured,
            tokenizer: Tokenizer::Other,
            fit_for_review: false,
            vision: true,
            shutdown: None,
            successor: None,
        }
    }

    /// Whether its shutdown has come.
    pub fn is_gone(&self, now: Timestamp) -> bool {
        self.shutdown.as_deref().and_then(day).is_some_and(|day| now >= day)
    }

    /// Days until its shutdown, negative afterwards. `None` without one.
    pub fn days_left(&self, now: Timestamp) -> Option<i64> {
        day(self.shutdown.as_deref()?).map(|then| days_until(then, now))
    }
}

/// Whole days from now until then.
pub(crate) fn days_until(then: Timestamp, now: Timestamp) -> i64 {
    then.duration_since(now).as_secs().div_euclid(86_400)
}

/// The beginning (UTC) of a day that is written `YYYY-MM-DD`.
pub(crate) fn day(text: &str) -> Option<Timestamp> {
    (text.len() == 10).then(|| format!("{text}T00:00:00Z").parse().ok()).flatten()
}

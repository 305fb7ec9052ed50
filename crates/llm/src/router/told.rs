//! What is told of a call: its line of telemetry, and how it failed.

use llm_wire::{Class, Usage};
use ops_core::time;

use super::judge::Trouble;
use super::{Failures, Router, Target};
use crate::money::Money;
use crate::question::{Question, ReviewRun};
use crate::telemetry::Line;

/// A call that failed or was not made.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    /// As telemetry names it: `non_transient`, `refused`.
    pub(super) outcome: &'static str,
    /// The same more closely: `truncated`, `over_budget`.
    pub(super) name: &'static str,
    /// What happened, redacted.
    pub(super) told: String,
    /// What an operator can do.
    pub(super) hint: Option<&'static str>,
    /// What there is of an answer that does not hold, redacted.
    pub(super) text: String,
    /// Whether nothing was sent because a budget has no room.
    pub(super) is_over_budget: bool,
}

impl Failed {
    /// Nobody was asked.
    pub(super) fn not_asked(told: String) -> Self {
        Self {
            outcome: "refused",
            name: "not_ready",
            told,
            hint: None,
            text: String::new(),
            is_over_budget: false,
        }
    }
}

impl Router<'_> {
    pub(super) fn failed_call(&self, target: &Target, trouble: &Trouble) -> Failed {
        let fault = &trouble.fault;
        let message = self.context.clean(fault.message.expose());
        let outcome = fault.class.name();
        let (name, hint) = match fault.class {
            Class::TransientQuota { billing: true } => {
                ("billing", Some("the account has no money or passed its limit"))
            }
            Class::NonTransient(why) => (trouble.name.unwrap_or(why.name()), why.hint()),
            _ => (outcome, None),
        };
        let named = match trouble.name {
            Some(name) => format!("{outcome} ({name})"),
            None => fault.to_string(),
        };
        let told = if message.is_empty() {
            format!("{target}: {named}")
        } else {
            format!("{target}: {named}: {message}")
        };
        let text = self.context.clean(fault.text.expose());
        Failed { outcome, name, told, hint, text, is_over_budget: false }
    }

    /// A line about a call of which nothing is known yet.
    pub(super) fn line(
        &self,
        question: &Question<'_>,
        review: Option<&ReviewRun>,
        target: &Target,
        worst: Option<Money>,
    ) -> Line {
        Line {
            schema: "aiops.llm.call/1".into(),
            ts: time::rfc3339(self.context.host.now()),
            run: self.context.run_id().to_owned(),
            review: review.map(|it| it.id().to_owned()),
            purpose: question.purpose,
            provider: target.provider(),
            model: target.row.model.clone(),
            model_requested: target.requested.model.clone(),
            model_replied: None,
            request_id: None,
            tokens_in: None,
            tokens_cached: None,
            tokens_out: None,
            estimated_usd: worst.map(Money::usd),
            actual_usd: None,
            booked_usd: 0.0,
            latency_ms: 0,
            outcome: String::new(),
            detail: None,
            fallback_used: false,
        }
    }
}

impl Line {
    /// Notes who answered and what was used.
    pub(super) fn reply(&mut self, model: &str, request_id: Option<&str>, usage: Option<Usage>) {
        self.model_replied = Some(model.to_owned()).filter(|it| !it.is_empty());
        self.request_id = request_id.map(str::to_owned);
        self.tokens_in = usage.map(|it| it.input);
        self.tokens_cached = usage.map(|it| it.cached);
        self.tokens_out = usage.map(|it| it.output);
    }
}

impl Failures {
    /// Keeps how a call failed, by whose it was.
    pub(super) fn set(&mut self, failed: Failed, is_fallback: bool) {
        *(if is_fallback { &mut self.fallback } else { &mut self.primary }) = Some(failed);
    }
}

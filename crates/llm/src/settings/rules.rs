//! The rules beyond the shape: in the code, and as far as JSON Schema can say them in the schema.

use ops_core::config;
use schemars::Schema;
use serde_json::json;

use super::{Choice, Provider, Settings};

/// Adds the rules across fields to the generated schema.
pub(super) fn in_schema(schema: &mut Schema) {
    let provider = |rule| json!({"properties": {"provider": rule}});
    let reviewers = json!({"enum": ["mistral"]});
    schema.insert(
        "allOf".into(),
        json!([
            {"properties": {"enabledProviders": {"contains": {"const": "openai"}}}},
            {"properties": {"defaults": {"properties": {"review": provider(json!({"const": "openai"}))}}}},
            {"properties": {"reviewFallback": {
                "if": {"type": "object"}, "then": provider(reviewers),
            }}},
            {"properties": {"secondOpinion": {
                "if": {"type": "object"}, "then": provider(json!({"enum": ["openai", "mistral"]})),
            }}},
            {"properties": {"providers": {"properties": {"ollama": {"properties": {"apiBase": {
                "if": {"type": "string"},
                "then": {"pattern":
                    r"^https?://(127(\.[0-9]{1,3}){3}|localhost|\[::1\])(:[0-9]{1,5})?(/.*)?$"},
            }}}}}}},
        ]),
    );
}

impl config::Settings for Settings {
    const FILE: &'static str = "llm.json";
    const SCHEMA: &'static str = include_str!("../../../../configs/schemas/llm.schema.json");
    const SHIPPED: &'static str = include_str!("../../../../configs/llm.json");

    fn check(&self) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        let mut rule = |holds: bool, at: &str, expected: &str| {
            if !holds {
                wrong.push((at.to_owned(), expected.to_owned()));
            }
        };
        rule(self.is_enabled(Provider::Openai), "/enabledProviders", "`openai` among them");
        rule(
            self.defaults.review.provider == Provider::Openai,
            "/defaults/review/provider",
            "openai: nobody else reviews",
        );
        let fallback = self.review_fallback.as_ref().map(|it| it.provider);
        rule(
            fallback != Some(Provider::Openai),
            "/reviewFallback/provider",
            "another provider than openai, which it is to replace",
        );
        let may_review = |choice: Option<&Choice>| choice.is_none_or(|it| it.provider.may_review());
        rule(
            may_review(self.review_fallback.as_ref()),
            "/reviewFallback/provider",
            "mistral: moonshot and ollama serve general tasks only",
        );
        rule(
            may_review(self.second_opinion.as_ref()),
            "/secondOpinion/provider",
            "openai or mistral: moonshot and ollama serve general tasks only",
        );
        let caps = self.review_caps;
        rule(
            (100..=4096).contains(&caps.max_output_tokens),
            "/reviewCaps/maxOutputTokens",
            "100 to 4096",
        );
        rule((0.0..=1.0).contains(&caps.temperature), "/reviewCaps/temperature", "0 to 1");
        let budget = &self.budget;
        for (at, amount) in [
            ("/budget/maxUsdPerReview", budget.max_usd_per_review),
            ("/budget/maxUsdPerRun", budget.max_usd_per_run),
            ("/budget/maxUsdPerDay", budget.max_usd_per_day),
        ] {
            rule((0.0..=100_000.0).contains(&amount), at, "0 to 100000 US dollars");
        }
        for (model, price) in &budget.pricing {
            let escaped = model.replace('~', "~0").replace('/', "~1");
            let amounts = [price.input_per_1m, price.output_per_1m];
            let sane = |it: &f64| (0.0..=1000.0).contains(it);
            rule(
                amounts.iter().chain(&price.cached_input_per_1m).all(sane),
                &format!("/budget/pricing/{escaped}"),
                "0 to 1000 US dollars per million tokens",
            );
        }
        let limits = self.limits;
        rule(
            limits.call_seconds <= limits.deadline_seconds,
            "/limits/callSeconds",
            "at most deadlineSeconds",
        );
        for provider in Provider::ALL {
            let at = format!("/providers/{provider}/apiBase");
            match outbound::Base::parse(self.api_base(provider)) {
                Err(why) => wrong.push((at, why)),
                Ok(base) if provider == Provider::Ollama && !base.is_loopback() => {
                    wrong.push((at, "on this machine: 127.0.0.0/8, localhost or ::1".to_owned()));
                }
                Ok(_) => {}
            }
        }
        wrong
    }
}

#[cfg(test)]
mod tests;

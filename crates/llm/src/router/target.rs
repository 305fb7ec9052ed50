//! Which model of which provider a question goes to, and whether it may.

use std::fmt;

use ops_core::failure::{Exit, Failure};
use outbound::Base;

use super::Router;
use crate::models::Row;
use crate::price::{self, Price};
use crate::question::Question;
use crate::settings::{Choice, Provider, Purpose};

/// Variables that name another model for reviews; the first that is set counts.
pub const OVERRIDES: [&str; 2] = ["AIOPS_REVIEW_MODEL", "OPENCLAW_REVIEW_MODEL"];

/// A model that may be asked, and all that is known of it.
#[derive(Clone, Debug)]
pub struct Target {
    /// What configuration (or an override) names.
    pub requested: Choice,
    /// What is known of the model that is really asked: its successor after a shutdown.
    pub row: Row,
    /// Whether the table knows it; else `row` is what is assumed.
    pub is_known: bool,
    /// Its price, if anybody knows it.
    pub price: Option<Price>,
    /// Where its provider is.
    pub base: Base,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.row.provider, self.row.model)
    }
}

impl Target {
    /// Who serves it.
    pub fn provider(&self) -> Provider {
        self.row.provider
    }

    /// Host and port.
    pub fn endpoint_host(&self) -> String {
        let origin = self.base.origin();
        origin.split_once("://").map_or(origin, |(_, host)| host).to_owned()
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.row.model != self.requested.model {
            let shut = format!("{} is shut down", self.requested);
            warnings.push(format!("{shut}: its successor {} is asked", self.row.model));
        }
        if self.price.is_none() {
            warnings.push(format!("no price is known for {self}: no budget counts it"));
        }
        warnings
    }
}

impl Router<'_> {
    /// Who is asked first.
    pub(super) fn primary(&self, question: &Question<'_>) -> Result<Target, Failure> {
        let choice = match question.model {
            Some(choice) => choice.clone(),
            None => self.configured(question.purpose)?,
        };
        self.target(&choice, question).map_err(|(exit, why)| {
            Failure::new(exit, format!("ask {choice} for {}", question.purpose.name()))
                .because(why)
                .hint("configs/llm.json names the models, configs/models.json describes them")
        })
    }

    /// The model of a purpose: the configured one, or for a review the one that the environment
    /// names, if it may.
    fn configured(&self, purpose: Purpose) -> Result<Choice, Failure> {
        let configured = self.setup.settings.choice(purpose);
        let host = &self.context.host;
        let named = OVERRIDES.iter().find_map(|name| Some((*name, host.env(name)?)));
        let Some((variable, value)) = named.filter(|_| purpose == Purpose::Review) else {
            return Ok(configured.clone());
        };
        let provider = Provider::Openai;
        let row = value.to_str().and_then(|model| self.setup.models.row(provider, model));
        match row.filter(|row| row.fit_for_review) {
            Some(row) => Ok(Choice { provider, model: row.model.clone() }),
            None => Err(Failure::new(Exit::Config, format!("review with the model in {variable}"))
                .because("it is not an OpenAI model that configs/models.json marks fitForReview")
                .hint("llm models lists them; unset the variable to use the configured one")),
        }
    }

    /// Who takes a review over: `None` where nobody may, or why the one that is configured cannot.
    pub(super) fn fallback(&mut self, question: &Question<'_>) -> Option<Result<Target, String>> {
        // A second opinion that somebody else gives is none.
        if question.purpose != Purpose::Review || question.model.is_some() {
            return None;
        }
        let choice = self.setup.settings.review_fallback.clone()?;
        let target = self.target(&choice, question).map_err(|(_, why)| why);
        Some(target.and_then(|target| match self.keys.need(choice.provider) {
            Ok(_) => Ok(target),
            Err(failure) => Err(failure.to_string()),
        }))
    }

    fn target(&self, choice: &Choice, question: &Question<'_>) -> Result<Target, (Exit, String)> {
        let settings = &self.setup.settings;
        let provider = choice.provider;
        let is_review = question.purpose == Purpose::Review;
        if !settings.is_enabled(provider) {
            return Err((Exit::Config, format!("{provider} is not among enabledProviders")));
        }
        if is_review && !provider.may_review() {
            return Err((Exit::Config, format!("{provider} serves general tasks only")));
        }
        let known = self.setup.models.effective(choice, self.context.host.now());
        let row = known.cloned().unwrap_or_else(|| Row::assumed(choice));
        let pricing = &settings.budget.pricing;
        let price = price::of(&self.setup.models, pricing, provider, &row.model);
        if is_review && known.is_some_and(|row| !row.fit_for_review) {
            let why = format!("configs/models.json does not mark {} fitForReview", row.model);
            return Err((Exit::Config, why));
        }
        if is_review && price.is_none() {
            let why = format!("no price is known for {}, so no budget could hold", row.model);
            return Err((Exit::No, why));
        }
        if question.image.is_some() && !row.vision {
            return Err((Exit::Malformed, format!("{} does not see images", row.model)));
        }
        let base = Base::parse(settings.api_base(provider)).map_err(|why| (Exit::Config, why))?;
        Ok(Target { requested: choice.clone(), row, is_known: known.is_some(), price, base })
    }
}

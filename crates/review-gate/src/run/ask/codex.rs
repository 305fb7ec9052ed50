//! Codex as the reviewer: its key, its price, and what it may still cost.

use std::time::Duration;

use llm::price::Price;
use llm::{Choice, Money, Provider};
use ops_core::failure::{Exit, Failure};
use secrets::Secret;
use verdict::answer::{ANSWER_SCHEMA, Answer};

use super::panel::Opinion;
use super::{Review, Session, unusable};
use crate::reviewer::codex::{Ask, Codex};
use crate::signing;

/// How long it may take for a packet.
const DEADLINE: Duration = Duration::from_mins(10);

/// Codex, ready to be asked.
#[derive(Debug)]
pub(super) struct ByCodex<'a> {
    session: Session<'a>,
    codex: Codex<'a>,
    key: Secret,
    model: Choice,
    price: Price,
    left: Money,
}

impl<'a> ByCodex<'a> {
    /// Finds the program, the key and the price.
    ///
    /// # Errors
    /// Exit 69 without the program, 77 without the key, 1 without a price.
    pub(super) fn find(session: Session<'a>) -> Result<Self, Failure> {
        let Review { context, basis, .. } = session.review;
        let requested = session.requested()?;
        let codex = Codex::find(context)?;
        let name = Provider::Openai.secret().unwrap_or_default();
        let key = signing::secret(context, name)?.ok_or_else(|| {
            Failure::new(Exit::NotPermitted, format!("review: the secret {name} is nowhere"))
                .hint(format!("key set {name} stores one (it reads standard input)"))
        })?;
        let model = Choice { model: session.effective(&requested), ..requested };
        let budget = &basis.setup.settings.budget;
        let price =
            llm::price::of(&basis.setup.models, &budget.pricing, model.provider, &model.model);
        let price = price.ok_or_else(|| {
            Failure::new(Exit::No, format!("review with {}: its price is not known", model.model))
                .hint("name it in configs/models.json, or as pricing in configs/llm.json")
        })?;
        Ok(Self { session, codex, key, model, price, left: budget.per_review() })
    }

    /// Its opinion about a packet.
    pub(super) fn ask(&mut self, data: &str) -> Result<Opinion, Failure> {
        let basis = self.session.review.basis;
        let whole = basis.prompt.whole(data);
        // Codex adds instructions of its own, and its answer has no cap that could be set.
        let most = self.price.at_most(whole.len() as u64 + 20_000, 16_000);
        if most > self.left {
            return Err(Failure::new(Exit::No, "review with codex").because(format!(
                "it could cost ${:.4}, and ${:.4} of maxUsdPerReview is left",
                most.usd(),
                self.left.usd()
            )));
        }
        let (text, usage) = self.codex.ask(&Ask {
            prompt: &whole,
            schema: ANSWER_SCHEMA,
            model: &self.model,
            api_base: basis.setup.settings.api_base(self.model.provider),
            key: &self.key,
            deadline: DEADLINE,
        })?;
        let cost = self.price.actual(usage);
        self.left = self.left.less(cost);
        Ok(Opinion {
            answer: Answer::read(text.as_bytes()).map_err(unusable)?,
            provider: self.model.provider,
            model: self.model.model.clone(),
            version: self.codex.version.clone(),
            replied: None,
            endpoint_host: basis.endpoint_host(self.model.provider),
            fallback_for: None,
            cost,
            usage,
        })
    }
}

//! Calls that another program makes, such as codex: under the same budgets, with the same line of
//! telemetry, and without the router's retry and fallback.

use llm_wire::Usage;
use ops_core::failure::{Exit, Failure};
use secrets::Secret;

use super::{Router, Target};
use crate::money::Money;
use crate::question::Question;
use crate::telemetry;

/// The most tokens that a program's call can use, as far as anybody can say.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// Sent.
    pub input: u64,
    /// Answered.
    pub output: u64,
}

/// What came of a call that a program made.
#[derive(Debug)]
pub struct Made<T> {
    /// What it answered, or why it did not.
    pub answer: Result<T, Failure>,
    /// What it says was used; without that the call counts at its worst case.
    pub usage: Option<Usage>,
    /// Whether the program ran at all; one that did not costs nothing.
    pub was_made: bool,
}

/// A call that a program made and that has an answer.
#[derive(Debug)]
pub struct Lent<T> {
    /// The answer.
    pub answer: T,
    /// Who gave it.
    pub target: Target,
    /// Tokens, where the program says.
    pub usage: Option<Usage>,
    /// What the budgets count for it.
    pub spent: Money,
}

impl Router<'_> {
    /// Lets another program ask a question: `program` gets the model and the key. Of the question, only
    /// who is asked, what for, and where telemetry goes are looked at.
    ///
    /// # Errors
    /// Nothing was made: as [`Router::check`], and exit 1 when a budget has no room. Else what `program`
    /// says, and 69 when ledger or telemetry cannot be written.
    pub fn lend<T>(
        &mut self,
        question: &Question<'_>,
        most: Most,
        program: impl FnOnce(&Target, Option<&Secret>) -> Made<T>,
    ) -> Result<Lent<T>, Failure> {
        let target = self.ready(question)?;
        let worst = target.price.map(|it| it.at_most(most.input, most.output));
        let host = &self.context.host;
        let mut line = self.line(question, question.review, &target, worst);
        let reservation = match self.reserve(question.review, worst)? {
            Ok(reservation) => reservation,
            Err(told) => {
                "refused".clone_into(&mut line.outcome);
                line.detail = Some("over_budget".to_owned());
                telemetry::add(host, question.artifact_dir, &line)?;
                let doing = format!("ask {target} for {}", question.purpose.name());
                return Err(Failure::new(Exit::No, doing)
                    .because(told)
                    .hint("llm cost shows where it went; budgets are in configs/llm.json"));
            }
        };
        let began = host.ticks();
        let made = program(&target, self.keys.need(target.provider())?);
        let took = host.ticks().saturating_sub(began);
        line.latency_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let actual = match made.usage {
            _ if !made.was_made => Some(Money::ZERO),
            Some(usage) => target.price.map(|price| price.actual(usage)),
            None => None,
        };
        let booked = self.pay(reservation, worst, actual)?;
        line.actual_usd = booked.actual.map(Money::usd);
        line.booked_usd = booked.booked.usd();
        line.reply("", None, made.usage);
        let (outcome, detail) = match (&made.answer, made.was_made) {
            (Ok(_), _) => ("ok", None),
            (Err(_), true) => ("non_transient", Some("program")),
            (Err(_), false) => ("refused", Some("not_started")),
        };
        outcome.clone_into(&mut line.outcome);
        line.detail = detail.map(str::to_owned);
        telemetry::add(host, question.artifact_dir, &line)?;
        Ok(Lent { answer: made.answer?, target, usage: made.usage, spent: booked.booked })
    }
}

//! The money of a call: set aside before, booked afterwards.

use llm_wire::{Reply, Usage};
use ops_core::failure::Failure;
use serde_json::Value;

use super::judge::Trouble;
use super::{Router, Target};
use crate::budget::{Account, Caps, Ledger, Reservation};
use crate::money::Money;
use crate::price;
use crate::question::ReviewRun;

/// What a call was worth.
pub(super) struct Booked {
    /// What it cost; `None` when nobody knows.
    pub(super) actual: Option<Money>,
    /// What the budgets count.
    pub(super) booked: Money,
}

impl Router<'_> {
    /// Sets the worst case aside. `Ok(Ok(None))`: there is nothing to set aside.
    pub(super) fn reserve(
        &mut self,
        review: Option<&ReviewRun>,
        worst: Option<Money>,
    ) -> Result<Result<Option<Reservation>, String>, Failure> {
        let Some(worst) = worst.filter(|worst| *worst > Money::ZERO) else {
            return Ok(Ok(None));
        };
        let host = &self.context.host;
        let ledger = match &mut self.ledger {
            Some(ledger) => ledger,
            empty => empty.insert(Ledger::open(host, &self.context.home)?),
        };
        let budget = &self.setup.settings.budget;
        let caps =
            Caps { review: budget.per_review(), run: budget.per_run(), day: budget.per_day() };
        let account = Account {
            run: self.context.run_id(),
            review: review.map(ReviewRun::id),
            earlier: review.map_or(Money::ZERO, ReviewRun::earlier),
        };
        let reserved = ledger.reserve(host.now(), account, worst, caps)?;
        Ok(reserved.map(Some).map_err(|over| over.to_string()))
    }

    /// Books what a call cost, or its worst case where nobody knows.
    pub(super) fn settle(
        &mut self,
        target: &Target,
        reservation: Option<Reservation>,
        worst: Option<Money>,
        judged: &Result<(Reply, Option<Value>), Box<Trouble>>,
    ) -> Result<Booked, Failure> {
        let (model, usage, may_be_billed) = match judged {
            Ok((reply, _)) => (Some(reply.model.as_str()), Some(reply.usage), true),
            Err(it) => (it.fault.model.as_deref(), it.fault.usage, it.may_be_billed),
        };
        let actual = match usage {
            Some(usage) => self.cost(target, model, usage),
            None if may_be_billed => None,
            None => Some(Money::ZERO),
        };
        self.pay(reservation, worst, actual)
    }

    /// Books what a call cost, or its worst case where that is `None`; first of all in the run
    /// record, where it stands whatever becomes of the rest.
    pub(super) fn pay(
        &mut self,
        reservation: Option<Reservation>,
        worst: Option<Money>,
        actual: Option<Money>,
    ) -> Result<Booked, Failure> {
        let booked = actual.or(worst).unwrap_or(Money::ZERO);
        self.context.note_cost(booked.usd());
        if let (Some(actual), Some(reservation), Some(ledger)) =
            (actual, reservation, &mut self.ledger)
        {
            ledger.settle(reservation, actual)?;
        }
        Ok(Booked { actual, booked })
    }

    /// The price of what was used: that of the model that says it answered. `None` when nobody
    /// knows it.
    fn cost(&self, target: &Target, model: Option<&str>, usage: Usage) -> Option<Money> {
        let pricing = &self.setup.settings.budget.pricing;
        let of = |model: &str| price::of(&self.setup.models, pricing, target.provider(), model);
        let price = match model {
            Some(model) => of(model)?,
            None => target.price?,
        };
        Some(price.actual(usage))
    }
}

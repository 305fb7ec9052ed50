//! What a call can cost at most, and what it did cost. Pure sums over whole picodollars.

use std::collections::BTreeMap;

use llm_wire::Usage;

use crate::models::{Models, Row, undated};
use crate::money::Money;
use crate::settings::{Pricing, Provider};

/// The price of a model, picodollars per token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Price {
    normal: Rates,
    /// Above so many tokens sent, these rates hold for all of the request.
    long: Option<(u64, Rates)>,
}

/// Picodollars per token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Rates {
    input: Money,
    cached: Money,
    write: Money,
    output: Money,
}

impl Rates {
    fn new(input: f64, cached: Option<f64>, write: Option<f64>, output: f64) -> Self {
        // Dollars per million tokens are a millionth of that per token.
        let per_token = |usd: f64| Money::from_usd(usd / 1e6);
        Self {
            input: per_token(input),
            cached: per_token(cached.unwrap_or(input)),
            write: per_token(write.unwrap_or(input)),
            output: per_token(output),
        }
    }

    /// A token that is sent, at its dearest: it may be written to a cache as well.
    fn dearest_input(self) -> Money {
        self.input.max(self.write).max(self.cached)
    }
}

impl From<&Row> for Price {
    fn from(row: &Row) -> Self {
        let long = row.long_context.map(|it| {
            let rates = Rates::new(it.input, it.cached_input, it.cache_write, it.output);
            (it.above_tokens, rates)
        });
        Self { normal: Rates::new(row.input, row.cached_input, row.cache_write, row.output), long }
    }
}

impl From<&Pricing> for Price {
    fn from(it: &Pricing) -> Self {
        let normal = Rates::new(it.input_per_1m, it.cached_input_per_1m, None, it.output_per_1m);
        Self { normal, long: None }
    }
}

impl Price {
    /// Nothing: a model on this machine.
    pub fn free() -> Self {
        Self { normal: Rates::new(0.0, None, None, 0.0), long: None }
    }

    fn rates(&self, input: u64) -> Rates {
        match self.long {
            Some((above, long)) if input > above => long,
            _ => self.normal,
        }
    }

    /// The most that a call can cost that sends at most `input` tokens and gets at most `output`.
    pub fn at_most(&self, input: u64, output: u64) -> Money {
        let cost =
            |rates: Rates| rates.dearest_input().times(input).plus(rates.output.times(output));
        // Fewer tokens at the normal rates can cost more than the bound at long rates, where a
        // table is odd enough.
        cost(self.rates(input)).max(cost(self.normal))
    }

    /// What a call with this usage cost.
    pub fn actual(&self, usage: Usage) -> Money {
        let rates = self.rates(usage.input);
        let cached = usage.cached.min(usage.input);
        let written = usage.cache_write.min(usage.input - cached);
        let fresh = usage.input - cached - written;
        [
            rates.input.times(fresh),
            rates.cached.times(cached),
            rates.write.times(written),
            rates.output.times(usage.output),
        ]
        .into_iter()
        .fold(Money::ZERO, Money::plus)
    }
}

/// The price of a model by name; `None` when nobody knows it, which is never free.
pub fn of(
    models: &Models,
    pricing: &BTreeMap<String, Pricing>,
    provider: Provider,
    model: &str,
) -> Option<Price> {
    if provider == Provider::Ollama {
        return Some(Price::free());
    }
    let row = models.replied(provider, model);
    let names = [Some(model), undated(model), row.map(|row| row.model.as_str())];
    let own = names.into_iter().flatten().find_map(|name| pricing.get(name));
    own.map(Price::from).or_else(|| row.map(Price::from))
}

#[cfg(test)]
mod tests;

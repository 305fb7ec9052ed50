//! Prices as facts/prices.md has them.

use ops_core::config::{self, Source};
use ops_core::host::Host;
use proptest::prelude::*;

use super::*;

fn models() -> Models {
    config::load(&Host::real(), &Source::Shipped).unwrap()
}

fn usage(input: u64, cached: u64, cache_write: u64, output: u64) -> Usage {
    Usage { input, cached, cache_write, output }
}

fn price(provider: Provider, model: &str) -> Option<Price> {
    of(&models(), &BTreeMap::new(), provider, model)
}

#[test]
fn a_call_costs_what_the_table_says() {
    for (model, usage, usd) in [
        ("gpt-4o-mini", usage(128_000, 0, 0, 600), 0.019_56),
        ("gpt-4o-mini-2024-07-18", usage(1_000_000, 0, 0, 0), 0.15),
        ("gpt-4o-mini-2099-01-01", usage(1_000_000, 1_000_000, 0, 0), 0.075),
        ("gpt-4o", usage(1000, 400, 0, 100), 0.003),
        ("gpt-6-luna", usage(100_000, 10_000, 20_000, 1000), 0.010_1),
        // Above 272,000 tokens other prices hold for all of it.
        ("gpt-6-luna", usage(272_000, 0, 0, 0), 0.0272),
        ("gpt-6-luna", usage(300_000, 0, 0, 1000), 0.060_75),
        // What is said to be cached is never more than what was sent.
        ("gpt-4o-mini", usage(10, 1000, 1000, 0), 0.000_000_75),
    ] {
        let cost = price(Provider::Openai, model).unwrap().actual(usage);
        assert_eq!(cost, Money::from_usd(usd), "{model} {usage:?}");
    }
    let small = price(Provider::Mistral, "mistral-small-latest").unwrap();
    assert_eq!(small.actual(usage(1_000_000, 0, 0, 0)), Money::from_usd(0.15));
}

#[test]
fn an_unknown_model_has_no_price_and_a_local_one_costs_nothing() {
    for (provider, model) in [
        (Provider::Openai, "my-own-model"),
        (Provider::Openai, "gpt-4o-mini-latest"),
        (Provider::Openai, "2024-07-18"),
        (Provider::Openai, ""),
        (Provider::Mistral, "gpt-4o-mini"),
    ] {
        assert_eq!(price(provider, model), None, "{model}");
    }
    let local = price(Provider::Ollama, "anything").unwrap();
    assert_eq!(local.at_most(u64::MAX, u64::MAX), Money::ZERO);
}

#[test]
fn pricing_in_the_settings_goes_first_also_for_dated_names() {
    let pricing = Pricing { input_per_1m: 1.0, cached_input_per_1m: None, output_per_1m: 2.0 };
    for (named, asked, is_own) in [
        ("my-own-model", "my-own-model", true),
        ("my-own-model", "my-own-model-2026-11-01", true),
        ("gpt-4o-mini", "gpt-4o-mini", true),
        ("gpt-4o-mini", "gpt-4o-mini-2099-07-18", true),
        ("gpt-4o-mini", "gpt-4o", false),
    ] {
        let pricings = BTreeMap::from([(named.to_owned(), pricing)]);
        let found = of(&models(), &pricings, Provider::Openai, asked);
        assert_eq!(found == Some(Price::from(&pricing)), is_own, "{named} {asked}");
    }
}

proptest! {
    #[test]
    fn no_usage_within_the_bound_costs_more_than_the_estimate(
        row in 0..40_usize, input in 0..600_000_u64, output in 0..20_000_u64,
        parts in (0.0..1.0_f64, 0.0..1.0_f64, 0.0..1.0_f64, 0.0..1.0_f64),
    ) {
        let models = models();
        let price = Price::from(&models.models[row % models.models.len()]);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a share of a small number")]
        let share = |of: u64, part: f64| (of as f64 * part) as u64;
        let sent = share(input, parts.0);
        let cached = share(sent, parts.1);
        let written = share(sent - cached, parts.2);
        let used = usage(sent, cached, written, share(output, parts.3));
        prop_assert!(price.actual(used) <= price.at_most(input, output));
    }
}

//! A provider's state by what was found, row by row.

use State::{Degraded, Down, Ok};
use ops_core::config::{self, Source};
use ops_core::host::Host;

use super::*;

fn listed(id: &str, shutdown: Shutdown) -> Listed {
    Listed { id: id.into(), aliases: vec![], shutdown, successor: None }
}

fn memory(state: State, class: &str) -> Memory {
    Memory {
        schema: "aiops.llm.health/1".into(),
        provider: Provider::Openai,
        state,
        last_error_class: class.into(),
        at: "2026-06-01T00:00:00.000Z".into(),
    }
}

fn judged(day: &str, listing: &Listing, memory: Option<&Memory>) -> (State, Option<String>) {
    let host = Host::real();
    let settings: Settings = config::load(&host, &Source::Shipped).unwrap();
    let models: Models = config::load(&host, &Source::Shipped).unwrap();
    let now = format!("{day}T00:00:00Z").parse().unwrap();
    let mut findings = Findings::default();
    let served = served(&settings, &models, Provider::Openai, listing, now);
    judge(&mut findings, &served, listing, memory);
    (findings.state(), findings.class())
}

#[test]
fn each_finding_has_its_state_and_its_word() {
    let on = |text: &str| Shutdown::On(text.parse().unwrap());
    let both = |mini, large| vec![listed("gpt-4o-mini", mini), listed("gpt-4o", large)];
    let nothing = || both(Shutdown::Unannounced, Shutdown::Unannounced);
    let failed = |class| Listing::Failed(class, "told".into());
    let (down, degraded) = (memory(State::Down, "billing"), memory(State::Degraded, "truncated"));
    for (day, listing, memory, state, class) in [
        ("2026-06-01", Listing::NotAsked, None, Ok, None),
        ("2026-06-01", Listing::Read(nothing()), None, Ok, None),
        // 60 days before the shutdown in the table, and 61.
        ("2026-11-14", Listing::Read(nothing()), None, Ok, None),
        ("2026-11-15", Listing::Read(nothing()), None, Degraded, Some("shutdown_soon")),
        ("2027-01-14", Listing::NotAsked, None, Degraded, Some("shut_down")),
        // The provider's own list knows better than the table.
        (
            "2026-06-01",
            Listing::Read(both(on("2026-07-01"), Shutdown::Unannounced)),
            None,
            Degraded,
            Some("shutdown_soon"),
        ),
        (
            "2026-06-01",
            Listing::Read(both(on("2026-05-01"), Shutdown::Unannounced)),
            None,
            Degraded,
            Some("shut_down"),
        ),
        (
            "2026-06-01",
            Listing::Read(both(Shutdown::Unreadable, Shutdown::Unannounced)),
            None,
            Degraded,
            Some("shutdown_unreadable"),
        ),
        (
            "2026-06-01",
            Listing::Read(vec![listed("gpt-4o", Shutdown::Unannounced)]),
            None,
            Degraded,
            Some("unknown_model"),
        ),
        (
            "2026-06-01",
            failed(Class::NonTransient(Why::Unauthorized)),
            None,
            Down,
            Some("unauthorized"),
        ),
        (
            "2026-06-01",
            failed(Class::NonTransient(Why::Forbidden)),
            None,
            Degraded,
            Some("forbidden"),
        ),
        ("2026-06-01", failed(Class::TransientNetwork), None, Down, Some("transient_network")),
        ("2026-06-01", failed(Class::TransientServer), None, Down, Some("transient_server")),
        (
            "2026-06-01",
            failed(Class::TransientQuota { billing: false }),
            None,
            Degraded,
            Some("transient_quota"),
        ),
        (
            "2026-06-01",
            failed(Class::TransientQuota { billing: true }),
            None,
            Down,
            Some("billing"),
        ),
        // A key without money still lists models.
        ("2026-06-01", Listing::Read(nothing()), Some(&down), Down, Some("billing")),
        ("2026-06-01", Listing::Read(nothing()), Some(&degraded), Degraded, Some("truncated")),
    ] {
        let want = (state, class.map(str::to_owned));
        assert_eq!(judged(day, &listing, memory), want, "{day} {listing:?} {memory:?}");
    }
}

#[test]
fn a_model_without_a_price_is_told() {
    let host = Host::real();
    let mut settings: Settings = config::load(&host, &Source::Shipped).unwrap();
    let models: Models = config::load(&host, &Source::Shipped).unwrap();
    settings.defaults.general.model = "my-own-model".into();
    let now = "2026-06-01T00:00:00Z".parse().unwrap();
    let mut findings = Findings::default();
    let served = served(&settings, &models, Provider::Openai, &Listing::NotAsked, now);
    judge(&mut findings, &served, &Listing::NotAsked, None);
    assert_eq!(findings.class().as_deref(), Some("unknown_price"));
}

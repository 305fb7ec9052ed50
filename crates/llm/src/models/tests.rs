//! The table that is shipped, and what it must never say.

use ops_core::config::{self, Settings as _, Source};
use ops_core::host::Host;
use ops_core::time::Timestamp;

use super::*;
use crate::settings::Choice;

fn shipped() -> Models {
    config::load(&Host::real(), &Source::Shipped).unwrap()
}

fn effective(provider: Provider, model: &str, day: &str) -> String {
    let now: Timestamp = format!("{day}T00:00:00Z").parse().unwrap();
    let choice = Choice { provider, model: model.into() };
    shipped().effective(&choice, now).map_or("nobody".into(), |row| row.model.clone())
}

#[test]
fn from_its_shutdown_on_a_model_is_replaced_by_its_named_successor() {
    use Provider::{Mistral, Openai};
    for (provider, model, day, want) in [
        (Openai, "gpt-4o-mini", "2027-01-13", "gpt-4o-mini"),
        (Openai, "gpt-4o-mini", "2027-01-14", "gpt-6-luna"),
        (Openai, "gpt-4o", "2028-01-01", "gpt-6-luna"),
        (Mistral, "labs-devstral-small-2512", "2026-03-30", "labs-devstral-small-2512"),
        (Mistral, "labs-devstral-small-2512", "2026-11-21", "mistral-small-latest"),
        // No successor is named: nobody guesses one.
        (Openai, "gpt-5", "2027-06-01", "gpt-5"),
        (Openai, "my-own-model", "2027-06-01", "nobody"),
    ] {
        assert_eq!(effective(provider, model, day), want, "{model} on {day}");
    }
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let row = shipped().row(Openai, "gpt-4o-mini").cloned().unwrap();
    assert_eq!(row.days_left(now), Some(53));
}

#[test]
fn an_answer_s_name_leads_to_its_row() {
    let models = shipped();
    for (name, want) in [
        ("gpt-4o-mini", Some("gpt-4o-mini")),
        ("gpt-4o-mini-2024-07-18", Some("gpt-4o-mini-2024-07-18")),
        ("gpt-6-luna-2026-10-01", Some("gpt-6-luna")),
        ("gpt-6-luna-2026-1-01", None),
        ("-2026-10-01", None),
        ("é-2026-10-01", None),
        ("", None),
    ] {
        let row = models.replied(Provider::Openai, name);
        assert_eq!(row.map(|row| row.model.as_str()), want, "{name}");
    }
}

#[test]
fn each_rule_of_the_table_is_told_with_its_place() {
    type Break = fn(&mut Models);
    let cases: [(&str, Break); 9] = [
        ("/models/1/model", |it| it.models[1].model = it.models[0].model.clone()),
        ("/models/0/api", |it| it.models[0].api = Api::MistralChat),
        ("/models/0/input", |it| it.models[0].input = 0.0),
        ("/models/0/input", |it| it.models[0].output = 1_000_000.0),
        ("/models/0/fitForReview", |it| it.models[0].structured = Structured::JsonObject),
        ("/models/0/shutdown", |it| it.models[0].shutdown = Some("2027-13-01".into())),
        ("/models/0/successor", |it| it.models[0].successor = Some("nobody".into())),
        ("/models/0/successor", |it| it.models[0].successor = it.models[0].model.clone().into()),
        ("/models/0/successor", |it| it.models[0].successor = Some("gpt-5".into())),
    ];
    assert_eq!(shipped().check(), []);
    for (at, spoil) in cases {
        let mut models = shipped();
        spoil(&mut models);
        let places: Vec<String> = models.check().into_iter().map(|(at, _)| at).collect();
        assert!(places.iter().any(|it| it == at), "{at}: {places:?}");
    }
}

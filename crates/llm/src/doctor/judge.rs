//! Judges a provider by what was found. Pure.

use std::collections::BTreeSet;

use llm_wire::{Class, Listed, Shutdown, Why};
use ops_core::time::Timestamp;

use crate::documents::ServedModel;
use crate::health::{Memory, State, error_class};
use crate::models::{Models, day, days_until};
use crate::price;
use crate::settings::{Choice, Provider, Settings};

/// How many days ahead a shutdown is told.
const AHEAD: i64 = 60;

/// What the provider's own list says.
#[derive(Debug)]
pub(super) enum Listing {
    /// It was not asked.
    NotAsked,
    /// It was read.
    Read(Vec<Listed>),
    /// It was not to be had.
    Failed(Class, String),
}

/// What is wrong, the worst first in the end.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<(State, String, String)>);

impl Findings {
    pub(super) fn add(&mut self, state: State, class: &str, note: &str) {
        self.0.push((state, class.to_owned(), note.to_owned()));
    }

    pub(super) fn state(&self) -> State {
        self.0.iter().map(|it| it.0).max().unwrap_or(State::Ok)
    }

    /// The class of the first of the worst.
    pub(super) fn class(&self) -> Option<String> {
        let worst = self.state();
        let found = self.0.iter().find(|it| it.0 == worst && worst > State::Ok);
        found.map(|it| it.1.clone())
    }

    pub(super) fn notes(self) -> Vec<String> {
        self.0.into_iter().map(|it| it.2).collect()
    }
}

/// The models of a provider that configuration names.
pub(super) fn served(
    settings: &Settings,
    models: &Models,
    provider: Provider,
    listing: &Listing,
    now: Timestamp,
) -> Vec<ServedModel> {
    let defaults = &settings.defaults;
    let named: [(&str, Option<&Choice>); 5] = [
        ("review", Some(&defaults.review)),
        ("general", Some(&defaults.general)),
        ("vision", Some(&defaults.vision)),
        ("reviewFallback", settings.review_fallback.as_ref()),
        ("secondOpinion", settings.second_opinion.as_ref()),
    ];
    let of_provider = named
        .iter()
        .filter_map(|(serves, choice)| Some((*serves, (*choice)?)))
        .filter(|(_, choice)| choice.provider == provider);
    of_provider
        .map(|(serves, choice)| {
            let row = models.effective(choice, now);
            let effective = row.map_or(&choice.model, |row| &row.model);
            let table = row.and_then(|row| row.shutdown.clone());
            let told = announced(listing, effective);
            let shutdown = [table, told.map(|it| it.0)].into_iter().flatten().min();
            let pricing = &settings.budget.pricing;
            ServedModel {
                serves: serves.to_owned(),
                model: choice.model.clone(),
                effective: effective.clone(),
                days_left: shutdown.as_deref().and_then(day).map(|then| days_until(then, now)),
                shutdown,
                successor: row.and_then(|row| row.successor.clone()),
                price_known: price::of(models, pricing, provider, effective).is_some(),
            }
        })
        .collect()
}

/// The shutdown that the provider's own list announces, and who follows there.
fn announced<'a>(listing: &'a Listing, model: &str) -> Option<(String, Option<&'a str>)> {
    let Listing::Read(listed) = listing else { return None };
    let found = listed.iter().find(|it| it.is_called(model))?;
    match found.shutdown {
        Shutdown::On(date) => Some((date.to_string(), found.successor.as_deref())),
        Shutdown::Unannounced | Shutdown::Unreadable => None,
    }
}

/// Adds what is wrong with a provider.
pub(super) fn judge(
    findings: &mut Findings,
    served: &[ServedModel],
    listing: &Listing,
    memory: Option<&Memory>,
) {
    match listing {
        Listing::NotAsked => {}
        // A key that may not list models may well be allowed to chat.
        Listing::Failed(Class::NonTransient(Why::Forbidden), told) => findings.add(
            State::Degraded,
            "forbidden",
            &format!("the key is valid but restricted: it may not list models ({told})"),
        ),
        Listing::Failed(class @ Class::TransientQuota { billing: false }, told) => {
            findings.add(State::Degraded, error_class(*class), told);
        }
        Listing::Failed(class, told) => findings.add(State::Down, error_class(*class), told),
        Listing::Read(listed) => {
            let names: BTreeSet<&str> = served.iter().map(|it| it.effective.as_str()).collect();
            for name in names {
                match listed.iter().find(|it| it.is_called(name)) {
                    None => findings.add(
                        State::Degraded,
                        "unknown_model",
                        &format!("{name} is not in its list of models: retired?"),
                    ),
                    Some(it) if it.shutdown == Shutdown::Unreadable => findings.add(
                        State::Degraded,
                        "shutdown_unreadable",
                        &format!("its list says something unreadable of the end of {name}"),
                    ),
                    Some(_) => {}
                }
            }
        }
    }
    if let Some(memory) = memory {
        let note = format!("the last call failed at {}: {}", memory.at, memory.last_error_class);
        findings.add(memory.state, &memory.last_error_class, &note);
    }
    for it in served {
        let ServedModel { serves, model, effective, .. } = it;
        if !it.price_known {
            let note = format!("no price is known for {effective} ({serves}): reviews refuse it");
            findings.add(State::Degraded, "unknown_price", &note);
        }
        if model != effective {
            let note = format!("{model} is shut down; {effective} serves {serves} in its place");
            findings.add(State::Degraded, "shut_down", &note);
        }
        let Some((date, left)) = it.shutdown.as_ref().zip(it.days_left) else { continue };
        let next = match &it.successor {
            Some(next) => format!("then {next} is asked"),
            None => "no successor is named: choose another model".to_owned(),
        };
        if left <= 0 {
            let note = format!("{effective} ({serves}) was shut down on {date}; {next}");
            findings.add(State::Degraded, "shut_down", &note);
        } else if left <= AHEAD {
            let note =
                format!("{effective} ({serves}) is shut down on {date}, in {left} days; {next}");
            findings.add(State::Degraded, "shutdown_soon", &note);
        }
    }
}

#[cfg(test)]
mod tests;

//! `aiops.provider_status/1`: what `llm status` and `llm doctor` tell.

use std::io::{self, Write};

use ops_core::failure::Exit;
use ops_core::report::Report;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::health::State;
use crate::settings::Provider;

/// How the providers, the router and its configuration stand.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct ProviderStatus {
    /// `aiops.provider_status/1`.
    pub schema: String,
    /// `<ts>-<6 hex>`.
    pub run_id: String,
    /// RFC 3339 UTC.
    pub ts: String,
    /// Whether the providers were asked (`llm doctor`), or only looked up (`llm status`).
    pub asked: bool,
    /// The worst of router, configuration and enabled providers.
    pub state: State,
    /// The configuration.
    pub config: ConfigHealth,
    /// The router.
    pub router: RouterHealth,
    /// Every provider, also disabled ones; empty when the configuration cannot be used.
    pub providers: Vec<ProviderHealth>,
    /// Where this document was written; null for `llm status`.
    pub written: Option<String>,
}

/// How the configuration stands.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct ConfigHealth {
    /// Whether it can be used.
    pub ok: bool,
    /// Every violation.
    pub violations: Vec<String>,
}

/// How the router stands.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct RouterHealth {
    /// OK: a review can be asked for, and has a fallback. DEGRADED: without a fallback. DOWN: not.
    pub state: State,
    /// Why it is not OK.
    pub notes: Vec<String>,
    /// The day's money; null when the ledger cannot be read.
    pub budget: Option<Day>,
}

/// The day's money, US dollars.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Day {
    /// The most.
    pub cap_usd: f64,
    /// What was spent.
    pub spent_usd: f64,
    /// What is set aside for calls that were never settled.
    pub set_aside_usd: f64,
}

/// How a provider stands.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct ProviderHealth {
    /// The provider.
    pub provider: Provider,
    /// Whether it may be called.
    pub enabled: bool,
    /// Whether its key is there, or it needs none.
    pub configured: bool,
    /// Its key, masked.
    pub fingerprint: Option<String>,
    /// Host and port.
    pub endpoint_host: String,
    /// How it stands; null for a disabled one, which nobody asks.
    pub state: Option<State>,
    /// What is wrong, in a word: `missing_key`, `billing`, `unauthorized`, `transient_network`,
    /// `shutdown_soon`, …; null when nothing is.
    pub last_error_class: Option<String>,
    /// RFC 3339 UTC: when a call to it last failed, if none succeeded since.
    pub last_error_at: Option<String>,
    /// What is to be known, redacted.
    pub notes: Vec<String>,
    /// The models that configuration names.
    pub models: Vec<ServedModel>,
}

/// A model that configuration names.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct ServedModel {
    /// What for: `review`, `general`, `vision`, `reviewFallback`, `secondOpinion`.
    pub serves: String,
    /// The model that is named.
    pub model: String,
    /// The model that is asked: its successor after a shutdown.
    pub effective: String,
    /// The first day on which the effective one is gone: the earlier one of what
    /// configs/models.json and the provider's own list say.
    pub shutdown: Option<String>,
    /// Days until then, negative afterwards.
    pub days_left: Option<i64>,
    /// Who is asked then.
    pub successor: Option<String>,
    /// Whether a price is known.
    pub price_known: bool,
}

impl Report for ProviderStatus {
    fn exit(&self) -> Exit {
        match (self.config.ok, self.state) {
            (false, _) => Exit::Config,
            (true, State::Down) => Exit::No,
            (true, State::Ok | State::Degraded) => Exit::Ok,
        }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        for violation in &self.config.violations {
            writeln!(out, "config: {violation}")?;
        }
        for it in &self.providers {
            let state = match it.state {
                None => "disabled",
                Some(State::Ok) => "OK",
                Some(State::Degraded) => "DEGRADED",
                Some(State::Down) => "DOWN",
            };
            let key = match (&it.fingerprint, it.provider.secret()) {
                (Some(masked), _) => masked.as_str(),
                (None, None) => "no key needed",
                (None, Some(_)) => "no key",
            };
            let class = it.last_error_class.as_deref().unwrap_or_default();
            let (name, host) = (it.provider.name(), &it.endpoint_host);
            writeln!(out, "{name:<9} {state:<9} {key:<18} {host:<24} {class}")?;
            it.notes.iter().try_for_each(|note| writeln!(out, "          {note}"))?;
        }
        for note in &self.router.notes {
            writeln!(out, "router: {note}")?;
        }
        if let Some(Day { cap_usd, spent_usd, set_aside_usd }) = self.router.budget {
            writeln!(
                out,
                "today: ${spent_usd:.4} spent, ${set_aside_usd:.4} set aside, of ${cap_usd:.2}"
            )?;
        }
        self.written.iter().try_for_each(|path| writeln!(out, "written: {path}"))
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

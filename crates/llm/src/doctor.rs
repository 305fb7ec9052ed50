//! How the providers stand: looked up, or asked for their models.

mod judge;

use std::path::Path;
use std::time::{Duration, SystemTime};

use llm_wire::{Api, Class, End, Fault, Received, Why, models, models_path};
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::time;
use outbound::{Base, Cause, Client, Limits, Outcome, Proxy, Request};

use crate::budget::Ledger;
use crate::documents::{ConfigHealth, Day, ProviderHealth, ProviderStatus, RouterHealth};
use crate::health::{self, State};
use crate::keys::Keys;
use crate::models::Models;
use crate::router::Setup;
use crate::settings::{Provider, Settings};

use judge::{Findings, Listing, judge, served};

/// How long one provider may take.
const LIMIT: Duration = Duration::from_secs(10);

/// The largest list of models that is read, bytes.
const LARGEST_LIST: u64 = 4 << 20;

/// Looks providers up without asking them anything.
///
/// # Errors
/// Exit 78 when the registry of secrets is unusable. An unusable llm.json is part of the answer.
pub fn status(context: &Context, secrets_dir: Option<&Path>) -> Result<ProviderStatus, Failure> {
    look(context, secrets_dir, false)
}

/// Asks every enabled provider for its models, and writes
/// `artifacts/doctor/providers/<run_id>/provider_status.json`.
///
/// # Errors
/// As [`status`], and exit 69 when the document cannot be written.
pub fn examine(context: &Context, secrets_dir: Option<&Path>) -> Result<ProviderStatus, Failure> {
    let mut status = look(context, secrets_dir, true)?;
    let folder = context.home.join("artifacts/doctor/providers").join(&status.run_id);
    let path = folder.join("provider_status.json");
    let doing = || format!("write {}", path.display());
    status.written = Some(path.display().to_string());
    let mut bytes = serde_json::to_vec_pretty(&status).or_fail(Exit::Internal, doing())?;
    bytes.push(b'\n');
    let clean = context.clean(&String::from_utf8_lossy(&bytes));
    let host = &context.host;
    host.make_dir(&folder, 0o750)
        .and_then(|()| host.replace_file(&path, clean.as_bytes(), 0o640))
        .or_fail(Exit::Unavailable, doing())?;
    Ok(status)
}

fn look(
    context: &Context,
    secrets_dir: Option<&Path>,
    asks: bool,
) -> Result<ProviderStatus, Failure> {
    let host = &context.host;
    let mut status = ProviderStatus {
        schema: "aiops.provider_status/1".into(),
        run_id: time::run_id(host.now(), host.random()),
        ts: time::rfc3339(host.now()),
        asked: asks,
        state: State::Down,
        config: ConfigHealth::default(),
        router: RouterHealth { state: State::Down, notes: Vec::new(), budget: None },
        providers: Vec::new(),
        written: None,
    };
    let Setup { settings, models } = match Setup::load(context) {
        Ok(setup) => setup,
        Err(failure) => {
            let lines = failure.lines();
            status.config.violations = lines.iter().map(|it| context.clean(it.trim())).collect();
            return Ok(status);
        }
    };
    status.config.ok = true;
    let mut keys = Keys::load(context, secrets_dir)?;
    for provider in Provider::ALL {
        let found = provider_health(context, &settings, &models, &mut keys, provider, asks)?;
        status.providers.push(found);
    }
    status.router = router(context, &settings, &status.providers);
    let enabled = status.providers.iter().filter_map(|it| it.state);
    status.state = enabled.chain([status.router.state]).max().unwrap_or(State::Down);
    Ok(status)
}

fn provider_health(
    context: &Context,
    settings: &Settings,
    models: &Models,
    keys: &mut Keys<'_>,
    provider: Provider,
    asks: bool,
) -> Result<ProviderHealth, Failure> {
    let now = context.host.now();
    let base = Base::parse(settings.api_base(provider)).or_fail(Exit::Config, "use apiBase")?;
    let origin = base.origin();
    let enabled = settings.is_enabled(provider);
    let mut findings = Findings::default();
    let (configured, fingerprint) = match keys.find(provider) {
        _ if provider.secret().is_none() => (true, None),
        Ok(Some(key)) => (true, Some(key_shapes::mask(key.expose()))),
        Ok(None) => {
            findings.add(State::Down, "missing_key", "its key is nowhere: key set stores it");
            (false, None)
        }
        Err(failure) => {
            findings.add(State::Down, "unusable_key", &context.clean(&failure.to_string()));
            (false, None)
        }
    };
    let mut listing = Listing::NotAsked;
    if enabled && configured && asks {
        listing = match ask(context, settings, keys, provider, &base)? {
            Ok(listed) => Listing::Read(listed),
            Err(fault) => {
                let told = context.clean(&format!("{fault}: {}", fault.message.expose()));
                Listing::Failed(fault.class, told)
            }
        };
    }
    let served = served(settings, models, provider, &listing, now);
    let memory = health::recall(&context.host, &context.home, provider);
    judge(&mut findings, &served, &listing, memory.as_ref());
    Ok(ProviderHealth {
        provider,
        enabled,
        configured,
        fingerprint,
        endpoint_host: origin.split_once("://").map_or(origin, |(_, host)| host).to_owned(),
        state: enabled.then(|| findings.state()),
        last_error_class: findings.class().filter(|_| enabled),
        last_error_at: memory.map(|it| it.at),
        notes: if enabled { findings.notes() } else { Vec::new() },
        models: served,
    })
}

/// Asks for the list of models: proves the key, costs nothing.
fn ask(
    context: &Context,
    settings: &Settings,
    keys: &mut Keys<'_>,
    provider: Provider,
    base: &Base,
) -> Result<Result<Vec<llm_wire::Listed>, Box<Fault>>, Failure> {
    let host = &context.host;
    let proxy = Proxy::from_environment(host).or_fail(Exit::Config, "use the proxy")?;
    let total = Duration::try_from_secs_f64(settings.limits.call_seconds).unwrap_or(LIMIT);
    let total = total.min(LIMIT);
    let connect = total.min(Limits::default().connect);
    let mut client = Client::through(Limits { connect, total, body: LARGEST_LIST }, proxy);
    let api = match provider {
        Provider::Openai => Api::OpenaiChat,
        Provider::Mistral => Api::MistralChat,
        Provider::Moonshot => Api::MoonshotChat,
        Provider::Ollama => Api::OllamaChat,
    };
    let request = Request::get(base, models_path(api));
    let request = match keys.find(provider)? {
        Some(key) => request.bearer(key.expose()),
        None => request,
    };
    Ok(match client.call(request) {
        Outcome::Answered(answer) => {
            let received = Received {
                status: answer.status,
                headers: &answer.headers,
                body: &answer.body,
                end: if answer.complete { End::Whole } else { End::Cut },
            };
            models(api, &received, SystemTime::from(host.now()))
        }
        Outcome::NotSent(why) | Outcome::Ambiguous(why) => {
            let class = match client.cause() {
                Some(Cause::Network) => Class::TransientNetwork,
                Some(Cause::Tls) => Class::NonTransient(Why::Certificate),
                _ => Class::NonTransient(Why::Shape),
            };
            Err(Box::new(Fault::without_answer(class, &why)))
        }
    })
}

/// Whether reviews can be asked for, and what stands behind them.
fn router(context: &Context, settings: &Settings, providers: &[ProviderHealth]) -> RouterHealth {
    let state_of = |provider| {
        let found = providers.iter().find(|it| it.provider == provider);
        found.and_then(|it| it.state)
    };
    let mut notes = Vec::new();
    let mut state = State::Ok;
    if state_of(Provider::Openai).is_none_or(|it| it == State::Down) {
        state = State::Down;
        notes.push("no review is possible: openai is down".to_owned());
    }
    match &settings.review_fallback {
        None => notes.push("reviews have no fallback".to_owned()),
        Some(choice) => match state_of(choice.provider) {
            None => notes.push(format!("the fallback {choice} is not among enabledProviders")),
            Some(State::Down) => notes.push(format!("the fallback {choice} is down")),
            Some(State::Ok | State::Degraded) => {}
        },
    }
    if !notes.is_empty() {
        state = state.max(State::Degraded);
    }
    let today = Ledger::look(&context.host, &context.home)
        .and_then(|ledger| ledger.map(|it| it.today(context.host.now())).transpose());
    let budget = match today.map(Option::unwrap_or_default) {
        Ok((spent, open)) => Some(Day {
            cap_usd: settings.budget.max_usd_per_day,
            spent_usd: spent.usd(),
            set_aside_usd: open.usd(),
        }),
        Err(failure) => {
            state = State::Down;
            notes.push(context.clean(&failure.to_string()));
            None
        }
    };
    RouterHealth { state, notes, budget }
}

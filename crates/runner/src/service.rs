//! `runner api`, `runner work` and `runner serve`: runs until it is asked to end.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::report::Report;
use secrets::{Registry, Resolver, Secret};
use serde_json::Value;

use crate::api;
use crate::args::Args;
use crate::documents::Served;
use crate::settings::{Settings, is_loopback};
use crate::{keep, store, work};

/// The secret that clients show.
const TOKEN: &str = "runner_token";

/// How long one wait for a signal lasts; it ends early when one comes.
const TURN: Duration = Duration::from_hours(1);

/// What is to run, each with what the command line says of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    /// The API; where it listens.
    Api(Option<SocketAddr>),
    /// Workers; how many jobs at a time.
    Workers(Option<u32>),
}

/// Runs what is asked for.
pub(crate) fn run(
    args: &Args,
    context: &Context,
    parts: &[Part],
) -> Result<Box<dyn Report>, Failure> {
    let settings: Settings = config::load(&context.host, &context.configs)?;
    let stop = context.host.stop_on_signals();
    let stop = stop.or_fail(Exit::Unavailable, "take signals")?;
    let queue = store::open(args, context, &settings)?;
    let (mut server, mut workers) = (None, None);
    for part in parts {
        let queue = Arc::clone(&queue);
        match part {
            Part::Api(listen) => {
                let token = token(args, context)?;
                server = Some(api::start(plan(context, &settings, *listen, token, queue)?)?);
            }
            Part::Workers(asked) => {
                let count = asked.unwrap_or(settings.concurrency);
                workers = Some(work::start(context, &settings, queue, count)?);
            }
        }
    }
    let keeper = keep::start(context, &settings, Arc::clone(&queue), workers.is_some())?;
    let listened: Vec<String> = server
        .iter()
        .flat_map(|server| server.addresses.iter().map(|at| format!("http://{at}")))
        .collect();
    for at in &listened {
        context.say(&format!("listening on {at}, with {}", queue.engine()));
    }
    if let Some(workers) = &workers {
        context.say(&format!("{} runs jobs, with {}", workers.name(), queue.engine()));
    }
    context.host.tell_manager("READY=1");
    while !stop.wait(TURN) {}
    context.host.tell_manager("STOPPING=1");
    context.say("asked to end");
    keeper.end();
    // The API first: what nobody can submit to needs no workers, and clients reconnect elsewhere.
    if let Some(server) = server {
        server.end();
    }
    let done = workers.map(work::Workers::end).unwrap_or_default();
    let schema = "aiops.runner.served/1".into();
    Ok(Box::new(Served { schema, listened, ended: done.ended, not_ended: done.not_ended }))
}

fn plan(
    context: &Context,
    settings: &Settings,
    listen: Option<SocketAddr>,
    token: Secret,
    queue: Arc<dyn run_queue::Queue>,
) -> Result<api::Plan, Failure> {
    let own = listen.unwrap_or(settings.listen);
    if !is_loopback(own) {
        return Err(Failure::new(Exit::Config, format!("listen on {own}"))
            .because("it is not on loopback")
            .hint("tailnetListen of runner.yaml opens the API to the tailnet, and only to it"));
    }
    Ok(api::Plan {
        host: context.host.clone(),
        listen: [own].into_iter().chain(settings.tailnet_listen).collect(),
        queue,
        repositories: config::load(&context.host, &context.configs)?,
        types: config::load(&context.host, &context.configs)?,
        max_attempts: settings.max_attempts,
        artifacts: context.home.join("artifacts/jobs"),
        token,
    })
}

/// The token that clients show, known to the redactor.
pub(crate) fn token(args: &Args, context: &Context) -> Result<Secret, Failure> {
    let registry = Registry::load(context)?;
    let folder = secrets::folder(&context.host, args.secrets_dir.as_deref());
    let token = Resolver::new(&context.host, &registry, folder).need(registry.key(TOKEN)?);
    let token = token.map_err(|failure| {
        let hint = failure.hint.clone().unwrap_or_default();
        failure.hint(format!("{hint}; key generate {TOKEN} makes one"))
    })?;
    context.learn_secret(token.expose());
    Ok(token)
}

impl Report for Served {
    fn exit(&self) -> Exit {
        Exit::Ok
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "jobs ended: {}; given back or lost: {}", self.ended, self.not_ended)
    }

    fn json(&self) -> Value {
        serde_json::json!(self)
    }
}

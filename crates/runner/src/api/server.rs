//! Listens, serves, and ends in order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ::jobs::{JobTypes, Repositories};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use ops_core::redact::Redactor;
use run_queue::Queue;
use secrets::Secret;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, watch};

use super::answer::Refusal;
use super::metrics::Counters;
use super::{
    Shared, State, artifacts, auth, connections, events, jobs, logs, metrics, openapi, submit,
};
use crate::settings::{is_loopback, is_tailnet};

/// Threads that may wait for the queue or a disk.
const MOST_WAITING: usize = 64;

/// How long requests under way may take once the server is to end.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How long a wait for the queue's bell lasts at most.
const TURN: Duration = Duration::from_millis(500);

/// What a server is made of.
pub(crate) struct Plan {
    pub(crate) host: Host,
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) repositories: Repositories,
    pub(crate) types: JobTypes,
    pub(crate) max_attempts: i32,
    pub(crate) artifacts: PathBuf,
    pub(crate) token: Secret,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) addresses: Vec<SocketAddr>,
    runtime: Runtime,
    bell: Option<JoinHandle<()>>,
    ends: Arc<AtomicBool>,
    serving: Vec<tokio::task::JoinHandle<()>>,
}

/// Starts serving; returns when it listens.
pub(crate) fn start(plan: Plan) -> Result<Server, Failure> {
    if let Some(at) = plan.listen.iter().find(|at| !is_loopback(**at) && !is_tailnet(**at)) {
        let why = "only loopback and the tailnet (100.64.0.0/10) are listened on";
        return Err(Failure::new(Exit::Config, format!("listen on {at}")).because(why));
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(MOST_WAITING)
        .thread_name("runner-api")
        .enable_io()
        .enable_time()
        .build()
        .or_fail(Exit::Unavailable, "start the API's threads")?;
    let checker = jsonschema::validator_for(&openapi::submission_schema())
        .map_err(|err| err.to_string())
        .or_fail(Exit::Internal, "use the schema of submissions")?;
    let mut redactor = Redactor::default();
    redactor.learn(plan.token.expose());
    let (told, changes) = watch::channel(0);
    let state = Arc::new(State {
        host: plan.host,
        queue: Arc::clone(&plan.queue),
        repositories: plan.repositories,
        types: plan.types,
        checker,
        max_attempts: plan.max_attempts,
        artifacts: plan.artifacts,
        token: plan.token,
        redactor,
        counters: Counters::default(),
        followers: Arc::new(Semaphore::new(events::MOST_FOLLOWERS)),
        changes,
    });
    let ends = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&ends);
    // The sender lives in this thread: when it ends, whoever follows events ends as well.
    let bell = std::thread::Builder::new().name("runner-bell".into()).spawn(move || {
        let mut seen = plan.queue.bell().rung();
        while !over.load(Ordering::SeqCst) {
            let rung = plan.queue.bell().wait(seen, TURN);
            if rung != seen {
                seen = rung;
                told.send_replace(rung);
            }
        }
    });
    let bell = Some(bell.or_fail(Exit::Unavailable, "start the API's threads")?);
    let (mut addresses, mut serving) = (vec![], vec![]);
    for at in plan.listen {
        let doing = || format!("listen on {at}");
        let listener = runtime.block_on(TcpListener::bind(at)).or_fail(Exit::Unavailable, doing());
        let listener = listener
            .map_err(|it| it.hint("another API may be running; --listen names another address"))?;
        addresses.push(listener.local_addr().or_fail(Exit::Unavailable, doing())?);
        let serve = connections::serve(listener, router(Arc::clone(&state)), state.changes.clone());
        serving.push(runtime.spawn(serve));
    }
    Ok(Server { addresses, runtime, bell, ends, serving })
}

impl Server {
    /// Takes no more requests, lets those under way end, and ends.
    pub(crate) fn end(mut self) {
        self.ends.store(true, Ordering::SeqCst);
        if let Some(bell) = self.bell.take() {
            let _panicked = bell.join().is_err();
        }
        let serving = std::mem::take(&mut self.serving);
        self.runtime.block_on(async {
            for one in serving {
                let _slow = tokio::time::timeout(LAST_WORDS, one).await.is_err();
            }
        });
        self.runtime.shutdown_timeout(LAST_WORDS);
    }
}

fn router(state: Shared) -> Router {
    let one_of = |allowed: &'static str| move || async move { Refusal::method(allowed) };
    let looked = || one_of("GET, HEAD");
    Router::new()
        .route("/healthz", get(jobs::health).fallback(looked()))
        .route("/openapi.json", get(openapi::openapi).fallback(looked()))
        .route("/metrics", get(metrics::metrics).fallback(looked()))
        .route("/jobs", get(jobs::list).post(submit::submit).fallback(one_of("GET, HEAD, POST")))
        .route("/jobs/{job_id}", get(jobs::show).fallback(looked()))
        .route("/jobs/{job_id}/cancel", post(jobs::cancel).fallback(one_of("POST")))
        .route("/jobs/{job_id}/events", get(events::follow).fallback(looked()))
        .route("/jobs/{job_id}/logs", get(logs::tail).fallback(looked()))
        .route("/jobs/{job_id}/artifacts", get(artifacts::list).fallback(looked()))
        .route("/jobs/{job_id}/artifacts/{*path}", get(artifacts::file).fallback(looked()))
        .fallback(|| async { Refusal::new(404, "there is no such address: see /openapi.json") })
        .layer(from_fn_with_state(Arc::clone(&state), auth::gate))
        .layer(from_fn_with_state(Arc::clone(&state), metrics::count))
        .with_state(state)
}

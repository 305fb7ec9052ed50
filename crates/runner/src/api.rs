//! The HTTP API.
//!
//! Every answer is JSON (or a file, or events), every refusal a problem document (RFC 9457). What
//! can be asked is the table in [`openapi`]; what is asked is judged before it reaches the queue.

mod answer;
mod artifacts;
mod auth;
mod connections;
mod events;
mod feed;
mod jobs;
mod logs;
mod metrics;
pub mod openapi;
mod query;
mod server;
mod submit;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::jobs::{JobTypes, Repositories};
use ops_core::host::Host;
use ops_core::redact::Redactor;
use run_queue::{Fault, Queue};
use secrets::Secret;
use tokio::sync::{Semaphore, watch};

use answer::Refusal;
use metrics::Counters;
pub(crate) use server::{Plan, start};

/// What every request can use.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) host: Host,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) repositories: Repositories,
    pub(crate) types: JobTypes,
    pub(crate) checker: jsonschema::Validator,
    pub(crate) max_attempts: i32,
    pub(crate) artifacts: PathBuf,
    pub(crate) token: Secret,
    pub(crate) redactor: Redactor,
    pub(crate) counters: Counters,
    /// Places of those who follow events.
    pub(crate) followers: Arc<Semaphore>,
    /// Counts changes; closed when the server ends.
    pub(crate) changes: watch::Receiver<u64>,
}

type Shared = Arc<State>;

/// How long the queue and the disk may take to answer: less than our client waits.
const PATIENCE: Duration = Duration::from_secs(20);

impl State {
    /// Asks the queue, on a thread that may wait.
    async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        ask: impl FnOnce(&dyn Queue) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Refusal> {
        let at = Arc::clone(self);
        self.work(move || ask(&*at.queue).map_err(Refusal::from)).await
    }

    /// Does what may wait on a thread that may.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        match tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(work)).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(Refusal::new(500, "a bug: the request's work broke off")),
            // It may still be done; the same request again is safe.
            Err(_) => Err(Refusal::busy("the queue or the disk does not answer")),
        }
    }
}

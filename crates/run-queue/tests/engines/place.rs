//! Where a queue is kept, and a clock that tests set.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use ops_host::host::Host;
use postgres_cluster::Cluster;
use run_queue::{Address, Clock, Lease, NewJob, Postgres, Queue, Sqlite, Status, Verdict, Worker};
use tempfile::TempDir;

/// The usual lease.
pub(crate) const LEASE: Duration = Duration::from_secs(20);

/// An empty queue's place; it can be opened more than once, as by several processes.
pub(crate) struct Place {
    kind: Kind,
    now: Arc<AtomicI64>,
}

enum Kind {
    File { path: PathBuf, _folder: TempDir },
    Server { url: String, _cluster: Arc<Cluster> },
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::new(Kind::File { path: folder.path().join("queue.db"), _folder: folder })
    }

    /// `None`, said on standard error, where there can be no server.
    pub(crate) fn postgres() -> Option<Self> {
        match Cluster::shared() {
            Ok(cluster) => {
                Some(Self::new(Kind::Server { url: cluster.database(), _cluster: cluster }))
            }
            Err(why) => {
                skipped::told(skipped::this_test(), why);
                None
            }
        }
    }

    fn new(kind: Kind) -> Self {
        Self { kind, now: Arc::new(AtomicI64::new(1_000_000_000)) }
    }

    /// Opens the queue once more.
    pub(crate) fn open(&self) -> Arc<dyn Queue> {
        let (host, clock) = (Host::real(), Clock::Set(Arc::clone(&self.now)));
        match &self.kind {
            Kind::File { path, .. } => Arc::new(Sqlite::open(&host, path, clock).unwrap()),
            Kind::Server { url, .. } => {
                let address = Address::parse(url, None, None).unwrap();
                Arc::new(Postgres::open(&host, address, clock).unwrap())
            }
        }
    }

    /// How many random histories are worth their time: a server takes a hundred times as long, and
    /// decides by the same code.
    pub(crate) fn histories(&self) -> u32 {
        match self.kind {
            Kind::File { .. } => 128,
            Kind::Server { .. } => 10,
        }
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.now.fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }
}

/// A job of a repository.
pub(crate) fn job(repository: &str) -> NewJob {
    NewJob {
        idempotency_key: None,
        job_type: "orb_doctor".into(),
        repo_name: repository.into(),
        remote_url: format!("https://git.example/{repository}"),
        sha: "0".repeat(40),
        params: BTreeMap::new(),
        priority: 0,
        max_attempts: 3,
        deadline: None,
    }
}

pub(crate) fn worker(name: &str) -> Worker {
    Worker { name: name.into(), host: "host.example".into() }
}

pub(crate) fn verdict(status: Status) -> Verdict {
    Verdict { status, exit_code: Some(0), detail: None }
}

/// Submits a job; returns its id.
pub(crate) fn submit(queue: &dyn Queue, job: NewJob) -> String {
    queue.submit(job).unwrap().job().job_id.clone()
}

/// Claims; returns the lease, if there was a job.
pub(crate) fn claim(queue: &dyn Queue, name: &str) -> Option<Lease> {
    queue.claim(&worker(name), LEASE).unwrap().map(|claimed| claimed.lease)
}

pub(crate) fn status(queue: &dyn Queue, job_id: &str) -> Status {
    queue.get(job_id).unwrap().unwrap().status
}

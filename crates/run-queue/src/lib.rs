//! The queue of the runner: jobs that are durable once accepted, leases with heartbeats and fencing
//! numbers, and exactly one final state for every job.
//!
//! What may happen to a job is decided in [`decide`], which is pure; the two engines ([`Sqlite`],
//! [`Postgres`]) find rows, lock them, and store what was decided. So both mean the same, and the
//! same tests run on both.
//!
//! A worker may be wrong about being alive: it can be stopped, cut off or slow. That is why a lease
//! carries a number that grows with every claim, and why nothing a worker says counts unless its
//! number is the last one given.

mod batch;
mod bell;
mod clock;
pub mod decide;
mod fault;
mod pg;
mod sqlite;
mod types;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

pub use bell::Bell;
pub use clock::Clock;
pub use decide::Order;
pub use fault::Fault;
pub use pg::{Address, Postgres};
pub use sqlite::Sqlite;
pub use types::{
    Beat, Cancelled, Claimed, Filter, Job, Lease, NewJob, Page, Status, Submitted, Told, Verdict,
    Worker,
};

/// Times in rows: microseconds since the epoch.
pub type Micros = i64;

/// A queue of jobs, whichever engine keeps it.
pub trait Queue: Debug + Send + Sync {
    /// Accepts a job; it is durable when this returns. A job of the same idempotency key is returned
    /// instead of a second one.
    ///
    /// # Errors
    /// When it is not known to be durable. To submit again with the same key is safe.
    fn submit(&self, job: NewJob) -> Result<Submitted, Fault>;

    /// Takes the next job that may run: one whose worker vanished before new ones, then the highest
    /// priority, then the oldest, never two of one repository at a time.
    ///
    /// # Errors
    /// When the engine cannot tell. A lease that was given and not heard of runs out by itself.
    fn claim(&self, worker: &Worker, lease: Duration) -> Result<Option<Claimed>, Fault>;

    /// Says that the worker lives, and learns what to do.
    ///
    /// # Errors
    /// When the engine cannot tell; the lease is then as it was.
    fn heartbeat(&self, lease: &Lease, length: Duration) -> Result<Beat, Fault>;

    /// Ends a job. Said twice with the same verdict, it is taken once and told [`Told::Taken`] both
    /// times, so a lost answer can be asked for again.
    ///
    /// # Errors
    /// When the engine cannot tell whether it was taken.
    fn finish(&self, lease: &Lease, verdict: &Verdict) -> Result<Told, Fault>;

    /// Gives a job back as if it had not been claimed.
    ///
    /// # Errors
    /// As [`Queue::finish`].
    fn release(&self, lease: &Lease) -> Result<Told, Fault>;

    /// Cancels a job that waits, or asks the worker of one that runs. `None`: there is no such job.
    ///
    /// # Errors
    /// When the engine cannot tell.
    fn cancel(&self, job_id: &str) -> Result<Option<Cancelled>, Fault>;

    /// Settles what needs no worker: jobs past their deadline, jobs of vanished workers that nobody
    /// may claim again. Returns how many.
    ///
    /// # Errors
    /// When the engine cannot tell.
    fn sweep(&self) -> Result<usize, Fault>;

    /// One job.
    ///
    /// # Errors
    /// When the engine cannot tell.
    fn get(&self, job_id: &str) -> Result<Option<Job>, Fault>;

    /// Jobs that pass the filter, newest first, at most a page of them.
    ///
    /// # Errors
    /// When the engine cannot tell.
    fn list(&self, filter: &Filter, page: Page) -> Result<Vec<Job>, Fault>;

    /// How many jobs there are of each status that has any.
    ///
    /// # Errors
    /// When the engine cannot tell.
    fn counts(&self) -> Result<BTreeMap<Status, u64>, Fault>;

    /// Ended jobs, the first to end first, at most `limit` of them from the `skip`th on.
    ///
    /// # Errors
    /// When the engine cannot tell.
    fn ended(&self, skip: usize, limit: usize) -> Result<Vec<Job>, Fault>;

    /// Forgets ended jobs; others of these ids are left alone. Returns how many are gone.
    ///
    /// # Errors
    /// When the engine cannot tell.
    fn forget(&self, job_ids: &[String]) -> Result<usize, Fault>;

    /// Rings when a job may have changed, also when another process changed it.
    fn bell(&self) -> &Bell;

    /// `sqlite` or `postgresql`.
    fn engine(&self) -> &'static str;
}

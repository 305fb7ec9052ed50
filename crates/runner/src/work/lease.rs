//! Keeps a lease while a job runs, and has the job killed when it cannot be kept.
//!
//! Two threads: one asks the queue, which may take any time to answer; the other watches the clock
//! and needs nobody. Time is this machine's uptime, which goes on while it is suspended, counted from
//! before a heartbeat was sent, so that the job is gone before anybody else may have it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::Scope;
use std::time::Duration;

use ops_core::host::{Host, Stop};
use run_queue::{Beat, Lease, Order, Queue};

/// Why a job is killed before its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Why {
    /// Somebody cancelled it.
    Cancelled,
    /// Its deadline is over.
    Late,
    /// Somebody else may have it.
    Lost,
}

/// A lease that is being kept.
#[derive(Debug)]
pub(super) struct Keeper<'a> {
    host: &'a Host,
    queue: &'a dyn Queue,
    lease: &'a Lease,
    length: Duration,
    beat: Duration,
    stop: &'a Stop,
    /// Until when the lease is certain, by the machine's uptime; and why the job is killed, once it is.
    standing: Mutex<(Duration, Option<Why>)>,
    changed: Condvar,
    is_over: AtomicBool,
}

/// How often the clock is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How much sooner than the lease's end the job is killed, as a part of the lease.
const MARGIN: u32 = 8;

impl<'a> Keeper<'a> {
    /// Keeps a lease that was claimed at `since` of the machine's uptime.
    pub(super) fn new(
        host: &'a Host,
        queue: &'a dyn Queue,
        lease: &'a Lease,
        length: Duration,
        beat: Duration,
        stop: &'a Stop,
        since: Duration,
    ) -> Self {
        let until = since + length.saturating_sub(length / MARGIN);
        Self {
            host,
            queue,
            lease,
            length,
            beat,
            stop,
            standing: Mutex::new((until, None)),
            changed: Condvar::new(),
            is_over: AtomicBool::new(false),
        }
    }

    /// Starts both threads; they end after [`Keeper::end`].
    pub(super) fn keep<'s>(&'s self, scope: &'s Scope<'s, '_>) {
        scope.spawn(|| self.ask());
        scope.spawn(|| self.watch());
    }

    /// Needs the lease no longer.
    pub(super) fn end(&self) {
        // Under the lock, so that nobody begins to wait after having looked.
        let held = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_over.store(true, Ordering::SeqCst);
        drop(held);
        self.changed.notify_all();
    }

    /// Why the job was killed, if it was.
    pub(super) fn why(&self) -> Option<Why> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Has the job killed; the first reason stays.
    fn kill(&self, why: Why) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.1.get_or_insert(why);
        drop(standing);
        self.stop.ask();
    }

    fn ask(&self) {
        while self.sleep(|_| self.beat) {
            let sent = self.host.uptime();
            match self.queue.heartbeat(self.lease, self.length) {
                Ok(Beat::Held { order, .. }) => {
                    let until = sent + self.length.saturating_sub(self.length / MARGIN);
                    self.standing.lock().unwrap_or_else(PoisonError::into_inner).0 = until;
                    match order {
                        Order::GoOn => {}
                        Order::Cancel => self.kill(Why::Cancelled),
                        Order::TimeOut => self.kill(Why::Late),
                    }
                }
                Ok(Beat::Lost) => return self.kill(Why::Lost),
                // Not knowing is no reason to stop; the clock is.
                Err(_) => {}
            }
        }
    }

    fn watch(&self) {
        // Looked at now and then, too: a wait does not count the time in which the machine was
        // suspended, and somebody else may have had the job then.
        while self.sleep(|until| until.saturating_sub(self.host.uptime()).min(LOOK)) {
            let until = self.standing.lock().unwrap_or_else(PoisonError::into_inner).0;
            if until <= self.host.uptime() {
                return self.kill(Why::Lost);
            }
        }
    }

    /// Waits; false when there is nothing to wait for any more.
    fn sleep(&self, length: impl Fn(Duration) -> Duration) -> bool {
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let length = length(standing.0);
        let waited = self
            .changed
            .wait_timeout_while(standing, length, |_| !self.is_over.load(Ordering::SeqCst));
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        !self.is_over.load(Ordering::SeqCst)
    }
}

//! The queue in a SQLite file: for one host, with nothing to install.
//!
//! All changes go through one thread, which puts what came in meanwhile into one transaction and so
//! behind one flush (WAL, `synchronous=FULL`). Several processes can have the file open: SQLite's
//! own lock orders them, and each wakes the others by touching a file they watch.

mod file;
mod rows;
mod time;
mod watch;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ops_host::host::Host;
use ops_host::time::run_id;
use rusqlite::{Connection, params};

use crate::batch::Batcher;
use crate::decide::{self, Claim};
use crate::{
    Beat, Bell, Cancelled, Claimed, Clock, Fault, Filter, Job, Lease, Micros, NewJob, Page, Queue,
    Status, Submitted, Told, Verdict, Worker,
};
use file::{connect, fault, keep_private, named, prepare, start};
use rows::COLUMNS;
use time::Moment;
use watch::Watch;

/// How many requests share a transaction at most.
const MOST: usize = 512;

/// How long another process's transaction is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many jobs one claim or sweep settles at most, so that neither holds the file for long.
const MOST_SETTLED: usize = 1_000;

/// A change, inside a transaction; says whether others should look.
type Work = Box<dyn FnOnce(&Connection) -> rusqlite::Result<bool> + Send>;

/// A queue in a file.
#[derive(Debug)]
pub struct Sqlite {
    host: Host,
    clock: Clock,
    /// What leases are counted from.
    base: Micros,
    writer: Batcher<Work, Result<(), Fault>>,
    reader: Mutex<Connection>,
    bell: Arc<Bell>,
    watch: Watch,
}

impl Sqlite {
    /// Opens the queue in this file, or makes it. Its folder must be there.
    ///
    /// # Errors
    /// When it cannot be opened, or holds something else.
    pub fn open(host: &Host, path: &Path, clock: Clock) -> Result<Self, Fault> {
        let bell_folder = path.with_extension("bell");
        let made = host.make_dir(&bell_folder, 0o750);
        made.map_err(|err| Fault::Broken(format!("{}: {err}", bell_folder.display())))?;
        keep_private(host, path)
            .map_err(|err| Fault::Broken(format!("{}: {err}", path.display())))?;
        let mut db = connect(path).map_err(|err| named(path, &err))?;
        let start = start(host);
        let base = prepare(&mut db, &start, clock.here(host)).map_err(|err| named(path, &err))?;
        let base = base.map_err(|why| Fault::Broken(format!("{}: {why}", path.display())))?;
        let bell = Arc::new(Bell::default());
        let watch = Watch::start(host, &bell_folder, &bell)
            .map_err(|err| Fault::Broken(format!("watch {}: {err}", bell_folder.display())))?;
        let (rung, ringer, button) = (Arc::clone(&bell), host.clone(), watch.button.clone());
        let writer = Batcher::start("queue-writer", MOST, move |batch: Vec<Work>| {
            let count = batch.len();
            let done = transact(&mut db, batch);
            if let Ok(true) = done {
                rung.ring();
                // Others look by themselves now and then, so a lost ring delays and loses nothing.
                let _unheard = ringer.wake_watchers(&button).is_err();
            }
            vec![done.map(drop).map_err(|err| fault(&err)); count]
        });
        let writer = writer.map_err(|err| Fault::Broken(format!("start a thread: {err}")))?;
        let reader = Mutex::new(connect(path).map_err(|err| named(path, &err))?);
        Ok(Self { host: host.clone(), clock, base, writer, reader, bell, watch })
    }

    /// Makes one change, durable on return.
    fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<(bool, T)> + Send + 'static,
    ) -> Result<T, Fault> {
        let value = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&value);
        let work: Work = Box::new(move |db| {
            let (is_news, value) = work(db)?;
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
            Ok(is_news)
        });
        let gone = || Fault::Broken("its writer has ended".into());
        self.writer.ask(work).ok_or_else(gone)??;
        let value = value.lock().unwrap_or_else(PoisonError::into_inner).take();
        value.ok_or_else(gone)
    }

    fn look<T>(&self, look: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Fault> {
        look(&self.reader.lock().unwrap_or_else(PoisonError::into_inner)).map_err(|err| fault(&err))
    }

    fn now(&self) -> Moment {
        let row = self.base.saturating_add(self.clock.steady(&self.host));
        Moment { wall: self.clock.here(&self.host), row }
    }

    /// Decides about one job and stores what was decided.
    fn decide<T: Send + 'static>(
        &self,
        job_id: &str,
        decide: impl FnOnce(&Job, Micros) -> (T, Option<Job>) + Send + 'static,
    ) -> Result<Option<T>, Fault> {
        let (job_id, now) = (job_id.to_owned(), self.now());
        self.change(move |db| {
            let Some(job) = rows::by_id(db, &job_id)? else { return Ok((false, None)) };
            let job = now.shown(job);
            let (answer, changed) = decide(&job, now.wall);
            if let Some(changed) = &changed {
                rows::store(db, &now.kept(changed))?;
            }
            // A renewed lease is nobody's news.
            let is_news = changed.is_some_and(|it| {
                Job { lease_expires: None, ..it } != Job { lease_expires: None, ..job }
            });
            Ok((is_news, Some(answer)))
        })
    }
}

impl Queue for Sqlite {
    fn submit(&self, wanted: NewJob) -> Result<Submitted, Fault> {
        let (host, now) = (self.host.clone(), self.now());
        self.change(move |db| {
            let key = wanted.idempotency_key.as_ref();
            if let Some(key) = key
                && let Some(known) = rows::by_key(db, key)?
            {
                return Ok((false, Submitted::known(known, &wanted)));
            }
            loop {
                let job_id = run_id(host.now(), host.random());
                if rows::by_id(db, &job_id)?.is_none() {
                    let job = rows::insert(db, job_id, wanted, now.wall)?;
                    return Ok((true, Submitted::New(job)));
                }
            }
        })
    }

    fn claim(&self, worker: &Worker, lease: Duration) -> Result<Option<Claimed>, Fault> {
        let (worker, now, lease) = (worker.clone(), self.now(), micros(lease));
        self.change(move |db| {
            let mut is_news = false;
            for _ in 0..MOST_SETTLED {
                let Some(job) = rows::next(db, now.row)? else { break };
                match decide::claim(&now.shown(job), &worker, now.wall, lease) {
                    Claim::Run(job) => {
                        rows::store(db, &now.kept(&job))?;
                        return Ok((true, Claimed::of(job)));
                    }
                    Claim::Settle(job) => rows::store(db, &now.kept(&job))?,
                    Claim::Leave => break,
                }
                is_news = true;
            }
            Ok((is_news, None))
        })
    }

    fn heartbeat(&self, lease: &Lease, length: Duration) -> Result<Beat, Fault> {
        let fence = lease.fence;
        let beat = self.decide(&lease.job_id, move |job, now| {
            decide::heartbeat(job, fence, now, micros(length))
        });
        Ok(beat?.unwrap_or(Beat::Lost))
    }

    fn finish(&self, lease: &Lease, verdict: &Verdict) -> Result<Told, Fault> {
        let (fence, verdict) = (lease.fence, verdict.clone());
        let told =
            self.decide(&lease.job_id, move |job, now| decide::finish(job, fence, &verdict, now));
        Ok(told?.unwrap_or(Told::Refused))
    }

    fn release(&self, lease: &Lease) -> Result<Told, Fault> {
        let fence = lease.fence;
        let told = self.decide(&lease.job_id, move |job, now| decide::release(job, fence, now));
        Ok(told?.unwrap_or(Told::Refused))
    }

    fn cancel(&self, job_id: &str) -> Result<Option<Cancelled>, Fault> {
        self.decide(job_id, move |job, now| {
            let cancelled = decide::cancel(job, now);
            let changed = match &cancelled {
                Cancelled::Ended(job) | Cancelled::Asked(job) => Some(job.clone()),
                Cancelled::TooLate(_) => None,
            };
            (cancelled, changed)
        })
    }

    fn sweep(&self) -> Result<usize, Fault> {
        let now = self.now();
        self.change(move |db| {
            let mut settled = 0;
            for job in rows::unsettled(db, now, MOST_SETTLED)? {
                if let Some(job) = decide::settle(&now.shown(job), now.wall) {
                    rows::store(db, &now.kept(&job))?;
                    settled += 1;
                }
            }
            Ok((settled > 0, settled))
        })
    }

    fn get(&self, job_id: &str) -> Result<Option<Job>, Fault> {
        let now = self.now();
        self.look(|db| Ok(rows::by_id(db, job_id)?.map(|job| now.shown(job))))
    }

    fn list(&self, filter: &Filter, page: Page) -> Result<Vec<Job>, Fault> {
        let now = self.now();
        let jobs = self.look(|db| rows::list(db, filter, page))?;
        Ok(jobs.into_iter().map(|job| now.shown(job)).collect())
    }

    fn counts(&self) -> Result<BTreeMap<Status, u64>, Fault> {
        self.look(|db| {
            let mut counted =
                db.prepare_cached("SELECT status, count(*) FROM jobs GROUP BY status")?;
            let counted = counted.query_map([], |row| {
                Ok((rows::status(row, 0)?, u64::from(row.get::<_, u32>(1)?)))
            })?;
            counted.collect()
        })
    }

    fn ended(&self, skip: usize, limit: usize) -> Result<Vec<Job>, Fault> {
        self.look(|db| {
            let sql = format!(
                "SELECT {COLUMNS} FROM jobs WHERE finished_at IS NOT NULL
                 ORDER BY finished_at, seq LIMIT ?1 OFFSET ?2"
            );
            rows::many(db, &sql, params![rows::count(limit), rows::count(skip)])
        })
    }

    fn forget(&self, job_ids: &[String]) -> Result<usize, Fault> {
        let job_ids = job_ids.to_vec();
        self.change(move |db| {
            let sql = "DELETE FROM jobs WHERE job_id = ?1 AND finished_at IS NOT NULL";
            let mut forget = db.prepare_cached(sql)?;
            let mut gone = 0;
            for job_id in &job_ids {
                gone += forget.execute([job_id])?;
            }
            Ok((gone > 0, gone))
        })
    }

    fn bell(&self) -> &Bell {
        &self.bell
    }

    fn engine(&self) -> &'static str {
        "sqlite"
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.watch.end(&self.host);
    }
}

/// Does a batch of changes in one transaction: all of them, or none.
fn transact(db: &mut Connection, batch: Vec<Work>) -> rusqlite::Result<bool> {
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let mut is_news = false;
    for work in batch {
        is_news |= work(&transaction)?;
    }
    transaction.commit()?;
    Ok(is_news)
}

fn micros(length: Duration) -> Micros {
    Micros::try_from(length.as_micros()).unwrap_or(Micros::MAX)
}

//! The queue in PostgreSQL: for several hosts that share the work.
//!
//! Rows are found with `FOR UPDATE SKIP LOCKED`, decided about here, and stored in the same
//! transaction. Leases are measured by the server's clock, so hosts need not agree on the time.
//! Submissions of one process share a transaction; changes are told by NOTIFY.

mod address;
mod link;
mod listen;
mod rows;
mod submit;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ops_host::host::Host;
use postgres::types::ToSql;

use crate::batch::Batcher;
use crate::decide::{self, Claim};
use crate::{
    Beat, Bell, Cancelled, Claimed, Clock, Fault, Filter, Job, Lease, Micros, NewJob, Page, Queue,
    Status, Submitted, Told, Verdict, Worker,
};
pub use address::Address;
use link::{Broke, Link};
use rows::{COLUMNS, SCHEMA, VERSION};

/// How many submissions share a transaction at most.
const MOST: usize = 512;

/// How many jobs one claim or sweep settles at most.
const MOST_SETTLED: usize = 1_000;

/// How often a claim that another worker crossed looks again before it waits for the next change.
const MOST_CROSSINGS: usize = 10;

/// How many connections wait for work at most; more are made when needed, and closed after.
const MOST_IDLE: usize = 8;

/// Any number, the same for all: who makes the tables holds it.
const TABLES_LOCK: i64 = 0x0061_696f_7073;

/// A queue on a PostgreSQL server.
#[derive(Debug)]
pub struct Postgres {
    shared: Arc<Shared>,
    submitter: Batcher<NewJob, Result<Submitted, Fault>>,
}

/// What the threads of one engine share.
#[derive(Debug)]
struct Shared {
    host: Host,
    address: Address,
    clock: Clock,
    bell: Bell,
    idle: Mutex<Vec<Link>>,
}

/// How a change of one job's row is decided.
type Decision<'a, T> = &'a dyn Fn(&Job, Micros) -> (T, Option<Job>);

impl Postgres {
    /// Connects, and makes the tables where there are none.
    ///
    /// # Errors
    /// When the server does not answer, or holds tables of another version.
    pub fn open(host: &Host, address: Address, clock: Clock) -> Result<Self, Fault> {
        let bell = Bell::default();
        let idle = Mutex::default();
        let shared = Arc::new(Shared { host: host.clone(), address, clock, bell, idle });
        shared.with(true, make_tables)?;
        listen::start(&shared).map_err(|err| Fault::Broken(format!("start a thread: {err}")))?;
        let at = Arc::clone(&shared);
        let submitter = Batcher::start("queue-submitter", MOST, move |jobs: Vec<NewJob>| {
            submit::all(&at, &jobs)
        });
        let submitter = submitter.map_err(|err| Fault::Broken(format!("start a thread: {err}")))?;
        Ok(Self { shared, submitter })
    }

    /// Decides about one job and stores what was decided.
    fn decide<T>(&self, job_id: &str, decide: Decision<'_, T>) -> Result<Option<T>, Fault> {
        let sql =
            format!("SELECT {COLUMNS}, {{now}} FROM runner_jobs WHERE job_id = $1 FOR UPDATE");
        self.shared.transact(true, |link, shared| {
            let Some((job, now)) = rows::one(link, shared, &sql, &[&job_id])? else {
                return Ok(None);
            };
            let (answer, changed) = decide(&job, now);
            if let Some(changed) = changed {
                rows::store(link, &changed)?;
                // A renewed lease is nobody's news.
                if (Job { lease_expires: None, ..changed }) != (Job { lease_expires: None, ..job })
                {
                    link.ring()?;
                }
            }
            Ok(Some(answer))
        })
    }

    fn jobs(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Job>, Fault> {
        self.shared.with(true, |link| link.query(sql, values)?.iter().map(rows::job).collect())
    }
}

impl Shared {
    /// Works with a connection. One that was lost while it waited is replaced once; where the work
    /// must not be done twice, only if it had not begun.
    fn with<T>(
        &self,
        is_repeatable: bool,
        work: impl Fn(&mut Link) -> Result<T, Broke>,
    ) -> Result<T, Fault> {
        let waiting = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut link) = waiting {
            let lives = is_repeatable || link.answers();
            if lives {
                match work(&mut link) {
                    Ok(done) => return Ok(self.keep(link, done)),
                    Err(Broke { lost: true, .. }) if is_repeatable => {
                        // The server may have gone and come back: the others are lost as well.
                        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
                    }
                    Err(broke) => return Err(broke.into()),
                }
            }
        }
        let mut link = Link::open(&self.address)?;
        let done = work(&mut link)?;
        Ok(self.keep(link, done))
    }

    /// The same inside a transaction. A connection on which anything fails is closed, and with it
    /// its transaction.
    fn transact<T>(
        &self,
        is_repeatable: bool,
        work: impl Fn(&mut Link, &Self) -> Result<T, Broke>,
    ) -> Result<T, Fault> {
        self.with(is_repeatable, |link| {
            link.run("BEGIN")?;
            let done = work(link, self)?;
            link.run("COMMIT")?;
            Ok(done)
        })
    }

    fn keep<T>(&self, link: Link, done: T) -> T {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE {
            idle.push(link);
        }
        done
    }
}

impl Queue for Postgres {
    fn submit(&self, job: NewJob) -> Result<Submitted, Fault> {
        let gone = || Fault::Broken("its submitter has ended".into());
        self.submitter.ask(job).ok_or_else(gone)?
    }

    fn claim(&self, worker: &Worker, lease: Duration) -> Result<Option<Claimed>, Fault> {
        for _ in 0..MOST_CROSSINGS {
            let claimed = self.shared.transact(false, |link, shared| {
                let mut is_news = false;
                for _ in 0..MOST_SETTLED {
                    let Some((job, now)) = rows::next(link, shared)? else { break };
                    is_news = true;
                    match decide::claim(&job, worker, now, micros(lease)) {
                        Claim::Run(job) => {
                            if !rows::store_unless_crossed(link, &job)? {
                                return Ok(None);
                            }
                            link.ring()?;
                            return Ok(Some(Claimed::of(job)));
                        }
                        Claim::Settle(job) => rows::store(link, &job)?,
                        Claim::Leave => break,
                    }
                }
                if is_news {
                    link.ring()?;
                }
                Ok(Some(None))
            })?;
            if let Some(claimed) = claimed {
                return Ok(claimed);
            }
        }
        Ok(None)
    }

    fn heartbeat(&self, lease: &Lease, length: Duration) -> Result<Beat, Fault> {
        let beat = self.decide(&lease.job_id, &|job, now| {
            decide::heartbeat(job, lease.fence, now, micros(length))
        });
        Ok(beat?.unwrap_or(Beat::Lost))
    }

    fn finish(&self, lease: &Lease, verdict: &Verdict) -> Result<Told, Fault> {
        let told =
            self.decide(&lease.job_id, &|job, now| decide::finish(job, lease.fence, verdict, now));
        Ok(told?.unwrap_or(Told::Refused))
    }

    fn release(&self, lease: &Lease) -> Result<Told, Fault> {
        let told = self.decide(&lease.job_id, &|job, now| decide::release(job, lease.fence, now));
        Ok(told?.unwrap_or(Told::Refused))
    }

    fn cancel(&self, job_id: &str) -> Result<Option<Cancelled>, Fault> {
        self.decide(job_id, &|job, now| {
            let cancelled = decide::cancel(job, now);
            let changed = match &cancelled {
                Cancelled::Ended(job) | Cancelled::Asked(job) => Some(job.clone()),
                Cancelled::TooLate(_) => None,
            };
            (cancelled, changed)
        })
    }

    fn sweep(&self) -> Result<usize, Fault> {
        self.shared.transact(true, |link, shared| {
            let mut settled = 0;
            for (job, now) in rows::unsettled(link, shared, MOST_SETTLED)? {
                if let Some(job) = decide::settle(&job, now) {
                    rows::store(link, &job)?;
                    settled += 1;
                }
            }
            if settled > 0 {
                link.ring()?;
            }
            Ok(settled)
        })
    }

    fn get(&self, job_id: &str) -> Result<Option<Job>, Fault> {
        let sql = format!("SELECT {COLUMNS} FROM runner_jobs WHERE job_id = $1");
        Ok(self.jobs(&sql, &[&job_id])?.pop())
    }

    fn list(&self, filter: &Filter, page: Page) -> Result<Vec<Job>, Fault> {
        let status = filter.status.map(Status::name);
        let limit = rows::count(page.limit);
        let wanted: [(&str, Option<&(dyn ToSql + Sync)>); 4] = [
            ("status =", status.as_ref().map(|it| it as &(dyn ToSql + Sync))),
            ("repo_name =", filter.repo_name.as_ref().map(|it| it as &(dyn ToSql + Sync))),
            ("job_type =", filter.job_type.as_ref().map(|it| it as &(dyn ToSql + Sync))),
            ("seq <", page.before.as_ref().map(|it| it as &(dyn ToSql + Sync))),
        ];
        let mut sql = format!("SELECT {COLUMNS} FROM runner_jobs WHERE true");
        let mut values: Vec<&(dyn ToSql + Sync)> = Vec::new();
        for (condition, value) in wanted {
            if let Some(value) = value {
                values.push(value);
                sql.extend([" AND ", condition, " $", &values.len().to_string()]);
            }
        }
        values.push(&limit);
        sql.extend([" ORDER BY seq DESC LIMIT $", &values.len().to_string()]);
        self.jobs(&sql, &values)
    }

    fn counts(&self) -> Result<BTreeMap<Status, u64>, Fault> {
        let sql = "SELECT status, count(*) FROM runner_jobs GROUP BY status";
        self.shared.with(true, |link| {
            let counted = link.query(sql, &[])?;
            counted.iter().map(|row| Ok((rows::status(row, 0)?, rows::unsigned(row, 1)?))).collect()
        })
    }

    fn ended(&self, skip: usize, limit: usize) -> Result<Vec<Job>, Fault> {
        let sql = format!(
            "SELECT {COLUMNS} FROM runner_jobs WHERE finished_at IS NOT NULL
             ORDER BY finished_at, seq LIMIT $1 OFFSET $2"
        );
        self.jobs(&sql, &[&rows::count(limit), &rows::count(skip)])
    }

    fn forget(&self, job_ids: &[String]) -> Result<usize, Fault> {
        let sql = "DELETE FROM runner_jobs WHERE job_id = ANY($1) AND finished_at IS NOT NULL";
        self.shared.transact(true, |link, _| {
            let gone = link.execute(sql, &[&job_ids])?;
            if gone > 0 {
                link.ring()?;
            }
            Ok(usize::try_from(gone).unwrap_or(usize::MAX))
        })
    }

    fn bell(&self) -> &Bell {
        &self.shared.bell
    }

    fn engine(&self) -> &'static str {
        "postgresql"
    }
}

/// Makes the tables, one process at a time; says what is wrong with those that are there.
fn make_tables(link: &mut Link) -> Result<(), Broke> {
    link.run("BEGIN")?;
    link.query("SELECT 1 FROM pg_advisory_xact_lock($1)", &[&TABLES_LOCK])?;
    link.run("CREATE TABLE IF NOT EXISTS runner_version (version bigint NOT NULL)")?;
    let found = link.query("SELECT version FROM runner_version", &[])?;
    match found.first().map(|row| row.try_get::<_, i64>(0)).transpose()? {
        None => {
            link.run(SCHEMA)?;
            link.execute("INSERT INTO runner_version VALUES ($1)", &[&VERSION])?;
        }
        Some(VERSION) => {}
        Some(found) => {
            return Err(Broke::plain(format!(
                "its tables are of version {found}, this program knows {VERSION}"
            )));
        }
    }
    link.run("COMMIT")
}

fn micros(length: Duration) -> Micros {
    Micros::try_from(length.as_micros()).unwrap_or(Micros::MAX)
}

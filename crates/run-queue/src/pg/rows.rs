//! Rows of the table, and jobs of rows.

use postgres::Row;
use postgres::types::ToSql;

use super::Shared;
use super::link::{Broke, Link};
use crate::{Job, Micros, NewJob, Status, Worker};

pub(super) const VERSION: i64 = 1;

/// The index `runner_one_of_a_repository` is what makes two running jobs of one repository
/// impossible.
pub(super) const SCHEMA: &str = "
    CREATE TABLE runner_jobs (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        job_id text COLLATE \"C\" NOT NULL UNIQUE,
        idempotency_key text COLLATE \"C\" UNIQUE,
        submission text COLLATE \"C\" NOT NULL,
        job_type text COLLATE \"C\" NOT NULL,
        repo_name text COLLATE \"C\" NOT NULL,
        remote_url text COLLATE \"C\" NOT NULL,
        sha text COLLATE \"C\" NOT NULL,
        params text NOT NULL,
        priority integer NOT NULL,
        max_attempts integer NOT NULL,
        deadline bigint,
        status text COLLATE \"C\" NOT NULL,
        attempts integer NOT NULL,
        fence bigint NOT NULL,
        worker text,
        worker_host text,
        lease_expires bigint,
        cancel_requested boolean NOT NULL,
        created_at bigint NOT NULL,
        started_at bigint,
        finished_at bigint,
        exit_code integer,
        detail text
    );
    CREATE INDEX runner_waiting ON runner_jobs (priority DESC, seq) WHERE status = 'queued';
    CREATE UNIQUE INDEX runner_one_of_a_repository ON runner_jobs (remote_url)
        WHERE status = 'running';
    CREATE INDEX runner_deadlines ON runner_jobs (deadline)
        WHERE finished_at IS NULL AND deadline IS NOT NULL;
    CREATE INDEX runner_by_end ON runner_jobs (finished_at, seq) WHERE finished_at IS NOT NULL;
    CREATE INDEX runner_by_status ON runner_jobs (status, seq);
    CREATE INDEX runner_by_repository ON runner_jobs (repo_name, seq);
    CREATE INDEX runner_by_type ON runner_jobs (job_type, seq);
";

pub(super) const COLUMNS: &str = "seq, job_id, idempotency_key, job_type, repo_name, remote_url, \
    sha, params, priority, max_attempts, deadline, status, attempts, fence, worker, worker_host, \
    lease_expires, cancel_requested, created_at, started_at, finished_at, exit_code, detail";

/// Where [`now`] stands in a row that was asked for it, after [`COLUMNS`].
const NOW: usize = 23;

/// The violation that another worker's claim of the same repository causes.
const UNIQUE_VIOLATION: &str = "23505";

/// SQL for the time: the server's, unless a test set one.
pub(super) fn now(shared: &Shared) -> String {
    match shared.clock.set() {
        Some(now) => format!("{now}::bigint"),
        None => "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint".to_owned(),
    }
}

pub(super) fn job(row: &Row) -> Result<Job, Broke> {
    let params: String = row.try_get(7)?;
    let params = serde_json::from_str(&params)
        .map_err(|err| Broke::plain(format!("parameters in the table: {err}")))?;
    let worker: Option<String> = row.try_get(14)?;
    Ok(Job {
        seq: row.try_get(0)?,
        job_id: row.try_get(1)?,
        wanted: NewJob {
            idempotency_key: row.try_get(2)?,
            job_type: row.try_get(3)?,
            repo_name: row.try_get(4)?,
            remote_url: row.try_get(5)?,
            sha: row.try_get(6)?,
            params,
            priority: row.try_get(8)?,
            max_attempts: row.try_get(9)?,
            deadline: row.try_get(10)?,
        },
        status: status(row, 11)?,
        attempts: row.try_get(12)?,
        fence: row.try_get(13)?,
        worker: match worker {
            Some(name) => Some(Worker { name, host: row.try_get(15)? }),
            None => None,
        },
        lease_expires: row.try_get(16)?,
        cancel_requested: row.try_get(17)?,
        created_at: row.try_get(18)?,
        started_at: row.try_get(19)?,
        finished_at: row.try_get(20)?,
        exit_code: row.try_get(21)?,
        detail: row.try_get(22)?,
    })
}

pub(super) fn status(row: &Row, column: usize) -> Result<Status, Broke> {
    let name: &str = row.try_get(column)?;
    Status::parse(name).ok_or_else(|| Broke::plain(format!("{name:?} is no status")))
}

pub(super) fn unsigned(row: &Row, column: usize) -> Result<u64, Broke> {
    Ok(u64::try_from(row.try_get::<_, i64>(column)?).unwrap_or(0))
}

/// Jobs with the time; `{now}` in the SQL stands for it.
pub(super) fn many(
    link: &mut Link,
    shared: &Shared,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<(Job, Micros)>, Broke> {
    let rows = link.query(&sql.replace("{now}", &now(shared)), values)?;
    rows.iter().map(|row| Ok((job(row)?, row.try_get(NOW)?))).collect()
}

pub(super) fn one(
    link: &mut Link,
    shared: &Shared,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Option<(Job, Micros)>, Broke> {
    Ok(many(link, shared, sql, values)?.pop())
}

/// The job that a worker looks at next, kept from other workers.
pub(super) fn next(link: &mut Link, shared: &Shared) -> Result<Option<(Job, Micros)>, Broke> {
    let abandoned = format!(
        "SELECT {COLUMNS}, {{now}} FROM runner_jobs
         WHERE status = 'running' AND lease_expires <= {{now}}
         ORDER BY lease_expires LIMIT 1 FOR UPDATE SKIP LOCKED"
    );
    if let Some(job) = one(link, shared, &abandoned, &[])? {
        return Ok(Some(job));
    }
    let waiting = format!(
        "SELECT {COLUMNS}, {{now}} FROM runner_jobs
         WHERE status = 'queued' AND remote_url <> ALL (
             ARRAY(SELECT remote_url FROM runner_jobs WHERE status = 'running'))
         ORDER BY priority DESC, seq LIMIT 1 FOR UPDATE SKIP LOCKED"
    );
    one(link, shared, &waiting, &[])
}

/// Jobs that may end by being looked at.
pub(super) fn unsettled(
    link: &mut Link,
    shared: &Shared,
    most: usize,
) -> Result<Vec<(Job, Micros)>, Broke> {
    let sql = format!(
        "SELECT {COLUMNS}, {{now}} FROM runner_jobs
         WHERE finished_at IS NULL AND (deadline <= {{now}}
            OR (status = 'running' AND lease_expires <= {{now}}
                AND (cancel_requested OR attempts >= max_attempts)))
         LIMIT $1 FOR UPDATE SKIP LOCKED"
    );
    many(link, shared, &sql, &[&count(most)])
}

/// Stores what was decided about a job: everything that is not fixed by its submission.
pub(super) fn store(link: &mut Link, job: &Job) -> Result<(), Broke> {
    let sql = "UPDATE runner_jobs SET status = $2, attempts = $3, fence = $4, worker = $5,
            worker_host = $6, lease_expires = $7, cancel_requested = $8, started_at = $9,
            finished_at = $10, exit_code = $11, detail = $12
        WHERE seq = $1";
    let (worker, host) = match &job.worker {
        Some(worker) => (Some(&worker.name), Some(&worker.host)),
        None => (None, None),
    };
    link.execute(
        sql,
        &[
            &job.seq,
            &job.status.name(),
            &job.attempts,
            &job.fence,
            &worker,
            &host,
            &job.lease_expires,
            &job.cancel_requested,
            &job.started_at,
            &job.finished_at,
            &job.exit_code,
            &job.detail,
        ],
    )?;
    Ok(())
}

/// The same for a claim; false when another worker just got a job of the same repository. What was
/// done before in the transaction is then undone.
pub(super) fn store_unless_crossed(link: &mut Link, job: &Job) -> Result<bool, Broke> {
    match store(link, job) {
        Ok(()) => Ok(true),
        Err(broke) if broke.code.as_deref() == Some(UNIQUE_VIOLATION) => {
            // The COMMIT that follows would say so too, but as a success.
            link.run("ROLLBACK; BEGIN")?;
            Ok(false)
        }
        Err(broke) => Err(broke),
    }
}

/// A number of rows as SQL takes it.
pub(super) fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

//! Rows of the file, and jobs of rows.

use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OptionalExtension, Params, Row, ToSql, params};

use super::time::Moment;
use crate::{Filter, Job, Micros, NewJob, Page, Status, Worker};

pub(super) const VERSION: i64 = 1;

/// The index `one_of_a_repository` is what makes two running jobs of one repository impossible.
pub(super) const SCHEMA: &str = "
    CREATE TABLE jobs (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        job_id TEXT NOT NULL UNIQUE,
        idempotency_key TEXT UNIQUE,
        job_type TEXT NOT NULL,
        repo_name TEXT NOT NULL,
        remote_url TEXT NOT NULL,
        sha TEXT NOT NULL,
        params TEXT NOT NULL,
        priority INTEGER NOT NULL,
        max_attempts INTEGER NOT NULL,
        deadline INTEGER,
        status TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        fence INTEGER NOT NULL,
        worker TEXT,
        worker_host TEXT,
        lease_expires INTEGER,
        cancel_requested INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        started_at INTEGER,
        finished_at INTEGER,
        exit_code INTEGER,
        detail TEXT
    ) STRICT;
    CREATE INDEX waiting ON jobs (priority DESC, seq) WHERE status = 'queued';
    CREATE UNIQUE INDEX one_of_a_repository ON jobs (remote_url) WHERE status = 'running';
    CREATE INDEX deadlines ON jobs (deadline) WHERE finished_at IS NULL AND deadline IS NOT NULL;
    CREATE INDEX by_end ON jobs (finished_at, seq) WHERE finished_at IS NOT NULL;
    CREATE INDEX by_status ON jobs (status, seq);
    CREATE INDEX by_repository ON jobs (repo_name, seq);
    CREATE INDEX by_type ON jobs (job_type, seq);
";

pub(super) const COLUMNS: &str = "seq, job_id, idempotency_key, job_type, repo_name, remote_url, \
    sha, params, priority, max_attempts, deadline, status, attempts, fence, worker, worker_host, \
    lease_expires, cancel_requested, created_at, started_at, finished_at, exit_code, detail";

fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    let params: String = row.get(7)?;
    let params = serde_json::from_str(&params)
        .map_err(|err| rusqlite::Error::FromSqlConversionFailure(7, Type::Text, err.into()))?;
    let worker: Option<String> = row.get(14)?;
    Ok(Job {
        seq: row.get(0)?,
        job_id: row.get(1)?,
        wanted: NewJob {
            idempotency_key: row.get(2)?,
            job_type: row.get(3)?,
            repo_name: row.get(4)?,
            remote_url: row.get(5)?,
            sha: row.get(6)?,
            params,
            priority: row.get(8)?,
            max_attempts: row.get(9)?,
            deadline: row.get(10)?,
        },
        status: status(row, 11)?,
        attempts: row.get(12)?,
        fence: row.get(13)?,
        worker: match worker {
            Some(name) => Some(Worker { name, host: row.get(15)? }),
            None => None,
        },
        lease_expires: row.get(16)?,
        cancel_requested: row.get(17)?,
        created_at: row.get(18)?,
        started_at: row.get(19)?,
        finished_at: row.get(20)?,
        exit_code: row.get(21)?,
        detail: row.get(22)?,
    })
}

pub(super) fn status(row: &Row<'_>, column: usize) -> rusqlite::Result<Status> {
    let name = row.get_ref(column)?.as_str()?;
    let unknown = || FromSqlError::Other(format!("{name:?} is no status").into());
    Ok(Status::parse(name).ok_or_else(unknown)?)
}

pub(super) fn many(db: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<Vec<Job>> {
    db.prepare_cached(sql)?.query_map(params, job)?.collect()
}

fn one(db: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<Option<Job>> {
    db.prepare_cached(sql)?.query_row(params, job).optional()
}

pub(super) fn by_id(db: &Connection, job_id: &str) -> rusqlite::Result<Option<Job>> {
    one(db, &format!("SELECT {COLUMNS} FROM jobs WHERE job_id = ?1"), [job_id])
}

pub(super) fn by_key(db: &Connection, key: &str) -> rusqlite::Result<Option<Job>> {
    one(db, &format!("SELECT {COLUMNS} FROM jobs WHERE idempotency_key = ?1"), [key])
}

/// The job that a worker looks at next.
pub(super) fn next(db: &Connection, now: Micros) -> rusqlite::Result<Option<Job>> {
    match one(db, &next_abandoned(), [now])? {
        None => one(db, &next_waiting(), []),
        found => Ok(found),
    }
}

fn next_abandoned() -> String {
    format!(
        "SELECT {COLUMNS} FROM jobs WHERE status = 'running' AND lease_expires <= ?1
         ORDER BY lease_expires LIMIT 1"
    )
}

/// Left to itself, SQLite takes the index on the status and sorts all that wait.
fn next_waiting() -> String {
    format!(
        "SELECT {COLUMNS} FROM jobs INDEXED BY waiting WHERE status = 'queued'
           AND remote_url NOT IN (SELECT remote_url FROM jobs WHERE status = 'running')
         ORDER BY priority DESC, seq LIMIT 1"
    )
}

/// Jobs that may end by being looked at.
pub(super) fn unsettled(db: &Connection, now: Moment, most: usize) -> rusqlite::Result<Vec<Job>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM jobs
         WHERE finished_at IS NULL AND deadline IS NOT NULL AND deadline <= ?1
         UNION SELECT {COLUMNS} FROM jobs
         WHERE status = 'running' AND lease_expires <= ?3
           AND (cancel_requested OR attempts >= max_attempts)
         LIMIT ?2"
    );
    many(db, &sql, params![now.wall, count(most), now.row])
}

/// One text for each combination of filters, so that each uses the index made for it.
pub(super) fn list(db: &Connection, filter: &Filter, page: Page) -> rusqlite::Result<Vec<Job>> {
    let status = filter.status.map(Status::name);
    let limit = count(page.limit);
    let wanted: [(&str, Option<&dyn ToSql>); 4] = [
        ("status =", status.as_ref().map(|it| it as &dyn ToSql)),
        ("repo_name =", filter.repo_name.as_ref().map(|it| it as &dyn ToSql)),
        ("job_type =", filter.job_type.as_ref().map(|it| it as &dyn ToSql)),
        ("seq <", page.before.as_ref().map(|it| it as &dyn ToSql)),
    ];
    let wanted = wanted.into_iter().filter_map(|(condition, value)| Some((condition, value?)));
    let (conditions, mut values): (Vec<&str>, Vec<&dyn ToSql>) = wanted.unzip();
    values.push(&limit);
    many(db, &listed(&conditions), values.as_slice())
}

fn listed(conditions: &[&str]) -> String {
    let mut sql = format!("SELECT {COLUMNS} FROM jobs WHERE true");
    for condition in conditions {
        sql.extend([" AND ", condition, " ?"]);
    }
    sql.push_str(" ORDER BY seq DESC LIMIT ?");
    sql
}

pub(super) fn insert(
    db: &Connection,
    job_id: String,
    wanted: NewJob,
    now: Micros,
) -> rusqlite::Result<Job> {
    let sql = "INSERT INTO jobs (job_id, idempotency_key, job_type, repo_name, remote_url, sha,
            params, priority, max_attempts, deadline, status, attempts, fence, cancel_requested,
            created_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'queued', 0, 0, 0, ?11)";
    db.prepare_cached(sql)?.execute(params![
        job_id,
        wanted.idempotency_key,
        wanted.job_type,
        wanted.repo_name,
        wanted.remote_url,
        wanted.sha,
        crate::types::params_text(&wanted.params),
        wanted.priority,
        wanted.max_attempts,
        wanted.deadline,
        now,
    ])?;
    Ok(Job::new(db.last_insert_rowid(), job_id, wanted, now))
}

/// Stores what was decided about a job: everything that is not fixed by its submission.
pub(super) fn store(db: &Connection, job: &Job) -> rusqlite::Result<()> {
    let sql = "UPDATE jobs SET status = ?2, attempts = ?3, fence = ?4, worker = ?5,
            worker_host = ?6, lease_expires = ?7, cancel_requested = ?8, started_at = ?9,
            finished_at = ?10, exit_code = ?11, detail = ?12
        WHERE seq = ?1";
    db.prepare_cached(sql)?.execute(params![
        job.seq,
        job.status.name(),
        job.attempts,
        job.fence,
        job.worker.as_ref().map(|it| &it.name),
        job.worker.as_ref().map(|it| &it.host),
        job.lease_expires,
        job.cancel_requested,
        job.started_at,
        job.finished_at,
        job.exit_code,
        job.detail,
    ])?;
    Ok(())
}

/// A number of rows as SQL takes it.
pub(super) fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_found_by_an_index_and_nothing_is_sorted() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(SCHEMA).unwrap();
        for (sql, index) in [
            (next_abandoned(), "SEARCH jobs USING INDEX"),
            (next_waiting(), "waiting"),
            (listed(&["status =", "seq <"]), "by_status"),
            (listed(&["repo_name ="]), "by_repository"),
            (listed(&["job_type ="]), "by_type"),
            (listed(&[]), "SCAN jobs"),
            (listed(&["seq <"]), "PRIMARY KEY"),
        ] {
            let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let count = plan.parameter_count();
            let values = vec![1_i64; count];
            let lines = plan.query_map(rusqlite::params_from_iter(values), |row| row.get(3));
            let lines: Vec<String> = lines.unwrap().map(Result::unwrap).collect();
            assert!(lines.iter().any(|line| line.contains(index)), "{sql}: {lines:?}");
            // Of running jobs there are as many as workers: those may be sorted.
            let is_sorted = lines.iter().any(|line| line.contains("TEMP B-TREE"));
            assert_eq!(is_sorted, sql.contains("lease_expires <="), "{sql}: {lines:?}");
        }
    }
}

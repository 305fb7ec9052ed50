//! Looks over the queue's shoulder: a trigger in its own database notes every end of a job, whoever
//! wrote it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::fixture::Site;

/// Where the notes are.
pub(super) enum Audit {
    File(PathBuf),
    Server(String),
}

/// An end, and whatever comes after one.
const WHEN: &str =
    "NEW.status NOT IN ('queued', 'running') OR OLD.status NOT IN ('queued', 'running')";

impl Audit {
    /// Begins; the tables of the queue are there.
    pub(super) fn begin(site: &Site) -> Self {
        match site.database() {
            None => {
                let it = Self::File(site.at("home/state/runner/queue.db"));
                let sql = format!(
                    "CREATE TABLE audit (job_id TEXT);
                     CREATE TRIGGER audit AFTER UPDATE OF status ON jobs WHEN {WHEN}
                     BEGIN INSERT INTO audit VALUES (NEW.job_id); END"
                );
                it.file().execute_batch(&sql).unwrap();
                it
            }
            Some(url) => {
                let it = Self::Server(url.to_owned());
                let sql = format!(
                    "CREATE TABLE audit (job_id text);
                     CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
                     $$ BEGIN INSERT INTO audit VALUES (NEW.job_id); RETURN NULL; END $$;
                     CREATE TRIGGER audit AFTER UPDATE ON runner_jobs FOR EACH ROW
                     WHEN ({WHEN}) EXECUTE FUNCTION audit()"
                );
                it.server().batch_execute(&sql).unwrap();
                it
            }
        }
    }

    /// How often each job came to an end, or was changed after it had.
    pub(super) fn ends(&self) -> BTreeMap<String, u32> {
        let mut ends = BTreeMap::new();
        for job_id in self.column("SELECT job_id FROM audit") {
            *ends.entry(job_id).or_default() += 1;
        }
        ends
    }

    /// How many jobs there are.
    pub(super) fn jobs(&self) -> usize {
        match self {
            Self::File(_) => self.column("SELECT job_id FROM jobs").len(),
            Self::Server(_) => self.column("SELECT job_id FROM runner_jobs").len(),
        }
    }

    fn column(&self, sql: &str) -> Vec<String> {
        match self {
            Self::File(_) => {
                let db = self.file();
                let mut rows = db.prepare(sql).unwrap();
                let rows = rows.query_map([], |row| row.get(0)).unwrap();
                rows.map(Result::unwrap).collect()
            }
            Self::Server(_) => {
                self.server().query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
            }
        }
    }

    fn file(&self) -> rusqlite::Connection {
        let Self::File(path) = self else { unreachable!("asked of a file alone") };
        let db = rusqlite::Connection::open(path).unwrap();
        db.busy_timeout(Duration::from_secs(30)).unwrap();
        db
    }

    fn server(&self) -> postgres::Client {
        let Self::Server(url) = self else { unreachable!("asked of a server alone") };
        postgres::Client::connect(url, postgres::NoTls).unwrap()
    }
}

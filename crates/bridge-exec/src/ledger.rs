//! What the executor must never forget: which ids and contents it accepted, what it promised to do
//! and has not finished, the tail of the audit chain, the highest time it saw.
//!
//! One SQLite database under the home, outside the synced tree. A commit here is the point at which
//! a command is certain to be carried out; everything else can be done again from the journal.

mod waiting;

use std::path::{Path, PathBuf};

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use ops_core::time::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::journal::Plan;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS journal (seq INTEGER PRIMARY KEY, plan BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS held (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, input BLOB NOT NULL, signer TEXT NOT NULL,
        held_at TEXT NOT NULL, expires_us INTEGER NOT NULL, why TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS decisions (
        id TEXT PRIMARY KEY, approved INTEGER NOT NULL, why TEXT NOT NULL, who TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS retries (
        id TEXT PRIMARY KEY, attempts INTEGER NOT NULL, last_error TEXT NOT NULL,
        last_us INTEGER NOT NULL, next_us INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS letters (name TEXT PRIMARY KEY, used INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
";

/// The version of the tables above.
const VERSION: i64 = 1;

/// The fact that says that a new ledger has learnt what the evidence knows.
const REBUILT: &str = "rebuilt";

/// An open ledger.
#[derive(Debug)]
pub(crate) struct Ledger {
    db: Connection,
    path: PathBuf,
}

/// Where the audit log ends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Tail {
    /// Hash of the last line; the next line's `prev`.
    pub(crate) hash: String,
    /// Length of logs/bridge.log, bytes.
    pub(crate) offset: u64,
    /// How many segments were set aside.
    pub(crate) segment: u64,
    /// `prev` of the first line of logs/bridge.log.
    pub(crate) segment_prev: String,
}

/// A command that waits for a person.
#[derive(Clone, Debug)]
pub(crate) struct HeldRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) input: Vec<u8>,
    pub(crate) signer: String,
    pub(crate) held_at: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) why: String,
}

/// What a person decided about a held command.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    pub(crate) id: String,
    pub(crate) approved: bool,
    pub(crate) why: String,
    pub(crate) who: String,
}

/// A command that failed for a reason that may pass.
#[derive(Clone, Debug)]
pub(crate) struct RetryRow {
    pub(crate) id: String,
    pub(crate) attempts: u32,
    pub(crate) last_error: String,
    pub(crate) last: Timestamp,
    pub(crate) next: Timestamp,
}

impl Ledger {
    /// Opens the ledger in `folder` and makes it if it is missing; tells whether it has yet to learn
    /// what the evidence knows ([`Ledger::note_seen`]).
    pub(crate) fn open(host: &Host, folder: &Path) -> Result<(Self, bool), Failure> {
        let path = folder.join("ledger.db");
        let doing = || format!("open the ledger {}", path.display());
        host.make_dir(folder, 0o750).or_fail(Exit::Unavailable, doing())?;
        let db = Connection::open(&path).or_fail(Exit::Unavailable, doing())?;
        let ledger = Self { db, path };
        ledger.prepare().map_err(|err| ledger.failure("open", err))?;
        let is_new = ledger.fact(REBUILT)?.is_none();
        Ok((ledger, is_new))
    }

    /// Opens an existing ledger to look at it. `None` when there is none.
    pub(crate) fn look(host: &Host, folder: &Path) -> Result<Option<Self>, Failure> {
        let path = folder.join("ledger.db");
        let doing = || format!("open the ledger {}", path.display());
        if host.look(&path).or_fail(Exit::Unavailable, doing())?.is_none() {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&path, flags).or_fail(Exit::Unavailable, doing())?;
        let ledger = Self { db, path };
        ledger
            .db
            .busy_timeout(std::time::Duration::from_secs(5))
            .map_err(|err| ledger.failure("open", err))?;
        Ok(Some(ledger))
    }

    fn prepare(&self) -> rusqlite::Result<()> {
        self.db.busy_timeout(std::time::Duration::from_secs(5))?;
        self.db.pragma_update(None, "journal_mode", "WAL")?;
        self.db.pragma_update(None, "synchronous", "FULL")?;
        let found: i64 = self.db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found != VERSION {
            // In one step: whoever looks at the same time finds all of it or nothing.
            self.db.execute_batch(&format!(
                "BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;"
            ))?;
        }
        Ok(())
    }

    fn failure(&self, doing: &str, err: rusqlite::Error) -> Failure {
        let failure =
            Failure::new(Exit::Unavailable, format!("{doing} the ledger {}", self.path.display()));
        let hint = match err.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
                "it is damaged: move it away, and it is rebuilt from archive/ and dead_letter/"
            }
            Some(rusqlite::ErrorCode::DiskFull) => "the disk is full: nothing was accepted",
            _ => "look at the disk and its permissions: nothing was accepted",
        };
        failure.because(err).hint(hint)
    }

    fn doing<T>(&self, doing: &str, result: rusqlite::Result<T>) -> Result<T, Failure> {
        result.map_err(|err| self.failure(doing, err))
    }

    /// The content accepted under an id, if it was used.
    pub(crate) fn seen(&self, id: &str) -> Result<Option<[u8; 32]>, Failure> {
        let found = self
            .db
            .prepare_cached("SELECT content FROM seen WHERE id = ?1")
            .and_then(|mut it| it.query_row([id], |row| row.get::<_, [u8; 32]>(0)).optional());
        self.doing("read", found)
    }

    /// How many ids were accepted.
    pub(crate) fn seen_count(&self) -> Result<u64, Failure> {
        let count = self.db.query_row("SELECT count(*) FROM seen", [], |row| row.get::<_, i64>(0));
        self.doing("read", count).map(|it| u64::try_from(it).unwrap_or(0))
    }

    /// Notes ids found in evidence. For rebuilding.
    pub(crate) fn note_seen(&mut self, rows: &[(String, [u8; 32])]) -> Result<(), Failure> {
        let noted = (|| {
            let tx = self.db.transaction()?;
            for (id, content) in rows {
                tx.prepare_cached("INSERT OR IGNORE INTO seen VALUES (?1, ?2)")?
                    .execute(params![id, content.as_slice()])?;
            }
            set_fact(&tx, REBUILT, "1")?;
            tx.commit()
        })();
        self.doing("write", noted)
    }

    /// Promises to carry out these plans: durable on return. `now` raises the time high-water mark.
    pub(crate) fn promise(&mut self, plans: &[Plan], now: Timestamp) -> Result<Vec<i64>, Failure> {
        let promised = (|| {
            let tx = self.db.transaction()?;
            let mut rows = Vec::with_capacity(plans.len());
            for plan in plans {
                tx.prepare_cached("INSERT INTO journal (plan) VALUES (?1)")?
                    .execute([plan.to_bytes()])?;
                rows.push(tx.last_insert_rowid());
                if let Some((id, content)) = plan.accepts() {
                    tx.prepare_cached("INSERT OR IGNORE INTO seen VALUES (?1, ?2)")?
                        .execute(params![id, content])?;
                }
                plan.note(&tx)?;
            }
            raise_time(&tx, now)?;
            tx.commit()?;
            Ok(rows)
        })();
        self.doing("write", promised)
    }

    /// Replaces a promise, durably: what it said turned out not to be possible.
    pub(crate) fn amend(&mut self, row: i64, plan: &Plan) -> Result<(), Failure> {
        let amended = (|| {
            let tx = self.db.transaction()?;
            tx.execute(
                "UPDATE journal SET plan = ?2 WHERE seq = ?1",
                params![row, plan.to_bytes()],
            )?;
            plan.note(&tx)?;
            tx.commit()
        })();
        self.doing("write", amended)
    }

    /// Takes a promise back entirely, the used id included: nothing of it was done. The id of a held
    /// command stays used.
    pub(crate) fn withdraw(&mut self, row: i64, plan: &Plan) -> Result<(), Failure> {
        let id = plan.accepts().filter(|_| plan.releases.is_none()).map(|it| it.0);
        let withdrawn = (|| {
            let tx = self.db.transaction()?;
            tx.execute("DELETE FROM journal WHERE seq = ?1", [row])?;
            if let Some(id) = id {
                tx.execute("DELETE FROM seen WHERE id = ?1", [id])?;
            }
            tx.commit()
        })();
        self.doing("write", withdrawn)
    }

    /// Drops kept promises and notes where the audit log ends now.
    ///
    /// Not flushed: after a power failure the promises are kept once more, which changes nothing.
    pub(crate) fn settle(&mut self, kept: &[(i64, Plan)], tail: &Tail) -> Result<(), Failure> {
        let settled = (|| {
            self.db.pragma_update(None, "synchronous", "NORMAL")?;
            let tx = self.db.transaction()?;
            for (row, plan) in kept {
                tx.prepare_cached("DELETE FROM journal WHERE seq = ?1")?.execute([row])?;
                // Only now: a promise about a held command may be withdrawn until it is kept.
                if let Some(id) = &plan.releases {
                    tx.prepare_cached("DELETE FROM held WHERE id = ?1")?.execute([id])?;
                    tx.prepare_cached("DELETE FROM decisions WHERE id = ?1")?.execute([id])?;
                }
            }
            set_fact(&tx, "tail_hash", &tail.hash)?;
            set_fact(&tx, "tail_offset", &tail.offset.to_string())?;
            set_fact(&tx, "tail_segment", &tail.segment.to_string())?;
            set_fact(&tx, "tail_segment_prev", &tail.segment_prev)?;
            tx.commit()?;
            self.db.pragma_update(None, "synchronous", "FULL")
        })();
        self.doing("write", settled)
    }

    /// Promises that a crash left open, oldest first.
    pub(crate) fn open_promises(&self) -> Result<Vec<(i64, Plan)>, Failure> {
        let rows = self.db.prepare_cached("SELECT seq, plan FROM journal ORDER BY seq").and_then(
            |mut it| {
                let rows =
                    it.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
                rows.collect::<rusqlite::Result<Vec<_>>>()
            },
        );
        let rows = self.doing("read", rows)?;
        let parse = |(row, bytes): (i64, Vec<u8>)| {
            let plan = Plan::from_bytes(&bytes)
                .or_fail(Exit::Unavailable, format!("read journal entry {row}"))
                .map_err(|it| it.hint("a newer version wrote it: use that version"))?;
            Ok((row, plan))
        };
        rows.into_iter().map(parse).collect()
    }

    /// Where the audit log ended when the last promises were settled. `None` for a new ledger.
    pub(crate) fn tail(&self) -> Result<Option<Tail>, Failure> {
        let Some(hash) = self.fact("tail_hash")? else { return Ok(None) };
        let number = |name: &str| {
            Ok::<u64, Failure>(self.fact(name)?.and_then(|it| it.parse().ok()).unwrap_or(0))
        };
        Ok(Some(Tail {
            hash,
            offset: number("tail_offset")?,
            segment: number("tail_segment")?,
            segment_prev: self
                .fact("tail_segment_prev")?
                .unwrap_or_else(|| bridge::audit::GENESIS.to_owned()),
        }))
    }

    /// The highest time ever seen here.
    pub(crate) fn high_water(&self) -> Result<Timestamp, Failure> {
        let text = self.fact("high_water_us")?;
        let us = text.and_then(|it| it.parse().ok()).unwrap_or(0);
        Ok(Timestamp::from_microsecond(us).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// Raises the time high-water mark.
    pub(crate) fn raise_time(&mut self, now: Timestamp) -> Result<(), Failure> {
        let raised = raise_time(&self.db, now);
        self.doing("write", raised)
    }

    /// Sets the time high-water mark, downwards too. For an operator alone.
    pub(crate) fn reset_time(&mut self, now: Timestamp) -> Result<(), Failure> {
        let reset = set_fact(&self.db, "high_water_us", &now.as_microsecond().to_string());
        self.doing("write", reset)
    }

    fn fact(&self, name: &str) -> Result<Option<String>, Failure> {
        let found = self
            .db
            .prepare_cached("SELECT value FROM facts WHERE name = ?1")
            .and_then(|mut it| it.query_row([name], |row| row.get(0)).optional());
        self.doing("read", found)
    }

    /// How often a dead letter of this name was written.
    pub(crate) fn letters(&self, name: &str) -> Result<u64, Failure> {
        let found = self
            .db
            .prepare_cached("SELECT used FROM letters WHERE name = ?1")
            .and_then(|mut it| it.query_row([name], |row| row.get::<_, i64>(0)).optional());
        Ok(self.doing("read", found)?.and_then(|it| u64::try_from(it).ok()).unwrap_or(0))
    }
}

fn time(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn set_fact(db: &Connection, name: &str, value: &str) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO facts VALUES (?1, ?2)")?
        .execute([name, value])
        .map(drop)
}

fn raise_time(db: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO facts VALUES ('high_water_us', ?1) ON CONFLICT (name) DO UPDATE
         SET value = excluded.value WHERE CAST(excluded.value AS INTEGER) > CAST(value AS INTEGER)",
    )?
    .execute([now.as_microsecond().to_string()])
    .map(drop)
}

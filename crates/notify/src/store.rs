//! What must never be forgotten: which messages were taken from the spool, what became of each, and
//! what every service said. One SQLite database, written only by whoever holds the flush lock.
//!
//! A request is noted durably before it is made, and what was accepted is noted durably before
//! anything else happens: after a crash in between, nobody knows, and the message says so.

mod attempts;
mod follow;
mod inbound;
mod ingest;
mod rows;
mod view;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use ops_core::time::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction};

pub use inbound::Inbound;
pub use ingest::Ingested;
pub use view::CheckRow;

const SCHEMA: &str = "
    CREATE TABLE messages (
        id TEXT PRIMARY KEY, raised_us INTEGER NOT NULL, raised_by TEXT NOT NULL,
        title TEXT NOT NULL, message TEXT NOT NULL, check_id TEXT, severity INTEGER NOT NULL,
        kind TEXT NOT NULL, channel TEXT, recipient TEXT, renewed_us INTEGER NOT NULL, state TEXT NOT NULL,
        why TEXT NOT NULL, settled_us INTEGER, told_by TEXT,
        text_title TEXT, text_body TEXT, text_held INTEGER, text_dropped INTEGER) WITHOUT ROWID;
    CREATE INDEX messages_by_state ON messages (state);
    CREATE INDEX messages_waiting ON messages (check_id) WHERE state = 'queued';
    CREATE TABLE deliveries (
        message TEXT NOT NULL, channel TEXT NOT NULL, recipient TEXT NOT NULL, stage TEXT NOT NULL,
        attempts INTEGER NOT NULL, tried_us INTEGER NOT NULL, next_us INTEGER NOT NULL,
        why TEXT NOT NULL, provider_id TEXT, followed TEXT, is_final INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (message, channel, recipient)) WITHOUT ROWID;
    CREATE INDEX deliveries_open ON deliveries (stage) WHERE stage IN ('sending', 'retry');
    CREATE INDEX deliveries_followed ON deliveries (channel)
        WHERE stage = 'accepted' AND is_final = 0;
    CREATE TABLE checks (
        id TEXT PRIMARY KEY, told_us INTEGER, told_severity INTEGER, told_title TEXT,
        is_failing INTEGER NOT NULL, held INTEGER NOT NULL, held_since_us INTEGER) WITHOUT ROWID;
    CREATE TABLE channels (
        name TEXT PRIMARY KEY, block TEXT, block_until_us INTEGER, block_why TEXT,
        failures INTEGER NOT NULL, accepted_us INTEGER, quota_limit INTEGER,
        quota_remaining INTEGER, quota_resets_us INTEGER) WITHOUT ROWID;
    CREATE TABLE receipts (
        receipt TEXT PRIMARY KEY, message TEXT NOT NULL, check_id TEXT, sent_us INTEGER NOT NULL,
        polled_us INTEGER, acknowledged_us INTEGER, acknowledged_by TEXT,
        is_expired INTEGER NOT NULL, is_cancel_wanted INTEGER NOT NULL, cancelled_us INTEGER,
        why TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE inbound (
        sid TEXT PRIMARY KEY, sender TEXT NOT NULL, sent_us INTEGER NOT NULL, body TEXT NOT NULL,
        command TEXT NOT NULL, seen_us INTEGER NOT NULL, answer TEXT) WITHOUT ROWID;
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
";

/// The version of the tables above.
const VERSION: i64 = 1;

/// How long the database's log may be before the next one to open it copies it back, bytes: about
/// five messages. Whoever opens the database reads all of it.
const LARGEST_LOG: u64 = 64 * 4120;

/// How many older messages were dropped that no delivered message has told of yet.
const DROPPED: &str = "dropped";

/// The open database.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    path: PathBuf,
}

/// Where alerts and what became of them are kept.
pub fn folder(home: &Path) -> PathBuf {
    home.join("state/alerts")
}

impl Store {
    /// Opens the database and makes it if it is missing. Only for who holds the flush lock.
    ///
    /// # Errors
    /// Exit 69 when it cannot be used.
    pub fn open(host: &Host, home: &Path) -> Result<Self, Failure> {
        let path = folder(home).join("notify.db");
        let doing = || format!("open {}", path.display());
        host.make_dir(&folder(home), 0o750).or_fail(Exit::Unavailable, doing())?;
        // SQLite would make it readable for everybody; its other files get the mode of this one.
        match host.look(&path).or_fail(Exit::Unavailable, doing())? {
            Some(_) => {}
            None => match host.create_file(&path, b"", 0o640) {
                Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {}
                made => made.or_fail(Exit::Unavailable, doing())?,
            },
        }
        let store = Self { db: connect(host, home).or_fail(Exit::Unavailable, doing())?, path };
        let prepared = store.prepare();
        store.doing("open", prepared)?;
        store.shorten_log(host)?;
        Ok(store)
    }

    /// Copies a log that has grown back into the database, and empties it. SQLite's own copying
    /// never empties one that each process adds to only once.
    fn shorten_log(&self, host: &Host) -> Result<(), Failure> {
        let log = self.path.with_extension("db-wal");
        let doing = || format!("look at {}", log.display());
        let size = host.look(&log).or_fail(Exit::Unavailable, doing())?.map_or(0, |it| it.size);
        if size <= LARGEST_LOG {
            return Ok(());
        }
        let copied = self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        self.doing("write", copied)
    }

    /// Opens an existing database to look at it. `None` when there is none yet.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn look(host: &Host, home: &Path) -> Result<Option<Self>, Failure> {
        let path = folder(home).join("notify.db");
        let doing = || format!("open {}", path.display());
        if host.look(&path).or_fail(Exit::Unavailable, doing())?.is_none() {
            return Ok(None);
        }
        let store = Self { db: connect(host, home).or_fail(Exit::Unavailable, doing())?, path };
        let version = store
            .db
            .busy_timeout(Duration::from_secs(5))
            .and_then(|()| store.db.pragma_query_value(None, "user_version", |row| row.get(0)));
        match store.doing::<i64>("open", version)? {
            // Somebody is making it at this moment.
            0 => Ok(None),
            VERSION => Ok(Some(store)),
            other => Err(store.unknown(other)),
        }
    }

    fn prepare(&self) -> rusqlite::Result<()> {
        self.db.busy_timeout(Duration::from_secs(5))?;
        self.db.pragma_update(None, "journal_mode", "WAL")?;
        self.db.pragma_update(None, "synchronous", "FULL")?;
        let found: i64 = self.db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found == 0 {
            // In one step: whoever looks at the same time finds all of it or nothing.
            self.db.execute_batch(&format!(
                "BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;"
            ))?;
        } else if found != VERSION {
            let why = format!("its tables are version {found}, this program knows {VERSION}");
            return Err(rusqlite::Error::ToSqlConversionFailure(why.into()));
        }
        Ok(())
    }

    fn unknown(&self, version: i64) -> Failure {
        Failure::new(Exit::Unavailable, format!("read {}", self.path.display()))
            .because(format!("its tables are version {version}, this program knows {VERSION}"))
            .hint("use the version that wrote it")
    }

    fn doing<T>(&self, doing: &str, result: rusqlite::Result<T>) -> Result<T, Failure> {
        result.map_err(|err| {
            let hint = match err.sqlite_error_code() {
                Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
                    "it is damaged: move it away; what is still in the spool is told, rate limits \
                     begin anew"
                }
                Some(rusqlite::ErrorCode::DiskFull) => "the disk is full: free some space",
                _ => "look at the disk and its permissions",
            };
            Failure::new(Exit::Unavailable, format!("{doing} {}", self.path.display()))
                .because(err)
                .hint(format!("{hint}; alerts stay in the spool"))
        })
    }

    /// Does something in one transaction, durable on return.
    fn at_once<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        let done = (|| {
            let tx = self.db.transaction()?;
            let done = work(&tx)?;
            tx.commit()?;
            Ok(done)
        })();
        self.doing("write", done)
    }

    /// How many older messages were dropped that no delivered message has told of yet.
    ///
    /// # Errors
    /// Exit 69 when the database cannot be read.
    pub fn dropped(&self) -> Result<u64, Failure> {
        self.doing("read", number(&self.db, DROPPED))
    }

    /// A remembered word.
    ///
    /// # Errors
    /// Exit 69 when the database cannot be read.
    pub fn fact(&self, name: &str) -> Result<Option<String>, Failure> {
        self.doing("read", fact(&self.db, name))
    }

    /// Remembers a word, durably.
    ///
    /// # Errors
    /// Exit 69 when the database cannot be written.
    pub fn set_fact(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        self.at_once(|tx| set_fact(tx, name, value))
    }

    /// Forgets what was settled longer ago than `before`, but for messages whose files are still in
    /// the spool (`present` names them), which would be taken for new ones.
    ///
    /// # Errors
    /// Exit 69 when the database cannot be written.
    pub fn forget(
        &mut self,
        before: Timestamp,
        present: &[std::ffi::OsString],
    ) -> Result<usize, Failure> {
        self.at_once(|tx| {
            let old: Vec<String> = tx
                .prepare_cached("SELECT id FROM messages WHERE settled_us < ?1")?
                .query_map([before.as_microsecond()], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            let is_gone = |id: &&String| !present.contains(&format!("{id}.json").into());
            let old: Vec<&String> = old.iter().filter(is_gone).collect();
            for id in &old {
                for table in
                    ["deliveries WHERE message", "receipts WHERE message", "messages WHERE id"]
                {
                    tx.prepare_cached(&format!("DELETE FROM {table} = ?1"))?.execute([id])?;
                }
            }
            let before = [before.as_microsecond()];
            tx.execute("DELETE FROM inbound WHERE seen_us < ?1", before)?;
            // A check that is fine and has nothing to tell of is as good as a new one.
            tx.execute(
                "DELETE FROM checks WHERE is_failing = 0 AND held = 0 AND told_us < ?1",
                before,
            )?;
            Ok(old.len())
        })
    }
}

/// Opens the file that is there. Other users of the spool's group may write into its folder: a link
/// in the place of the file is refused, it would lead to one of ours.
fn connect(
    host: &Host,
    home: &Path,
) -> Result<Connection, Box<dyn std::error::Error + Send + Sync>> {
    let path = host.resolve(&folder(home))?.join("notify.db");
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let db = Connection::open_with_flags(&path, flags)?;
    // Closing would copy the log back and flush twice more for every message; it is copied back
    // once it has grown (`Store::shorten_log`).
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(db)
}

fn fact(db: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    db.prepare_cached("SELECT value FROM facts WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

fn set_fact(db: &Connection, name: &str, value: &str) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO facts VALUES (?1, ?2)")?
        .execute([name, value])
        .map(drop)
}

fn number(db: &Connection, name: &str) -> rusqlite::Result<u64> {
    Ok(fact(db, name)?.and_then(|text| text.parse().ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests;

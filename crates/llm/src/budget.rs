//! The ledger of money: what every call may still cost, across processes.
//!
//! A call is reserved at its worst case before it is made, durably, and settled with what it cost.
//! What is never settled (a crash, a lost answer) stays counted at its worst case. Only the
//! reservation is flushed: a settlement that a power cut undoes leaves the larger amount.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::Host;
use ops_core::time::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};

use crate::money::Money;

const SCHEMA: &str = "
    CREATE TABLE charges (
        id INTEGER PRIMARY KEY, day INTEGER NOT NULL, run TEXT NOT NULL, review TEXT,
        amount INTEGER NOT NULL, is_settled INTEGER NOT NULL, made_us INTEGER NOT NULL);
    CREATE INDEX charges_by_day ON charges (day, amount);
    CREATE INDEX charges_by_run ON charges (run, amount);
    CREATE INDEX charges_by_review ON charges (review, amount) WHERE review IS NOT NULL;
";

/// The version of the tables above.
const VERSION: i64 = 1;

/// How many days charges are kept.
const KEPT_DAYS: i64 = 100;

/// How long the database's log may be before the next one to open it copies it back, bytes. Whoever
/// opens the database first reads all of it.
const LARGEST_LOG: u64 = 128 * 4120;

/// What a row may hold at most, so that no sum of a day's rows overflows: above every budget.
const LARGEST_ROW: Money = Money::from_picos_const(100_000_000_000_000_000);

/// The most that may be spent.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// In one review.
    pub review: Money,
    /// In one run.
    pub run: Money,
    /// In one day.
    pub day: Money,
}

/// For whom a call is made.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// The run of a program.
    pub run: &'a str,
    /// The review, if it is one.
    pub review: Option<&'a str>,
    /// What earlier runs paid of that review.
    pub earlier: Money,
}

/// Money that is set aside. Dropped without [`Ledger::settle`], it stays counted.
#[derive(Debug)]
#[must_use = "what is not settled stays counted at its worst case"]
pub struct Reservation {
    id: i64,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OverBudget {
    /// `review`, `run` or `day`.
    pub scope: &'static str,
    /// Its cap.
    pub cap: Money,
    /// What is already counted.
    pub counted: Money,
    /// What the call could cost.
    pub wanted: Money,
    /// The newest charge is dated on a later day than it is now.
    pub is_ahead: bool,
}

impl std::fmt::Display for OverBudget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { scope, cap, counted, wanted, .. } = self;
        write!(
            f,
            "the budget of the {scope} is {cap}, {counted} of it is spent or set aside, and the \
             call could cost {wanted}"
        )?;
        if self.is_ahead {
            f.write_str("; the newest charge is of a later day: the clock was set back")?;
        }
        Ok(())
    }
}

/// The open ledger, `<home>/state/llm/budget.db`.
#[derive(Debug)]
pub struct Ledger {
    db: Connection,
    path: PathBuf,
}

/// The folder of the router's state.
pub fn folder(home: &Path) -> PathBuf {
    home.join("state/llm")
}

impl Ledger {
    /// Opens it, and makes it if it is missing.
    ///
    /// # Errors
    /// Exit 69 when it cannot be used: then no money is spent.
    pub fn open(host: &Host, home: &Path) -> Result<Self, Failure> {
        let path = folder(home).join("budget.db");
        let doing = || format!("open {}", path.display());
        host.make_dir(&folder(home), 0o750).or_fail(Exit::Unavailable, doing())?;
        // SQLite would make it readable for everybody; its other files get the mode of this one.
        if host.look(&path).or_fail(Exit::Unavailable, doing())?.is_none() {
            match host.create_file(&path, b"", 0o640) {
                Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {}
                made => made.or_fail(Exit::Unavailable, doing())?,
            }
        }
        Self::connect(host, home, path)
    }

    /// Opens an existing ledger to look at it. `None` when nothing was ever spent.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn look(host: &Host, home: &Path) -> Result<Option<Self>, Failure> {
        let path = folder(home).join("budget.db");
        let there =
            host.look(&path).or_fail(Exit::Unavailable, format!("look at {}", path.display()))?;
        there.map(|_| Self::connect(host, home, path)).transpose()
    }

    fn connect(host: &Host, home: &Path, path: PathBuf) -> Result<Self, Failure> {
        let doing = || format!("open {}", path.display());
        let real = host.resolve(&folder(home)).or_fail(Exit::Unavailable, doing())?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let db = Connection::open_with_flags(real.join("budget.db"), flags)
            .or_fail(Exit::Unavailable, doing())?;
        let ledger = Self { db, path };
        let prepared = ledger.prepare();
        ledger.doing("open", prepared)?;
        ledger.shorten_log(host)?;
        Ok(ledger)
    }

    fn prepare(&self) -> rusqlite::Result<()> {
        self.db.busy_timeout(Duration::from_secs(10))?;
        // Closing would copy the log back and flush for every process that makes one call.
        self.db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let journal: String = self.db.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        if journal != "wal" {
            self.db.pragma_update(None, "journal_mode", "WAL")?;
        }
        let version =
            || self.db.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
        if version()? == 0 {
            self.db.execute_batch("BEGIN IMMEDIATE")?;
            // Somebody else may have made them while this one waited.
            let made = version().and_then(|found| match found {
                0 => self.db.execute_batch(&format!("{SCHEMA} PRAGMA user_version = {VERSION};")),
                _ => Ok(()),
            });
            self.db.execute_batch(if made.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
            made?;
        }
        match version()? {
            VERSION => Ok(()),
            other => {
                let why = format!("its tables are version {other}, this program knows {VERSION}");
                Err(rusqlite::Error::ToSqlConversionFailure(why.into()))
            }
        }
    }

    /// Copies a log that has grown back into the database, and empties it.
    fn shorten_log(&self, host: &Host) -> Result<(), Failure> {
        let log = self.path.with_extension("db-wal");
        let doing = || format!("look at {}", log.display());
        let size = host.look(&log).or_fail(Exit::Unavailable, doing())?.map_or(0, |it| it.size);
        if size <= LARGEST_LOG {
            return Ok(());
        }
        // It is only a matter of size: where somebody is writing, the next one does it.
        let copied = self.db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).optional();
        self.doing("write", copied).map(drop)
    }

    /// Sets the worst case of a call aside, if every budget has room for it; durable on return.
    ///
    /// The day is that of the clock, or of the newest charge where the clock was set back.
    ///
    /// # Errors
    /// Exit 69 when the ledger cannot be used.
    pub fn reserve(
        &mut self,
        now: Timestamp,
        account: Account<'_>,
        worst: Money,
        caps: Caps,
    ) -> Result<Result<Reservation, OverBudget>, Failure> {
        let done = self.try_reserve(now, account, worst, caps);
        self.doing("write", done)
    }

    fn try_reserve(
        &mut self,
        now: Timestamp,
        account: Account<'_>,
        worst: Money,
        caps: Caps,
    ) -> rusqlite::Result<Result<Reservation, OverBudget>> {
        self.db.execute_batch("PRAGMA synchronous = FULL")?;
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let today = now.as_second().div_euclid(86_400);
        let newest: Option<i64> =
            tx.prepare_cached("SELECT MAX(day) FROM charges")?.query_row([], |row| row.get(0))?;
        let day = newest.map_or(today, |newest| newest.max(today));
        let mut scopes = vec![
            ("run", caps.run, sum(&tx, "run = ?1", account.run)?),
            ("day", caps.day, sum(&tx, "day = ?1", day)?),
        ];
        if let Some(review) = account.review {
            let counted = sum(&tx, "review = ?1", review)?.plus(account.earlier);
            scopes.insert(0, ("review", caps.review, counted));
        }
        for (scope, cap, counted) in scopes {
            if counted.plus(worst) > cap {
                let is_ahead = day > today;
                return Ok(Err(OverBudget { scope, cap, counted, wanted: worst, is_ahead }));
            }
        }
        tx.prepare_cached(
            "INSERT INTO charges (day, run, review, amount, is_settled, made_us)
             VALUES (?1, ?2, ?3, ?4, 0, ?5)",
        )?
        .execute(params![
            day,
            account.run,
            account.review,
            row_amount(worst),
            now.as_microsecond()
        ])?;
        let id = tx.last_insert_rowid();
        if newest.is_some_and(|newest| newest < day) {
            tx.execute("DELETE FROM charges WHERE day < ?1", [day - KEPT_DAYS])?;
        }
        tx.commit()?;
        Ok(Ok(Reservation { id }))
    }

    /// Counts what a call really cost in the place of what was set aside.
    ///
    /// # Errors
    /// Exit 69 when the ledger cannot be written; the reservation then stays counted.
    #[expect(clippy::needless_pass_by_value, reason = "a reservation is settled once")]
    pub fn settle(&mut self, reservation: Reservation, cost: Money) -> Result<(), Failure> {
        let settled = self.db.execute_batch("PRAGMA synchronous = NORMAL").and_then(|()| {
            self.db
                .prepare_cached(
                    "UPDATE charges SET amount = ?2, is_settled = 1 WHERE id = ?1 AND is_settled = 0",
                )?
                .execute(params![reservation.id, row_amount(cost)])
        });
        self.doing("write", settled).map(drop)
    }

    /// What is counted today: spent, and set aside without being settled.
    ///
    /// # Errors
    /// Exit 69 when the ledger cannot be read.
    pub fn today(&self, now: Timestamp) -> Result<(Money, Money), Failure> {
        let day = now.as_second().div_euclid(86_400);
        let sums = (|| {
            let all = sum(&self.db, "day >= ?1", day)?;
            let open = sum(&self.db, "is_settled = 0 AND day >= ?1", day)?;
            Ok((all.less(open), open))
        })();
        self.doing("read", sums)
    }

    fn doing<T>(&self, doing: &str, result: rusqlite::Result<T>) -> Result<T, Failure> {
        result.map_err(|err| {
            let hint = match err.sqlite_error_code() {
                Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
                    "it is damaged: move it away; the budgets begin anew"
                }
                Some(rusqlite::ErrorCode::DiskFull) => "the disk is full: free some space",
                _ => "look at the disk and its permissions",
            };
            Failure::new(Exit::Unavailable, format!("{doing} {}", self.path.display()))
                .because(err)
                .hint(format!("{hint}; without it no money is spent"))
        })
    }
}

fn row_amount(amount: Money) -> i64 {
    i64::try_from(amount.min(LARGEST_ROW).picos()).unwrap_or(i64::MAX)
}

fn sum(db: &Connection, which: &str, of: impl rusqlite::ToSql) -> rusqlite::Result<Money> {
    let amount: i64 = db
        .prepare_cached(&format!("SELECT COALESCE(SUM(amount), 0) FROM charges WHERE {which}"))?
        .query_row([of], |row| row.get(0))?;
    Ok(Money::from_picos(u64::try_from(amount).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests;

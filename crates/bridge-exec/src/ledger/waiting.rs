//! What waits: commands for a person, decisions for the executor, attempts for their time.

use ops_core::failure::Failure;
use rusqlite::params;

use super::{Decision, HeldRow, Ledger, RetryRow, time};

impl Ledger {
    /// Every held command, by id.
    pub(crate) fn held(&self) -> Result<Vec<HeldRow>, Failure> {
        let rows = self
            .db
            .prepare_cached(
                "SELECT id, name, input, signer, held_at, expires_us, why FROM held ORDER BY id",
            )
            .and_then(|mut it| {
                it.query_map([], |row| {
                    Ok(HeldRow {
                        id: row.get(0)?,
                        name: row.get(1)?,
                        input: row.get(2)?,
                        signer: row.get(3)?,
                        held_at: row.get(4)?,
                        expires_at: time(row.get(5)?),
                        why: row.get(6)?,
                    })
                })?
                .collect::<rusqlite::Result<Vec<_>>>()
            });
        self.doing("read", rows)
    }

    /// Notes what a person decided, durably.
    pub(crate) fn decide(&mut self, decision: &Decision) -> Result<(), Failure> {
        let noted = self.db.execute(
            "INSERT OR REPLACE INTO decisions VALUES (?1, ?2, ?3, ?4)",
            params![decision.id, decision.approved, decision.why, decision.who],
        );
        self.doing("write", noted).map(drop)
    }

    /// Decisions nobody acted on yet.
    pub(crate) fn decisions(&self) -> Result<Vec<Decision>, Failure> {
        let rows = self
            .db
            .prepare_cached("SELECT id, approved, why, who FROM decisions ORDER BY id")
            .and_then(|mut it| {
                it.query_map([], |row| {
                    Ok(Decision {
                        id: row.get(0)?,
                        approved: row.get(1)?,
                        why: row.get(2)?,
                        who: row.get(3)?,
                    })
                })?
                .collect::<rusqlite::Result<Vec<_>>>()
            });
        self.doing("read", rows)
    }

    /// Drops a decision about a command that is not held (any more).
    pub(crate) fn forget_decision_without(&mut self, id: &str) -> Result<(), Failure> {
        let gone = self.db.execute(
            "DELETE FROM decisions WHERE id = ?1 AND id NOT IN (SELECT id FROM held)",
            [id],
        );
        self.doing("write", gone).map(drop)
    }

    /// Every command that waits for another attempt.
    pub(crate) fn retries(&self) -> Result<Vec<RetryRow>, Failure> {
        let rows = self
            .db
            .prepare_cached(
                "SELECT id, attempts, last_error, last_us, next_us FROM retries ORDER BY id",
            )
            .and_then(|mut it| {
                it.query_map([], |row| {
                    Ok(RetryRow {
                        id: row.get(0)?,
                        attempts: row.get(1)?,
                        last_error: row.get(2)?,
                        last: time(row.get(3)?),
                        next: time(row.get(4)?),
                    })
                })?
                .collect::<rusqlite::Result<Vec<_>>>()
            });
        self.doing("read", rows)
    }

    /// Drops what is known of earlier attempts.
    pub(crate) fn forget_retry(&mut self, id: &str) -> Result<(), Failure> {
        let gone = self.db.execute("DELETE FROM retries WHERE id = ?1", [id]);
        self.doing("write", gone).map(drop)
    }

    /// Notes an attempt, durably.
    pub(crate) fn note_retry(&mut self, row: &RetryRow) -> Result<(), Failure> {
        let noted = self.db.execute(
            "INSERT OR REPLACE INTO retries VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                row.id,
                row.attempts,
                row.last_error,
                row.last.as_microsecond(),
                row.next.as_microsecond()
            ],
        );
        self.doing("write", noted).map(drop)
    }
}

//! Which time a lease is measured by: one that nobody can set.
//!
//! The wall clock of a machine is set back and forward. Measured by it, a dead worker's job would wait
//! for an hour, or a living worker's be given away. So rows hold the end of a lease as the machine's
//! time since it started, counted from a base that is later than every lease of an earlier start.
//! Everywhere else it is told by the wall, as it stands now.

use rusqlite::{Connection, OptionalExtension, params};

use crate::{Job, Micros};

/// What is added to a schema that was made without.
pub(super) const SCHEMA: &str =
    "CREATE TABLE IF NOT EXISTS start (id TEXT PRIMARY KEY, base INTEGER NOT NULL) STRICT";

/// A moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// By the wall.
    pub(super) wall: Micros,
    /// As rows measure leases.
    pub(super) row: Micros,
}

impl Moment {
    /// A job of a row.
    pub(super) fn shown(self, job: Job) -> Job {
        moved(job, self.wall.saturating_sub(self.row))
    }

    /// A job for a row.
    pub(super) fn kept(self, job: &Job) -> Job {
        moved(job.clone(), self.row.saturating_sub(self.wall))
    }
}

fn moved(job: Job, by: Micros) -> Job {
    Job { lease_expires: job.lease_expires.map(|at| at.saturating_add(by)), ..job }
}

/// What this start of the machine counts from; the first process of it sets that.
pub(super) fn base(db: &Connection, start: &str, wall: Micros) -> rusqlite::Result<Micros> {
    let known = db.query_row("SELECT base FROM start WHERE id = ?1", [start], |row| row.get(0));
    if let Some(base) = known.optional()? {
        return Ok(base);
    }
    let last: Option<Micros> =
        db.query_row("SELECT max(lease_expires) FROM jobs WHERE status = 'running'", [], |row| {
            row.get(0)
        })?;
    let base = wall.max(last.unwrap_or(0).saturating_add(1));
    db.execute("DELETE FROM start", [])?;
    db.execute("INSERT INTO start VALUES (?1, ?2)", params![start, base])?;
    Ok(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lease_of_an_earlier_start_is_over() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(super::super::rows::SCHEMA).unwrap();
        db.execute_batch(SCHEMA).unwrap();
        let first = base(&db, "one", 1_000).unwrap();
        assert_eq!((first, base(&db, "one", 9_000_000).unwrap()), (1_000, 1_000));
        let sql = "INSERT INTO jobs VALUES (1, 'a', NULL, '', '', '', '', '{}', 0, 1, NULL,
            'running', 1, 1, 'w', 'w', 77000, 0, 0, 0, NULL, NULL, NULL)";
        db.execute(sql, []).unwrap();
        // The machine started anew, and its clock with it.
        assert_eq!(base(&db, "two", 5).unwrap(), 77_001);
        assert_eq!(base(&db, "two", 9_000_000).unwrap(), 77_001);
    }
}

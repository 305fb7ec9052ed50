//! Messages from the spool: each is taken once, and admitted by what is known of its check.

use ops_core::alert::{Alert, Kind, Spooled};
use ops_core::failure::Failure;
use ops_core::time::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Store, rows};
use crate::decide::admit::{Admission, Waiting, admit};
use crate::model::{Check, State};

/// What came of a batch.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Ingested {
    /// Messages that were not known yet.
    pub taken: usize,
    /// Of those, how many are queued.
    pub queued: usize,
}

impl Store {
    /// Takes messages in their order, all in one transaction; those known already are left out.
    ///
    /// # Errors
    /// Exit 69 when the database cannot be written; nothing was taken then.
    pub fn ingest(
        &mut self,
        batch: &[(Timestamp, Spooled)],
        now: Timestamp,
        window: SignedDuration,
    ) -> Result<Ingested, Failure> {
        self.at_once(|tx| {
            let mut done = Ingested::default();
            for (raised_at, spooled) in batch {
                let known = tx
                    .prepare_cached("SELECT 1 FROM messages WHERE id = ?1")?
                    .exists([&spooled.id])?;
                if !known {
                    done.taken += 1;
                    let state = take(tx, spooled, *raised_at, now, window)?;
                    done.queued += usize::from(state == State::Queued);
                }
            }
            Ok(done)
        })
    }

    /// What would become of a message, were it raised now.
    ///
    /// # Errors
    /// Exit 69 when the database cannot be read.
    pub fn foresee(
        &self,
        alert: &Alert,
        now: Timestamp,
        window: SignedDuration,
    ) -> Result<(Admission, Check), Failure> {
        let Some(id) = &alert.check else { return Ok((Admission::Queue, Check::default())) };
        let known = rows::check(&self.db, id)
            .and_then(|check| Ok((check, waiting(&self.db, id)?.map(|it| it.1))));
        let (check, waiting) = self.doing("read", known)?;
        Ok((admit((alert.severity, alert.kind), &check, waiting, now, window), check))
    }
}

/// The queued message of a check, and what matters of it.
fn waiting(db: &Connection, check: &str) -> rusqlite::Result<Option<(String, Waiting)>> {
    let found = db
        .prepare_cached(&format!(
            "SELECT {} FROM messages WHERE check_id = ?1 AND state = 'queued' ORDER BY id LIMIT 1",
            rows::MESSAGE
        ))?
        .query_row([check], rows::message)
        .optional()?;
    let Some(message) = found else { return Ok(None) };
    let may_be_known = db
        .prepare_cached(
            "SELECT 1 FROM deliveries
             WHERE message = ?1 AND stage IN ('sending', 'ambiguous', 'accepted')",
        )?
        .exists([&message.id])?;
    let waiting = Waiting { severity: message.severity, kind: message.kind, may_be_known };
    Ok(Some((message.id, waiting)))
}

fn take(
    db: &Connection,
    spooled: &Spooled,
    raised_at: Timestamp,
    now: Timestamp,
    window: SignedDuration,
) -> rusqlite::Result<State> {
    let alert = &spooled.alert;
    let Some(id) = &alert.check else {
        insert(db, spooled, raised_at, State::Queued, now, None)?;
        return Ok(State::Queued);
    };
    let mut check = rows::check(db, id)?;
    let waiting = waiting(db, id)?;
    let admission =
        admit((alert.severity, alert.kind), &check, waiting.as_ref().map(|it| it.1), now, window);
    let older = waiting.as_ref().map(|(older, waiting)| (older.as_str(), waiting.kind));
    let is_event = alert.kind == Kind::Event;
    // Only events are worth a count: a recovery that nobody needs to hear of is nothing missed.
    let (state, counted) = match admission {
        Admission::Queue | Admission::Defer => (State::Queued, false),
        Admission::Replace => (State::Queued, older.is_some_and(|it| it.1 == Kind::Event)),
        Admission::Join => (State::Superseded, is_event),
        Admission::Hold => (State::Held, is_event),
        Admission::Needless => (State::Needless, false),
        Admission::Cancel => (State::Needless, true),
    };
    let told_by = older.filter(|_| admission == Admission::Join).map(|it| it.0);
    insert(db, spooled, raised_at, state, now, told_by)?;
    match (admission, older) {
        (Admission::Replace | Admission::Cancel, Some((older, _))) => {
            supersede(db, older, &spooled.id, now)?;
        }
        (Admission::Join, Some((older, _))) => {
            db.prepare_cached(
                "UPDATE messages SET renewed_us = max(renewed_us, ?2) WHERE id = ?1",
            )?
            .execute(params![older, raised_at.as_microsecond()])?;
        }
        _ => {}
    }
    if counted {
        check.held = check.held.saturating_add(1);
        check.held_since = Some(check.held_since.map_or(raised_at, |since| since.min(raised_at)));
        rows::put_check(db, id, &check)?;
    }
    if !is_event {
        db.prepare_cached("UPDATE receipts SET is_cancel_wanted = 1 WHERE check_id = ?1")?
            .execute([id])?;
    }
    Ok(state)
}

fn supersede(db: &Connection, older: &str, by: &str, now: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE messages SET state = 'superseded', told_by = ?2, settled_us = ?3 WHERE id = ?1",
    )?
    .execute(params![older, by, now.as_microsecond()])?;
    db.prepare_cached(
        "UPDATE deliveries SET stage = 'refused', why = 'superseded' WHERE message = ?1
         AND stage = 'retry'",
    )?
    .execute([older])
    .map(drop)
}

fn insert(
    db: &Connection,
    spooled: &Spooled,
    raised_at: Timestamp,
    state: State,
    now: Timestamp,
    told_by: Option<&str>,
) -> rusqlite::Result<()> {
    let settled = (state != State::Queued).then_some(now.as_microsecond());
    let alert = &spooled.alert;
    db.prepare_cached(
        "INSERT INTO messages (id, raised_us, raised_by, title, message, check_id, severity, kind,
         channel, renewed_us, state, why, settled_us, told_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?2, ?10, '', ?11, ?12)",
    )?
    .execute(params![
        spooled.id,
        raised_at.as_microsecond(),
        spooled.raised_by,
        alert.title,
        alert.message,
        alert.check,
        alert.severity as i64,
        rows::kind_name(alert.kind),
        alert.channel,
        state.name(),
        settled,
        told_by,
    ])
    .map(drop)
}

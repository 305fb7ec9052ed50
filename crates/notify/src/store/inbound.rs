//! SMS that came in: each is seen once.

use ops_core::alert::Severity;
use ops_core::failure::Failure;
use ops_core::time::Timestamp;
use rusqlite::params;

use super::{Store, rows};

/// An SMS that came in, and what was made of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Inbound {
    /// The provider's id of it.
    pub sid: String,
    /// The number it came from.
    pub sender: String,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Its text.
    pub body: String,
    /// What was made of it: a command, `unknown`, `stranger`, `too_old` or `too_soon`.
    pub command: String,
    /// When it was first seen here.
    pub seen_at: Timestamp,
    /// The message that answers it.
    pub answer: Option<String>,
}

impl Store {
    /// Whether an SMS was seen before.
    ///
    /// # Errors
    /// Exit 69 when the database cannot be read.
    pub fn has_seen(&self, sid: &str) -> Result<bool, Failure> {
        let seen = self
            .db
            .prepare_cached("SELECT 1 FROM inbound WHERE sid = ?1")
            .and_then(|mut it| it.exists([sid]));
        self.doing("read", seen)
    }

    /// When a command of this sender was last taken.
    ///
    /// # Errors
    /// Exit 69 when the database cannot be read.
    pub fn last_command(&self, sender: &str) -> Result<Option<Timestamp>, Failure> {
        let last = self.db.query_row(
            "SELECT max(sent_us) FROM inbound WHERE sender = ?1 AND answer IS NOT NULL",
            [sender],
            |row| row.get::<_, Option<i64>>(0),
        );
        Ok(self.doing("read", last)?.map(rows::time))
    }

    /// Remembers an SMS and queues its answer, durably and together. One that is known already
    /// stays as it is, and is not answered again.
    ///
    /// # Errors
    /// Exit 69 when it cannot be noted.
    pub fn note_inbound(&mut self, sms: &Inbound, answer: Option<&str>) -> Result<(), Failure> {
        self.at_once(|tx| {
            let new = tx
                .prepare_cached(
                    "INSERT OR IGNORE INTO inbound VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    sms.sid,
                    sms.sender,
                    sms.sent_at.as_microsecond(),
                    sms.body,
                    sms.command,
                    sms.seen_at.as_microsecond(),
                    sms.answer
                ])?;
            let (Some(id), Some(answer), 1) = (&sms.answer, answer, new) else { return Ok(()) };
            tx.prepare_cached(
                "INSERT OR IGNORE INTO messages (id, raised_us, raised_by, title, message, check_id,
                 severity, kind, channel, recipient, renewed_us, state, why) VALUES (?1, ?2,
                 'notify', ?3, '', NULL, ?4, 'event', 'twilio', ?5, ?2, 'queued', '')",
            )?
            .execute(params![
                id,
                sms.seen_at.as_microsecond(),
                answer,
                Severity::Warn as i64,
                sms.sender
            ])
            .map(drop)
        })
    }

    /// The newest SMS that came in.
    ///
    /// # Errors
    /// Exit 69 when the database cannot be read.
    pub fn inbound(&self, most: u32) -> Result<Vec<Inbound>, Failure> {
        let read = (|| {
            self.db
                .prepare_cached(
                    "SELECT sid, sender, sent_us, body, command, seen_us, answer FROM inbound
                     ORDER BY sent_us DESC, sid LIMIT ?1",
                )?
                .query_map([most], |row| {
                    Ok(Inbound {
                        sid: row.get(0)?,
                        sender: row.get(1)?,
                        sent_at: rows::time(row.get(2)?),
                        body: row.get(3)?,
                        command: row.get(4)?,
                        seen_at: rows::time(row.get(5)?),
                        answer: row.get(6)?,
                    })
                })?
                .collect()
        })();
        self.doing("read", read)
    }
}

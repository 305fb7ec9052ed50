//! Attempts: noted before they are made, and what came of them.

use ops_core::alert::Kind;
use ops_core::failure::Failure;
use ops_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::{DROPPED, Store, number, rows, set_fact};
use crate::decide::admit::is_failure;
use crate::decide::conclude::{Conclusion, Setback};
use crate::model::{Channel, Check, Delivery, Health, Message, Quota, State, Text, Told};

impl Store {
    /// What is still to be told, or told in part, emergencies first, then in the order of time.
    ///
    /// # Errors
    /// Exit 69 when the database cannot be read.
    pub fn open_messages(&self) -> Result<Vec<Message>, Failure> {
        let read = (|| {
            self.db
                .prepare_cached(&format!(
                    "SELECT {} FROM messages WHERE state = 'queued'
                     OR id IN (SELECT message FROM deliveries WHERE stage IN ('sending', 'retry'))",
                    rows::MESSAGE
                ))?
                .query_map([], rows::message)?
                .collect::<rusqlite::Result<Vec<_>>>()
        })();
        let mut open = self.doing("read", read)?;
        open.retain(|message| matches!(message.state, State::Queued | State::Delivered));
        open.sort_by(|a, b| crate::decide::age::place(a).cmp(&crate::decide::age::place(b)));
        Ok(open)
    }

    /// One message.
    ///
    /// # Errors
    /// Exit 69 when the database cannot be read.
    pub fn message(&self, id: &str) -> Result<Option<Message>, Failure> {
        use rusqlite::OptionalExtension;
        let read = self
            .db
            .prepare_cached(&format!("SELECT {} FROM messages WHERE id = ?1", rows::MESSAGE))
            .and_then(|mut it| it.query_row([id], rows::message).optional());
        self.doing("read", read)
    }

    /// The deliveries of a message.
    ///
    /// # Errors
    /// Exit 69 when the database cannot be read.
    pub fn deliveries(&self, message: &str) -> Result<Vec<Delivery>, Failure> {
        let read = (|| {
            self.db
                .prepare_cached(&format!(
                    "SELECT {} FROM deliveries WHERE message = ?1",
                    rows::DELIVERY
                ))?
                .query_map([message], rows::delivery)?
                .collect()
        })();
        self.doing("read", read)
    }

    /// What is remembered of a check.
    ///
    /// # Errors
    /// Exit 69 when the database cannot be read.
    pub fn check(&self, id: &str) -> Result<Check, Failure> {
        self.doing("read", rows::check(&self.db, id))
    }

    /// What is remembered of a channel.
    ///
    /// # Errors
    /// Exit 69 when the database cannot be read.
    pub fn health(&self, channel: Channel) -> Result<Health, Failure> {
        self.doing("read", rows::health(&self.db, channel))
    }

    /// Notes that a request is about to be made, durably.
    ///
    /// # Errors
    /// Exit 69 when it cannot be noted: then it must not be made.
    pub fn begin(
        &mut self,
        (message, channel, recipient): (&str, Channel, &str),
        text: &Text,
        now: Timestamp,
    ) -> Result<(), Failure> {
        self.at_once(|tx| {
            tx.prepare_cached(
                "UPDATE messages SET text_title = ?2, text_body = ?3, text_held = ?4,
                 text_dropped = ?5 WHERE id = ?1",
            )?
            .execute(params![
                message,
                text.title,
                text.body,
                rows::signed(text.held),
                rows::signed(text.dropped)
            ])?;
            tx.prepare_cached(
                "INSERT INTO deliveries (message, channel, recipient, stage, attempts, tried_us,
                 next_us, why) VALUES (?1, ?2, ?3, 'sending', 1, ?4, ?4, '')
                 ON CONFLICT DO UPDATE SET stage = 'sending', attempts = attempts + 1,
                 tried_us = excluded.tried_us",
            )?
            .execute(params![message, channel.name(), recipient, now.as_microsecond()])
            .map(drop)
        })
    }

    /// Notes what came of a request, durably and at once: for the delivery, the message, its check
    /// and the channel.
    ///
    /// # Errors
    /// Exit 69 when it cannot be noted; the delivery then reads as one of which nobody knows.
    pub fn conclude(
        &mut self,
        (message, channel, recipient): (&Message, Channel, &str),
        conclusion: &Conclusion,
        setback: Option<&Setback>,
        quota: Option<Quota>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        self.at_once(|tx| {
            let (stage, next, why, id) = match conclusion {
                Conclusion::Accepted { id, .. } => ("accepted", now, "", id.as_deref()),
                Conclusion::Retry(next, why) => ("retry", *next, why.as_str(), None),
                Conclusion::Ambiguous(why) => ("ambiguous", now, why.as_str(), None),
                Conclusion::Refused(why) => ("refused", now, why.as_str(), None),
            };
            tx.prepare_cached(
                "UPDATE deliveries SET stage = ?4, next_us = ?5, why = ?6, provider_id = ?7
                 WHERE message = ?1 AND channel = ?2 AND recipient = ?3",
            )?
            .execute(params![
                message.id,
                channel.name(),
                recipient,
                stage,
                next.as_microsecond(),
                why,
                id
            ])?;
            let mut health = rows::health(tx, channel)?;
            health.quota = quota.or(health.quota);
            if let Conclusion::Accepted { receipt, .. } = conclusion {
                health = Health { blocked: None, failures: 0, accepted_at: Some(now), ..health };
                if let Some(receipt) = receipt {
                    follow(tx, receipt, message, now)?;
                }
                accepted(tx, &message.id, now)?;
            }
            if let Some(setback) = setback {
                health.blocked = Some((setback.block, setback.until, setback.why.clone()));
                health.failures = health.failures.saturating_add(1);
            }
            rows::put_health(tx, channel, &health)
        })
    }

    /// Settles a message, durably. What is left of its deliveries is given up.
    ///
    /// # Errors
    /// Exit 69 when it cannot be noted.
    pub fn settle(
        &mut self,
        message: &Message,
        state: State,
        why: &str,
        now: Timestamp,
    ) -> Result<(), Failure> {
        self.at_once(|tx| {
            tx.prepare_cached(
                "UPDATE messages SET state = ?2, why = ?3, settled_us = ?4 WHERE id = ?1",
            )?
            .execute(params![message.id, state.name(), why, now.as_microsecond()])?;
            let given_up =
                if state == State::Delivered { "given up: others got it" } else { "given up" };
            tx.prepare_cached(
                "UPDATE deliveries SET stage = 'refused', why = ?2 || ' (' || why || ')'
                 WHERE message = ?1 AND stage = 'retry'",
            )?
            .execute(params![message.id, given_up])?;
            if state == State::Expired {
                set_fact(tx, DROPPED, &(number(tx, DROPPED)?.saturating_add(1)).to_string())?;
            }
            // It may be known: then its end is worth telling.
            if let Some(id) = message
                .check
                .as_deref()
                .filter(|_| state == State::Ambiguous && is_failure(message.severity, message.kind))
            {
                let check = Check { is_failing: true, ..rows::check(tx, id)? };
                rows::put_check(tx, id, &check)?;
            }
            Ok(())
        })
    }

    /// Notes what queued messages wait for.
    ///
    /// # Errors
    /// Exit 69 when it cannot be noted.
    pub fn note_waits(&mut self, waits: &[(String, String)]) -> Result<(), Failure> {
        if waits.is_empty() {
            return Ok(());
        }
        self.at_once(|tx| {
            for (id, why) in waits {
                tx.prepare_cached(
                    "UPDATE messages SET why = ?2 WHERE id = ?1 AND state = 'queued'",
                )?
                .execute([id, why])?;
            }
            Ok(())
        })
    }

    /// Notes of deliveries that were under way when their process died that nobody knows what came
    /// of them; those of an idempotent channel are made again. Returns how many there were.
    ///
    /// # Errors
    /// Exit 69 when it cannot be noted.
    pub fn recover(&mut self, idempotent: &[Channel]) -> Result<usize, Failure> {
        self.at_once(|tx| {
            let mut found = 0;
            for channel in Channel::ALL {
                let stage = if idempotent.contains(&channel) { "retry" } else { "ambiguous" };
                found += tx
                    .prepare_cached(
                        "UPDATE deliveries SET stage = ?2, why = 'the process that sent it died'
                         WHERE stage = 'sending' AND channel = ?1",
                    )?
                    .execute([channel.name(), stage])?;
            }
            Ok(found)
        })
    }
}

/// The first acceptance of a message: what it told of needs no telling any more.
fn accepted(db: &Connection, id: &str, now: Timestamp) -> rusqlite::Result<()> {
    let message = db
        .prepare_cached(&format!("SELECT {} FROM messages WHERE id = ?1", rows::MESSAGE))?
        .query_row([id], rows::message)?;
    if message.state == State::Delivered {
        return Ok(());
    }
    db.prepare_cached(
        "UPDATE messages SET state = 'delivered', why = '', settled_us = ?2 WHERE id = ?1",
    )?
    .execute(params![id, now.as_microsecond()])?;
    let text = message.text.clone().unwrap_or_default();
    if text.dropped > 0 {
        let left = number(db, DROPPED)?.saturating_sub(text.dropped);
        set_fact(db, DROPPED, &left.to_string())?;
    }
    let Some(id) = &message.check else { return Ok(()) };
    let check = rows::check(db, id)?;
    let held = check.held.saturating_sub(text.held);
    let told = Told { at: now, severity: message.severity, title: message.title.clone() };
    let check = Check {
        // A recovery does not end the window: a check that flaps is told to fail once in it.
        told: if message.kind == Kind::Event { Some(told) } else { check.told },
        is_failing: match message.kind {
            Kind::Recovery => false,
            Kind::Event => check.is_failing || is_failure(message.severity, message.kind),
        },
        held,
        held_since: check.held_since.filter(|_| held > 0),
    };
    rows::put_check(db, id, &check)
}

fn follow(
    db: &Connection,
    receipt: &str,
    message: &Message,
    now: Timestamp,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT OR IGNORE INTO receipts (receipt, message, check_id, sent_us, is_expired,
         is_cancel_wanted, why) VALUES (?1, ?2, ?3, ?4, 0, 0, '')",
    )?
    .execute(params![receipt, message.id, message.check, now.as_microsecond()])
    .map(drop)
}

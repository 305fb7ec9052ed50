//! What is followed after it was accepted: emergencies and SMS.

use ops_core::failure::Failure;
use ops_core::time::Timestamp;
use rusqlite::params;
use twilio::message::State;

use super::{Store, rows};
use crate::model::{Channel, Delivery, Receipt};

impl Store {
    /// Emergencies that are neither acknowledged, expired nor cancelled, or every one.
    ///
    /// # Errors
    /// Exit 69 when the database cannot be read.
    pub fn receipts(&self, all: bool) -> Result<Vec<Receipt>, Failure> {
        let read = (|| {
            self.db
                .prepare_cached(&format!(
                    "SELECT {} FROM receipts ORDER BY sent_us, receipt",
                    rows::RECEIPT
                ))?
                .query_map([], rows::receipt)?
                .collect::<rusqlite::Result<Vec<_>>>()
        })();
        let mut receipts = self.doing("read", read)?;
        receipts.retain(|receipt| all || !receipt.is_settled());
        Ok(receipts)
    }

    /// Remembers how an emergency stands, durably.
    ///
    /// # Errors
    /// Exit 69 when it cannot be noted.
    pub fn put_receipt(&mut self, receipt: &Receipt) -> Result<(), Failure> {
        self.at_once(|tx| {
            let us = |at: Option<Timestamp>| at.map(Timestamp::as_microsecond);
            let (at, by) = receipt.acknowledged.clone().unzip();
            tx.prepare_cached(
                "UPDATE receipts SET polled_us = ?2, acknowledged_us = ?3, acknowledged_by = ?4,
                 is_expired = ?5, cancelled_us = ?6, why = ?7 WHERE receipt = ?1",
            )?
            .execute(params![
                receipt.receipt,
                us(receipt.polled_at),
                us(at),
                by,
                receipt.is_expired,
                us(receipt.cancelled_at),
                receipt.why
            ])
            .map(drop)
        })
    }

    /// SMS that were accepted since then and have not reached their final state.
    ///
    /// # Errors
    /// Exit 69 when the database cannot be read.
    pub fn sms_under_way(&self, since: Timestamp) -> Result<Vec<Delivery>, Failure> {
        let read = (|| {
            self.db
                .prepare_cached(&format!(
                    "SELECT {} FROM deliveries WHERE channel = 'twilio' AND stage = 'accepted'
                     AND is_final = 0 AND provider_id IS NOT NULL AND tried_us >= ?1
                     ORDER BY tried_us",
                    rows::DELIVERY
                ))?
                .query_map([since.as_microsecond()], rows::delivery)?
                .collect()
        })();
        self.doing("read", read)
    }

    /// Remembers the state of an SMS, durably. When it is lost and nobody else got the message, the
    /// message is queued again for the next channel. Returns whether it is.
    ///
    /// # Errors
    /// Exit 69 when it cannot be noted.
    pub fn put_sms_state(
        &mut self,
        delivery: &Delivery,
        word: &str,
        state: &State,
    ) -> Result<bool, Failure> {
        self.at_once(|tx| {
            let is_lost = matches!(state, State::Lost(_));
            let column = if is_lost { "refused" } else { "accepted" };
            tx.prepare_cached(
                "UPDATE deliveries SET followed = ?4, is_final = ?5, stage = ?6, why = ?7
                 WHERE message = ?1 AND channel = ?2 AND recipient = ?3",
            )?
            .execute(params![
                delivery.message,
                Channel::Twilio.name(),
                delivery.recipient,
                word,
                state.is_final(),
                column,
                if is_lost { word } else { "" },
            ])?;
            if !is_lost {
                return Ok(false);
            }
            let requeued = tx
                .prepare_cached(
                    "UPDATE messages SET state = 'queued', settled_us = NULL, text_title = NULL
                     WHERE id = ?1 AND state = 'delivered' AND NOT EXISTS
                     (SELECT 1 FROM deliveries WHERE message = ?1 AND stage = 'accepted')",
                )?
                .execute([&delivery.message])?;
            Ok(requeued > 0)
        })
    }
}

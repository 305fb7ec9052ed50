//! Follows what was accepted: emergencies until somebody acknowledges them, SMS to their phones.

use ops_core::failure::Failure;
use ops_core::time::SignedDuration;

use super::{Desk, Done};
use twilio::message::State;

use crate::decide::age;
use crate::decide::judge::{Followed, cancelled, receipt, sms_state};
use crate::decide::lanes;
use crate::decide::route::LaneState;
use crate::lines::Line;
use crate::model::{Channel, Receipt};

/// Receipts are asked for no more often than this.
const PATIENCE: SignedDuration = SignedDuration::from_secs(5);

/// Pushover knows a receipt for a week.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// An SMS whose state is still open after this long is not asked for any more.
const SMS_FOLLOWED_FOR: SignedDuration = SignedDuration::from_hours(24);

impl Desk<'_, '_> {
    /// Asks for everything that is still open. What cannot be asked now is asked next time. Returns
    /// whether a lost SMS put its message back into the queue.
    pub(super) fn follow(&mut self, done: &mut Done) -> Result<bool, Failure> {
        if self.is_worth_asking(Channel::Pushover)? {
            self.emergencies(done)?;
        }
        if self.is_worth_asking(Channel::Twilio)? { self.sms(done) } else { Ok(false) }
    }

    /// Whether a channel may answer: one that has just failed is left alone.
    fn is_worth_asking(&self, channel: Channel) -> Result<bool, Failure> {
        let health = self.store.health(channel)?;
        let now = self.context.host.now();
        let state = lanes::state(self.settings, Ok(()), &health, 1, now);
        Ok(!matches!(state, LaneState::Waiting(_) | LaneState::Failing(_)))
    }

    fn emergencies(&mut self, done: &mut Done) -> Result<(), Failure> {
        let Line::Ready(line) = &self.lines.pushover else { return Ok(()) };
        for mut emergency in self.store.receipts(false)? {
            let now = self.context.host.now();
            if now.duration_since(emergency.sent_at) >= KNOWN_FOR {
                emergency.is_expired = true;
                self.store.put_receipt(&emergency)?;
                continue;
            }
            let asked = emergency.polled_at.map(|at| now.duration_since(at));
            let is_recent = asked.is_some_and(|since| !since.is_negative() && since < PATIENCE);
            let is_new_wish = emergency.is_cancel_wanted && emergency.why.is_empty();
            if is_recent && !is_new_wish {
                continue;
            }
            emergency.polled_at = Some(now);
            let reached = if emergency.is_cancel_wanted {
                let heard = line.cancel(&emergency.receipt, self.call);
                match cancelled(&heard) {
                    Ok(()) => {
                        emergency.cancelled_at = Some(self.context.host.now());
                        emergency.why.clear();
                        true
                    }
                    // Whether it was acknowledged meanwhile is worth knowing.
                    Err((true, why)) => {
                        let heard = line.poll(&emergency.receipt, self.call);
                        let followed = receipt(&heard, self.context.host.now());
                        note(&mut emergency, followed, |text| self.context.clean(text));
                        if !emergency.is_settled() {
                            emergency.is_expired = true;
                            emergency.why = format!("cannot be cancelled: {why}");
                        }
                        true
                    }
                    Err((false, why)) => {
                        emergency.why = self.context.clean(&format!("cancel: {why}"));
                        false
                    }
                }
            } else {
                let heard = line.poll(&emergency.receipt, self.call);
                let followed = receipt(&heard, self.context.host.now());
                note(&mut emergency, followed, |text| self.context.clean(text))
            };
            self.store.put_receipt(&emergency)?;
            if !reached {
                // One that cannot be reached is not asked about the others as well.
                done.troubles.push(format!("an emergency cannot be followed: {}", emergency.why));
                break;
            }
        }
        Ok(())
    }

    fn sms(&mut self, done: &mut Done) -> Result<bool, Failure> {
        let Line::Ready(line) = &self.lines.twilio else { return Ok(false) };
        let mut requeued = false;
        let since = age::after(self.context.host.now(), -SMS_FOLLOWED_FOR);
        for delivery in self.store.sms_under_way(since)? {
            let Some(sid) = &delivery.provider_id else { continue };
            let Some((state, word)) = sms_state(&line.state(sid, self.call)) else {
                done.troubles.push("the state of an SMS cannot be asked".into());
                break;
            };
            let word = self.context.clean(&word);
            let is_requeued = self.store.put_sms_state(&delivery, &word, &state)?;
            requeued |= is_requeued;
            if matches!(state, State::Lost(_)) {
                let then = if is_requeued {
                    "the next channel takes its message over"
                } else {
                    "another number got it"
                };
                done.troubles.push(format!("an SMS was lost ({word}); {then}"));
            }
        }
        Ok(requeued)
    }
}

/// Notes how an emergency stands; returns whether the service answered.
fn note(emergency: &mut Receipt, followed: Followed, clean: impl Fn(&str) -> String) -> bool {
    emergency.why.clear();
    match followed {
        Followed::Acknowledged(at, by) => emergency.acknowledged = Some((at, clean(&by))),
        Followed::Expired => emergency.is_expired = true,
        Followed::Repeating => {}
        Followed::Gone(why) => {
            emergency.is_expired = true;
            emergency.why = clean(&why);
        }
        Followed::Unknown(why) => {
            emergency.why = clean(&why);
            return false;
        }
    }
    true
}

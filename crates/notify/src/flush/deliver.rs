//! Tells what is queued, emergencies first, then in the order of time.

use ops_core::failure::Failure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Desk, Done};
use crate::channels::Parcel;
use crate::decide::admit::deferred_until;
use crate::decide::age;
use crate::decide::conclude::{Attempt, Conclusion, Setback, conclude};
use crate::decide::judge::{judge, quota};
use crate::decide::lanes;
use crate::decide::route::{Cargo, End, Lane, LaneState, route};
use crate::decide::text::compose;
use crate::model::{Channel, Delivery, Message, Stage, State, Text};

/// Why a message is still queued.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Left {
    /// No channel is enabled.
    NoChannel,
    /// Every channel that might carry it lacks a secret.
    NoSecret,
    /// The channel has made enough requests in one flush: the next one goes on.
    Paced,
    /// Its check recovered and failed again: told when the rate limit ends, unless it is over then.
    Flapping,
    /// The flush was asked to end (SIGTERM, Ctrl-C) before its turn came.
    Stopped,
    /// The channel failed, or is left alone because it did.
    Failing,
}

impl Desk<'_, '_> {
    /// Tells what is queued and due.
    pub(super) fn deliver(&mut self, done: &mut Done) -> Result<(), Failure> {
        // All that is too old goes first, so that the first message to be told counts it.
        let mut open = Vec::new();
        for message in self.store.open_messages()? {
            if !self.expire(&message, done)? {
                open.push(message);
            }
        }
        let mut progress = self.context.progress("messages", open.len());
        let mut waits = Vec::new();
        for message in open {
            self.tell(&message, done, &mut waits)?;
            progress.step();
        }
        self.store.note_waits(&waits)
    }

    /// Tells one message as far as it goes now.
    fn tell(
        &mut self,
        message: &Message,
        done: &mut Done,
        waits: &mut Vec<(String, String)>,
    ) -> Result<(), Failure> {
        done.left.remove(&message.id);
        if let Some(why) = self.deferred(message)? {
            if why != message.why {
                waits.push((message.id.clone(), why.clone()));
            }
            done.left.insert(message.id.clone(), (Left::Flapping, why));
            return Ok(());
        }
        let only = message.channel.as_deref();
        loop {
            let now = self.context.host.now();
            let rows = self.store.deliveries(&message.id)?;
            let lanes = self.lanes(message)?;
            let cargo = Cargo {
                severity: message.severity,
                only,
                emergency_tries: self.settings.emergency_tries,
            };
            let route = route(cargo, &lanes, &rows, now);
            if let Some((channel, recipient)) = route.tries.first() {
                if self.stop.is_asked() {
                    let why = "this flush was asked to end; the next one goes on".to_owned();
                    done.left.insert(message.id.clone(), (Left::Stopped, why));
                    return Ok(());
                }
                self.attempt(message, *channel, recipient, &rows)?;
                continue;
            }
            let (state, why) = match route.end {
                End::Open(why) => {
                    if why != message.why {
                        waits.push((message.id.clone(), why.clone()));
                    }
                    done.left.insert(message.id.clone(), (left(&lanes, only), why));
                    return Ok(());
                }
                End::DeliveredInPart => {
                    done.delivered += usize::from(message.state == State::Queued);
                    return Ok(());
                }
                End::Delivered => {
                    done.delivered += usize::from(message.state == State::Queued);
                    (State::Delivered, String::new())
                }
                End::Ambiguous(why) => {
                    done.ambiguous += 1;
                    (State::Ambiguous, why)
                }
                End::Failed(why) => {
                    done.failed += 1;
                    (State::Failed, why)
                }
            };
            let is_open = |row: &Delivery| matches!(row.stage, Stage::Retry | Stage::Sending);
            if state != State::Delivered || rows.iter().any(is_open) {
                self.store.settle(message, state, &why, now)?;
            }
            self.context.tell(2, &format!("{}: {} {why}", message.id, state.name()));
            return Ok(());
        }
    }

    /// Why a message waits for the rate limit of its check, if it does.
    fn deferred(&self, message: &Message) -> Result<Option<String>, Failure> {
        let Some(id) = &message.check else { return Ok(None) };
        // One that was begun is gone on with, also when its SMS were lost.
        if !self.store.deliveries(&message.id)?.is_empty() {
            return Ok(None);
        }
        let now = self.context.host.now();
        let asked = (message.severity, message.kind);
        let until = deferred_until(asked, &self.store.check(id)?, now, self.settings.window());
        let why = "it flaps: told if it still fails at";
        Ok(until.map(|at| format!("{why} {}", at.strftime("%H:%M UTC"))))
    }

    /// Settles a message that is too old by what is known of it; returns whether it is.
    fn expire(&mut self, message: &Message, done: &mut Done) -> Result<bool, Failure> {
        let now = self.context.host.now();
        if !age::is_expired(message.severity, message.renewed_at, now, self.settings.ttl()) {
            return Ok(false);
        }
        done.left.remove(&message.id);
        let rows = self.store.deliveries(&message.id)?;
        let doubt = rows.iter().find(|row| row.stage == Stage::Ambiguous);
        let (state, why) = match doubt {
            _ if message.state == State::Delivered => (State::Delivered, String::new()),
            Some(row) => {
                done.ambiguous += 1;
                (State::Ambiguous, format!("{}: {}", row.channel.name(), row.why))
            }
            None => {
                done.expired += 1;
                let why = format!("older than {} minutes", self.settings.ttl_minutes);
                let last = Some(&message.why).filter(|it| !it.is_empty());
                (State::Expired, last.map_or(why.clone(), |last| format!("{why}; {last}")))
            }
        };
        self.store.settle(message, state, &why, now).map(|()| true)
    }

    /// Every channel as it stands now for this message.
    fn lanes(&self, message: &Message) -> Result<Vec<Lane>, Failure> {
        let now = self.context.host.now();
        let order = &self.settings.order;
        let rest = Channel::ALL.into_iter().filter(|channel| !order.contains(channel));
        order
            .iter()
            .copied()
            .chain(rest)
            .map(|channel| {
                let mut recipients = self.lines.recipients(channel);
                if let Some(only) = &message.recipient {
                    recipients.retain(|recipient| recipient == only);
                }
                let state = match self.lines.ready(channel) {
                    None => LaneState::Off,
                    Some(_) if recipients.is_empty() && message.recipient.is_some() => {
                        LaneState::Unready("the number is not in sms_allowlist any more".into())
                    }
                    Some(ready) => {
                        let left = self.budget.get(&channel).copied().unwrap_or(0);
                        let health = self.store.health(channel)?;
                        lanes::state(self.settings, ready, &health, left, now)
                    }
                };
                Ok(Lane { channel, state, recipients })
            })
            .collect()
    }

    /// Makes one request: noted before, and what came of it right after.
    fn attempt(
        &mut self,
        message: &Message,
        channel: Channel,
        recipient: &str,
        rows: &[Delivery],
    ) -> Result<(), Failure> {
        let (host, settings) = (&self.context.host, self.settings);
        if let Some(left) = self.budget.get_mut(&channel) {
            *left = left.saturating_sub(1);
        }
        let text = self.text(message, rows)?;
        let name = host.name();
        self.store.begin((&message.id, channel, recipient), &text, host.now())?;
        let ttl_seconds = u64::from(settings.ttl_minutes) * 60;
        let parcel = Parcel { message, text: &text, ttl_seconds, host: &name };
        let heard = self.lines.send(channel, parcel, recipient, self.call);
        let now = host.now();
        let own = rows.iter().find(|it| it.channel == channel && it.recipient == recipient);
        let attempt = Attempt {
            now,
            attempts: own.map_or(0, |row| row.attempts).saturating_add(1),
            failures: self.store.health(channel)?.failures,
            is_idempotent: settings.is_idempotent(channel),
            backoff: settings.backoff,
            random: u64::from_ne_bytes(host.random()),
        };
        let (conclusion, setback) = conclude(judge(channel, &heard, now), attempt);
        let conclusion = self.cleaned(conclusion);
        let setback = setback.map(|it| Setback { why: self.context.clean(&it.why), ..it });
        let quota = match &heard {
            outbound::Outcome::Answered(answer) if channel == Channel::Pushover => quota(answer),
            _ => None,
        };
        let delivery = (message, channel, recipient);
        self.store.conclude(delivery, &conclusion, setback.as_ref(), quota, now)?;
        self.context.tell(2, &format!("{} by {}: {conclusion:?}", message.id, channel.name()));
        Ok(())
    }

    /// What the message says: composed anew until a service may have seen it.
    fn text(&self, message: &Message, rows: &[Delivery]) -> Result<Text, Failure> {
        let may_be_seen = |row: &Delivery| match row.stage {
            Stage::Sending | Stage::Accepted | Stage::Ambiguous => true,
            Stage::Retry => self.settings.is_idempotent(row.channel),
            Stage::Refused => false,
        };
        let current = self.store.message(&message.id)?;
        if let Some(text) = current.and_then(|it| it.text)
            && rows.iter().any(may_be_seen)
        {
            return Ok(text);
        }
        let check = match &message.check {
            Some(id) => self.store.check(id)?,
            None => crate::model::Check::default(),
        };
        let host = self.settings.host_in_title.then(|| self.context.host.name());
        let dropped = self.store.dropped()?;
        let now = self.context.host.now();
        // Secrets may have been learnt since it was taken.
        let title = self.context.clean(&message.title);
        let text = self.context.clean(&message.message);
        let message = Message { title, message: text, ..message.clone() };
        Ok(compose(&message, &check, dropped, host.as_deref(), now))
    }

    /// What services say may repeat what they were sent.
    fn cleaned(&self, conclusion: Conclusion) -> Conclusion {
        let clean = |text: String| self.context.clean(&text);
        match conclusion {
            Conclusion::Accepted { id, receipt } => {
                Conclusion::Accepted { id: id.map(clean), receipt }
            }
            Conclusion::Retry(next, why) => Conclusion::Retry(next, clean(why)),
            Conclusion::Ambiguous(why) => Conclusion::Ambiguous(clean(why)),
            Conclusion::Refused(why) => Conclusion::Refused(clean(why)),
        }
    }
}

/// Why a message is left queued, by the channels it may go by.
fn left(lanes: &[Lane], only: Option<&str>) -> Left {
    let mut states = lanes
        .iter()
        .filter(|lane| only.is_none_or(|only| only == lane.channel.name()))
        .map(|lane| &lane.state)
        .filter(|state| **state != LaneState::Off)
        .peekable();
    if states.peek().is_none() {
        return Left::NoChannel;
    }
    let usable: Vec<&LaneState> =
        states.filter(|state| !matches!(state, LaneState::Unready(_))).collect();
    if usable.is_empty() {
        return Left::NoSecret;
    }
    match usable.first() {
        Some(LaneState::Paced(_)) => Left::Paced,
        _ => Left::Failing,
    }
}

//! By which channels a message goes next, and what has become of it.

use ops_core::alert::Severity;
use ops_core::time::Timestamp;

use crate::model::{Channel, Delivery, Stage};

/// A channel as it stands now. A slice of them, all four, is the order they are tried in.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Which.
    pub channel: Channel,
    /// Whether anything goes by it.
    pub state: LaneState,
    /// Whom it reaches; one empty name for a channel with one recipient.
    pub recipients: Vec<String>,
}

/// Whether anything goes by a channel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LaneState {
    /// It is not configured, or switched off.
    Off,
    /// It cannot be used: a secret is missing or unusable. Why.
    Unready(String),
    /// It can be used.
    Open,
    /// It has made its requests of this flush: messages wait for the next one.
    Paced(String),
    /// Messages wait for it. Why.
    Waiting(String),
    /// Messages wait for it, emergencies go by the next one too: it failed too often. Why.
    Failing(String),
    /// The next channel takes over. Why.
    Passed(String),
}

/// What to do about a message now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Route {
    /// Deliveries to try now, in order.
    pub tries: Vec<(Channel, String)>,
    /// How the message stands once they were, or now if there are none.
    pub end: End,
}

/// How a message stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum End {
    /// It waits. For what.
    Open(String),
    /// A service took it; no recipient is left to try.
    Delivered,
    /// A service took it; further recipients of the same channel are still to be tried.
    DeliveredInPart,
    /// It may have been delivered, and is not to be repeated. Why.
    Ambiguous(String),
    /// Every channel refused it. Why.
    Failed(String),
}

/// A message as the route sees it.
#[derive(Clone, Copy, Debug)]
pub struct Cargo<'a> {
    /// How much it matters.
    pub severity: Severity,
    /// The only channel that may carry it.
    pub only: Option<&'a str>,
    /// After so many failures an emergency goes by the next channel too.
    pub emergency_tries: u32,
}

/// Chooses the deliveries to try now.
///
/// One channel after another in their order: the next takes over when one has refused the message
/// for good, has no quota left or cannot be used. Messages wait for one that merely fails, except
/// that emergencies go on to the next when it failed too often, or when nobody knows whether they
/// arrived: better told twice than never.
pub fn route(cargo: Cargo<'_>, lanes: &[Lane], rows: &[Delivery], now: Timestamp) -> Route {
    let is_emergency = cargo.severity == Severity::Emergency;
    let of = |channel: Channel| rows.iter().filter(move |row| row.channel == channel);
    if let Some(row) = rows.iter().find(|row| row.stage == Stage::Accepted) {
        let lane = lanes.iter().find(|lane| lane.channel == row.channel);
        return complete(lane, &of(row.channel).collect::<Vec<_>>(), now);
    }
    // What may have arrived is for its own channel alone to complete: whatever becomes of the
    // others, none of them takes over.
    let doubt = rows.iter().find(|row| row.stage == Stage::Ambiguous && !is_emergency);
    let is_eligible = |lane: &&Lane| {
        cargo.only.is_none_or(|only| only == lane.channel.name())
            && doubt.is_none_or(|row| row.channel == lane.channel)
    };
    let (mut tries, mut waits, mut unsure, mut refusals) = (vec![], vec![], vec![], vec![]);
    for lane in lanes.iter().filter(is_eligible) {
        let own: Vec<&Delivery> = of(lane.channel).collect();
        let name = lane.channel.name();
        let left = unsettled(lane, &own);
        let is_known = !matches!(lane.state, LaneState::Off | LaneState::Unready(_));
        if is_known && !own.is_empty() && left.is_empty() {
            match own.iter().find(|row| row.stage == Stage::Ambiguous) {
                Some(row) => unsure.push(format!("{name}: {}", row.why)),
                None => refusals.extend(own.iter().map(|row| format!("{name}: {}", row.why))),
            }
            continue;
        }
        let goes_on = match &lane.state {
            LaneState::Off => true,
            LaneState::Unready(why) | LaneState::Passed(why) => {
                waits.push(format!("{name}: {why}"));
                true
            }
            LaneState::Waiting(why) | LaneState::Paced(why) => {
                waits.push(format!("{name}: {why}"));
                false
            }
            LaneState::Failing(why) => {
                waits.push(format!("{name}: {why}"));
                is_emergency
            }
            LaneState::Open => {
                let due = left.iter().filter(|(_, row)| row.is_none_or(|row| row.next_at <= now));
                tries.extend(due.map(|(recipient, _)| (lane.channel, (*recipient).to_owned())));
                let retried = left.iter().filter_map(|(_, row)| *row);
                waits.extend(retried.clone().map(|row| format!("{name}: {}", row.why)));
                let mut tired = retried.map(|row| row.attempts >= cargo.emergency_tries);
                is_emergency && tries.is_empty() && tired.any(|it| it)
            }
        };
        if !goes_on {
            break;
        }
    }
    let end = if !tries.is_empty() || !waits.is_empty() {
        End::Open(waits.join("; "))
    } else if !unsure.is_empty() {
        End::Ambiguous(unsure.join("; "))
    } else if let Some(row) = doubt {
        End::Ambiguous(format!("{}: {}", row.channel.name(), row.why))
    } else if !refusals.is_empty() {
        End::Failed(refusals.join("; "))
    } else if let Some(only) = cargo.only {
        End::Failed(format!("the channel {only} is not enabled"))
    } else {
        End::Open("no channel is enabled".into())
    };
    Route { tries, end }
}

/// What is left to do by the channel that took the message already.
fn complete(lane: Option<&Lane>, own: &[&Delivery], now: Timestamp) -> Route {
    let done = Route { tries: vec![], end: End::Delivered };
    let Some(lane) = lane else { return done };
    let left = unsettled(lane, own);
    if left.is_empty() {
        return done;
    }
    let due = left.iter().filter(|(_, row)| row.is_none_or(|row| row.next_at <= now));
    let tries = match lane.state {
        LaneState::Open => {
            due.map(|(recipient, _)| (lane.channel, (*recipient).to_owned())).collect()
        }
        _ => vec![],
    };
    Route { tries, end: End::DeliveredInPart }
}

/// The recipients of a channel that nothing final is known of, each with its delivery so far.
fn unsettled<'a>(lane: &'a Lane, own: &[&'a Delivery]) -> Vec<(&'a str, Option<&'a Delivery>)> {
    let is_open = |row: &Delivery| matches!(row.stage, Stage::Retry | Stage::Sending);
    lane.recipients
        .iter()
        .filter_map(|recipient| match own.iter().find(|row| row.recipient == *recipient) {
            None => Some((recipient.as_str(), None)),
            Some(row) if is_open(row) => Some((recipient.as_str(), Some(*row))),
            Some(_) => None,
        })
        .collect()
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;

//! How each channel stands at a moment.

use ops_core::time::{SignedDuration, Timestamp};

use super::conclude::holds;
use super::route::LaneState;
use crate::model::{Block, Health};
use crate::settings::Settings;

/// An emergency does not wait longer than this for a channel that is left alone.
const LONG: SignedDuration = SignedDuration::from_mins(1);

/// Judges an enabled channel: `ready` says why it cannot be used at all, `left` how many requests
/// it may still make in this flush.
pub fn state(
    settings: &Settings,
    ready: Result<(), &str>,
    health: &Health,
    left: u32,
    now: Timestamp,
) -> LaneState {
    if let Err(why) = ready {
        return LaneState::Unready(why.to_owned());
    }
    if let Some((block, until, why)) = &health.blocked
        && holds(*block, *until, now, settings.backoff)
    {
        let clock = until.strftime("%Y-%m-%d %H:%M:%S UTC");
        let told = format!("{why}; not before {clock}");
        let wait = until.duration_since(now);
        return match block {
            Block::Quota | Block::Credentials => LaneState::Passed(told),
            Block::Outage if health.failures >= settings.emergency_tries || wait > LONG => {
                LaneState::Failing(told)
            }
            Block::Outage => LaneState::Waiting(told),
        };
    }
    if left == 0 {
        return LaneState::Paced(format!(
            "{} requests in one flush are enough",
            settings.per_flush
        ));
    }
    LaneState::Open
}

#[cfg(test)]
mod tests {
    use ops_core::config::{self, Source};
    use ops_core::host::Host;

    use super::*;

    #[test]
    fn a_channel_waits_fails_is_passed_over_or_is_open() {
        let settings: Settings = config::load(&Host::real(), &Source::Shipped).unwrap();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let blocked = |block, seconds, failures| Health {
            blocked: Some((block, now + SignedDuration::from_secs(seconds), "why".into())),
            failures,
            ..Health::default()
        };
        for (case, ready, health, left, want) in [
            ("fresh", Ok(()), Health::default(), 1, "Open"),
            ("no secret", Err("x"), blocked(Block::Outage, 5, 1), 0, "Unready"),
            ("enough", Ok(()), Health::default(), 0, "Paced"),
            ("an outage", Ok(()), blocked(Block::Outage, 5, 1), 1, "Waiting"),
            ("a third failure", Ok(()), blocked(Block::Outage, 5, 3), 1, "Failing"),
            ("asked for patience", Ok(()), blocked(Block::Outage, 61, 1), 1, "Failing"),
            ("over", Ok(()), blocked(Block::Outage, 0, 9), 1, "Open"),
            ("no quota", Ok(()), blocked(Block::Quota, 86_400, 1), 1, "Passed"),
            ("not known there", Ok(()), blocked(Block::Credentials, 9, 1), 1, "Passed"),
        ] {
            let found = format!("{:?}", state(&settings, ready, &health, left, now));
            assert!(found.starts_with(want), "{case}: {found}");
        }
    }
}

//! Time: what is too old to be told, when to try again, what goes first.

use std::time::Duration;

use ops_core::alert::Severity;
use ops_core::time::{SignedDuration, Timestamp};

use crate::model::Message;
use crate::settings::Backoff;

/// The longest that a service may make us wait by asking for it.
const LONGEST_PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// The longest that a quota is believed to be gone: they are monthly.
const LONGEST_QUOTA: SignedDuration = SignedDuration::from_hours(32 * 24);

/// How long a quota counts as gone when the service did not say.
const UNTOLD_QUOTA: SignedDuration = SignedDuration::from_hours(1);

/// How long a channel is left alone after it refused our credentials: services block those who go
/// on asking.
pub const CREDENTIALS: SignedDuration = SignedDuration::from_mins(15);

/// Whether a message is too old to be told. Emergencies never are; one from the future is not old.
pub fn is_expired(
    severity: Severity,
    renewed_at: Timestamp,
    now: Timestamp,
    ttl: SignedDuration,
) -> bool {
    severity != Severity::Emergency && now.duration_since(renewed_at) >= ttl
}

/// The delay after `failures` in a row: `base * 2^(failures-1)` and up to half as much again, never
/// above the longest, never below the base. `random` is any number.
pub fn delay(backoff: Backoff, failures: u32, random: u64) -> SignedDuration {
    let base = u64::from(backoff.base_seconds) * 1000;
    let longest = (u64::from(backoff.longest_seconds) * 1000).max(base);
    let doubled = 1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX);
    let full = base.saturating_mul(doubled).min(longest);
    let millis = full.saturating_add(random % (full / 2 + 1)).min(longest);
    SignedDuration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// `now` and a while; the end of time when that is beyond it.
pub fn after(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// Until when a service that asked for patience is left alone: as long as it asked, an hour at
/// most, and never shorter than our own backoff.
pub fn patience(now: Timestamp, asked: Duration, own: SignedDuration) -> Timestamp {
    let asked = SignedDuration::try_from(asked).unwrap_or(LONGEST_PATIENCE);
    after(now, asked.min(LONGEST_PATIENCE).max(own))
}

/// Until when a quota is gone: as the service said, bounded; an hour when it said nothing useful.
pub fn quota_gone_until(now: Timestamp, resets_at: Option<Timestamp>) -> Timestamp {
    match resets_at {
        Some(at) if at > now => at.min(after(now, LONGEST_QUOTA)),
        _ => after(now, UNTOLD_QUOTA),
    }
}

/// The place of a message among others: emergencies first, then in the order of time.
pub fn place(message: &Message) -> (bool, &str) {
    (message.severity != Severity::Emergency, &message.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: SignedDuration = SignedDuration::from_hours(6);

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    #[test]
    fn a_message_expires_at_its_ttl_and_an_emergency_never() {
        let hours = |hours| after(now(), SignedDuration::from_hours(hours));
        for (severity, raised, want) in [
            (Severity::High, now(), false),
            (Severity::High, hours(-6) + SignedDuration::from_nanos(1), false),
            (Severity::High, hours(-6), true),
            (Severity::Info, hours(-7), true),
            (Severity::Emergency, hours(-999), false),
            (Severity::Info, hours(999), false),
            (Severity::Info, Timestamp::MIN, true),
            (Severity::Info, Timestamp::MAX, false),
        ] {
            assert_eq!(is_expired(severity, raised, now(), TTL), want, "{severity:?} {raised}");
        }
    }

    #[test]
    fn a_delay_doubles_is_never_below_five_seconds_and_capped() {
        let backoff = Backoff { base_seconds: 5, longest_seconds: 600 };
        for (failures, least, most) in
            [(0, 5, 8), (1, 5, 8), (2, 10, 15), (5, 80, 120), (8, 600, 600), (u32::MAX, 600, 600)]
        {
            for random in [0, 1, 2500, u64::MAX] {
                let delay = delay(backoff, failures, random).as_secs();
                assert!((least..=most).contains(&delay), "{failures}: {delay}");
            }
        }
        let odd = Backoff { base_seconds: u32::MAX, longest_seconds: 0 };
        assert_eq!(delay(odd, 9, 7).as_secs(), i64::from(u32::MAX));
    }

    #[test]
    fn what_a_service_asks_for_is_bounded() {
        let own = SignedDuration::from_secs(5);
        for (asked, want) in
            [(1, 5), (7, 7), (3600, 3600), (86_400, 3600), (0, 5), (u64::MAX, 3600)]
        {
            let until = patience(now(), Duration::from_secs(asked), own);
            assert_eq!(until.duration_since(now()).as_secs(), want, "{asked}");
        }
        let day = 86_400;
        for (reset, want) in [
            (Some(day), day),
            (Some(400 * day), 32 * day),
            (Some(0), 3600),
            (Some(-day), 3600),
            (None, 3600),
        ] {
            let reset = reset.map(|it| after(now(), SignedDuration::from_secs(it)));
            let until = quota_gone_until(now(), reset);
            assert_eq!(until.duration_since(now()).as_secs(), want, "{reset:?}");
        }
    }
}

//! What a verdict means for the delivery and for its channel.

use ops_core::time::{SignedDuration, Timestamp};

use super::age;
use super::judge::Verdict;
use crate::model::Block;
use crate::settings::Backoff;

/// What came of one attempt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Conclusion {
    /// The service took it.
    Accepted {
        /// Its own id of it.
        id: Option<String>,
        /// What an emergency is followed by.
        receipt: Option<String>,
    },
    /// It may be tried again from then on. Why it failed.
    Retry(Timestamp, String),
    /// It may have been taken. Why nobody knows.
    Ambiguous(String),
    /// It was refused for good. Why.
    Refused(String),
}

/// What an attempt means for its channel: it is left alone for a while, and has failed once more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Setback {
    /// Why nothing goes by it.
    pub block: Block,
    /// Until when.
    pub until: Timestamp,
    /// What was said.
    pub why: String,
}

/// The attempt that is judged.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// When the answer came.
    pub now: Timestamp,
    /// How often this delivery was tried, this time included.
    pub attempts: u32,
    /// Failures in a row of the channel before this.
    pub failures: u32,
    /// Whether the service takes a message once only, however often it comes.
    pub is_idempotent: bool,
    /// How failures are waited out.
    pub backoff: Backoff,
    /// Any number.
    pub random: u64,
}

/// Judges what came of an attempt.
///
/// A channel that cannot be reached is left alone as a whole, so that an outage costs one request
/// a flush and not one for each message. A message that a service answers with a failure of its own
/// waits twice as long as the channel does: one that the service can never digest does not keep
/// the others from their turn.
pub fn conclude(verdict: Verdict, attempt: Attempt) -> (Conclusion, Option<Setback>) {
    let Attempt { now, backoff, random, .. } = attempt;
    let own = age::delay(backoff, attempt.failures.saturating_add(1), random);
    let outage =
        |until, why: &str| Some(Setback { block: Block::Outage, until, why: why.to_owned() });
    match verdict {
        Verdict::Accepted { id, receipt } => (Conclusion::Accepted { id, receipt }, None),
        Verdict::Refused(why) => (Conclusion::Refused(why), None),
        Verdict::Unauthorised(why) => {
            let until = age::after(now, age::CREDENTIALS);
            let setback = Setback { block: Block::Credentials, until, why: why.clone() };
            (Conclusion::Refused(why), Some(setback))
        }
        Verdict::QuotaGone(resets_at, why) => {
            let until = age::quota_gone_until(now, resets_at);
            let setback = Setback { block: Block::Quota, until, why: why.clone() };
            (Conclusion::Refused(why), Some(setback))
        }
        Verdict::Later(asked, why) => {
            let until = age::patience(now, asked.unwrap_or_default(), own);
            let wait = age::delay(backoff, attempt.attempts, random).saturating_mul(2);
            let next = age::after(now, wait.max(until.duration_since(now)));
            (Conclusion::Retry(next, why.clone()), outage(until, &why))
        }
        Verdict::Unreachable(why) => {
            let setback = outage(age::after(now, own), &why);
            (Conclusion::Retry(now, why), setback)
        }
        Verdict::Ambiguous(why) => {
            let setback = outage(age::after(now, own), &why);
            let conclusion = if attempt.is_idempotent {
                Conclusion::Retry(now, why)
            } else {
                Conclusion::Ambiguous(why)
            };
            (conclusion, setback)
        }
    }
}

/// Whether a block still holds. One that reaches further than any of its kind is from before the
/// clock was set back, and does not.
pub fn holds(block: Block, until: Timestamp, now: Timestamp, backoff: Backoff) -> bool {
    let longest = match block {
        Block::Outage => {
            let own = SignedDuration::from_secs(backoff.longest_seconds.into());
            own.max(SignedDuration::from_hours(1))
        }
        Block::Quota => SignedDuration::from_hours(32 * 24),
        Block::Credentials => age::CREDENTIALS,
    };
    let left = until.duration_since(now);
    left.is_positive() && left <= longest
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const BACKOFF: Backoff = Backoff { base_seconds: 5, longest_seconds: 600 };

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn attempt(failures: u32, is_idempotent: bool) -> Attempt {
        Attempt {
            now: now(),
            attempts: failures + 1,
            failures,
            is_idempotent,
            backoff: BACKOFF,
            random: 0,
        }
    }

    /// The conclusion in a word with its wait, and the block with its length, in seconds.
    fn told(verdict: Verdict, attempt: Attempt) -> (String, Option<(Block, i64)>) {
        let (conclusion, setback) = conclude(verdict, attempt);
        let left = |until: Timestamp| until.duration_since(now()).as_secs();
        let word = match conclusion {
            Conclusion::Accepted { .. } => "accepted".to_owned(),
            Conclusion::Retry(next, _) => format!("retry {}", left(next)),
            Conclusion::Ambiguous(_) => "ambiguous".to_owned(),
            Conclusion::Refused(_) => "refused".to_owned(),
        };
        (word, setback.map(|it| (it.block, left(it.until))))
    }

    #[test]
    fn failures_of_the_network_block_the_channel_and_refusals_the_message() {
        use Block::{Credentials, Outage, Quota};
        let why = || "why".to_owned();
        let soon = now() + Duration::from_hours(24);
        for (verdict, failures, idempotent, word, setback) in [
            (Verdict::Accepted { id: None, receipt: None }, 3, false, "accepted", None),
            (Verdict::Refused(why()), 0, false, "refused", None),
            (Verdict::Unauthorised(why()), 0, false, "refused", Some((Credentials, 900))),
            (Verdict::QuotaGone(Some(soon), why()), 0, false, "refused", Some((Quota, 86_400))),
            (Verdict::QuotaGone(None, why()), 0, false, "refused", Some((Quota, 3600))),
            (Verdict::Unreachable(why()), 0, false, "retry 0", Some((Outage, 5))),
            (Verdict::Unreachable(why()), 2, false, "retry 0", Some((Outage, 20))),
            (Verdict::Later(None, why()), 0, false, "retry 10", Some((Outage, 5))),
            (Verdict::Later(None, why()), 9, false, "retry 1200", Some((Outage, 600))),
            (
                Verdict::Later(Some(Duration::from_secs(42)), why()),
                0,
                false,
                "retry 42",
                Some((Outage, 42)),
            ),
            (
                Verdict::Later(Some(Duration::from_hours(24)), why()),
                0,
                false,
                "retry 3600",
                Some((Outage, 3600)),
            ),
            (Verdict::Ambiguous(why()), 0, false, "ambiguous", Some((Outage, 5))),
            (Verdict::Ambiguous(why()), 1, true, "retry 0", Some((Outage, 10))),
        ] {
            let found = told(verdict.clone(), attempt(failures, idempotent));
            assert_eq!(found, (word.to_owned(), setback), "{verdict:?}");
        }
    }

    #[test]
    fn a_block_holds_until_its_end_but_not_beyond_what_its_kind_can_be() {
        for (block, seconds, want) in [
            (Block::Outage, 1, true),
            (Block::Outage, 0, false),
            (Block::Outage, -1, false),
            (Block::Outage, 3600, true),
            (Block::Outage, 3601, false),
            (Block::Credentials, 900, true),
            (Block::Credentials, 901, false),
            (Block::Quota, 32 * 86_400, true),
            (Block::Quota, 400 * 86_400, false),
        ] {
            let until = now() + SignedDuration::from_secs(seconds);
            assert_eq!(holds(block, until, now(), BACKOFF), want, "{block:?} {seconds}");
        }
    }
}

//! Whether a message that was raised is to be told: the rate limit of its check id.

use ops_core::alert::{Kind, Severity};
use ops_core::time::{SignedDuration, Timestamp};

use crate::model::{Check, Told};

/// How far in the future an accepted message may lie and still count: clocks are stepped a little
/// all the time. One further ahead means that the clock was set back, and limits nothing.
const STEP: SignedDuration = SignedDuration::from_mins(1);

/// What is to become of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Admission {
    /// It is queued.
    Queue,
    /// It is queued, and the queued one of its check is superseded and counted.
    Replace,
    /// The queued one of its check tells of it too; it is superseded and counted.
    Join,
    /// It is held back and counted.
    Hold,
    /// What was told to be over has begun again within the window: it is queued, and told when the
    /// window ends, unless it is over by then.
    Defer,
    /// What it says is over was never told; nor was a queued one. It is needless.
    Needless,
    /// What it says is over is queued and was never told: neither is told, the failure is counted.
    Cancel,
}

/// The queued message of a check.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Waiting {
    /// How much it matters.
    pub severity: Severity,
    /// What it tells.
    pub kind: Kind,
    /// Whether the operator may have seen it: a service may have taken it.
    pub may_be_known: bool,
}

/// Judges a message of a check id by what is known of the check and by the queued one, if there is
/// one. Messages without check id are always queued.
pub fn admit(
    (severity, kind): (Severity, Kind),
    check: &Check,
    waiting: Option<Waiting>,
    now: Timestamp,
    window: SignedDuration,
) -> Admission {
    match (kind, waiting) {
        (Kind::Event, Some(queued)) => {
            // Good news beside a recovery is told by it; a failure takes its place.
            let is_over = queued.kind == Kind::Recovery && is_failure(severity, kind);
            if is_over || severity > queued.severity { Admission::Replace } else { Admission::Join }
        }
        (Kind::Event, None) => match &check.told {
            Some(told) if is_limited(told, severity, now, window) => {
                // Who was told that all is well must not go on believing it.
                if !check.is_failing && is_failure(severity, kind) {
                    Admission::Defer
                } else {
                    Admission::Hold
                }
            }
            _ => Admission::Queue,
        },
        (Kind::Recovery, Some(queued)) => match queued.kind {
            Kind::Recovery => Admission::Join,
            Kind::Event if check.is_failing || queued.may_be_known => Admission::Replace,
            Kind::Event => Admission::Cancel,
        },
        (Kind::Recovery, None) if check.is_failing => Admission::Queue,
        (Kind::Recovery, None) => Admission::Needless,
    }
}

fn is_limited(told: &Told, severity: Severity, now: Timestamp, window: SignedDuration) -> bool {
    let since = now.duration_since(told.at);
    severity <= told.severity && since < window && since >= -STEP
}

/// Until when a queued message waits for the rate limit of its check: a flapping check is told to
/// fail no more than once in the window.
pub fn deferred_until(
    (severity, kind): (Severity, Kind),
    check: &Check,
    now: Timestamp,
    window: SignedDuration,
) -> Option<Timestamp> {
    let told = check.told.as_ref().filter(|told| is_limited(told, severity, now, window))?;
    (kind == Kind::Event).then(|| told.at.checked_add(window).ok())?
}

/// When the rate limit of a check ends; `None` when nothing is held back.
pub fn limited_until(check: &Check, now: Timestamp, window: SignedDuration) -> Option<Timestamp> {
    let told = check.told.as_ref().filter(|told| is_limited(told, told.severity, now, window))?;
    told.at.checked_add(window).ok()
}

/// Whether a message that was accepted leaves its check failing.
pub fn is_failure(severity: Severity, kind: Kind) -> bool {
    kind == Kind::Event && severity >= Severity::Warn
}

#[cfg(test)]
mod tests {
    use Admission::{Cancel, Defer, Hold, Join, Needless, Queue, Replace};
    use Kind::{Event, Recovery};
    use Severity::{Emergency, High, Info, Warn};

    use super::*;

    const WINDOW: SignedDuration = SignedDuration::from_mins(30);

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    /// A check of which something was told `seconds` ago.
    fn told(seconds: i64, severity: Severity, is_failing: bool) -> Check {
        let at = now() - SignedDuration::from_secs(seconds);
        let told = Some(Told { at, severity, title: "t".into() });
        Check { told, is_failing, ..Check::default() }
    }

    fn queued(severity: Severity, kind: Kind) -> Waiting {
        Waiting { severity, kind, may_be_known: false }
    }

    fn known(severity: Severity) -> Waiting {
        Waiting { severity, kind: Event, may_be_known: true }
    }

    #[test]
    fn the_rate_limit_holds_for_its_window_and_only_what_is_more_severe_passes() {
        let year = 365 * 86_400;
        for (case, message, check, want) in [
            ("never told", (Warn, Event), Check::default(), Queue),
            ("just now", (Warn, Event), told(0, Warn, true), Hold),
            ("a moment before its end", (Warn, Event), told(1799, Warn, true), Hold),
            ("at its end", (Warn, Event), told(1800, Warn, true), Queue),
            ("long after", (Warn, Event), told(year, Warn, true), Queue),
            ("more severe", (High, Event), told(0, Warn, true), Queue),
            ("an emergency", (Emergency, Event), told(0, High, true), Queue),
            ("a second emergency", (Emergency, Event), told(0, Emergency, true), Hold),
            ("less severe", (Info, Event), told(1, High, true), Hold),
            ("info after info", (Info, Event), told(1, Info, false), Hold),
            ("a clock stepped by seconds", (Warn, Event), told(-60, Warn, true), Hold),
            ("a clock set back", (Warn, Event), told(-61, Warn, true), Queue),
            ("a clock set back by a year", (Info, Event), told(-year, High, true), Queue),
        ] {
            assert_eq!(admit(message, &check, None, now(), WINDOW), want, "{case}");
        }
        let no_limit = SignedDuration::ZERO;
        assert_eq!(admit((Warn, Event), &told(0, Warn, true), None, now(), no_limit), Queue);
    }

    #[test]
    fn while_one_is_queued_others_are_counted_into_it() {
        let fresh = Check::default();
        for (case, message, check, waiting, want) in [
            ("the same again", (Warn, Event), &fresh, queued(Warn, Event), Join),
            ("less severe", (Info, Event), &fresh, queued(Warn, Event), Join),
            ("more severe", (High, Event), &fresh, queued(Warn, Event), Replace),
            ("fails again", (Warn, Event), &told(9, High, true), queued(High, Recovery), Replace),
            ("a note", (Info, Event), &told(9, High, true), queued(Info, Recovery), Join),
            ("emergency twice", (Emergency, Event), &fresh, known(Emergency), Join),
        ] {
            assert_eq!(admit(message, check, Some(waiting), now(), WINDOW), want, "{case}");
        }
    }

    #[test]
    fn a_recovery_is_told_once_and_only_after_a_failure_was() {
        let (fresh, failing) = (Check::default(), told(9, High, true));
        for (case, check, waiting, want) in [
            ("nothing told", &fresh, None, Needless),
            ("only good news told", &told(9, Info, false), None, Needless),
            ("a failure told", &failing, None, Queue),
            ("a failure told long ago", &told(99_999, High, true), None, Queue),
            ("the failure is still queued", &fresh, Some(queued(High, Event)), Cancel),
            ("the failure may have been seen", &fresh, Some(known(Emergency)), Replace),
            ("told, and worse is queued", &failing, Some(queued(Emergency, Event)), Replace),
            ("told, and the recovery is queued", &failing, Some(queued(Info, Recovery)), Join),
        ] {
            assert_eq!(admit((Info, Recovery), check, waiting, now(), WINDOW), want, "{case}");
        }
    }

    #[test]
    fn what_fails_again_after_its_recovery_was_told_waits_for_the_end_of_the_window() {
        for (case, message, check, want) in [
            ("the same again", (High, Event), told(1, High, false), Defer),
            ("an emergency again", (Emergency, Event), told(1, Emergency, false), Defer),
            ("less severe", (Warn, Event), told(1799, High, false), Defer),
            ("more severe", (Emergency, Event), told(1, High, false), Queue),
            ("at the end of the window", (High, Event), told(1800, High, false), Queue),
            ("a clock set back", (High, Event), told(-61, High, false), Queue),
            ("no failure", (Info, Event), told(1, High, false), Hold),
        ] {
            assert_eq!(admit(message, &check, None, now(), WINDOW), want, "{case}");
            let until = deferred_until(message, &check, now(), WINDOW);
            assert_eq!(until.is_none(), want == Queue, "{case}");
        }
        let recovered = told(600, High, false);
        let until = deferred_until((High, Event), &recovered, now(), WINDOW);
        assert_eq!(until, Some(now() + SignedDuration::from_mins(20)));
        let known_to_fail = told(600, High, true);
        assert_eq!(deferred_until((Info, Recovery), &known_to_fail, now(), WINDOW), None);
        // The deferred one is queued and nobody can know of it: its recovery takes it along.
        let waiting = Some(queued(High, Event));
        assert_eq!(admit((Info, Recovery), &recovered, waiting, now(), WINDOW), Cancel);
    }

    #[test]
    fn what_leaves_a_check_failing_and_when_its_limit_ends() {
        assert!(!is_failure(Info, Event) && is_failure(Warn, Event) && !is_failure(High, Recovery));
        let ends = limited_until(&told(600, Warn, true), now(), WINDOW).unwrap();
        assert_eq!(ends, now() + SignedDuration::from_mins(20));
        for check in [Check::default(), told(1800, Warn, true), told(-99, Warn, true)] {
            assert_eq!(limited_until(&check, now(), WINDOW), None);
        }
    }
}

//! One row for each row of facts/review-and-router.md 3.5, and what must hold in every order.

use llm_wire::Why;
use proptest::prelude::*;

use super::*;

const RULES: Rules = Rules {
    fallback: Fallback::Ready,
    longest_wait: Duration::from_secs(20),
    pause: Duration::from_millis(500),
};

const PLENTY: Duration = Duration::from_secs(100);

fn failed(class: Class, retry_after: Option<u64>, left: Duration) -> Event {
    Event::Failed { class, retry_after: retry_after.map(Duration::from_secs), left }
}

const RATE: Class = Class::TransientQuota { billing: false };
const BILLING: Class = Class::TransientQuota { billing: true };

#[test]
fn each_failure_of_the_first_call_leads_where_the_specification_says() {
    let short = Duration::from_secs(2);
    for (name, event, fallback, want) in [
        ("a rate limit", failed(RATE, None, PLENTY), Fallback::Ready, Step::Wait(RULES.pause)),
        (
            "that says 3 s",
            failed(RATE, Some(3), PLENTY),
            Fallback::Ready,
            Step::Wait(Duration::from_secs(3)),
        ),
        (
            "that says 20 s",
            failed(RATE, Some(20), PLENTY),
            Fallback::Ready,
            Step::Wait(Duration::from_secs(20)),
        ),
        ("that says 21 s", failed(RATE, Some(21), PLENTY), Fallback::Ready, Step::AskFallback),
        (
            "that says 3 s with 2 left",
            failed(RATE, Some(3), short),
            Fallback::Ready,
            Step::AskFallback,
        ),
        ("money", failed(BILLING, None, PLENTY), Fallback::Ready, Step::AskFallback),
        (
            "money that says 1 s",
            failed(BILLING, Some(1), PLENTY),
            Fallback::Ready,
            Step::AskFallback,
        ),
        ("money without fallback", failed(BILLING, None, PLENTY), Fallback::None, Step::Fail),
        (
            "a server error",
            failed(Class::TransientServer, None, PLENTY),
            Fallback::Ready,
            Step::Wait(RULES.pause),
        ),
        (
            "no answer",
            failed(Class::TransientNetwork, None, PLENTY),
            Fallback::Ready,
            Step::Wait(RULES.pause),
        ),
        (
            "no answer until the end",
            failed(Class::TransientNetwork, None, Duration::ZERO),
            Fallback::Ready,
            Step::Fail,
        ),
        (
            "a retry without fallback",
            failed(Class::TransientServer, None, PLENTY),
            Fallback::None,
            Step::Wait(RULES.pause),
        ),
        ("no room in the budget", Event::Refused { left: PLENTY }, Fallback::Ready, Step::Fail),
    ] {
        let rules = Rules { fallback, ..RULES };
        assert_eq!(next(State::Primary(1), event, &rules).1, want, "{name}");
    }
    for why in [
        Why::Certificate,
        Why::Redirect,
        Why::Unauthorized,
        Why::Forbidden,
        Why::Unpaid,
        Why::UnknownModel,
        Why::BadRequest,
        Why::OtherStatus,
        Why::NotJson,
        Why::Refused,
        Why::Truncated,
        Why::Shape,
        Why::NoUsage,
    ] {
        let event = failed(Class::NonTransient(why), Some(1), PLENTY);
        assert_eq!(next(State::Primary(1), event, &RULES).1, Step::Fail, "{why:?}");
        assert_eq!(next(State::Primary(2), event, &RULES).1, Step::Fail, "{why:?}");
    }
}

#[test]
fn the_second_failure_leads_to_the_fallback_and_the_fallback_s_to_the_end() {
    for class in [RATE, BILLING, Class::TransientServer, Class::TransientNetwork] {
        for (fallback, want) in [
            (Fallback::Ready, Step::AskFallback),
            (Fallback::Unready, Step::Fail),
            (Fallback::None, Step::Fail),
        ] {
            let event = failed(class, Some(1), PLENTY);
            let rules = Rules { fallback, ..RULES };
            assert_eq!(next(State::Primary(2), event, &rules).1, want, "{class:?} {fallback:?}");
        }
        let event = failed(class, None, PLENTY);
        assert_eq!(next(State::Fallback, event, &RULES).1, Step::Fail, "{class:?}");
    }
    let room = Event::Refused { left: PLENTY };
    assert_eq!(next(State::Primary(2), room, &RULES).1, Step::AskFallback);
    assert_eq!(next(State::Fallback, room, &RULES).1, Step::Fail);
    let over = Event::Waited { left: Duration::ZERO };
    assert_eq!(next(State::Waiting, over, &RULES).1, Step::Fail);
}

fn any_class() -> impl Strategy<Value = Class> {
    prop_oneof![
        Just(RATE),
        Just(BILLING),
        Just(Class::TransientServer),
        Just(Class::TransientNetwork),
        Just(Class::NonTransient(Why::Refused)),
    ]
}

proptest! {
    /// Whatever happens: at most two calls of the primary and one of the fallback, none after a
    /// lasting failure, and no wait beyond the cap or the deadline.
    #[test]
    fn no_order_of_events_asks_too_often(
        events in prop::collection::vec(
            (any_class(), prop::option::of(0..40_u64), 0..40_u64, any::<bool>()), 1..12),
        fallback in prop_oneof![Just(Fallback::None), Just(Fallback::Unready), Just(Fallback::Ready)],
    ) {
        let rules = Rules { fallback, ..RULES };
        let (mut state, mut step) = next(State::Start, Event::Asked, &rules);
        let (mut primary, mut fallbacks, mut is_lasting) = (0, 0, false);
        for (class, retry_after, left, refused) in events {
            let left = Duration::from_secs(left);
            match step {
                Step::AskPrimary => primary += 1,
                Step::AskFallback => fallbacks += 1,
                Step::Wait(wait) => prop_assert!(wait <= rules.longest_wait),
                Step::Answer | Step::Fail => break,
            }
            prop_assert!(!is_lasting);
            let event = match step {
                Step::Wait(_) => Event::Waited { left },
                _ if refused => Event::Refused { left },
                _ => {
                    is_lasting = !class.is_transient();
                    failed(class, retry_after, left)
                }
            };
            (state, step) = next(state, event, &rules);
            if let Step::Wait(wait) = step {
                prop_assert!(wait < left);
            }
        }
        prop_assert!(primary <= 2 && fallbacks <= 1);
        prop_assert!(fallback == Fallback::Ready || fallbacks == 0);
    }
}

//! The order of channels and who takes over when.

use Channel::{Ntfy, Pushover, Twilio};
use LaneState::{Failing, Off, Open, Paced, Passed, Unready, Waiting};
use Severity::{Emergency, High};
use Stage::{Accepted, Ambiguous, Refused, Retry};
use ops_core::time::SignedDuration;
use proptest::prelude::*;

use super::*;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn lane(channel: Channel, state: LaneState) -> Lane {
    let recipients = match channel {
        Twilio => vec!["+15550100".to_owned(), "+15550101".to_owned()],
        _ => vec![String::new()],
    };
    Lane { channel, state, recipients }
}

/// A delivery that is due at once after one attempt.
fn row(channel: Channel, recipient: &str, stage: Stage) -> Delivery {
    Delivery {
        message: "m".into(),
        channel,
        recipient: recipient.into(),
        stage,
        attempts: 1,
        tried_at: now(),
        next_at: now(),
        why: format!("{} there", stage.name()),
        provider_id: None,
        followed: None,
    }
}

fn later(mut row: Delivery, attempts: u32) -> Delivery {
    row.next_at = now() + SignedDuration::from_secs(5);
    row.attempts = attempts;
    row
}

fn cargo(severity: Severity) -> Cargo<'static> {
    Cargo { severity, only: None, emergency_tries: 3 }
}

fn tried(route: &Route) -> Vec<String> {
    route.tries.iter().map(|(channel, to)| format!("{}{to}", channel.name())).collect()
}

const SMS: [&str; 2] = ["twilio+15550100", "twilio+15550101"];

#[test]
fn the_next_channel_takes_over_only_where_the_contract_says_so() {
    let quota = || Passed("no quota until then".into());
    let secret = || Unready("pushover_user is missing".into());
    let down = || Waiting("not reachable".into());
    let failing = || Failing("not reachable, 3 times".into());
    for (case, severity, first, rows, want) in [
        ("nothing tried", High, Open, vec![], vec!["pushover"]),
        ("switched off", High, Off, vec![], SMS.to_vec()),
        ("a secret is missing", High, secret(), vec![], SMS.to_vec()),
        ("the quota is gone", High, quota(), vec![], SMS.to_vec()),
        ("refused for good", High, Open, vec![row(Pushover, "", Refused)], SMS.to_vec()),
        ("an outage", High, down(), vec![], vec![]),
        ("enough for now", Emergency, Paced("10 a flush".into()), vec![], vec![]),
        ("an outage, and it was tried", High, down(), vec![row(Pushover, "", Retry)], vec![]),
        ("a long outage", High, failing(), vec![], vec![]),
        ("an outage, emergency", Emergency, down(), vec![], vec![]),
        ("a long outage, emergency", Emergency, failing(), vec![], SMS.to_vec()),
        ("due again", High, Open, vec![row(Pushover, "", Retry)], vec!["pushover"]),
        ("not yet due", High, Open, vec![later(row(Pushover, "", Retry), 9)], vec![]),
        ("emergency, soon", Emergency, Open, vec![later(row(Pushover, "", Retry), 2)], vec![]),
        (
            "emergency, tried enough",
            Emergency,
            Open,
            vec![later(row(Pushover, "", Retry), 3)],
            SMS.to_vec(),
        ),
        ("nobody knows", High, Open, vec![row(Pushover, "", Ambiguous)], vec![]),
        (
            "nobody knows, emergency",
            Emergency,
            Open,
            vec![row(Pushover, "", Ambiguous)],
            SMS.to_vec(),
        ),
        (
            "one number left",
            High,
            Off,
            vec![row(Twilio, "+15550100", Accepted)],
            vec!["twilio+15550101"],
        ),
        (
            "accepted by the second, the first still open",
            Emergency,
            Open,
            vec![
                row(Pushover, "", Retry),
                row(Twilio, "+15550100", Accepted),
                row(Twilio, "+15550101", Refused),
            ],
            vec![],
        ),
    ] {
        let lanes = [lane(Pushover, first), lane(Twilio, Open), lane(Ntfy, Off)];
        let route = route(cargo(severity), &lanes, &rows, now());
        assert_eq!(tried(&route), want, "{case}: {route:?}");
    }
}

#[test]
fn how_a_message_stands_when_nothing_is_left_to_try() {
    let refused = || row(Pushover, "", Refused);
    let open = |why: &str| End::Open(why.to_owned());
    for (case, severity, lanes, rows, want) in [
        (
            "delivered",
            High,
            vec![lane(Pushover, Open)],
            vec![row(Pushover, "", Accepted)],
            End::Delivered,
        ),
        (
            "refused by all",
            High,
            vec![lane(Pushover, Open), lane(Twilio, Off)],
            vec![refused()],
            End::Failed("pushover: refused there".into()),
        ),
        (
            "refused by one, and the other has no secrets yet",
            High,
            vec![lane(Pushover, Open), lane(Twilio, Unready("no token".into()))],
            vec![refused()],
            open("twilio: no token"),
        ),
        (
            "nobody knows",
            High,
            vec![lane(Pushover, Open), lane(Ntfy, Open)],
            vec![row(Pushover, "", Ambiguous)],
            End::Ambiguous("pushover: ambiguous there".into()),
        ),
        (
            "nobody knows, and another has no quota",
            High,
            vec![lane(Pushover, Passed("no quota".into())), lane(Ntfy, Open)],
            vec![row(Ntfy, "", Ambiguous)],
            End::Ambiguous("ntfy: ambiguous there".into()),
        ),
        (
            "nobody knows, and its channel was switched off",
            High,
            vec![lane(Pushover, Open), lane(Ntfy, Off)],
            vec![row(Ntfy, "", Ambiguous)],
            End::Ambiguous("ntfy: ambiguous there".into()),
        ),
        (
            "an emergency of which nobody knows, refused by the next",
            Emergency,
            vec![lane(Pushover, Open), lane(Ntfy, Open)],
            vec![row(Pushover, "", Ambiguous), row(Ntfy, "", Refused)],
            End::Ambiguous("pushover: ambiguous there".into()),
        ),
        ("no channel at all", High, vec![], vec![], open("no channel is enabled")),
        ("all off", High, vec![lane(Ntfy, Off)], vec![], open("no channel is enabled")),
        (
            "one number took it, the other's turn comes",
            High,
            vec![lane(Twilio, Waiting("down".into()))],
            vec![row(Twilio, "+15550100", Accepted), row(Twilio, "+15550101", Retry)],
            End::DeliveredInPart,
        ),
        (
            "one number refused, the other unknown",
            High,
            vec![lane(Twilio, Open)],
            vec![row(Twilio, "+15550100", Refused), row(Twilio, "+15550101", Ambiguous)],
            End::Ambiguous("twilio: ambiguous there".into()),
        ),
    ] {
        let route = route(cargo(severity), &lanes, &rows, now());
        assert_eq!((route.tries, route.end), (vec![], want), "{case}");
    }
}

#[test]
fn a_channel_asked_for_is_the_only_one() {
    let only = |name| Cargo { only: Some(name), ..cargo(High) };
    let lanes = [lane(Pushover, Open), lane(Ntfy, Open), lane(Twilio, Off)];
    assert_eq!(tried(&route(only("ntfy"), &lanes, &[], now())), ["ntfy"]);
    let refused = route(only("ntfy"), &lanes, &[row(Ntfy, "", Refused)], now());
    assert_eq!(refused.end, End::Failed("ntfy: refused there".into()));
    for name in ["twilio", "pigeon"] {
        let route = route(only(name), &lanes, &[], now());
        assert_eq!(route.end, End::Failed(format!("the channel {name} is not enabled")));
    }
}

fn any_state() -> impl Strategy<Value = LaneState> {
    prop_oneof![
        Just(Off),
        Just(Open),
        Just(Unready("u".into())),
        Just(Waiting("w".into())),
        Just(Paced("a".into())),
        Just(Failing("f".into())),
        Just(Passed("p".into())),
    ]
}

fn any_rows() -> impl Strategy<Value = Vec<Delivery>> {
    let one = (0..4_usize, 0..3_usize, 0..5_usize, 0..6_u32, -9..9_i64).prop_map(
        |(channel, to, stage, attempts, wait)| {
            let channel = Channel::ALL[channel];
            let recipient = lane(channel, Open).recipients.get(to).cloned().unwrap_or_default();
            let mut row = row(channel, &recipient, Stage::ALL[stage]);
            row.attempts = attempts;
            row.next_at = now() + SignedDuration::from_secs(wait);
            row
        },
    );
    prop::collection::vec(one, 0..8).prop_map(|mut rows| {
        rows.sort_by_key(|row| (row.channel, row.recipient.clone()));
        rows.dedup_by_key(|row| (row.channel, row.recipient.clone()));
        rows
    })
}

proptest! {
    #[test]
    fn nothing_settled_is_tried_again_and_nothing_goes_by_a_closed_channel(
        states in prop::collection::vec(any_state(), 4),
        rows in any_rows(),
        emergency in any::<bool>(),
    ) {
        let lanes: Vec<Lane> =
            Channel::ALL.into_iter().zip(states).map(|(channel, state)| lane(channel, state)).collect();
        let severity = if emergency { Emergency } else { High };
        let route = route(cargo(severity), &lanes, &rows, now());
        for (channel, recipient) in &route.tries {
            let own = rows.iter().find(|it| it.channel == *channel && it.recipient == *recipient);
            prop_assert!(own.is_none_or(|it| matches!(it.stage, Retry | Stage::Sending)));
            prop_assert!(own.is_none_or(|it| it.next_at <= now()));
            let lane = lanes.iter().find(|it| it.channel == *channel).unwrap();
            prop_assert_eq!(&lane.state, &Open);
        }
        let accepted = rows.iter().any(|row| row.stage == Accepted);
        prop_assert_eq!(accepted, matches!(route.end, End::Delivered | End::DeliveredInPart));
        let doubt = rows.iter().any(|row| row.stage == Ambiguous);
        prop_assert!(doubt || !matches!(route.end, End::Ambiguous(_)));
        let is_strict = doubt && !emergency && !accepted;
        let doubted: Vec<Channel> =
            rows.iter().filter(|row| row.stage == Ambiguous).map(|row| row.channel).collect();
        prop_assert!(!is_strict || route.tries.iter().all(|it| doubted.contains(&it.0)));
        let mut once = route.tries.clone();
        once.sort();
        once.dedup();
        prop_assert_eq!(once.len(), route.tries.len());
    }
}

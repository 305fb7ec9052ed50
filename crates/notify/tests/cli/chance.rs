//! Whatever services answer, in whatever order things happen: nothing is accepted twice, nothing
//! gets lost, the counts add up.

use notify::channels::Call;
use notify::lines::Lines;
use notify::model::State;
use notify::store::Store;
use ops_core::alert::{Kind, Severity};
use ops_core::time::parse;
use outbound::{Answer, Outcome};
use proptest::prelude::*;

use crate::machine::{Machine, alert, flush_by};

/// What a service that takes anything may answer.
fn outcome(number: u8) -> (Outcome, bool) {
    let answer = |status: u16| {
        let body = br#"{"id":"x","status":1,"request":"q"}"#.to_vec();
        Outcome::Answered(Answer { status, headers: vec![], body, complete: true })
    };
    match number % 8 {
        0..=2 => (answer(200), true),
        3 => (answer(500), false),
        4 => (answer(429), false),
        5 => (answer(400), false),
        6 => (Outcome::NotSent("down".into()), false),
        _ => (Outcome::Ambiguous("cut".into()), false),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_accepted_twice_or_lost(
        steps in prop::collection::vec((0..8_u8, 0..3_u8, 0..4_u8, 0..2000_u16), 1..60),
        answers in prop::collection::vec(any::<u8>(), 1..50),
    ) {
        let machine = Machine::with(&["pushover", "ntfy", "webhook"], |_| {});
        let mut simulated = machine.simulated(parse("2026-11-21T12:00:00Z").unwrap());
        let lines = Lines::load(&simulated.context, &simulated.settings, None, true).unwrap();
        let (mut raised, mut accepted, mut asked) = (0, 0_u32, 0);
        let mut flushed = |simulated: &crate::machine::Simulated, is_kind: bool| {
            let call: &mut Call<'_> = &mut |_request| {
                asked += 1;
                let (outcome, took) = if is_kind { outcome(0) } else { outcome(answers[asked % answers.len()]) };
                accepted += u32::from(took);
                outcome
            };
            let (context, settings) = (&simulated.context, &simulated.settings);
            flush_by(context, settings, &lines, call);
        };
        for (what, check, severity, seconds) in steps {
            simulated.wait(u64::from(seconds) + 1);
            let severity =
                [Severity::Info, Severity::Warn, Severity::High, Severity::Emergency][usize::from(severity)];
            let check = ["a", "b"].get(usize::from(check)).copied();
            let kind = if what == 0 && check.is_some() { Kind::Recovery } else { Kind::Event };
            if what < 5 {
                raised += 1;
                simulated.raise(&alert("t", check, severity, kind));
            }
            if what > 2 {
                flushed(&simulated, false);
            }
        }
        // In the end everything answers, and whatever is left is told or too old.
        for _ in 0..80 {
            flushed(&simulated, true);
            simulated.wait(900);
        }
        let store = Store::look(&simulated.context.host, &simulated.context.home).unwrap().unwrap();
        let counts = store.counts().unwrap();
        prop_assert_eq!(counts.values().sum::<u64>(), raised);
        prop_assert_eq!(counts[&State::Queued], 0);
        let database = simulated.context.home.join("state/alerts/notify.db");
        let database = rusqlite::Connection::open(database).unwrap();
        let count = |sql: &str| database.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap();
        prop_assert_eq!(count("SELECT count(*) FROM deliveries WHERE stage = 'accepted'"), accepted);
        prop_assert_eq!(count("SELECT count(*) FROM deliveries WHERE stage IN ('sending', 'retry')"), 0);
        let odd = "SELECT count(*) FROM messages m WHERE (state = 'delivered') <> EXISTS \
                   (SELECT 1 FROM deliveries d WHERE d.message = m.id AND d.stage = 'accepted')";
        prop_assert_eq!(count(odd), 0);
        // Only an emergency may be accepted by one service and be in doubt at another.
        let twice = "SELECT count(*) FROM messages m WHERE severity < 3 AND (SELECT count(*) FROM \
                     deliveries d WHERE d.message = m.id AND d.stage IN ('accepted', 'ambiguous')) > 1";
        prop_assert_eq!(count(twice), 0);
    }
}

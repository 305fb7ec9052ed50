//! What is remembered, and what a wrong clock or a broken file makes of it.

use proptest::prelude::*;

use super::*;

fn policy() -> Policy {
    Policy {
        second_look_seconds: 0,
        confirmed_for_minutes: 30,
        fixes_per_hour: 3,
        failed_fixes_latch: 2,
        fix_seconds: 30,
    }
}

fn at(text: &str) -> Timestamp {
    time::parse(text).unwrap()
}

#[test]
fn it_reads_back_and_what_cannot_be_believed_is_an_error() {
    let home = tempfile::tempdir().unwrap();
    let host = Host::real();
    assert_eq!(load(&host, home.path()).unwrap(), Memory::default());
    let mut memory = Memory::default();
    memory.fix_begins(at("2026-11-21T12:00:00.123Z"));
    memory.cycle_ends("fail", false, true, at("2026-11-21T12:00:01.456Z"));
    memory.told.insert("doctor.ports".into());
    save(&host, home.path(), &memory).unwrap();
    assert_eq!(load(&host, home.path()).unwrap(), memory);
    for text in ["", "{}", "null", "[1]", "{\"schema\":\"aiops.guard_state/1\"}"] {
        host.replace_file(&path(home.path()), text.as_bytes(), 0o640).unwrap();
        assert!(load(&host, home.path()).is_err(), "{text}");
    }
    let other = Memory { schema: "aiops.guard_state/2".into(), ..Memory::default() };
    save(&host, home.path(), &other).unwrap();
    assert!(load(&host, home.path()).unwrap_err().contains("guard_state/2"));
}

#[test]
fn a_fix_that_was_cut_off_counts_as_failed_once() {
    let now = at("2026-11-21T12:00:00Z");
    let mut memory = Memory::default();
    memory.fix_begins(now);
    assert!(memory.wake(&policy(), now));
    assert_eq!((memory.failed_fixes, memory.latched_at), (1, None));
    assert!(!memory.wake(&policy(), now));
    memory.fix_begins(now);
    assert!(memory.wake(&policy(), now));
    assert!(memory.latched_at.is_some());
}

#[test]
fn success_clears_failures_and_a_refusal_costs_nothing() {
    let now = at("2026-11-21T12:00:00Z");
    let mut memory = Memory::default();
    memory.fix_begins(now);
    memory.fix_failed(&policy(), now);
    memory.fix_begins(now);
    memory.fix_worked();
    assert_eq!((memory.failed_fixes, memory.fixes.len()), (0, 2));
    memory.fix_begins(now);
    memory.fix_was_refused();
    assert_eq!((memory.fix_begun_at, memory.fixes.len()), (None, 2));
}

#[test]
fn failing_cycles_are_counted_from_the_first() {
    let (first, second) = (at("2026-11-21T12:00:00Z"), at("2026-11-21T12:10:00Z"));
    let mut memory = Memory::default();
    memory.cycle_ends("fail", false, true, first);
    memory.cycle_ends("fail", false, false, second);
    assert_eq!((memory.failing_since, memory.failing_cycles), (Some(Moment(first)), 2));
    assert_eq!(memory.public_at, None);
    memory.cycle_ends("pass", true, false, second);
    assert_eq!((memory.failing_since, memory.failing_cycles), (None, 0));
}

proptest! {
    #[test]
    fn no_clock_gives_more_fixes_than_the_budget(
        steps in prop::collection::vec(-7200_i64..3600, 1..40),
    ) {
        // However the clock jumps, less than an hour at a time forward: three fixes in a row, and
        // then none until an hour has passed on it.
        let mut memory = Memory::default();
        let mut now = at("2026-11-21T12:00:00Z").as_second();
        for step in steps {
            now += step;
            let moment = Timestamp::from_second(now).unwrap();
            memory.wake(&policy(), moment);
            prop_assert!(memory.fixes.iter().all(|fix| fix.0 <= moment));
            if memory.fixes_within_an_hour(moment) < policy().fixes_per_hour {
                memory.fix_begins(moment);
                memory.fix_worked();
            }
            prop_assert!(memory.fixes.len() <= 3);
        }
    }
}

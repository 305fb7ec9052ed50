//! Hours of simulated time: outages, clocks, quotas.

use fakes::{Behaviour, Fake, Pushover};
use notify::flush::Left;
use notify::model::State;
use ops_core::alert::{Kind, Severity};
use ops_core::time::{Timestamp, parse};

use crate::machine::{Machine, alert, titles};

fn noon() -> Timestamp {
    parse("2026-11-21T12:00:00Z").unwrap()
}

#[test]
fn an_hour_without_network_costs_few_tries_and_ends_in_order_without_a_storm() {
    let mut machine = Machine::with(&["pushover"], |_| {});
    machine.pushover.stop();
    let mut simulated = machine.simulated(noon());
    for minute in 0..60 {
        // One check fails all the time, each minute something else happens, once it is urgent.
        simulated.raise(&alert("disk full", Some("disk.free"), Severity::High, Kind::Event));
        simulated.wait(1);
        simulated.raise(&alert(&format!("event {minute}"), None, Severity::Info, Kind::Event));
        if minute == 30 {
            simulated.raise(&alert("fire", None, Severity::Emergency, Kind::Event));
        }
        let done = simulated.flush();
        assert_eq!(done.delivered, 0);
        assert!(done.left.values().all(|(left, _)| *left == Left::Failing));
        simulated.wait(59);
    }
    machine.pushover.restart();
    let connections = machine.pushover.connections();
    // The longest backoff is ten minutes.
    simulated.wait(600);
    let mut flushes = 0;
    loop {
        let before = machine.pushover.accepted().len();
        let done = simulated.flush();
        let told = machine.pushover.accepted().len() - before;
        assert!(told <= 10, "{told} at once");
        flushes += 1;
        if done.left.is_empty() {
            break;
        }
        assert!(done.left.values().all(|(left, _)| *left == Left::Paced), "{done:?}");
        simulated.wait(60);
    }
    assert_eq!(flushes, 7);
    assert_eq!(machine.pushover.connections() - connections, 1, "the connection is kept");
    let told = titles(&machine.pushover);
    let mut want = vec!["fire".to_owned(), "disk full".to_owned()];
    want.extend((0..60).map(|minute| format!("event {minute}")));
    assert_eq!(told, want);
    let accepted = machine.pushover.accepted();
    let disk = accepted[1].field("message");
    assert_eq!(disk, "(raised 12:00 UTC) (59 more held back since 12:01 UTC)");
}

#[test]
fn an_outage_costs_one_connection_a_flush_and_fewer_as_it_lasts() {
    let machine = Machine::with(&["pushover"], |_| {});
    machine.pushover.otherwise(fakes::How::CloseAtOnce);
    let mut simulated = machine.simulated(noon());
    for at in 0..50 {
        simulated.raise(&alert(&format!("{at}"), None, Severity::Info, Kind::Event));
    }
    simulated.flush();
    assert_eq!(machine.pushover.connections(), 1);
    for _ in 0..60 {
        simulated.wait(60).flush();
    }
    let connections = machine.pushover.connections();
    assert!((5..=20).contains(&connections), "{connections}");
}

#[test]
fn what_is_too_old_is_dropped_with_a_count_and_emergencies_never() {
    let mut machine = Machine::new();
    machine.pushover.stop();
    let mut simulated = machine.simulated(noon());
    for at in 0..5 {
        simulated.raise(&alert(&format!("old {at}"), None, Severity::High, Kind::Event));
    }
    simulated.raise(&alert("fire", None, Severity::Emergency, Kind::Event));
    simulated.raise(&alert("still full", Some("disk.free"), Severity::Warn, Kind::Event));
    simulated.flush();
    // A check that goes on failing is news, however long ago it began.
    simulated.wait(5 * 3600);
    simulated.raise(&alert("still full", Some("disk.free"), Severity::Warn, Kind::Event));
    simulated.flush();
    simulated.wait(2 * 3600);
    machine.pushover.restart();
    let done = simulated.flush();
    assert_eq!((done.expired, done.delivered), (5, 2));
    assert_eq!(titles(&machine.pushover), ["fire", "still full"]);
    let [fire, full] = machine.pushover.accepted().try_into().unwrap();
    assert_eq!(fire.field("message"), "(raised 12:00 UTC) (5 older messages were dropped)");
    assert_eq!(full.field("message"), "(raised 12:00 UTC) (1 more held back since 17:00 UTC)");
    let status = machine.status();
    assert_eq!((status.counts[State::Expired.name()], status.dropped), (5, 0));
}

#[test]
fn a_long_outage_lets_emergencies_go_by_the_next_channel() {
    let mut machine = Machine::with(&["pushover", "twilio", "ntfy"], |_| {});
    machine.pushover.stop();
    let mut simulated = machine.simulated(noon());
    simulated.raise(&alert("warm", None, Severity::High, Kind::Event));
    simulated.raise(&alert("fire", None, Severity::Emergency, Kind::Event));
    let mut flushes = 0;
    while machine.twilio.accepted().is_empty() {
        flushes += 1;
        assert!(flushes < 10, "never");
        simulated.flush();
        simulated.wait(60);
    }
    assert_eq!(flushes, 3, "after three failures in a row");
    assert_eq!(machine.twilio.accepted().len(), 2, "one for each number");
    machine.pushover.restart();
    simulated.wait(600).flush();
    assert_eq!(titles(&machine.pushover), ["warm"], "the emergency was told already");
    assert_eq!(machine.ntfy.accepted().len(), 0);
}

#[test]
fn a_quota_that_is_gone_comes_back_at_its_reset() {
    let machine = Machine::with(&["pushover", "ntfy"], |_| {});
    let reset = noon().as_second() + 7200;
    machine.pushover.service(|it| (it.remaining, it.reset) = (0, reset));
    let mut simulated = machine.simulated(noon());
    let raise = |simulated: &crate::machine::Simulated| {
        simulated.raise(&alert("a", None, Severity::High, Kind::Event));
    };
    raise(&simulated);
    assert_eq!(simulated.flush().delivered, 1);
    assert_eq!((machine.pushover.received().len(), machine.ntfy.accepted().len()), (1, 1));
    machine.pushover.service(|it| it.remaining = 5);
    raise(&simulated);
    simulated.wait(7199).flush();
    assert_eq!((machine.pushover.received().len(), machine.ntfy.accepted().len()), (1, 2));
    raise(&simulated);
    simulated.wait(1).flush();
    assert_eq!(machine.pushover.accepted().len(), 1);
    let quota = machine.status().channels[0].quota.clone().unwrap();
    assert_eq!((quota.limit, quota.remaining), (10_000, 4));
}

#[test]
fn a_clock_set_back_suppresses_and_blocks_nothing_for_ever() {
    let machine = Machine::new();
    let mut simulated = machine.simulated(noon());
    simulated.raise(&alert("a", Some("x.y"), Severity::High, Kind::Event));
    assert_eq!(simulated.flush().delivered, 1);
    simulated.raise(&alert("b", None, Severity::High, Kind::Event));
    machine.pushover.then(Behaviour::status(500));
    simulated.flush();
    // Ten years back: blocked and told in the far future.
    simulated.now = parse("2016-11-21T12:00:00Z").unwrap();
    simulated.context.host.set_clock(simulated.now);
    simulated.raise(&alert("c", Some("x.y"), Severity::High, Kind::Event));
    assert_eq!(simulated.flush().delivered, 1);
    assert_eq!(titles(&machine.pushover), ["a", "c"]);
}

#[test]
fn one_message_that_a_service_cannot_digest_does_not_keep_the_others_waiting() {
    let machine = Machine::new();
    machine.pushover.then(Behaviour::status(500));
    let mut simulated = machine.simulated(noon());
    simulated.raise(&alert("poison", None, Severity::High, Kind::Event));
    simulated.flush();
    for at in 0..3 {
        simulated.wait(1);
        simulated.raise(&alert(&format!("fine {at}"), None, Severity::High, Kind::Event));
    }
    simulated.wait(5).flush();
    assert_eq!(titles(&machine.pushover), ["fine 0", "fine 1", "fine 2"]);
    simulated.wait(60).flush();
    assert_eq!(titles(&machine.pushover).last().unwrap(), "poison");
}

#[test]
fn a_history_is_kept_for_its_days_and_no_longer() {
    let machine = Machine::new();
    let mut simulated = machine.simulated(noon());
    simulated.raise(&alert("a", None, Severity::High, Kind::Event));
    simulated.flush();
    simulated.wait(29 * 86_400).flush();
    assert_eq!(machine.status().counts["delivered"], 1);
    simulated.wait(2 * 86_400).flush();
    assert_eq!(machine.status().counts["delivered"], 0);
    let _used: &Fake<Pushover> = &machine.pushover;
}

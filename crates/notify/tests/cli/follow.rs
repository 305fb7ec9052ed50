//! What is followed after it was accepted.

use fakes::{Behaviour, How};
use notify::model::{Channel, Stage, State};
use ops_core::alert::{Kind, Severity};
use ops_core::time::{Timestamp, parse};

use crate::machine::{Machine, Simulated, alert};

fn noon() -> Timestamp {
    parse("2026-11-21T12:00:00Z").unwrap()
}

fn emergency(machine: &Machine) -> (Simulated, String) {
    let simulated_at = noon();
    machine.pushover.service(|it| it.now = simulated_at.as_second());
    let mut simulated = machine.simulated(simulated_at);
    simulated.raise(&alert("fire", Some("x.y"), Severity::Emergency, Kind::Event));
    assert_eq!(simulated.flush().delivered, 1);
    let receipt = machine.pushover.service(|it| it.receipts.keys().next().unwrap().clone());
    (simulated, receipt)
}

/// How often a receipt was asked for.
fn polls(machine: &Machine) -> usize {
    let received = machine.pushover.received();
    received.iter().filter(|it| it.method == "GET" && it.path().starts_with("/1/receipts/")).count()
}

#[test]
fn an_emergency_is_followed_until_somebody_acknowledges_it() {
    let machine = Machine::new();
    let (mut simulated, receipt) = emergency(&machine);
    let after_send = polls(&machine);
    simulated.wait(4).flush();
    assert_eq!(polls(&machine), after_send, "asked within five seconds");
    simulated.wait(1).flush();
    assert_eq!(polls(&machine), after_send + 1);
    assert!(
        machine
            .run("status")
            .expect(0)
            .out
            .contains("x.y, sent 2026-11-21T12:00:00.000Z: not acknowledged yet")
    );
    machine.pushover.service(|it| it.acknowledge(&receipt));
    simulated.wait(60).flush();
    let [shown] = machine.status().emergencies.try_into().unwrap();
    assert_eq!(shown.acknowledged_by.as_deref(), Some("phone"));
    assert_eq!(shown.acknowledged_at.as_deref(), Some("2026-11-21T12:00:00.000Z"));
    let asked = polls(&machine);
    simulated.wait(60).flush();
    assert_eq!(polls(&machine), asked, "it is settled");
}

#[test]
fn one_that_nobody_acknowledges_expires() {
    let machine = Machine::new();
    let (mut simulated, _) = emergency(&machine);
    machine.pushover.service(|it| it.now += 3600);
    simulated.wait(3600).flush();
    assert!(machine.status().emergencies[0].is_expired);
    assert!(machine.run("status").expect(0).out.contains("nobody acknowledged it"));
}

#[test]
fn a_recovery_cancels_it_and_goes_on_trying_until_it_did() {
    let machine = Machine::new();
    let (mut simulated, receipt) = emergency(&machine);
    simulated.raise(&alert("over", Some("x.y"), Severity::Info, Kind::Recovery));
    // The recovery itself gets through, the cancellation does not.
    machine.pushover.then(How::Answer).then(Behaviour::status(500));
    let done = simulated.wait(1).flush();
    assert_eq!(done.delivered, 1);
    assert!(done.troubles[0].contains("answered 500"), "{:?}", done.troubles);
    assert!(!machine.pushover.service(|it| it.receipts[&receipt].is_cancelled));
    simulated.wait(60).flush();
    assert!(machine.pushover.service(|it| it.receipts[&receipt].is_cancelled));
    assert!(machine.status().emergencies[0].cancelled_at.is_some());
    assert!(machine.run("status").expect(0).out.contains("cancelled at"));
}

#[test]
fn resolve_cancels_at_once() {
    let machine = Machine::new();
    machine.send("--title fire --check x.y --severity emergency", 0);
    let _told = machine.run("resolve --check x.y").expect(0);
    assert!(machine.pushover.service(|it| it.receipts.values().all(|it| it.is_cancelled)));
}

#[test]
fn an_sms_is_followed_to_its_phone() {
    let machine = Machine::with(&["twilio"], |_| {});
    machine.env.len();
    let mut simulated = machine.simulated(noon());
    let id = simulated.raise(&alert("a", None, Severity::High, Kind::Event));
    for _ in 0..5 {
        simulated.wait(60).flush();
    }
    let store = notify::store::Store::look(&simulated.context.host, &simulated.context.home);
    let rows = store.unwrap().unwrap().deliveries(&id).unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!((row.stage, row.followed.as_deref()), (Stage::Accepted, Some("delivered")));
    }
    let asked = machine.twilio.received().len();
    simulated.wait(60).flush();
    assert_eq!(machine.twilio.received().len(), asked, "it is settled");
}

#[test]
fn a_lost_sms_is_told_by_the_next_channel_and_otherwise_failed() {
    for (channels, want) in
        [(&["twilio", "ntfy"][..], State::Delivered), (&["twilio"], State::Failed)]
    {
        let mut machine = Machine::with(channels, |_| {});
        machine.env.retain(|(name, _)| name != "SMS_ALLOWLIST");
        machine.env.push(("SMS_ALLOWLIST".into(), crate::machine::NUMBERS[0].into()));
        machine
            .twilio
            .service(|it| it.fates.push_back((vec!["queued", "undelivered"], Some(30_034))));
        let mut simulated = machine.simulated(noon());
        let id = simulated.raise(&alert("a", None, Severity::High, Kind::Event));
        for _ in 0..3 {
            simulated.wait(60).flush();
        }
        let store = notify::store::Store::look(&simulated.context.host, &simulated.context.home);
        let store = store.unwrap().unwrap();
        assert_eq!(store.message(&id).unwrap().unwrap().state, want);
        let rows = store.deliveries(&id).unwrap();
        let sms = rows.iter().find(|row| row.channel == Channel::Twilio).unwrap();
        assert_eq!((sms.stage, sms.why.as_str()), (Stage::Refused, "undelivered (30034)"));
    }
}

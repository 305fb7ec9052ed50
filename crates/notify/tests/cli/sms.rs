//! Commands that come by SMS.

use std::fs;

use fakes::{Behaviour, Fake, Twilio};
use notify::documents::SmsPoll;
use ops_core::host::Host;
use serde_json::Value;

use crate::machine::{Machine, NUMBERS};

fn poll(machine: &Machine) -> SmsPoll {
    machine.run("sms poll --json").expect(0).document()
}

fn commands(polled: &SmsPoll) -> Vec<(&str, bool)> {
    polled.seen.iter().map(|sms| (sms.command.as_str(), sms.is_answered)).collect()
}

/// A machine whose Twilio has the time of now, less so many seconds.
fn machine(seconds_ago: i64) -> Machine {
    let machine = Machine::with(&["twilio"], |_| {});
    let now = Host::real().now().as_second();
    machine.twilio.service(|it| it.now = now - seconds_ago);
    machine
}

fn replies(fake: &Fake<Twilio>) -> Vec<(String, String)> {
    let both = |it: &fakes::Accepted| (it.field("To").to_owned(), it.field("Body").to_owned());
    fake.accepted().iter().map(both).collect()
}

#[test]
fn a_command_is_answered_once_and_only_to_its_sender() {
    let machine = machine(5);
    machine.twilio.service(|it| it.receive(NUMBERS[1], "Status"));
    assert_eq!(commands(&poll(&machine)), [("STATUS", true)]);
    assert_eq!(commands(&poll(&machine)), []);
    let [(to, body)] = replies(&machine.twilio).try_into().unwrap();
    assert_eq!(to, NUMBERS[1]);
    assert_eq!(body, "STATUS: received. This host does not serve it yet.");
    // Our own answers are messages of the account too, and no commands.
    machine.twilio.service(|it| it.receive(NUMBERS[0], "what?"));
    assert_eq!(commands(&poll(&machine)), [("UNKNOWN", true)]);
    let (to, body) = replies(&machine.twilio).pop().unwrap();
    assert_eq!(
        (to.as_str(), body.starts_with("Not a command. Commands: STATUS ")),
        (NUMBERS[0], true)
    );
}

#[test]
fn the_first_look_answers_nothing_old_and_one_command_a_minute_is_enough() {
    let machine = machine(0);
    let now = Host::real().now().as_second();
    for (ago, body) in
        [(90_000, "status"), (3600, "help"), (100, "status"), (60, "last errors"), (30, "help")]
    {
        machine.twilio.service(|it| {
            it.now = now - ago;
            it.receive(NUMBERS[0], body);
        });
    }
    // The 100 s old one is answered, the next is within a minute of it, the last is not.
    let polled = poll(&machine);
    let want = [("too_old", false), ("STATUS", true), ("too_soon", false), ("HELP", true)];
    assert_eq!(commands(&polled), want);
    assert_eq!(replies(&machine.twilio).len(), 2);
}

#[test]
fn strangers_are_audited_and_not_answered() {
    let machine = machine(5);
    for number in ["+14155559999", "+14155558888"] {
        machine.twilio.service(|it| it.receive(number, "RUN_SNAPSHOT"));
    }
    assert_eq!(commands(&poll(&machine)), [("stranger", false); 2]);
    assert_eq!(replies(&machine.twilio), []);
    let log = fs::read_to_string(machine.path("home/state/alerts/sms-audit.jsonl")).unwrap();
    let (lines, _) = audit_chain::check::<Value>(&log, audit_chain::GENESIS).unwrap();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["sender"], "…9999");
    assert_eq!(lines[0]["why"], "stranger");
    assert!(!log.contains("+1415"));
    // Whoever edits the log stops the answers, not the audit.
    fs::write(machine.path("home/state/alerts/sms-audit.jsonl"), log.trim_end()).unwrap();
    machine.twilio.service(|it| it.receive("+14155559999", "again"));
    let refused = machine.run("sms poll").expect(69);
    assert!(refused.err.contains("no line of a chain"), "{refused:?}");
}

#[test]
fn every_page_is_read_and_a_broken_one_loses_nothing() {
    let machine = machine(5);
    for at in 0..120 {
        machine.twilio.service(|it| it.receive(&format!("+1415555{at:04}"), "hello"));
    }
    machine.twilio.then(fakes::How::Answer).then(Behaviour::status(500));
    let broken = machine.run("sms poll").expect(69);
    assert!(broken.err.contains("what came in is not lost"), "{broken:?}");
    assert_eq!(poll(&machine).seen.len(), 120);
    assert_eq!(poll(&machine).seen.len(), 0);
}

#[test]
fn an_answer_that_cannot_be_sent_is_sent_later_and_once() {
    let machine = machine(5);
    machine.twilio.service(|it| it.receive(NUMBERS[0], "help"));
    machine.twilio.then(fakes::How::Answer).then(Behaviour::status(500));
    let polled: SmsPoll = machine.run("sms poll --json").expect(69).document();
    assert_eq!((polled.unsent, commands(&polled)), (1, vec![("HELP", true)]));
    let mut simulated = machine.simulated(Host::real().now());
    simulated.wait(60).flush();
    simulated.wait(60).flush();
    assert_eq!(replies(&machine.twilio).len(), 1);
}

//! Every way a service can fail, and what becomes of the message.

use std::time::Duration;

use fakes::{Behaviour, How, Ntfy, Pushover, Twilio};
use notify::flush::Left;
use notify::model::{Block, Channel, Stage, State};

use crate::machine::Machine;

#[test]
fn a_refusal_is_final_is_explained_and_the_next_channel_takes_over() {
    for (case, reply, part, blocked) in [
        (
            "4xx",
            Pushover::refusal("message", "cannot be blank", "message cannot be blank"),
            "400: message cannot be blank (request 647d2300",
            None,
        ),
        ("200 and no", Pushover::status_zero(), "200: no (request", None),
        (
            "unknown token",
            Pushover::refusal("token", "invalid", "application token is invalid"),
            "400: application token is invalid",
            Some(Block::Credentials),
        ),
        (
            "no quota",
            Pushover::default().quota_used(),
            "429: application is over its message limit",
            Some(Block::Quota),
        ),
    ] {
        let machine = Machine::with(&["pushover", "ntfy"], |_| {});
        machine.pushover.then(Behaviour::instead(reply));
        let sent = machine.send("--title a", 0);
        assert_eq!(sent.state, State::Delivered, "{case}");
        let [ntfy, pushover] = sent.deliveries.try_into().unwrap();
        assert_eq!((ntfy.channel, ntfy.stage), (Channel::Ntfy, Stage::Accepted), "{case}");
        assert_eq!((pushover.stage, pushover.attempts), (Stage::Refused, 1), "{case}");
        assert!(pushover.why.contains(part), "{case}: {}", pushover.why);
        let status = machine.status();
        assert_eq!(status.channels[0].blocked, blocked, "{case}");
        // The next message asks a channel that is known to refuse no more.
        let second = machine.send("--title b", 0);
        let by = second.deliveries[0].channel;
        assert_eq!(by, if blocked.is_some() { Channel::Ntfy } else { Channel::Pushover }, "{case}");
        let asked = machine.pushover.received().len();
        assert_eq!(asked, if blocked.is_some() { 1 } else { 2 }, "{case}");
    }
}

#[test]
fn refused_by_every_channel_it_failed_and_stays_in_sight() {
    let machine = Machine::with(&["pushover", "twilio"], |_| {});
    let no = Pushover::refusal("message", "cannot be blank", "message cannot be blank");
    machine.pushover.otherwise(Behaviour::instead(no));
    machine.twilio.service(|it| it.opted_out = crate::machine::NUMBERS.map(str::to_owned).into());
    let sent = machine.send("--title a --check x.y", 69);
    assert_eq!(sent.state, State::Failed);
    assert!(sent.why.contains("message cannot be blank") && sent.why.contains("21610"));
    assert_eq!(machine.flush(0).queued, 0);
    let status = machine.status();
    assert_eq!(status.counts["failed"], 1);
    assert_eq!(status.failed[0].title, "a");
    assert_eq!(status.failed[0].deliveries.len(), 3);
    // Nothing was told: the next one is not held back.
    assert_eq!(machine.send("--title b --check x.y", 69).state, State::Failed);
}

#[test]
fn a_failing_service_is_waited_for_and_asked_no_sooner_than_five_seconds_later() {
    for (case, behaviour, why) in [
        ("500", Behaviour::status(500), "answered 500"),
        ("503", Behaviour::status(503), "answered 503"),
    ] {
        let machine = Machine::with(&["pushover", "ntfy"], |_| {});
        machine.pushover.then(behaviour);
        let said = machine.run("send --title a");
        assert_eq!(said.code, 69, "{case}: {said:?}");
        assert!(said.out.contains("Do not send it again"), "{case}: {said:?}");
        let flushed = machine.flush(69);
        assert_eq!((flushed.queued, flushed.left), (1, Some(Left::Failing)), "{case}");
        let status = machine.status();
        assert!(status.queued[0].why.contains(why), "{case}: {}", status.queued[0].why);
        assert_eq!(status.channels[0].blocked, Some(Block::Outage), "{case}");
        assert_eq!(machine.pushover.received().len(), 1, "{case}: asked again too soon");
        assert_eq!(machine.accepted(), [0; 4], "{case}: failures do not make others take over");
    }
}

#[test]
fn a_service_that_cannot_be_reached_was_certainly_not_asked() {
    let mut machine = Machine::new();
    machine.pushover.stop();
    let sent = machine.send("--title a", 69);
    assert_eq!((sent.state, sent.left), (State::Queued, Some(Left::Failing)));
    assert_eq!(sent.deliveries[0].stage, Stage::Retry);
}

#[test]
fn what_may_have_arrived_is_marked_and_never_sent_again() {
    for (case, behaviour) in [
        ("closed after the body, taken", Behaviour::from(How::Close).though_taken()),
        ("closed after the body, not taken", How::Close.into()),
        ("reset after the body", How::Reset.into()),
        ("closed after the head", How::CloseAfterHead.into()),
        ("closed within the answer's head", How::CutHead(9).into()),
        ("closed within the answer's body", How::CutBody(5).into()),
        ("no answer in time", How::Hang.into()),
        ("not HTTP", How::Raw(b"what?\r\n\r\n".to_vec()).into()),
        ("something else", Behaviour::garbage()),
    ] {
        let machine = Machine::with(&["pushover", "ntfy"], |_| {});
        machine.pushover.then(behaviour);
        let said = machine.run("send --title a --severity high");
        assert_eq!(said.code, 69, "{case}: {said:?}");
        assert!(said.out.contains("nobody knows whether it arrived"), "{case}: {said:?}");
        assert_eq!(machine.flush(0).queued, 0, "{case}");
        assert_eq!(machine.status().ambiguous[0].title, "a", "{case}");
        assert!(machine.pushover.received().len() <= 1, "{case}");
        assert_eq!(machine.ntfy.received().len(), 0, "{case}");
    }
}

#[test]
fn an_emergency_that_may_have_arrived_goes_by_the_next_channel_too() {
    let machine = Machine::with(&["pushover", "ntfy"], |_| {});
    machine.pushover.then(Behaviour::from(How::Close).though_taken());
    let sent = machine.send("--title a --severity emergency", 0);
    assert_eq!(sent.state, State::Delivered);
    assert_eq!(machine.accepted(), [1, 0, 1, 0]);
}

#[test]
fn a_slow_answer_is_an_answer() {
    let machine = Machine::new();
    machine.pushover.then(How::Slowly(Duration::from_micros(200)));
    assert_eq!(machine.send("--title a", 0).state, State::Delivered);
}

#[test]
fn an_idempotent_webhook_is_asked_again_with_the_same_key_and_body() {
    let machine = Machine::with(&["webhook"], |settings| {
        settings["channels"]["webhook"]["idempotent"] = true.into();
        settings["rateLimitMinutes"] = 0.into();
    });
    machine.webhook.then(Behaviour::from(How::Close).though_taken());
    let mut simulated = machine.simulated(ops_core::time::parse("2026-11-21T10:00:00Z").unwrap());
    let alert = crate::machine::alert(
        "a",
        Some("x.y"),
        ops_core::alert::Severity::High,
        ops_core::alert::Kind::Event,
    );
    simulated.raise(&alert);
    assert_eq!(simulated.flush().left.len(), 1);
    // What was held back meanwhile would be told by a fresh text, not by this one.
    simulated.raise(&alert);
    assert_eq!(simulated.wait(600).flush().delivered, 1);
    let [one, two] = machine.webhook.received().try_into().unwrap();
    assert_eq!(one.body, two.body);
    assert_eq!(one.header("idempotency-key"), two.header("idempotency-key"));
    assert_eq!(machine.webhook.accepted().len(), 1);
}

#[test]
fn patience_is_had_where_it_is_asked_for() {
    let now = ops_core::time::parse("2026-11-21T10:00:00Z").unwrap();
    for (channel, behaviour) in [
        ("ntfy", Behaviour::slow_down("120")),
        ("twilio", Behaviour::slow_down("120")),
        ("webhook", Behaviour::slow_down("Sat, 21 Nov 2026 10:02:00 GMT")),
    ] {
        let machine = Machine::with(&[channel], |_| {});
        match channel {
            "ntfy" => machine.ntfy.then(behaviour),
            "twilio" => {
                machine.twilio.then(behaviour);
                &machine.ntfy
            }
            _ => {
                machine.webhook.then(behaviour);
                &machine.ntfy
            }
        };
        let mut simulated = machine.simulated(now);
        let alert = crate::machine::alert(
            "a",
            None,
            ops_core::alert::Severity::High,
            ops_core::alert::Kind::Event,
        );
        simulated.raise(&alert);
        assert_eq!(simulated.flush().left.len(), 1, "{channel}");
        assert_eq!(simulated.wait(119).flush().delivered, 0, "{channel}");
        assert_eq!(machine.accepted().iter().sum::<usize>(), 0, "{channel}");
        assert_eq!(simulated.wait(1).flush().delivered, 1, "{channel}");
    }
}

#[test]
fn a_number_that_is_refused_does_not_keep_the_message_from_the_other() {
    let machine = Machine::with(&["twilio"], |_| {});
    let invalid = Twilio::refusal(400, 21_211, "The 'To' number is not valid");
    machine.twilio.then(Behaviour::instead(invalid));
    let sent = machine.send("--title a", 0);
    assert_eq!(sent.state, State::Delivered);
    let stages: Vec<Stage> = sent.deliveries.iter().map(|it| it.stage).collect();
    assert!(stages.contains(&Stage::Accepted) && stages.contains(&Stage::Refused));
    assert!(sent.deliveries.iter().any(|it| it.why.contains("21211")));
}

#[test]
fn an_ntfy_refusal_is_explained() {
    let machine = Machine::with(&["ntfy"], |_| {});
    machine.ntfy.then(Behaviour::instead(Ntfy::refusal(400, 40_009, "invalid topic")));
    let sent = machine.send("--title a", 69);
    assert!(sent.why.contains("400: invalid topic"), "{}", sent.why);
}

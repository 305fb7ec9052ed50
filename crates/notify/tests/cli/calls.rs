//! Every call: what it says, what it leaves, how it ends.

use std::fs;
use std::process::Stdio;

use notify::documents::{DryRun, Flushed, Sent, SmsPoll, Standing};
use notify::flush::Left;
use notify::model::State;
use ops_core::alert::spool;
use schemars::JsonSchema;
use serde_json::Value;

use crate::machine::{Machine, said};

fn assert_fits<T: JsonSchema>(text: &str) {
    let document: Value = serde_json::from_str(text).unwrap();
    let schema = schemars::schema_for!(T).to_value();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator.iter_errors(&document).map(|it| it.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?} in {document}");
}

#[test]
fn every_document_fits_its_schema() {
    let machine = Machine::with(&["pushover", "twilio", "ntfy", "webhook"], |_| {});
    machine.twilio.service(|it| {
        it.now = ops_core::host::Host::real().now().as_second();
        it.receive(crate::machine::NUMBERS[0], "status")
    });
    assert_fits::<DryRun>(&machine.run("send --dry-run --title a --json").expect(0).out);
    assert_fits::<Sent>(&machine.run("send --title a --severity emergency --check a.b --json").out);
    assert_fits::<Sent>(&machine.run("send --title a --check a.b --json").expect(0).out);
    assert_fits::<Sent>(&machine.run("resolve --check a.b --json").expect(0).out);
    assert_fits::<Sent>(&machine.run("test --json --channel ntfy").expect(0).out);
    assert_fits::<Flushed>(&machine.run("flush --json").expect(0).out);
    assert_fits::<SmsPoll>(&machine.run("sms poll --json").expect(0).out);
    let no = fakes::Pushover::refusal("message", "x", "y");
    machine.pushover.then(fakes::Behaviour::instead(no));
    assert_fits::<Sent>(&machine.run("send --title a --channel pushover --json").expect(69).out);
    let status = machine.run("status --json").expect(0).out;
    assert_fits::<Standing>(&status);
    let status: Standing = serde_json::from_str(&status).unwrap();
    assert_eq!(status.failed.len(), 1);
    assert_eq!(status.sms.len(), 1);
    assert_eq!(status.emergencies.len(), 1);
}

#[test]
fn a_message_is_held_back_and_the_next_one_says_how_many() {
    let machine = Machine::new();
    assert_eq!(machine.send("--title a --check x.y", 0).state, State::Delivered);
    for count in 1..=3 {
        let sent = machine.send("--title a --check x.y", 0);
        assert_eq!((sent.state, sent.held_back), (State::Held, count));
    }
    let said = machine.run("send --title a --check x.y").expect(0);
    assert!(said.out.contains("held back by the rate limit of x.y, and counted (4 so far)"));
    assert_eq!(machine.send("--title b --check x.y --severity high", 0).state, State::Delivered);
    let last = machine.pushover.accepted().pop().unwrap();
    let message = last.field("message");
    assert!(message.starts_with("(4 more held back since ") && message.ends_with(" UTC)"));
    let status = machine.run("status").expect(0).out;
    assert!(status.contains("x.y: failing, told ") && status.contains("rate limited until"));
    // `test` and messages without a check pass.
    assert_eq!(machine.run("test").expect(0).out, "delivered\n  pushover: accepted\n");
    assert_eq!(machine.send("--title b", 0).state, State::Delivered);
}

#[test]
fn a_recovery_is_told_once() {
    let machine = Machine::new();
    let needless = machine.run("resolve --check x.y").expect(0);
    assert_eq!(needless.out, "nothing to tell: no failure of x.y was told\n");
    machine.send("--title a --check x.y", 0);
    assert_eq!(
        machine.run("resolve --check x.y").expect(0).out,
        "delivered\n  pushover: accepted\n"
    );
    assert!(machine.run("resolve --check x.y").expect(0).out.starts_with("nothing to tell"));
    let [failure, recovery] = machine.pushover.accepted().try_into().unwrap();
    assert_eq!(failure.field("priority"), "0");
    assert_eq!((recovery.field("message"), recovery.field("priority")), ("recovered: x.y", "-1"));
}

#[test]
fn a_flapping_check_is_told_to_fail_once_in_its_window_and_again_if_it_still_fails_at_its_end() {
    let machine = Machine::with(&["pushover"], |settings| {
        settings["rateLimitMinutes"] = 30.into();
    });
    machine.send("--title a --check x.y", 0);
    let _told = machine.run("resolve --check x.y").expect(0);
    for _ in 0..3 {
        let sent = machine.send("--title b --check x.y", 0);
        assert_eq!((sent.state, sent.left), (State::Queued, Some(Left::Flapping)), "{}", sent.why);
        let needless = machine.run("resolve --check x.y").expect(0).out;
        assert!(needless.starts_with("nothing to tell"), "{needless}");
    }
    assert_eq!(machine.pushover.accepted().len(), 2, "one failure, one recovery");
    // What is worse passes, and says how many were held back.
    assert_eq!(machine.send("--title c --check x.y --severity high", 0).state, State::Delivered);
    let _told = machine.run("resolve --check x.y").expect(0);
    let said = machine.run("send --title d --check x.y").expect(0).out;
    assert!(said.starts_with("queued: it flaps: told if it still fails at "), "{said}");
    let flushed = machine.run("flush").expect(0).out;
    assert!(flushed.contains("1 still queued\n  waiting: it flaps"), "{flushed}");
    let [_, _, worse, _] = machine.pushover.accepted().try_into().unwrap();
    assert!(worse.field("message").starts_with("(3 more held back since "));
    // The window is over.
    let settings = machine.path("configs/notify.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    let open: String = text.replace("\"rateLimitMinutes\":30", "\"rateLimitMinutes\":0");
    fs::write(&settings, open.replace("rateLimitMinutes: 30", "rateLimitMinutes: 0")).unwrap();
    let _told = machine.run("flush").expect(0);
    assert_eq!(machine.pushover.accepted().pop().unwrap().field("message"), "d");
}

#[test]
fn a_pipe_in_the_place_of_the_settings_is_refused_and_never_waited_for() {
    let machine = Machine::new();
    let path = machine.path("configs/notify.yaml");
    fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let refused = machine.run("status").expect(78);
    assert!(refused.err.contains("because not a regular file"), "{}", refused.err);
}

#[test]
fn the_text_may_come_from_standard_input() {
    let machine = Machine::new();
    let input = machine.path("input");
    fs::write(&input, b"first\nsecond \xff\n").unwrap();
    let mut call = machine.call("send --title a --message -");
    call.stdin(Stdio::from(fs::File::open(&input).unwrap()));
    let _delivered = said(call).expect(0);
    assert_eq!(machine.pushover.accepted()[0].field("message"), "first\nsecond \u{fffd}");
}

#[test]
fn a_dry_run_shows_everything_and_writes_and_asks_nothing() {
    let mut machine = Machine::with(&["pushover", "twilio", "ntfy"], |settings| {
        settings["channels"]["ntfy"]["enabled"] = false.into();
    });
    let ran: DryRun =
        machine.run("send --json --dry-run --title a --check x.y").expect(0).document();
    assert!(ran.would_send && ran.why.is_empty());
    assert_eq!((ran.title.as_str(), ran.sms.as_str()), ("a", "a"));
    let shown: Vec<_> = ran.channels.iter().map(|it| (it.is_ready, it.sends_to)).collect();
    assert_eq!(shown, [(true, 1), (true, 0)]);
    assert!(machine.files().is_empty(), "{:?}", machine.files());
    machine.send("--title a --check x.y", 0);
    let before = machine.files();
    let held = machine.run("send --dry-run --title a --check x.y").expect(0).out;
    assert!(held.starts_with("would not be sent: rate limited until "), "{held}");
    machine.pushover.stop();
    let sms = machine.run("send --dry-run --title a --channel twilio").expect(0).out;
    assert_eq!(sms, "would be sent\n  title: a\n  twilio: sends to 2 numbers\n");
    assert_eq!(machine.files(), before);
    let machine = machine.without("PUSHOVER_USER").without("TWILIO_AUTH_TOKEN");
    let unready = machine.run("send --dry-run --title a").expect(77).out;
    assert!(unready.contains("pushover: not ready: missing: pushover_user"), "{unready}");
}

#[test]
fn without_secrets_it_is_queued_and_goes_once_they_are_there() {
    let mut machine = Machine::new().without("PUSHOVER_TOKEN");
    let sent = machine.send("--title a", 77);
    assert_eq!((sent.state, sent.left), (State::Queued, Some(Left::NoSecret)));
    assert_eq!(sent.skipped[0].why, "missing: pushover_token (store each: key set NAME)");
    assert_eq!(machine.flush(77).queued, 1);
    let secret = machine.path("secrets/pushover_token");
    let token = machine.pushover.service(|it| it.token.clone());
    fs::write(&secret, &token).unwrap();
    // One that others may read is not used.
    let _unsafe_mode = machine.run("flush").expect(77);
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(machine.flush(0).delivered, 1);
    machine.env.clear();
}

#[test]
fn usage_and_configuration_are_told_and_nothing_is_written() {
    let machine = Machine::with(&["pushover"], |_| {});
    for (line, code, part) in [
        ("send", 2, "--title"),
        ("send --title a --check a~b", 2, "a check id is"),
        ("send --title a --dry-run --check a~b", 2, "a check id is"),
        ("send --title ~", 2, "without a title"),
        ("send --title a --severity loud", 2, "loud"),
        ("send --title a --channel pigeon", 2, "pigeon"),
        ("send --title a --channel ntfy", 78, "ntfy is not enabled"),
        ("sms poll", 78, "twilio is not enabled"),
        ("resolve", 2, "--check"),
    ] {
        let mut said = machine.run(line);
        said.err = said
            .err
            .replace("the channel is not enabled", "is not enabled")
            .replace("ntfy: is", "ntfy is");
        let said = said.expect(code);
        assert!(said.err.contains(part), "{line}: {said:?}");
        let spooled = fs::read_dir(spool(&machine.path("home"))).map_or(0, Iterator::count);
        assert_eq!(spooled, 0, "{line}");
    }
    fs::write(machine.path("configs/notify.yaml"), "order: [pigeon]\nrateLimitMinutes: -1\n")
        .unwrap();
    let wrong = machine.run("send --title a").expect(78);
    for part in ["/order/0", "/rateLimitMinutes", "ttlMinutes", "channels"] {
        assert!(wrong.err.contains(part), "{part}: {}", wrong.err);
    }
}

#[test]
fn a_second_flush_is_told_who_holds_the_first() {
    let machine = Machine::new();
    machine.pushover.then(fakes::How::Hang);
    let mut first = machine.call("send --title a").stdout(Stdio::null()).spawn().unwrap();
    assert!(machine.pushover.wait_for(1, std::time::Duration::from_secs(20)));
    let said = machine.run("flush").expect(75);
    assert!(said.err.contains(&format!("notify, process {}", first.id())), "{said:?}");
    let handed = machine.send("--title b", 0);
    assert_eq!(handed.state, State::Queued);
    assert!(handed.left_to.unwrap().contains(&format!("process {}", first.id())));
    assert!(machine.status().flushing.is_some());
    machine.pushover.release();
    assert_eq!(first.wait().unwrap().code(), Some(0));
    // Whoever holds the lock looks once more before it goes.
    assert_eq!(crate::machine::titles(&machine.pushover), ["a", "b"]);
    assert_eq!(machine.status().flushing, None);
}

#[test]
fn a_message_whose_flush_cannot_begin_is_safe_and_the_call_says_so() {
    let machine = Machine::new();
    fs::create_dir_all(machine.path("home/state/alerts/flush.lock")).unwrap();
    let said = machine.run("send --title a").expect(69);
    assert!(said.err.contains("hint: the message is safe in the spool"), "{said:?}");
    fs::remove_dir(machine.path("home/state/alerts/flush.lock")).unwrap();
    fs::write(machine.path("home/state/alerts/notify.db"), "no database at all, and long enough")
        .unwrap();
    let said = machine.run("flush").expect(69);
    assert!(said.err.contains("it is damaged: move it away"), "{said:?}");
    fs::remove_file(machine.path("home/state/alerts/notify.db")).unwrap();
    assert_eq!(machine.flush(0).delivered, 1);
}

#[test]
fn a_malformed_file_is_set_aside_and_shown_and_others_go() {
    let machine = Machine::new();
    let new = spool(&machine.path("home"));
    fs::create_dir_all(&new).unwrap();
    fs::write(new.join("0000000000000000-bad.json"), "{").unwrap();
    fs::write(new.join(".unfinished"), "{").unwrap();
    let said = machine.run("send --title a").expect(0);
    assert!(said.err.contains("0000000000000000-bad.json is no message"), "{said:?}");
    assert_eq!(machine.status().spool.malformed, ["0000000000000000-bad.json"]);
    assert!(new.join(".unfinished").exists());
}

#[test]
fn a_closed_pipe_changes_no_verdict() {
    let machine = Machine::new();
    for (line, code) in [("status", 69), ("send --title a", 69), ("send --title", 2)] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut call = machine.call(line);
        call.stdout(writer).stderr(Stdio::null());
        assert_eq!(call.status().unwrap().code(), Some(code), "{line}");
    }
    assert_eq!(machine.accepted(), [1, 0, 0, 0]);
}

#[test]
fn every_call_that_acts_leaves_a_record() {
    let machine = Machine::new();
    let records = || {
        let runs = machine.path("home/artifacts/runs");
        fs::read_dir(runs).map_or(0, Iterator::count)
    };
    for (line, code, adds) in [
        ("status", 0, 0),
        ("send --title a --dry-run", 0, 0),
        ("send --title a", 0, 1),
        ("flush", 0, 1),
        ("test", 0, 1),
        ("resolve --check a", 0, 1),
        ("sms poll", 78, 1),
    ] {
        let before = records();
        let _said = machine.run(line).expect(code);
        assert_eq!(records(), before + adds, "{line}");
    }
}

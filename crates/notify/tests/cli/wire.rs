//! What arrives at each service, byte for byte.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fakes::Received;
use notify::channels::AlertDelivery;
use serde_json::json;

use crate::machine::{Machine, NUMBERS};

/// A request without the port, which differs from run to run.
fn head(received: &Received) -> String {
    let text = String::from_utf8(received.raw_head.clone()).unwrap();
    let start = text.find("host: 127.0.0.1:").unwrap() + "host: 127.0.0.1:".len();
    let port: String = text[start..].chars().take_while(char::is_ascii_digit).collect();
    text.replace(&port, "PORT")
}

fn body(received: &Received) -> String {
    String::from_utf8(received.body.clone()).unwrap()
}

/// The raising second of a message, taken from its id.
fn second(id: &str) -> i64 {
    i64::from_str_radix(id.split('-').next().unwrap(), 16).unwrap() / 1_000_000
}

#[test]
fn pushover_gets_a_form_for_each_severity() {
    let machine = Machine::new();
    let (token, user) = machine.pushover.service(|it| (it.token.clone(), it.user.clone()));
    for (options, want) in [
        (
            "--title disk~full --message 97%~&~rising --severity high",
            "message=97%25+%26+rising&title=disk+full&priority=1&ttl=21600",
        ),
        ("--title ü✓ --severity info", "message=%C3%BC%E2%9C%93&priority=-1&ttl=21600"),
        ("--title a --message b", "message=b&title=a&priority=0&ttl=21600"),
        (
            "--title a --message b --severity emergency",
            "message=b&title=a&priority=2&retry=60&expire=3600",
        ),
    ] {
        let sent = machine.send(options, 0);
        let received = machine.pushover.received().pop().unwrap();
        let raised = second(&sent.id);
        let want = format!("token={token}&user={user}&{want}&timestamp={raised}");
        assert_eq!(body(&received), want);
        let length = want.len();
        let want = format!(
            "POST /1/messages.json HTTP/1.1\r\ncontent-length: {length}\r\n\
             user-agent: ai-ops-runner/0.1.0\r\naccept: */*\r\nhost: 127.0.0.1:PORT\r\n\
             content-type: application/x-www-form-urlencoded\r\n\r\n"
        );
        assert_eq!(head(&received), want);
        let [delivery] = sent.deliveries.try_into().unwrap();
        assert_eq!(delivery.provider_id, Some(machine.pushover.accepted().pop().unwrap().id));
    }
}

#[test]
fn twilio_gets_a_form_for_each_number() {
    let machine = Machine::with(&["twilio"], |_| {});
    let (account, token) = machine.twilio.service(|it| (it.account.clone(), it.token.clone()));
    let sent = machine.send("--title disk~full --message 97%", 0);
    assert_eq!(sent.deliveries.len(), 2);
    let received = machine.twilio.received();
    assert_eq!(received.len(), 2);
    for (received, number) in received.iter().zip(NUMBERS) {
        let to = number.replace('+', "%2B");
        let want = format!("To={to}&From=%2B14155550100&Body=disk+full%0A97%25&ValidityPeriod=600");
        assert_eq!(body(received), want);
        let pair = STANDARD.encode(format!("{account}:{token}"));
        let length = want.len();
        let want = format!(
            "POST /2010-04-01/Accounts/{account}/Messages.json HTTP/1.1\r\n\
             content-length: {length}\r\nuser-agent: ai-ops-runner/0.1.0\r\naccept: */*\r\n\
             host: 127.0.0.1:PORT\r\nauthorization: Basic {pair}\r\n\
             content-type: application/x-www-form-urlencoded\r\n\r\n"
        );
        assert_eq!(head(received), want);
    }
    // A long text costs two segments at most.
    machine.send(&format!("--title t --message {}", "é~".repeat(700)), 0);
    for sms in machine.twilio.accepted().iter().skip(2) {
        assert_eq!(twilio::segments::segments(sms.field("Body")).1, 2);
    }
}

#[test]
fn ntfy_gets_a_document() {
    let machine = Machine::with(&["ntfy"], |settings| {
        settings["channels"]["ntfy"]["tokenKey"] = "console_token".into();
    });
    let mut machine = machine;
    machine.env.push(("CONSOLE_TOKEN".into(), "example-ntfy-token".into()));
    machine.ntfy.service(|it| it.token = Some("example-ntfy-token".into()));
    for (options, want) in [
        (
            "--title a --message b --severity emergency",
            json!({"topic": "alerts", "title": "a", "message": "b", "priority": 5, "tags": ["rotating_light"]}),
        ),
        (
            "--title only~a~title",
            json!({"topic": "alerts", "message": "only a title", "priority": 3, "tags": ["warning"]}),
        ),
    ] {
        machine.send(options, 0);
        let received = machine.ntfy.received().pop().unwrap();
        assert_eq!(received.json().unwrap(), want);
        assert_eq!(received.target, "/");
        assert!(head(&received).contains("authorization: Bearer example-ntfy-token\r\n"));
    }
}

#[test]
fn a_webhook_gets_a_document_of_its_schema_with_a_key_against_doubles() {
    let machine = Machine::with(&["webhook"], |_| {});
    let sent = machine.send("--title a --message b --check disk.free --severity high", 0);
    let [received] = machine.webhook.received().try_into().unwrap();
    assert_eq!(received.target, "/hooks/1");
    assert!(head(&received).contains(&format!("idempotency-key: {}\r\n", sent.id)));
    let document = received.json().unwrap();
    let schema = schemars::schema_for!(AlertDelivery).to_value();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&document), "{document}");
    let host = ops_core::host::Host::real().name();
    let raised_at = document["raised_at"].clone();
    let want = json!({
        "schema": "aiops.alert_delivery/1", "id": sent.id, "title": "a", "message": "b",
        "check": "disk.free", "severity": "high", "kind": "event", "raised_at": raised_at,
        "host": host,
    });
    assert_eq!(document, want);
}

#[test]
fn a_webhook_whose_address_is_a_secret_shows_it_nowhere() {
    let machine = Machine::with(&["webhook"], |settings| {
        settings["channels"]["webhook"]["urlKey"] = "runner_token".into();
    });
    let mut machine = machine;
    let url = format!("{}/secret-path-1234567", machine.webhook.url());
    machine.env.push(("RUNNER_TOKEN".into(), url));
    machine.send("--title a", 0);
    assert_eq!(machine.webhook.received()[0].target, "/secret-path-1234567");
    let said = machine.run("status");
    let files = machine.files();
    assert!(!format!("{said:?}").contains("secret-path"));
    for (path, bytes) in files {
        assert!(!String::from_utf8_lossy(&bytes).contains("secret-path"), "{}", path.display());
    }
}

#[test]
fn titles_and_messages_are_cut_and_plain() {
    let machine = Machine::new();
    let (title, text) = ("t".repeat(300), "m".repeat(2000));
    machine.send(&format!("--title {title} --message {text}"), 0);
    machine.send("--title \u{1b}[31mred\u{1b}[0m --message a\u{7}b", 0);
    let [long, odd] = machine.pushover.accepted().try_into().unwrap();
    assert_eq!(long.field("title"), format!("{}…", "t".repeat(249)));
    assert_eq!(long.field("message"), format!("{}…", "m".repeat(1023)));
    assert_eq!((odd.field("title"), odd.field("message")), ("red", "ab"));
}

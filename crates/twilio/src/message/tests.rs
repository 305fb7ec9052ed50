//! Bodies as facts/twilio.md has them.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn sid(number: u32) -> String {
    format!("SM{number:032}")
}

fn wire(status: &str) -> Value {
    json!({
        "sid": sid(1), "account_sid": "AC", "messaging_service_sid": null,
        "to": "+14155550199", "from": "+14155550100", "body": "hi", "status": status,
        "num_segments": "1", "num_media": "0", "direction": "outbound-api",
        "api_version": "2010-04-01", "price": null, "price_unit": "USD",
        "error_code": null, "error_message": null, "uri": "/2010-04-01/…",
        "date_created": "Thu, 24 Aug 2023 05:01:45 +0000", "date_sent": null,
        "date_updated": "Thu, 24 Aug 2023 05:01:45 +0000", "subresource_uris": {},
    })
}

#[test]
fn what_is_sent_has_the_services_own_names() {
    let form = form("+14155550199", "+14155550100", "hi", 0);
    let expected =
        [("To", "+14155550199"), ("From", "+14155550100"), ("Body", "hi"), ("ValidityPeriod", "1")];
    assert_eq!(form, expected.map(|(name, value)| (name, value.to_owned())));
    let since = "2026-11-21T23:59:59Z".parse().unwrap();
    let query = inbound_query("+14155550100", since, 50);
    assert_eq!(query[1], ("DateSent>", "2026-11-21".to_owned()));
}

#[test]
fn messages_are_read_in_every_state() {
    for (word, is_final) in [
        ("queued", false),
        ("accepted", false),
        ("scheduled", false),
        ("sending", false),
        ("sent", false),
        ("receiving", false),
        ("something-new", false),
        ("delivered", true),
        ("partially_delivered", true),
        ("read", true),
        ("received", true),
        ("failed", true),
        ("undelivered", true),
        ("canceled", true),
    ] {
        let read = message(wire(word).to_string().as_bytes()).unwrap();
        assert_eq!((read.state.word(), read.state.is_final()), (word, is_final));
        assert_eq!((read.sid.as_str(), read.error_code), (sid(1).as_str(), None));
        assert_eq!(read.at, Some("2023-08-24T05:01:45Z".parse().unwrap()));
    }
    let mut lost = wire("undelivered");
    for code in [json!(30_003), json!("30003")] {
        lost["error_code"] = code;
        let read = message(lost.to_string().as_bytes()).unwrap();
        assert_eq!(
            (read.state, read.error_code),
            (State::Lost("undelivered".into()), Some(30_003))
        );
    }
}

#[test]
fn what_is_not_a_message_is_not_taken_for_one() {
    let mut without = wire("queued");
    without["sid"] = json!("../x");
    for body in ["", "{}", "[]", "null", "<html>", r#"{"sid":"SM1","status":"queued"}"#] {
        assert!(message(body.as_bytes()).is_err(), "{body}");
    }
    assert!(message(without.to_string().as_bytes()).is_err());
}

#[test]
fn pages_lead_on_within_their_own_path() {
    let path = messages_path("AC1");
    let body = |next: Value| {
        json!({"messages": [wire("received")], "page": 0, "next_page_uri": next}).to_string()
    };
    let next = format!("{path}?To=%2B14155550100&PageSize=1&Page=1&PageToken=PASM1");
    let read = page(&path, body(json!(next)).as_bytes()).unwrap();
    let query = read.next.unwrap();
    assert_eq!(query[0], ("To".to_owned(), "+14155550100".to_owned()));
    assert_eq!((query.len(), read.messages.len()), (4, 1));
    assert_eq!(page(&path, body(Value::Null).as_bytes()).unwrap().next, None);
    for elsewhere in
        ["https://evil.example/x?a=b", "/2010-04-01/Accounts/AC2/Messages.json?a=b", "?"]
    {
        assert!(page(&path, body(json!(elsewhere)).as_bytes()).is_err(), "{elsewhere}");
    }
}

#[test]
fn refusals_are_read_in_both_forms() {
    let classic = json!({
        "code": 21_610, "message": "Attempt to send to unsubscribed recipient",
        "more_info": "https://www.twilio.com/docs/errors/21610", "status": 400,
    });
    let newer = json!({
        "type": "https://www.twilio.com/docs/errors/20429", "title": "Too Many Requests",
        "status": 429, "code": 20_429, "detail": "Slow down",
    });
    for (status, body, code, message, expected) in [
        (400, classic.to_string(), Some(21_610), "Attempt to send", Verdict::Recipient),
        (429, newer.to_string(), Some(20_429), "Slow down", Verdict::Later),
        (503, "<html>".to_owned(), None, "", Verdict::Later),
        (400, String::new(), None, "", Verdict::Message),
    ] {
        let read = problem(status, body.as_bytes());
        assert_eq!((read.code, read.verdict()), (code, expected), "{body}");
        assert!(read.message.starts_with(message), "{body}");
    }
    assert_eq!(account_status(br#"{"status":"active"}"#).as_deref(), Some("active"));
    assert_eq!(account_status(b"x"), None);
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(bytes in any::<Vec<u8>>(), text in "\\PC{0,60}") {
        for body in [bytes.as_slice(), text.as_bytes()] {
            drop(message(body));
            drop(page("/x", body));
            drop(problem(400, body));
            drop(account_status(body));
        }
        let _sid = is_sid(&text);
    }
}

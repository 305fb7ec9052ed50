//! Answers as the services give them (facts/pushover.md, facts/twilio.md).

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn headed(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Answer { status, headers, body: body.into(), complete: true }
}

fn answer(status: u16, body: &str) -> Outcome {
    Outcome::Answered(headed(status, &[], body))
}

fn patient(status: u16, body: &str, seconds: &str) -> Outcome {
    Outcome::Answered(headed(status, &[("retry-after", seconds)], body))
}

/// The judgement of an answer at one and the same time.
fn judged(channel: Channel, heard: &Outcome) -> Verdict {
    judge(channel, heard, now())
}

fn accepted(id: Option<&str>, receipt: Option<&str>) -> Verdict {
    Verdict::Accepted { id: id.map(str::to_owned), receipt: receipt.map(str::to_owned) }
}

/// The kind of a verdict and what it says.
fn told(verdict: Verdict) -> (&'static str, String) {
    match verdict {
        Verdict::Accepted { .. } => ("accepted", String::new()),
        Verdict::Refused(why) => ("refused", why),
        Verdict::Unauthorised(why) => ("unauthorised", why),
        Verdict::QuotaGone(until, why) => ("quota", format!("{until:?} {why}")),
        Verdict::Later(wait, why) => ("later", format!("{:?} {why}", wait.map(|it| it.as_secs()))),
        Verdict::Unreachable(why) => ("unreachable", why),
        Verdict::Ambiguous(why) => ("ambiguous", why),
    }
}

#[test]
fn pushover_takes_only_what_has_status_one() {
    let yes = r#"{"status":1,"request":"647d2300-702c"}"#;
    assert_eq!(judged(Channel::Pushover, &answer(200, yes)), accepted(Some("647d2300-702c"), None));
    let emergency = r#"{"status":1,"request":"r","receipt":"rcpt"}"#;
    let both = accepted(Some("r"), Some("rcpt"));
    assert_eq!(judged(Channel::Pushover, &answer(200, emergency)), both);
    let stranger =
        r#"{"token":"invalid","errors":["application token is invalid"],"status":0,"request":"q"}"#;
    let expire = r#"{"expire":"must be supplied","errors":["a","b"],"status":0,"request":"q"}"#;
    for (heard, kind, part) in [
        (answer(200, r#"{"status":0,"errors":["no"],"request":"q"}"#), "refused", "no (request q)"),
        (answer(200, r#"{"stat"#), "ambiguous", "neither"),
        (answer(200, "[]"), "ambiguous", "neither"),
        (answer(400, stranger), "unauthorised", "400: application token is invalid (request q)"),
        (
            answer(400, r#"{"user":"invalid","errors":"one text","status":0}"#),
            "unauthorised",
            "one text",
        ),
        (answer(400, expire), "refused", "400: a; b (request q)"),
        (answer(413, "<html>"), "refused", "413"),
        (answer(404, ""), "refused", "404"),
        (answer(302, ""), "refused", "302"),
        (answer(500, ""), "later", "None the service answered 500"),
        (answer(503, "\u{0}"), "later", "503"),
        (answer(429, r#"{"status":0}"#), "quota", "None"),
        (Outcome::NotSent("no route".into()), "unreachable", "no route"),
        (Outcome::Ambiguous("cut".into()), "ambiguous", "cut"),
    ] {
        let (found, why) = told(judged(Channel::Pushover, &heard));
        assert!(found == kind && why.contains(part), "{heard:?}: {found} {why}");
    }
}

#[test]
fn pushovers_quota_is_read_and_a_429_names_its_end() {
    let headers = [
        ("x-limit-app-limit", "10000"),
        ("x-limit-app-remaining", " 0"),
        ("x-limit-app-reset", "1893653600"),
    ];
    let full = headed(429, &headers, "");
    let reset = Timestamp::from_second(1_893_653_600).unwrap();
    assert_eq!(quota(&full), Some(Quota { limit: 10_000, remaining: 0, resets_at: reset }));
    let verdict = judged(Channel::Pushover, &Outcome::Answered(full.clone()));
    assert!(matches!(verdict, Verdict::QuotaGone(Some(until), _) if until == reset), "{verdict:?}");
    for broken in ["", "-1", "99999999999999999999", "soon"] {
        let mut odd = full.clone();
        odd.headers[2].1 = broken.into();
        assert_eq!(quota(&odd), None, "{broken}");
    }
}

#[test]
fn twilio_is_judged_by_status_and_code() {
    let sid = format!("SM{:032x}", 1);
    let body = format!(r#"{{"sid":"{sid}","status":"queued","error_code":null}}"#);
    assert_eq!(judged(Channel::Twilio, &answer(201, &body)), accepted(Some(&sid), None));
    let error = |code: i64| json!({"code": code, "message": "said", "status": 400}).to_string();
    for (heard, kind, part) in [
        (answer(201, "{}"), "ambiguous", "not a message"),
        (answer(401, &error(20003)), "unauthorised", "401 20003: said"),
        (answer(400, &error(21211)), "refused", "400 21211: said"),
        (answer(400, &error(21608)), "refused", "21608"),
        (answer(400, &error(21610)), "refused", "21610"),
        (answer(400, &error(21617)), "refused", "21617"),
        (answer(404, &error(20404)), "unauthorised", "20404"),
        (patient(429, &error(20429), "7"), "later", "Some(7)"),
        (answer(429, ""), "later", "None"),
        (answer(400, &error(21611)), "later", "21611"),
        (answer(503, "busy"), "later", "503"),
        (
            answer(400, r#"{"type":"t","title":"new form","status":400,"code":21211}"#),
            "refused",
            "new form",
        ),
    ] {
        let (found, why) = told(judged(Channel::Twilio, &heard));
        assert!(found == kind && why.contains(part), "{heard:?}: {found} {why}");
    }
}

#[test]
fn ntfy_and_a_webhook_are_judged_by_status() {
    assert_eq!(judged(Channel::Ntfy, &answer(200, r#"{"id":"x1"}"#)), accepted(Some("x1"), None));
    for (status, kind) in [
        (200, "accepted"),
        (204, "accepted"),
        (301, "refused"),
        (400, "refused"),
        (401, "unauthorised"),
        (403, "unauthorised"),
        (404, "refused"),
        (408, "later"),
        (413, "refused"),
        (425, "later"),
        (429, "later"),
        (500, "later"),
        (507, "later"),
    ] {
        for channel in [Channel::Ntfy, Channel::Webhook] {
            let (found, why) = told(judged(channel, &patient(status, r#"{"error":"e"}"#, "9")));
            assert_eq!(found, kind, "{channel:?} {status}");
            assert!(found != "later" || why.starts_with("Some(9)"), "{why}");
        }
    }
}

#[test]
fn an_emergency_and_an_sms_are_followed_to_their_end() {
    let at = Timestamp::from_second(1_700_000_000).unwrap();
    let by = |extra: serde_json::Value| {
        let mut body = json!({"status": 1, "acknowledged": 1, "acknowledged_at": 1_700_000_000});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        answer(200, &body.to_string())
    };
    for (heard, want) in [
        (by(json!({"acknowledged_by": "u1"})), Followed::Acknowledged(at, "u1".into())),
        (
            by(json!({"acknowledged_by": "u1", "acknowledged_by_device": "iphone"})),
            Followed::Acknowledged(at, "iphone".into()),
        ),
        (by(json!({"acknowledged_by": ""})), Followed::Acknowledged(at, "somebody".into())),
        (
            answer(200, r#"{"status":1,"acknowledged":1,"acknowledged_at":"x"}"#),
            Followed::Acknowledged(now(), "somebody".into()),
        ),
        (answer(200, r#"{"status":1,"acknowledged":0,"expired":1}"#), Followed::Expired),
        (answer(200, r#"{"status":1,"acknowledged":0,"expired":0}"#), Followed::Repeating),
        (answer(404, ""), Followed::Gone("the service answered 404".into())),
        (answer(500, ""), Followed::Unknown("the service answered 500".into())),
        (answer(200, "junk"), Followed::Unknown("the service answered 200".into())),
        (Outcome::NotSent("down".into()), Followed::Unknown("down".into())),
    ] {
        assert_eq!(receipt(&heard, now()), want, "{heard:?}");
    }
    assert_eq!(cancelled(&answer(200, "")), Ok(()));
    assert!(cancelled(&answer(404, "")).unwrap_err().0);
    assert!(!cancelled(&answer(502, "")).unwrap_err().0);
    assert!(!cancelled(&Outcome::Ambiguous("cut".into())).unwrap_err().0);
    let sms = |rest: &str| format!(r#"{{"sid":"SM{:032x}",{rest}}}"#, 1);
    for (body, want) in [
        (sms(r#""status":"delivered""#), Some(("delivered", true))),
        (sms(r#""status":"undelivered","error_code":30034"#), Some(("undelivered (30034)", true))),
        (sms(r#""status":"sending","error_code":null"#), Some(("sending", false))),
        (sms(r#""status":"something new""#), Some(("something new", false))),
        ("{}".into(), None),
        (String::new(), None),
    ] {
        let found = sms_state(&answer(200, &body)).map(|(state, word)| (word, state.is_final()));
        assert_eq!(found, want.map(|(word, is_final)| (word.to_owned(), is_final)), "{body}");
    }
    assert_eq!(sms_state(&Outcome::NotSent(String::new())), None);
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic_and_only_a_2xx_is_accepted(
        status in 0..1000_u16,
        body in "\\PC{0,40}|\\{\"(status|sid|errors|token|code)\":(1|\"x\"|\\[1\\]|null)\\}",
    ) {
        for channel in Channel::ALL {
            let verdict = judged(channel, &answer(status, &body));
            let accepted = matches!(verdict, Verdict::Accepted { .. });
            prop_assert!(!accepted || (200..300).contains(&status), "{:?}", verdict);
        }
        let _any = (receipt(&answer(status, &body), Timestamp::UNIX_EPOCH), sms_state(&answer(status, &body)));
    }
}

//! Every failure of facts/review-and-router.md 3.5, end to end: who is asked how often, what is
//! answered, what is booked.

use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use fakes::llm::{Ending, Said, trouble};
use fakes::{Behaviour, How, Reply};
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;

use crate::machine::{Machine, approved, key};

/// How the primary fails.
enum Fails {
    /// The request never gets a proper answer.
    So(Behaviour),
    /// The model answers, but not as it should.
    Says(Said),
}

use Fails::{Says, So};

fn instead(status: u16, body: &str) -> Fails {
    So(Behaviour::instead(Reply::new(status, "application/json", body.as_bytes().to_vec())))
}

fn openai(name: &str) -> Fails {
    So(Behaviour::instead(trouble("openai", name).unwrap()))
}

/// An error whose words say something else than its status.
fn misleading(status: u16, message: &str) -> Fails {
    let error = json!({"message": message, "type": "invalid_request_error", "code": null});
    instead(status, &json!({"error": error}).to_string())
}

#[test]
fn a_review_falls_back_when_the_primary_fails_for_a_while() {
    let chat = |status: u16| misleading(status, "x");
    for (name, fails, class, calls) in [
        ("429 rate limited", openai("rate_limited"), "transient_quota", 2),
        ("429 slow down", openai("slow_down"), "transient_quota", 2),
        ("429 without a body", So(Behaviour::status(429)), "transient_quota", 2),
        ("429 insufficient quota", openai("no_quota"), "transient_quota", 1),
        ("429 credit exhausted", openai("no_credit"), "transient_quota", 1),
        ("429 organization limit", openai("organization_limit"), "transient_quota", 1),
        ("429 project limit", openai("project_limit"), "transient_quota", 1),
        ("429 usage limit", openai("usage_limit"), "transient_quota", 1),
        ("500", chat(500), "transient_server", 2),
        ("501", chat(501), "transient_server", 2),
        ("502 HTML", openai("html"), "transient_server", 2),
        ("503", misleading(503, "Incorrect API key provided"), "transient_server", 2),
        ("504", chat(504), "transient_server", 2),
        ("reset", So(How::Reset.into()), "transient_network", 2),
        ("closed", So(How::Close.into()), "transient_network", 2),
        ("closed at once", So(How::CloseAtOnce.into()), "transient_network", 2),
        ("cut head", So(How::CutHead(20).into()), "transient_network", 2),
        ("cut body", So(How::CutBody(60).into()), "transient_network", 2),
    ] {
        let machine = scene(fails);
        let run = machine.review();
        assert_eq!(run.code, 0, "{name}: {run:?}");
        let answer = run.json();
        assert_eq!(answer["fallback_used"], true, "{name}");
        assert_eq!(answer["transient_class"], class, "{name}");
        assert_eq!(answer["provider"], "mistral", "{name}");
        assert_eq!(answer["value"]["note"], "mistral", "{name}");
        // Of a connection that is closed at once, no request is ever read.
        let requests = if name == "closed at once" { 0 } else { calls };
        assert_eq!(machine.asked(), (requests, 1), "{name}");
        assert_eq!(machine.fail_closed(), None, "{name}");
        let lines = machine.telemetry();
        let outcomes: Vec<&str> = lines.iter().map(|it| it["outcome"].as_str().unwrap()).collect();
        let mut want = vec![class; calls];
        want.push("ok");
        assert_eq!(outcomes, want, "{name}");
        assert_eq!(lines.last().unwrap()["fallback_used"], true, "{name}");
    }
}

#[test]
fn a_review_does_not_fall_back_from_a_no_or_from_nonsense() {
    let chat = |status: u16| misleading(status, "x");
    let fine = || approved("x");
    let page = || Reply::new(200, "text/html", b"<html>APPROVED</html>".to_vec());
    let moved =
        Reply::new(302, "text/plain", vec![]).with_header("Location", "http://127.0.0.1:1/");
    let twice = r#"{"verdict":"BLOCKED","note":null,"verdict":"APPROVED"}"#;
    for (name, fails) in [
        ("302", So(Behaviour::instead(moved))),
        ("400", misleading(400, "http 429: rate limit, timeout")),
        ("400 context", openai("context_too_long")),
        ("401", misleading(401, "timeout: connection reset by peer")),
        ("402", chat(402)),
        ("403", misleading(403, "http 429 too many requests")),
        ("404", chat(404)),
        ("408", chat(408)),
        ("409", chat(409)),
        ("413", chat(413)),
        ("422", chat(422)),
        ("425", chat(425)),
        ("529", chat(529)),
        ("200 HTML", So(Behaviour::instead(page()))),
        (
            "200 of another type",
            So(Behaviour::instead(Reply::new(200, "text/plain", b"{}".to_vec()))),
        ),
        ("200 not JSON", instead(200, "APPROVED")),
        ("200 of another shape", instead(200, "{\"choices\":{}}")),
        ("length", Says(fine().ends(Ending::Length))),
        ("filtered", Says(fine().ends(Ending::Filtered))),
        ("tool calls", Says(fine().ends(Ending::ToolCalls))),
        ("refusal", Says(Said::refusal("I will not"))),
        ("empty", Says(Said::text(""))),
        ("no choice", Says(fine().times(0))),
        ("two choices", Says(fine().times(2))),
        ("no usage", Says(fine().without_usage())),
        ("impossible usage", Says(fine().uses(u64::MAX / 2, 0, 9))),
        ("impossible output", Says(fine().uses(100, 0, u64::MAX / 2))),
        ("not the schema", Says(Said::json(&json!({"verdict": "APPROVED"})))),
        ("prose", Says(Said::text("APPROVED"))),
        ("a key twice", Says(Said::text(twice))),
        ("another model", Says(fine().by("some-other-model"))),
    ] {
        let machine = scene(fails);
        let run = machine.review();
        assert_eq!(run.code, 69, "{name}: {run:?}");
        assert_eq!(run.stdout, "", "{name}");
        assert_eq!(machine.asked(), (1, 0), "{name}");
        let evidence = machine.fail_closed().unwrap();
        assert_eq!(evidence["primary_transient_class"], json!(null), "{name}");
        assert_eq!(evidence["fallback_error"], json!(null), "{name}");
        assert!(evidence["primary_error"].as_str().unwrap().contains("non_transient"), "{name}");
        let lines = machine.telemetry();
        assert_eq!(lines.len(), 1, "{name}");
        assert_eq!(lines[0]["outcome"], "non_transient", "{name}");
        assert_eq!(lines[0]["fallback_used"], false, "{name}");
    }
}

fn scene(fails: Fails) -> Machine {
    let machine = Machine::new();
    match fails {
        So(behaviour) => drop(machine.openai.otherwise(behaviour)),
        Says(said) => machine.openai.service(|it| it.brain.thinks(move |_| said.clone())),
    }
    machine
}

#[test]
fn what_failed_is_told_to_a_person_and_kept_without_its_secrets() {
    let machine = scene(misleading(401, &format!("Incorrect API key provided: {}", key("openai"))));
    let run = machine.review();
    assert!(run.stderr.contains("[redacted]"), "{run:?}");
    assert!(run.stderr.contains("check the key"), "{run:?}");
    // Whatever there is of a cut answer is kept, and is no answer.
    let machine = scene(Says(approved("so far").ends(Ending::Length)));
    let run = machine.review();
    assert_eq!(run.code, 69);
    let evidence = machine.fail_closed().unwrap();
    assert!(evidence["unusable_answer"].as_str().unwrap().contains("so far"));
    let line = &machine.telemetry()[0];
    assert_eq!(line["detail"], "truncated");
    assert!(line["actual_usd"].as_f64().unwrap() > 0.0, "a cut answer is billed: {line}");
}

#[test]
fn both_fail_and_nobody_approves() {
    let machine = scene(So(Behaviour::status(503)));
    machine.mistral.otherwise(Behaviour::instead(trouble("mistral", "rate_limited").unwrap()));
    let run = machine.review();
    assert_eq!(run.code, 69, "{run:?}");
    assert_eq!(machine.asked(), (2, 1));
    let evidence = machine.fail_closed().unwrap();
    assert_eq!(evidence["primary_transient_class"], "transient_server");
    assert!(evidence["primary_error"].as_str().unwrap().contains("503"));
    assert!(evidence["fallback_error"].as_str().unwrap().contains("transient_quota"));
}

#[test]
fn a_primary_that_recovers_is_not_fallen_back_from() {
    let machine = Machine::new();
    machine.openai.then(Behaviour::slow_down("1"));
    let run = machine.review();
    assert_eq!(run.code, 0, "{run:?}");
    let answer = run.json();
    assert_eq!((&answer["provider"], &answer["fallback_used"]), (&json!("openai"), &json!(false)));
    assert_eq!(answer["transient_class"], json!(null));
    assert_eq!(machine.asked(), (2, 0));
}

#[test]
fn a_wait_that_is_asked_for_is_kept_up_to_the_cap() {
    let machine = scene(So(Behaviour::slow_down("3")));
    let started = std::time::Instant::now();
    let run = machine.review();
    assert_eq!((run.code, machine.asked()), (0, (2, 1)), "{run:?}");
    assert!(started.elapsed() >= Duration::from_secs(3), "it did not wait");
    assert!(run.stderr.contains("once more in 3.0 s"), "{run:?}");
    // Longer than the cap: no retry at all.
    let mut machine = scene(So(Behaviour::slow_down("3")));
    machine.set("/limits/longestRetryAfterSeconds", json!(2));
    let run = machine.review();
    assert_eq!((run.code, machine.asked()), (0, (1, 1)), "{run:?}");
}

#[test]
fn one_deadline_holds_over_everything() {
    let mut machine = scene(So(How::Hang.into()));
    machine.mistral.otherwise(Behaviour::from(How::Hang));
    machine.set("/limits/deadlineSeconds", json!(3.0));
    machine.set("/limits/callSeconds", json!(0.7));
    let started = std::time::Instant::now();
    let run = machine.review();
    assert_eq!(run.code, 69, "{run:?}");
    assert_eq!(machine.asked(), (2, 1));
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let evidence = machine.fail_closed().unwrap();
    assert_eq!(evidence["primary_transient_class"], "transient_network");
    // Nobody knows whether they were billed: all are booked at their worst.
    for line in machine.telemetry() {
        assert_eq!(line["actual_usd"], json!(null));
        assert_eq!(line["booked_usd"], line["estimated_usd"]);
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_no_reason_to_fall_back() {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let secret = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(vec![cert.der().clone()], secret)
    .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let player = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let server = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = rustls::StreamOwned::new(server, stream);
        assert!(stream.read(&mut [0; 10]).is_err(), "a request came");
    });
    let mut machine = Machine::new();
    machine.set("/providers/openai/apiBase", json!(format!("https://{address}/v1")));
    let run = machine.review();
    player.join().unwrap();
    assert_eq!((run.code, machine.asked()), (69, (0, 0)), "{run:?}");
    assert_eq!(machine.telemetry()[0]["detail"], "certificate");
}

#[test]
fn nobody_there_and_no_such_name_may_pass() {
    let mut machine = Machine::new();
    machine.openai.stop();
    let run = machine.review();
    assert_eq!((run.code, machine.asked()), (0, (0, 1)), "{run:?}");
    let lines = machine.telemetry();
    assert_eq!(lines[0]["outcome"], "transient_network");
    assert_eq!(lines[0]["booked_usd"], 0.0, "what was never sent costs nothing");
    let mut machine = Machine::new();
    machine.set("/providers/openai/apiBase", json!("https://nothing.invalid/v1"));
    let run = machine.review();
    assert_eq!((run.code, machine.asked()), (0, (0, 1)), "{run:?}");
}

#[test]
fn a_redirect_gets_no_key() {
    let elsewhere = Machine::new();
    let target = format!("{}/v1/chat/completions", elsewhere.openai.url());
    let reply = Reply::new(307, "text/plain", vec![]).with_header("Location", &target);
    let machine = scene(So(Behaviour::instead(reply)));
    assert_eq!(machine.review().code, 69);
    assert_eq!(elsewhere.openai.received().len(), 0);
}

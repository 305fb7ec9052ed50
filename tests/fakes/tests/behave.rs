//! The fakes, asked by the workspace's own client.

use std::time::Duration;

use fakes::{
    Behaviour, Fake, How, Kajabi, Mistral, Moonshot, Ntfy, OpenAi, Pushover, Service, Twilio,
    Webhook,
};
use outbound::{Answer, Base, Client, Limits, Outcome, Request};
use serde_json::{Value, json};

const LIMITS: Limits = Limits {
    connect: Duration::from_millis(500),
    total: Duration::from_millis(1500),
    body: 1 << 20,
};

fn base<S: Service>(fake: &Fake<S>) -> Base {
    Base::parse(&fake.url()).expect("a fake's address is usable")
}

fn call(request: Request<'_>) -> Outcome {
    Client::new(LIMITS).call(request)
}

#[track_caller]
fn answered(outcome: Outcome) -> (u16, Value) {
    let Outcome::Answered(answer) = outcome else { panic!("{outcome:?}") };
    (answer.status, answer.json().unwrap_or_default())
}

fn message<'a>(fake: &Fake<Pushover>, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, String)> {
    let (token, user) = fake.service(|it| (it.token.clone(), it.user.clone()));
    let mut form = vec![("token", token), ("user", user), ("message", "hello".to_owned())];
    for (name, value) in more {
        form.retain(|(it, _)| it != name);
        form.push((name, (*value).to_owned()));
    }
    form
}

fn push(fake: &Fake<Pushover>, more: &[(&str, &str)]) -> Outcome {
    call(Request::post(&base(fake), "/1/messages.json").form(&message(fake, more)))
}

#[test]
fn pushover_takes_a_message_and_shows_what_came() {
    let fake = Fake::start(Pushover::default());
    let Outcome::Answered(answer) = push(&fake, &[("title", "a+b ü")]) else { panic!() };
    let id = "647d2300-702c-4b38-8b2f-000000000001";
    assert_eq!((answer.status, answer.json()), (200, Some(json!({"status": 1, "request": id}))));
    assert_eq!(answer.header("x-limit-app-remaining"), Some("9999"));
    let [received] = fake.received().try_into().unwrap();
    assert!(received.raw_head.starts_with(b"POST /1/messages.json HTTP/1.1\r\n"));
    assert!(received.raw_head.ends_with(b"\r\n\r\n"));
    assert!(String::from_utf8(received.body).unwrap().ends_with("&title=a%2Bb+%C3%BC"));
    let [accepted] = fake.accepted().try_into().unwrap();
    assert_eq!((accepted.id.as_str(), accepted.field("title")), (id, "a+b ü"));
}

#[test]
fn pushover_refuses_as_the_service_does() {
    let fake = Fake::start(Pushover::default());
    let long = "ü".repeat(1025);
    let fits = "ü".repeat(1024);
    for (more, field) in [
        ([("token", "x"), ("", "")], "token"),
        ([("user", "x"), ("", "")], "user"),
        ([("message", ""), ("", "")], "message"),
        ([("message", long.as_str()), ("", "")], "message"),
        ([("title", &fits[..502]), ("", "")], "title"),
        ([("priority", "3"), ("", "")], "priority"),
        ([("priority", "2"), ("retry", "60")], "expire"),
        ([("priority", "2"), ("expire", "60")], "retry"),
    ] {
        let (status, body) = answered(push(&fake, &more));
        assert_eq!((status, &body["status"]), (400, &json!(0)), "{more:?}");
        assert!(body[field].is_string() && body["errors"][0].is_string(), "{more:?} {body}");
        assert!(body["request"].is_string());
    }
    assert_eq!(fake.accepted(), []);
    assert_eq!(answered(push(&fake, &[("message", &fits)])).0, 200);
    let json = json!({"token": "x"});
    let at = base(&fake);
    let as_json = Request::post(&at, "/1/messages.json").json(&json);
    assert_eq!(answered(call(as_json)).1["token"], "invalid");
}

#[test]
fn pushover_follows_an_emergency() {
    let fake = Fake::start(Pushover::default());
    let urgent = [("priority", "2"), ("retry", "60"), ("expire", "3600"), ("tags", "disk")];
    let (_, body) = answered(push(&fake, &urgent));
    let receipt = body["receipt"].as_str().unwrap().to_owned();
    assert_eq!(receipt.len(), 30);
    let token = fake.service(|it| it.token.clone());
    let path = format!("/1/receipts/{receipt}.json");
    let at = base(&fake);
    let look = || answered(call(Request::get(&at, &path).query("token", &token))).1;
    assert_eq!(look()["acknowledged"], 0);
    assert!(fake.service(|it| it.acknowledge(&receipt)));
    assert_eq!((&look()["acknowledged"], &look()["expired"]), (&json!(1), &json!(0)));
    let cancel = format!("/1/receipts/{receipt}/cancel.json");
    let form = [("token", &token)];
    assert_eq!(answered(call(Request::post(&at, &cancel).form(&form))).1["status"], 1);
    assert_eq!(look()["expired"], 1);
    assert_eq!(
        answered(call(Request::get(&at, "/1/receipts/x.json").query("token", &token))).0,
        404
    );
}

#[test]
fn pushover_knows_users_and_quota() {
    let fake = Fake::start(Pushover::default());
    fake.service(|it| it.remaining = 1);
    let at = base(&fake);
    let validate = |user: &str| {
        let form = message(&fake, if user.is_empty() { &[] } else { &[("user", "x")] });
        answered(call(Request::post(&at, "/1/users/validate.json").form(&form)))
    };
    assert_eq!((validate("").0, validate("x").0), (200, 400));
    let token = fake.service(|it| it.token.clone());
    let limits =
        || answered(call(Request::get(&at, "/1/apps/limits.json").query("token", &token))).1;
    assert_eq!(limits()["remaining"], 1);
    assert_eq!(answered(push(&fake, &[])).0, 200);
    assert_eq!(answered(push(&fake, &[])).0, 429);
    assert_eq!((limits()["remaining"].clone(), fake.accepted().len()), (json!(0), 1));
}

#[test]
fn every_failure_can_be_asked_for() {
    let fake = Fake::start(Pushover::default());
    let reply = |outcome: &Outcome| match outcome {
        Outcome::Answered(Answer { status, complete, .. }) => format!("{status} {complete}"),
        Outcome::NotSent(_) => "not sent".to_owned(),
        Outcome::Ambiguous(_) => "ambiguous".to_owned(),
    };
    for (behaviour, seen, taken) in [
        (Behaviour::normal(), "200 true", 1),
        (Behaviour::status(500), "500 true", 0),
        (Behaviour::status(503).though_taken(), "503 true", 1),
        (Behaviour::slow_down("7"), "429 true", 0),
        (Behaviour::garbage(), "200 true", 0),
        (Behaviour::instead(Pushover::status_zero()), "200 true", 0),
        (How::Slowly(Duration::ZERO).into(), "200 true", 1),
        (How::Slowly(Duration::from_millis(100)).into(), "ambiguous", 1),
        (How::CutBody(5).into(), "200 false", 1),
        (How::CutHead(20).into(), "ambiguous", 1),
        (How::Raw(b"\0garbage\r\n\r\n".to_vec()).into(), "ambiguous", 0),
        (How::CloseAfterHead.into(), "ambiguous", 0),
        (How::Close.into(), "ambiguous", 0),
        (Behaviour::from(How::Close).though_taken(), "ambiguous", 1),
        (How::Reset.into(), "ambiguous", 0),
        (How::Hang.into(), "ambiguous", 0),
    ] {
        let before = fake.accepted().len();
        let told = format!("{behaviour:?}");
        let outcome = push(fake.then(behaviour), &[]);
        assert_eq!(reply(&outcome), seen, "{told} {outcome:?}");
        assert_eq!(fake.accepted().len() - before, taken, "{told}");
    }
    assert!(!matches!(push(fake.then(How::CloseAtOnce), &[]), Outcome::Answered(_)));
    assert_eq!(reply(&push(&fake, &[])), "200 true");
}

#[test]
fn what_hangs_goes_on_when_released() {
    let fake = Fake::start(Pushover::default());
    fake.then(How::Hang);
    let form = message(&fake, &[]);
    let at = base(&fake);
    let waiting = std::thread::spawn(move || {
        let limits = Limits { total: Duration::from_secs(20), ..LIMITS };
        Client::new(limits).call(Request::post(&at, "/1/messages.json").form(&form))
    });
    assert!(fake.wait_for(1, Duration::from_secs(20)));
    assert_eq!(fake.accepted(), []);
    fake.release();
    assert_eq!(answered(waiting.join().unwrap()).0, 200);
    assert_eq!(fake.accepted().len(), 1);
}

#[test]
fn the_network_goes_down_and_comes_back_on_the_same_port() {
    let mut fake = Fake::start(Pushover::default());
    let (at, form) = (base(&fake), message(&fake, &[]));
    let mut client = Client::new(LIMITS);
    let mut push = || client.call(Request::post(&at, "/1/messages.json").form(&form));
    assert_eq!(answered(push()).0, 200);
    fake.stop();
    assert!(matches!(push(), Outcome::NotSent(_)));
    fake.restart();
    assert_eq!(answered(push()).0, 200);
    assert_eq!((fake.accepted().len(), fake.connections()), (2, 2));
}

fn sms(fake: &Fake<Twilio>, more: &[(&str, &str)]) -> Outcome {
    let (account, token) = fake.service(|it| (it.account.clone(), it.token.clone()));
    let mut form = vec![("To", "+14155550199"), ("From", "+14155550100"), ("Body", "hi")];
    for (name, value) in more {
        form.retain(|(it, _)| it != name);
        form.push((name, value));
    }
    let path = format!("/2010-04-01/Accounts/{account}/Messages.json");
    call(Request::post(&base(fake), &path).basic(&account, &token).form(&form))
}

#[test]
fn twilio_takes_and_refuses_messages() {
    let fake = Fake::start(Twilio::default());
    fake.service(|it| it.opted_out.push("+14155550111".to_owned()));
    let (status, body) = answered(sms(&fake, &[("ValidityPeriod", "600")]));
    assert_eq!((status, &body["status"]), (201, &json!("queued")));
    assert_eq!(body["sid"].as_str().map(str::len), Some(34));
    assert_eq!(body["date_created"], "Fri, 15 Jan 2027 08:00:00 +0000");
    let long = "x".repeat(1601);
    for (more, code) in [
        (("To", ""), 21604),
        (("To", " 14155550199"), 21211),
        (("To", "+14155550111"), 21610),
        (("From", "x"), 21212),
        (("From", "+14155550101"), 21606),
        (("Body", ""), 21602),
        (("Body", long.as_str()), 21617),
        (("ValidityPeriod", "0"), 21624),
    ] {
        let (status, body) = answered(sms(&fake, &[more]));
        assert_eq!((status, &body["code"]), (400, &json!(code)), "{more:?}");
        assert_eq!(body["more_info"], format!("https://www.twilio.com/docs/errors/{code}"));
    }
    assert_eq!(fake.accepted().len(), 1);
    // A plus sign that was not encoded is a space.
    let (account, token) = fake.service(|it| (it.account.clone(), it.token.clone()));
    let path = format!("/2010-04-01/Accounts/{account}/Messages.json");
    let raw = b"To=+14155550199&From=%2B14155550100&Body=hi";
    let at = base(&fake);
    let send = || Request::post(&at, &path).body("application/x-www-form-urlencoded", raw);
    assert_eq!(answered(call(send().basic(&account, &token))).1["code"], 21211);
    assert_eq!(answered(call(send().basic(&account, "x"))).1["code"], 20003);
    assert_eq!(answered(call(send())).0, 401);
    let own = format!("/2010-04-01/Accounts/{account}.json");
    let own = Request::get(&at, &own).basic(&account, &token);
    assert_eq!(answered(call(own)).1["status"], "active");
}

#[test]
fn twilio_follows_messages_and_lists_them_in_pages() {
    let fake = Fake::start(Twilio::default());
    fake.service(|it| it.fates.push_back((vec!["queued", "undelivered"], Some(30_003))));
    let (_, body) = answered(sms(&fake, &[]));
    let (account, token) = fake.service(|it| (it.account.clone(), it.token.clone()));
    let at = base(&fake);
    let get = |path: &str, query: &[(&str, &str)]| {
        let mut request = Request::get(&at, path).basic(&account, &token);
        for pair in query {
            request = request.query(pair.0, pair.1);
        }
        answered(call(request))
    };
    let uri = body["uri"].as_str().unwrap();
    let fetched = get(uri, &[]).1;
    assert_eq!(
        (&fetched["status"], &fetched["error_code"]),
        (&json!("undelivered"), &json!(30003))
    );
    for (number, text) in ["one", "two", "three"].into_iter().enumerate() {
        fake.service(|it| {
            it.now = 1_800_000_000 + 86_400 * i64::try_from(number).unwrap();
            it.receive("+14155550199", text)
        });
    }
    let list = format!("/2010-04-01/Accounts/{account}/Messages.json");
    let texts = |page: &Value| -> Vec<String> {
        let messages = page["messages"].as_array().unwrap();
        messages.iter().map(|it| it["body"].as_str().unwrap().to_owned()).collect()
    };
    let first = get(&list, &[("To", "+14155550100"), ("PageSize", "2")]).1;
    assert_eq!(texts(&first), ["three", "two"]);
    let next = first["next_page_uri"].as_str().unwrap();
    let (path, query) = next.split_once('?').unwrap();
    let query: Vec<_> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let query: Vec<_> =
        query.iter().map(|(name, value)| (*name, value.replace("%2B", "+"))).collect();
    let query: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let second = get(path, &query).1;
    assert_eq!((texts(&second), &second["next_page_uri"]), (vec!["one".to_owned()], &Value::Null));
    let day = get(&list, &[("To", "+14155550100"), ("DateSent", "2027-01-16")]).1;
    assert_eq!(texts(&day), ["two"]);
    let since = [("To", "+14155550100"), ("DateSent>", "2027-01-16T08:00:00Z")];
    assert_eq!(texts(&get(&list, &since).1), ["three", "two"]);
}

#[test]
fn ntfy_takes_headers_and_json() {
    let fake = Fake::start(Ntfy::default());
    let at = base(&fake);
    let plain = Request::post(&at, "/alerts").header("Title", "T").body("text/plain", b"hello");
    assert_eq!(answered(call(plain)).1["event"], "message");
    let document = json!({"topic": "alerts", "message": "hello", "title": "T", "priority": 4});
    assert_eq!(answered(call(Request::post(&at, "/").json(&document))).0, 200);
    assert_eq!(answered(call(Request::post(&at, "/").body("text/plain", b"x"))).0, 400);
    let fields: Vec<_> = fake.accepted().iter().map(|it| it.field("title").to_owned()).collect();
    assert_eq!(fields, ["T", "T"]);
}

#[test]
fn a_webhook_acts_once_for_each_key() {
    let fake = Fake::start(Webhook::default());
    let at = base(&fake);
    let send = |key: &str, text: &str| {
        let document = json!({"text": text});
        let request = Request::post(&at, "/hook").header("Idempotency-Key", key);
        answered(call(request.json(&document)))
    };
    assert_eq!(send("k1", "a").0, 200);
    assert_eq!(send("k1", "a").1["id"], "hook-1");
    assert_eq!(send("k1", "b").0, 422);
    assert_eq!(send("k2", "a").1["id"], "hook-2");
    assert_eq!((fake.accepted().len(), fake.received().len()), (2, 4));
}

#[test]
fn providers_tell_good_keys_from_bad_ones() {
    fn models<S: Service>(service: S, pointer: &str, refusal: &str) {
        let fake = Fake::start(service);
        let at = base(&fake);
        let look = |key: &str| answered(call(Request::get(&at, "/v1/models").bearer(key)));
        assert_eq!(look("good").1["object"], "list");
        let (status, body) = look("bad");
        assert_eq!((status, body.pointer(pointer)), (401, Some(&json!(refusal))));
        assert_eq!(answered(call(Request::get(&at, "/v1/models"))).0, 401);
    }
    let key = "good".to_owned();
    models(OpenAi::new(key.as_str()), "/error/code", "invalid_api_key");
    models(Mistral::new(key.as_str()), "/detail", "Unauthorized");
    models(Moonshot::new(key), "/error/type", "invalid_authentication_error");

    let kajabi = Kajabi { client_id: "id".into(), client_secret: "good".into(), tokens: 0 };
    let fake = Fake::start(kajabi);
    let at = base(&fake);
    let token = |secret: &str| {
        let form =
            [("grant_type", "client_credentials"), ("client_id", "id"), ("client_secret", secret)];
        answered(call(Request::post(&at, "/v1/oauth/token").form(&form)))
    };
    assert_eq!(token("bad"), (401, json!({"error": "invalid_client"})));
    let (_, body) = token("good");
    let given = body["access_token"].as_str().unwrap();
    assert_eq!(answered(call(Request::get(&at, "/v1/me").bearer(given))).0, 200);
    assert_eq!(
        answered(call(Request::get(&at, "/v1/me").bearer("x"))).1["errors"][0]["status"],
        "401"
    );
}

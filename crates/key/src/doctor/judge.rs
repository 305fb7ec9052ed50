//! What an answer says of a key. Pure; nothing of an answer's body is repeated, since it may quote
//! the key or hold a new one.

use outbound::{Answer, Outcome};

use super::ask::Role;
use crate::documents::Verdict;

/// Judges one key by the answer about it.
pub(crate) fn judge(role: Role, outcome: &Outcome) -> (Verdict, String) {
    let answer = match outcome {
        Outcome::Answered(answer) => answer,
        Outcome::NotSent(why) => {
            return (Verdict::Unknown, format!("it could not be asked: {why}"));
        }
        Outcome::Ambiguous(why) => return (Verdict::Unknown, format!("no answer: {why}")),
    };
    let status = answer.status;
    let unknown = |what: &str| (Verdict::Unknown, format!("answered {status}: {what}"));
    match status {
        429 => return unknown("too many requests, or the quota is used up"),
        500.. => return unknown("the service has trouble of its own"),
        300..400 => return unknown("a redirect, which is not followed with a key"),
        _ => {}
    }
    match role {
        Role::Bearer => match status {
            200 => pass(status),
            401 | 403 => fail(status, "the key is refused"),
            _ => unknown("that says nothing of the key"),
        },
        Role::PushoverToken | Role::PushoverUser => pushover(role, answer),
        Role::TwilioSid | Role::TwilioToken => match (status, text(answer, "status").as_deref()) {
            (200, Some("active")) => pass(status),
            (200, Some("suspended" | "closed")) => fail(status, "the account is not active"),
            (401, _) => fail(status, "account and token do not belong together"),
            (404, _) if role == Role::TwilioSid => fail(status, "there is no such account"),
            _ => unknown("that says nothing of the key"),
        },
        Role::KajabiId | Role::KajabiSecret => match status {
            200 if text(answer, "access_token").is_some() => pass(status),
            400 | 401 => fail(status, "client id and secret are refused"),
            _ => unknown("that says nothing of the key"),
        },
    }
}

/// `status` is 1 when both are right; else the one that is wrong is named `invalid`.
fn pushover(role: Role, answer: &Answer) -> (Verdict, String) {
    let status = answer.status;
    let number = answer.json().and_then(|it| it.get("status")?.as_i64());
    let own = if role == Role::PushoverToken { "token" } else { "user" };
    match (status, number) {
        (200, Some(1)) => pass(status),
        (200 | 400..500, Some(0)) if text(answer, own).is_some() => {
            fail(status, "it is refused as invalid")
        }
        (200 | 400..500, Some(0)) => (
            Verdict::Unknown,
            format!(
                "answered {status}: the other half of the pair is refused, and this one not judged"
            ),
        ),
        _ => (Verdict::Unknown, format!("answered {status}: that says nothing of the key")),
    }
}

/// A text of the answer's document.
fn text(answer: &Answer, name: &str) -> Option<String> {
    Some(answer.json()?.get(name)?.as_str()?.to_owned())
}

fn pass(status: u16) -> (Verdict, String) {
    (Verdict::Pass, format!("answered {status}: accepted"))
}

fn fail(status: u16, why: &str) -> (Verdict, String) {
    (Verdict::Fail, format!("answered {status}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Role::{Bearer, KajabiId, PushoverToken, PushoverUser, TwilioSid, TwilioToken};
    use Verdict::{Fail, Pass, Unknown};

    #[test]
    fn each_answer_of_each_service() {
        for (role, status, body, want) in [
            (Bearer, 200, "{}", Pass),
            (Bearer, 401, "{}", Fail),
            (Bearer, 403, "", Fail),
            (Bearer, 404, "", Unknown),
            (Bearer, 429, "", Unknown),
            (Bearer, 302, "", Unknown),
            (Bearer, 500, "", Unknown),
            (PushoverToken, 200, r#"{"status":1}"#, Pass),
            (PushoverUser, 200, r#"{"status":1}"#, Pass),
            (PushoverToken, 400, r#"{"status":0,"token":"invalid"}"#, Fail),
            (PushoverUser, 400, r#"{"status":0,"token":"invalid"}"#, Unknown),
            (PushoverUser, 400, r#"{"status":0,"user":"invalid"}"#, Fail),
            (PushoverToken, 200, r#"{"status":0,"token":"invalid"}"#, Fail),
            (PushoverToken, 200, "<html>", Unknown),
            (PushoverToken, 429, r#"{"status":0}"#, Unknown),
            (TwilioSid, 200, r#"{"status":"active"}"#, Pass),
            (TwilioToken, 200, r#"{"status":"suspended"}"#, Fail),
            (TwilioToken, 401, r#"{"code":20003}"#, Fail),
            (TwilioSid, 404, "", Fail),
            (TwilioToken, 404, "", Unknown),
            (TwilioToken, 200, "<html>", Unknown),
            (KajabiId, 200, r#"{"access_token":"x"}"#, Pass),
            (KajabiId, 200, "{}", Unknown),
            (KajabiId, 401, r#"{"error":"x"}"#, Fail),
            (KajabiId, 403, "", Unknown),
        ] {
            let answer = Answer { status, headers: vec![], body: body.into(), complete: true };
            let (verdict, why) = judge(role, &Outcome::Answered(answer));
            assert_eq!(verdict, want, "{role:?} {status} {body}: {why}");
        }
        for outcome in [Outcome::NotSent("x".into()), Outcome::Ambiguous("x".into())] {
            assert_eq!(judge(Bearer, &outcome).0, Unknown);
        }
    }

    #[test]
    fn nothing_of_a_body_is_repeated() {
        for role in [Bearer, PushoverToken, TwilioSid, KajabiId] {
            for status in [200, 400, 401, 404, 500] {
                let body =
                    r#"{"status":0,"token":"canary","access_token":"canary","error":"canary"}"#;
                let answer = Answer { status, headers: vec![], body: body.into(), complete: true };
                let (_, why) = judge(role, &Outcome::Answered(answer));
                assert!(!why.contains("canary"), "{why}");
            }
        }
    }
}

//! The judgement over the four questions.

use bridge::evidence::{DeadLetter, Outcome};

use super::*;

fn refused(reason: Reason) -> Seen {
    Seen::Refused(Box::new(DeadLetter {
        schema: String::new(),
        name: String::new(),
        id: None,
        accepted: false,
        reason,
        detail: "why".into(),
        at: String::new(),
        hmac_ok: false,
        input_bytes: 0,
        input: None,
        input_base64: None,
    }))
}

fn done() -> Seen {
    Seen::Done(Box::new(Outcome {
        schema: String::new(),
        id: String::new(),
        status: "ok".into(),
        exit_code: 0,
        action: String::new(),
        target: String::new(),
        started_at: String::new(),
        finished_at: String::new(),
        duration_ms: 0,
        files: vec![],
        files_changed: 0,
        constraints: Constraints { max_runtime_ms: 1, max_files_changed: 1 },
        limits_ok: true,
        hmac_key: String::new(),
        validators: vec![],
        stdout: String::new(),
        stderr: String::new(),
    }))
}

fn judged(seen: [Seen; 4]) -> Smoke {
    let asked: Vec<Asked> = QUESTIONS
        .into_iter()
        .zip(seen)
        .map(|(question, seen)| Asked { question, id: String::new(), seen })
        .collect();
    judge(&asked, 1)
}

#[test]
fn only_the_four_expected_answers_together_are_a_yes() {
    let right = || {
        [done(), refused(Reason::BadHmac), refused(Reason::Expired), refused(Reason::PathEscape)]
    };
    let smoke = judged(right());
    assert_eq!((smoke.ok, Report::exit(&smoke)), (true, Exit::Ok));
    let wrong: [(Seen, &str); 5] = [
        (Seen::Nothing, "no answer"),
        (Seen::Held, "held"),
        (done(), "executed"),
        (refused(Reason::Schema), "schema"),
        (refused(Reason::Internal), "internal"),
    ];
    for at in 0..4 {
        for (answer, found) in &wrong {
            if at == 0 && *found == "executed" {
                continue;
            }
            let mut seen = right();
            seen[at] = answer.clone();
            let smoke = judged(seen);
            assert_eq!((smoke.ok, Report::exit(&smoke)), (false, Exit::No), "{at} {found}");
            assert_eq!((smoke.checks[at].ok, smoke.checks[at].found.as_str()), (false, *found));
            assert_eq!(smoke.checks.iter().filter(|check| !check.ok).count(), 1);
        }
    }
    assert!(!judge(&[], 0).ok, "nothing asked is no yes");
}

#[test]
fn people_read_one_line_for_each_and_why_it_failed() {
    let seen =
        [done(), refused(Reason::Schema), refused(Reason::Expired), refused(Reason::PathEscape)];
    let mut text = Vec::new();
    judged(seen).write_human(&mut text).unwrap();
    let want = "\
ok    noop           executed
FAIL  bad-signature  schema; bad_hmac was expected
      why
ok    expired        expired
ok    escape         path_escape
";
    assert_eq!(String::from_utf8(text).unwrap(), want);
}

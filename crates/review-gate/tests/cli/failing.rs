//! No answer is no approval: what is missing, down, or says something else.

use fakes::llm::{Ending, Said};
use fakes::{Behaviour, How};
use serde_json::json;

use crate::desk::{Desk, approval};

#[test]
fn without_the_provider_there_is_no_verdict_and_the_report_says_why() {
    let desk = Desk::new();
    desk.change("src/a.rs", "fn a() {}\n");
    desk.openai.otherwise(Behaviour::status(503));
    desk.mistral.otherwise(Behaviour::status(500));
    desk.run("run --gate").is(69, &["because"]);
    let report = desk.reviews().pop().unwrap().join("review_fail_closed.json");
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.contains("transient_server"), "{report}");
    desk.run("show").is(1, &["there is no verdict"]);
    desk.run("finish").is(1, &["there is no verdict"]);
    assert_eq!(desk.calls(), (2, 1), "one retry, one try at the fallback");
}

#[test]
fn the_fallback_answers_for_a_primary_that_fails_for_a_while_and_is_named() {
    let desk = Desk::new();
    desk.change("src/a.rs", "fn a() {}\n");
    desk.openai.otherwise(Behaviour::status(503));
    let (code, verdict) = desk.verdict("run --gate");
    assert_eq!(code, 0, "{verdict}");
    let meta = &verdict["meta"];
    assert_eq!(meta["fallback_used"], true);
    assert_eq!(meta["transient_class"], "transient_server");
    assert_eq!(meta["reviewer"]["provider"], "mistral");
    assert_eq!(meta["endpoint_host"], desk.mistral.address().to_string());
    // Waiting for another answer is not part of a review.
    let calls = desk.calls();
    desk.openai.otherwise(Behaviour::normal());
    let (_, again) = desk.verdict("run --gate");
    assert_eq!((&again, desk.calls()), (&verdict, calls));
    desk.run("finish").is(0, &[]);
}

#[test]
fn an_answer_that_does_not_hold_is_none() {
    let fine = || approval().to_string();
    for (what, said) in [
        ("cut", Said::text(fine()).ends(Ending::Length)),
        ("refused", Said::refusal("I cannot")),
        ("a word", Said::text("APPROVED")),
        ("prose around it", Said::text(format!("Sure! {}", fine()))),
        ("two", Said::text(fine()).times(2)),
        ("none", Said::text(fine()).times(0)),
        ("a field too few", Said::json(&json!({"verdict": "APPROVED"}))),
        ("another schema", Said::json(&json!({"ok": true}))),
        ("a key twice", Said::text(fine().replacen('{', "{\"verdict\":\"APPROVED\",", 1))),
    ] {
        let desk = Desk::new();
        desk.change("src/a.rs", "fn a() {}\n");
        desk.openai.service(|it| it.brain.then(said));
        let told = desk.run("run --gate");
        assert_eq!(told.code, 69, "{what}: {told:?}");
        assert_eq!(desk.calls(), (1, 0), "{what}: no retry, no fallback");
        desk.run("show").is(1, &[]);
    }
}

#[test]
fn a_missing_key_is_a_77_before_anything_is_sent() {
    for key in ["openai_api_key", "verdict_signing_key"] {
        let desk = Desk::new();
        desk.change("src/a.rs", "fn a() {}\n");
        desk.forget(key);
        desk.run("run --gate").is(77, &[key]);
        assert_eq!(desk.calls(), (0, 0), "{key}: no fallback either");
    }
}

#[test]
fn an_answer_that_could_not_be_kept_is_not_asked_for() {
    // A file where the folder should be, or a folder where the file should: root is no better off.
    for is_folder in [false, true] {
        let desk = Desk::new();
        desk.change("src/a.rs", "fn a() {}\n");
        let answers = desk.path(".git/aiops/answers");
        if is_folder {
            std::fs::create_dir_all(answers.join("probe")).unwrap();
        } else {
            desk.put(".git/aiops/answers", "");
        }
        let said = desk.run("run --gate");
        said.is(69, &["keep answers in", "nothing was sent"]);
        assert_eq!(desk.calls(), (0, 0));
        desk.run("show").is(1, &["there is no verdict"]);
        if is_folder {
            std::fs::remove_dir(answers.join("probe")).unwrap();
        } else {
            std::fs::remove_file(&answers).unwrap();
        }
        desk.run("run --gate").is(0, &["APPROVED"]);
        let kept: Vec<_> = std::fs::read_dir(&answers).unwrap().map(|it| it.unwrap()).collect();
        assert_eq!(kept.len(), 1, "the answer and nothing else: {kept:?}");
    }
}

#[test]
fn one_budget_covers_all_packets() {
    let desk = Desk::with(|it| it["budget"]["maxUsdPerReview"] = json!(0.003));
    let policy = desk.read("configs/review.yaml").replace("maxBytes: 200000", "maxBytes: 6000");
    let since = desk.change("configs/review.yaml", &policy);
    let lines: Vec<String> =
        (0..3000).map(|it| format!("fn work{it}() {{ todo({it}); }}")).collect();
    desk.change("src/a.rs", &(lines.join("\n") + "\n"));
    let said = desk.run(&format!("run --gate --since {since}"));
    assert_eq!(said.code, 1, "{said:?}");
    let calls = desk.calls().0;
    assert!((1..16).contains(&calls), "{calls} calls");
    desk.run("show").is(1, &["there is no verdict"]);
}

#[test]
fn what_a_review_without_an_answer_cost_is_in_the_run_record() {
    let desk = Desk::new();
    desk.change("src/a.rs", "fn a() {}\n");
    let cut = Said::json(&approval()).ends(Ending::Length).uses(1000, 0, 500);
    desk.openai.service(|it| it.brain.then(cut));
    desk.run("run --gate").is(69, &["truncated"]);
    assert!(desk.paid("review-gate") > 0.0);
    // Lost on the way, it counts at its worst case, the retry and the fallback too.
    desk.openai.otherwise(How::Close);
    desk.mistral.otherwise(How::Close);
    desk.run("run --gate").is(69, &[]);
    assert!(desk.paid("review-gate") > 0.000_36 * 3.0);
    assert_eq!(desk.calls(), (3, 1));
}

#[test]
fn two_reviews_of_one_repository_do_not_run_at_once() {
    let desk = Desk::new();
    desk.change("src/a.rs", "fn a() {}\n");
    desk.openai.then(How::Hang);
    let first = desk.command("run --gate").stdout(std::process::Stdio::piped()).spawn().unwrap();
    assert!(desk.openai.wait_for(1, std::time::Duration::from_secs(20)));
    desk.run("run --gate").is(75, &["is held by review-gate"]);
    desk.openai.release();
    let first = first.wait_with_output().unwrap();
    assert!(first.status.success());
    assert_eq!(desk.calls(), (1, 0));
}

#[test]
fn rules_at_the_start_that_are_invalid_stop_everything_with_every_violation() {
    let desk = Desk::new();
    let since = desk.change("configs/review.yaml", "protected: 1\nunknown: 2\n");
    desk.change("src/a.rs", "fn a() {}\n");
    desk.run(&format!("run --gate --since {since}")).is(78, &["protected", "unknown"]);
    assert_eq!(desk.calls(), (0, 0));
}

#[test]
fn a_key_that_cannot_sign_verdicts_is_a_77_before_anything_is_sent() {
    for kind in ["rsa", "ecdsa"] {
        let desk = Desk::new();
        desk.change("src/a.rs", "fn a() {}\n");
        let key = desk.root().join("other").display().to_string();
        let args = ["-q", "-t", kind, "-N", "", "-f", &key];
        assert!(desk.bare("ssh-keygen").args(args).status().unwrap().success());
        desk.secret("verdict_signing_key", &std::fs::read_to_string(&key).unwrap());
        desk.run("run --gate").is(77, &["ssh-ed25519", "key generate"]);
        assert_eq!(desk.calls(), (0, 0));
    }
}

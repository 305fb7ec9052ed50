//! `run`: who is asked, what counts, what is kept.

use fakes::llm::Said;
use serde_json::json;

use crate::desk::{Desk, approval, objection};

#[test]
fn an_approved_range_leaves_a_signed_verdict_and_finish_moves_the_baseline() {
    let desk = Desk::new();
    let to = desk.change("src/a.rs", "fn a() {}\n");
    let said = desk.run("run --gate");
    said.is(0, &["APPROVED", "next: review-gate finish"]);
    assert_eq!(desk.calls(), (1, 0));
    // The desk's second commit is what `init` makes: the range starts there.
    let since = desk.git(&["rev-parse", "HEAD^"]);
    let store = desk.path(&format!(".git/aiops/verdicts/{to}/{since}.dsse.json"));
    assert!(store.exists());
    desk.git(&["notes", "--ref=aiops-verdicts", "show", &to]);
    desk.run("show").is(0, &["APPROVED", "it counts: signed by reviewer-1"]);
    let folder = desk.reviews().pop().unwrap();
    for file in [
        "bundle.txt",
        "verdict.json",
        "verdict.dsse.json",
        "manifest.json",
        "digests.json",
        "cost_telemetry.jsonl",
    ] {
        assert!(folder.join(file).exists(), "{file}");
    }
    desk.run("finish").is(0, &["moved the baseline there"]);
    assert_eq!(desk.baseline(), to);
    assert_eq!(desk.git(&["rev-parse", "HEAD^"]), to);
    assert_eq!(desk.git(&["diff", "--name-only", "HEAD^", "HEAD"]), "docs/LAST_REVIEWED_SHA.txt");
    assert_eq!(desk.git(&["status", "--porcelain"]), "");
    desk.run("finish").is(0, &["nothing was changed"]);
}

#[test]
fn a_blocker_blocks_whatever_the_models_own_verdict_says() {
    for word in ["BLOCKED", "APPROVED"] {
        let desk = Desk::new();
        desk.change("src/a.rs", "fn a() {}\n");
        desk.answers(move |_| {
            let mut answer = objection("src/a.rs", 1, "it leaks");
            answer["verdict"] = json!(word);
            Said::json(&answer)
        });
        desk.run("run --gate").is(1, &["BLOCKED", "it leaks", "src/a.rs"]);
        desk.run("run").is(0, &["BLOCKED"]);
        desk.run("finish").is(1, &["NO:", "review-gate run --gate"]);
        assert_ne!(desk.baseline(), desk.head());
    }
    let desk = Desk::new();
    desk.change("src/a.rs", "fn a() {}\n");
    desk.answers(|_| {
        let mut answer = approval();
        answer["gates"]["lockout_risk"] = json!("fail");
        Said::json(&answer)
    });
    desk.run("run --gate").is(1, &["BLOCKED", "lockout_risk"]);
}

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

#[test]
fn a_range_over_the_cap_is_reviewed_in_packets_and_one_blocked_blocks_all() {
    for (blocks, code) in [(false, 0), (true, 1)] {
        let desk = Desk::new();
        let policy = desk.read("configs/review.yaml").replace("maxBytes: 200000", "maxBytes: 6000");
        let since = desk.change("configs/review.yaml", &policy);
        for name in ["a", "b", "c"] {
            let lines: Vec<String> =
                (0..100).map(|it| format!("fn {name}{it}() {{ work({it}); }}")).collect();
            desk.put(&format!("src/{name}.rs"), lines.join("\n") + "\n");
        }
        desk.commit("three files");
        desk.answers(move |asked| {
            let is_b = asked.text_of("user").contains("fn b50()");
            let answer = if blocks && is_b { objection("src/b.rs", 51, "no") } else { approval() };
            Said::json(&answer)
        });
        let said = desk.run(&format!("--json run --gate --since {since}"));
        assert_eq!(said.code, code, "{said:?}");
        let verdict: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        let packets = verdict["manifest"]["packets"].as_u64().unwrap();
        assert!(packets >= 2, "{verdict}");
        assert_eq!(desk.calls().0 as u64, packets);
        assert_eq!(verdict["manifest"]["complete"], true);
        assert_eq!(verdict["meta"]["usage"]["calls"], packets);
        let paths = verdict["manifest"]["paths"].as_array().unwrap();
        let names: Vec<&str> = paths.iter().map(|it| it["path"].as_str().unwrap()).collect();
        assert_eq!(names, ["src/a.rs", "src/b.rs", "src/c.rs"]);
        // Every added line was in some question.
        let sent: String = desk
            .openai
            .received()
            .iter()
            .map(|it| String::from_utf8_lossy(&it.body).into_owned())
            .collect();
        for name in ["a", "b", "c"] {
            for number in 0..100 {
                assert!(sent.contains(&format!("fn {name}{number}()")), "{name}{number}");
            }
        }
    }
}

#[test]
fn what_a_policy_at_the_start_excludes_is_in_the_manifest_by_hash_and_nothing_else_is_left_out() {
    let desk = Desk::new();
    let policy = desk
        .read("configs/review.yaml")
        .replace("exclude: []", "exclude: [{glob: \"vendor/**\", reason: by digest}]");
    let since = desk.change("configs/review.yaml", &policy);
    desk.put("vendor/big.txt", "vendored text\n");
    desk.put("src/a.rs", "fn a() {}\n");
    desk.commit("both");
    let (code, verdict) = desk.verdict(&format!("run --gate --since {since}"));
    assert_eq!((code, &verdict["manifest"]["complete"]), (0, &json!(true)), "{verdict}");
    let excluded = &verdict["manifest"]["paths"][1];
    assert_eq!(excluded["path"], "vendor/big.txt");
    let hash = "1f6ac2a4ca1d3ac6ee0fcbfeb4dd5ee4b4b3ae4df0f3b3f9e4e25d2e0a8e0bd2";
    assert_eq!(excluded["coverage"]["excluded"]["sha256"].as_str().unwrap().len(), hash.len());
    let sent = desk.openai.received().pop().unwrap();
    assert!(!String::from_utf8_lossy(&sent.body).contains("vendored text"));
    // The same policy in the range itself counts for nothing.
    let desk = Desk::new();
    let policy = desk
        .read("configs/review.yaml")
        .replace("exclude: []", "exclude: [{glob: \"src/**\", reason: hide it}]");
    desk.put("configs/review.yaml", &policy);
    desk.put("src/a.rs", "fn hidden() {}\n");
    desk.commit("both");
    desk.run("run");
    let sent = desk.openai.received().pop().unwrap();
    assert!(String::from_utf8_lossy(&sent.body).contains("fn hidden()"));
}

#[test]
fn a_file_that_is_too_large_to_be_read_makes_the_review_incomplete() {
    let desk = Desk::new();
    desk.put("huge.txt", vec![b'a'; (32 << 20) + 1]);
    desk.commit("huge");
    let (code, verdict) = desk.verdict("run --gate");
    assert_eq!(code, 1);
    assert_eq!(verdict["manifest"]["complete"], false);
    assert!(verdict["because"].to_string().contains("huge.txt"), "{}", verdict["because"]);
}

#[test]
fn nothing_to_review_is_never_approved() {
    let desk = Desk::new();
    let head = desk.head();
    desk.run(&format!("run --gate --since {head}")).is(1, &["nothing to review"]);
    desk.run("run").is(1, &["nothing to review"]);
    assert_eq!(desk.calls(), (0, 0));
}

#[test]
fn a_simulated_verdict_is_refused_everywhere() {
    for (line, env) in [("run --gate --simulate", None), ("run --gate", Some(("CODEX_SKIP", "1")))]
    {
        let desk = Desk::new();
        let remote = desk.root().join("remote.git").display().to_string();
        desk.git(&["init", "-q", "--bare", &remote]);
        desk.git(&["remote", "add", "origin", &remote]);
        desk.git(&["push", "-q", "origin", "main"]);
        desk.change("src/a.rs", "fn a() {}\n");
        let env: Vec<(&str, &str)> = env.into_iter().collect();
        desk.run_with(line, &env).is(1, &["a simulated verdict opens no gate"]);
        assert_eq!(desk.calls(), (0, 0));
        desk.run("show").is(0, &["it does not count", "simulated"]);
        desk.run("finish").is(1, &["simulated"]);
        let said = desk.run_with("verify-tree", &[("CHECK_VERDICT", "1")]);
        said.is(1, &["simulated"]);
        // And it answers no real review.
        desk.run("run --gate").is(0, &["APPROVED"]);
        assert_eq!(desk.calls(), (1, 0));
    }
}

#[test]
fn the_verdict_says_who_was_asked_and_by_which_rules() {
    let desk = Desk::new();
    desk.change("src/a.rs", "fn a() {}\n");
    let (_, verdict) = desk.verdict("run");
    let meta = &verdict["meta"];
    assert_eq!(meta["reviewer"]["kind"], "api");
    assert_eq!(meta["reviewer"]["provider"], "openai");
    assert_eq!(meta["requested_model"], "gpt-4o-mini");
    assert_eq!(meta["replied_models"], json!(["gpt-4o-mini-2024-07-18"]));
    assert_eq!(meta["endpoint_host"], desk.openai.address().to_string());
    assert_eq!(meta["simulated"], false);
    assert!(meta["cost_usd"].as_f64().unwrap() > 0.0);
    assert_eq!(meta["digests"]["bundle"], verdict["bundle_sha256"]);
    let sha = |text: &[u8]| verdict::sha256(text);
    assert_eq!(meta["digests"]["policy"], sha(desk.read("configs/review.yaml").as_bytes()));
    assert_eq!(meta["digests"]["prompt"], sha(review_gate::prompt::SHIPPED.as_bytes()));
    let schema = include_str!("../../../../configs/schemas/verdict.schema.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let checker = jsonschema::validator_for(&schema).unwrap();
    let broken: Vec<String> = checker.iter_errors(&verdict).map(|it| it.to_string()).collect();
    assert_eq!(broken, [""; 0]);
}

#[test]
fn a_second_opinion_can_only_add_blockers_and_its_failure_is_a_no() {
    let second = |it: &mut serde_json::Value| {
        it["secondOpinion"] = json!({"provider": "mistral", "model": "mistral-small-latest"});
    };
    let desk = Desk::with(second);
    desk.change("src/a.rs", "fn a() {}\n");
    desk.mistral
        .service(|it| it.brain.thinks(|_| Said::json(&objection("src/a.rs", 1, "second no"))));
    desk.run("run --gate").is(1, &["BLOCKED", "second no"]);
    assert_eq!(desk.calls(), (1, 1));
    let desk = Desk::with(second);
    desk.change("src/a.rs", "fn a() {}\n");
    desk.forget("mistral_api_key");
    let said = desk.run("run --gate");
    assert_ne!(said.code, 0, "{said:?}");
    desk.run("show").is(1, &["there is no verdict"]);
}

#[test]
fn what_finish_wrote_is_no_finding_of_the_next_review_and_another_baseline_is_one() {
    let desk = Desk::new();
    desk.change("src/a.rs", "fn a() {}\n");
    desk.run("run --gate").is(0, &[]);
    desk.run("finish").is(0, &[]);
    let first = desk.change("src/b.rs", "fn b() {}\n");
    let (_, verdict) = desk.verdict("run");
    assert_eq!(verdict["non_blocking"], json!([]), "{verdict}");
    let since = verdict["range"]["since_sha"].as_str().unwrap().to_owned();
    desk.change("docs/LAST_REVIEWED_SHA.txt", &format!("{first}\n"));
    let (_, verdict) = desk.verdict(&format!("run --since {since}"));
    assert_eq!(verdict["non_blocking"][0]["source"]["rule"], "path.baseline", "{verdict}");
}

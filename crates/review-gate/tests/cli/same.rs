//! The same review has the same answer and no second bill, and only the same; the kinds of
//! repositories it works in.

use fakes::llm::Said;
use serde_json::json;

use crate::desk::{Desk, approval, objection};

#[test]
fn the_same_review_is_answered_without_a_call_and_any_difference_is_another_review() {
    let desk = Desk::new();
    let to = desk.change("src/a.rs", "fn a() {}\n");
    desk.run("run --gate").is(0, &["APPROVED"]);
    let first = desk.run("show --format json").out;
    desk.run("run --gate").is(0, &["APPROVED", "answered by an earlier review"]);
    assert_eq!(desk.calls(), (1, 0));
    assert_eq!(desk.run("show --format json").out, first, "the very verdict that was there");
    // One byte.
    desk.change("src/a.rs", "fn b() {}\n");
    desk.run("run --gate").is(0, &["APPROVED"]);
    assert_eq!(desk.calls(), (2, 0));
    // The same bytes, but another start.
    desk.run(&format!("run --gate --since {to}")).is(0, &["APPROVED"]);
    assert_eq!(desk.calls(), (3, 0));
    // Another model.
    let said = desk.run_with("run --gate", &[("AIOPS_REVIEW_MODEL", "gpt-4o")]);
    said.is(0, &["APPROVED"]);
    assert_eq!(desk.calls(), (4, 0));
    // And what was there before is still there.
    desk.run("run --gate").is(0, &["an earlier review"]);
    assert_eq!(desk.calls(), (4, 0));
}

#[test]
fn another_prompt_policy_or_configuration_at_the_start_is_another_review() {
    for (file, change) in [
        ("configs/prompts/review.md", "Judge.\n=====\nAnswer with `verdict`.\n"),
        ("configs/review.yaml", "# another\n"),
        ("configs/llm.json", " "),
        ("configs/models.json", ""),
    ] {
        let desk = Desk::new();
        desk.change("src/a.rs", "fn a() {}\n");
        desk.run("run --gate").is(0, &["APPROVED"]);
        // The same tree on top of a start that differs in one rule.
        let text = match file {
            "configs/review.yaml" | "configs/llm.json" => format!("{}{change}", desk.read(file)),
            "configs/models.json" => {
                format!("{} ", include_str!("../../../../configs/models.json"))
            }
            _ => change.to_owned(),
        };
        let since = desk.change(file, &text);
        desk.change("src/b.rs", "fn b() {}\n");
        desk.run(&format!("run --gate --since {since}")).is(0, &["APPROVED"]);
        assert_eq!(desk.calls(), (2, 0), "{file}");
        let verdict = desk.verdict(&format!("run --since {since}")).1;
        assert_eq!(desk.calls(), (2, 0), "{file}");
        assert_eq!(verdict["range"]["since_sha"], since);
    }
}

#[test]
fn kept_answers_that_another_key_signed_or_none_are_not_used() {
    use verdict::dsse::{Envelope, Kind};
    const KIND: Kind =
        Kind { payload_type: "application/vnd.aiops.answers+json", namespace: "aiops-answers" };
    let desk = Desk::new();
    desk.change("src/a.rs", "fn a() {}\n");
    desk.answers(|_| Said::json(&objection("src/a.rs", 1, "it leaks")));
    desk.run("run --gate").is(1, &["BLOCKED"]);
    let folder = desk.path(".git/aiops/answers");
    let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let kept = std::fs::read(&file).unwrap();
    let sealed = Envelope::read(KIND, &kept).unwrap();
    let text = String::from_utf8(sealed.payload().to_vec()).unwrap();
    let mut payload: serde_json::Value = serde_json::from_str(&text).unwrap();
    payload["opinion"]["answer"] = approval();
    let payload = payload.to_string().into_bytes();
    let own = crate::desk::signer(1);
    let other = Envelope::seal(KIND, payload.clone(), &crate::desk::signer(9)).unwrap();
    let mut envelope: serde_json::Value = serde_json::from_slice(&other.to_bytes()).unwrap();
    envelope["signatures"] =
        serde_json::from_slice::<serde_json::Value>(&kept).unwrap()["signatures"].clone();
    // A verdict's signature is made by the same key, for something else.
    let elsewhere = Kind { namespace: "aiops-verdict", ..KIND };
    let namespace = Envelope::seal(elsewhere, payload.clone(), &own).unwrap();
    let mut calls = desk.calls().0;
    for (what, bytes) in [
        ("another key", other.to_bytes()),
        ("another's text under this signature", envelope.to_string().into_bytes()),
        ("another purpose", namespace.to_bytes()),
        ("no envelope", payload.clone()),
    ] {
        std::fs::write(&file, bytes).unwrap();
        desk.run("run --gate").is(1, &["BLOCKED"]);
        calls += 1;
        assert_eq!(desk.calls().0, calls, "{what}: asked again");
    }
    // What the loop shows is not that such a file is never read: by this key, it is.
    std::fs::write(&file, Envelope::seal(KIND, payload, &own).unwrap().to_bytes()).unwrap();
    desk.run("run --gate").is(0, &["APPROVED", "an earlier review"]);
    assert_eq!(desk.calls().0, calls);
}

/// A range of several packets, and where it starts.
fn in_packets(desk: &Desk) -> String {
    let policy = desk.read("configs/review.yaml").replace("maxBytes: 200000", "maxBytes: 6000");
    let since = desk.change("configs/review.yaml", &policy);
    for name in ["a", "b", "c"] {
        let lines: Vec<String> =
            (0..150).map(|it| format!("fn {name}{it}() {{ work({it}); }}")).collect();
        desk.put(&format!("src/{name}.rs"), lines.join("\n") + "\n");
    }
    desk.commit("three files");
    since
}

#[test]
fn a_review_that_ended_on_the_way_goes_on_where_it_was_and_pays_only_for_the_rest() {
    let desk = Desk::new();
    let since = in_packets(&desk);
    let line = format!("run --gate --since {since}");
    desk.answers(|asked| {
        let said = Said::json(&approval()).uses(1000, 0, 500);
        let is_b = asked.text_of("user").contains("fn b50()");
        if is_b { said.ends(fakes::llm::Ending::Length) } else { said }
    });
    desk.run(&line).is(69, &["truncated"]);
    let first = desk.calls().0;
    let paid = desk.paid("review-gate");
    assert!(first > 1 && paid > 0.0, "{first} calls");
    desk.answers(|_| Said::json(&approval()).uses(1000, 0, 500));
    let said = desk.run(&format!("--json {line}"));
    said.is(0, &["answers are there already"]);
    let verdict: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let packets = verdict["manifest"]["packets"].as_u64().unwrap();
    let calls = u64::try_from(desk.calls().0).unwrap();
    assert_eq!(calls, packets + 1, "only the one that was cut is asked about twice");
    assert_eq!(verdict["meta"]["usage"]["calls"], packets);
    let each = 0.000_45;
    let near = |one: f64, other: f64| (one - other).abs() < 1e-9;
    let left = packets - (u64::try_from(first).unwrap() - 1);
    assert!(near(desk.paid("review-gate"), each * f64::from(u32::try_from(left).unwrap())));
    let cost = verdict["meta"]["cost_usd"].as_f64().unwrap();
    assert!(near(cost, each * f64::from(u32::try_from(packets).unwrap())), "{cost}");
    desk.run(&line).is(0, &["answered by an earlier review"]);
    assert!(near(desk.paid("review-gate"), 0.0));
}

#[test]
fn a_second_opinion_that_failed_is_asked_again_and_the_first_is_not() {
    let desk = Desk::with(|it| {
        it["secondOpinion"] = json!({"provider": "mistral", "model": "mistral-small-latest"});
    });
    desk.change("src/a.rs", "fn a() {}\n");
    desk.answers(|_| Said::json(&objection("src/a.rs", 1, "first no")));
    desk.mistral.otherwise(fakes::Behaviour::status(400));
    desk.run("run --gate").is(69, &["mistral"]);
    desk.mistral.otherwise(fakes::Behaviour::normal());
    desk.run("run --gate").is(1, &["first no"]);
    assert_eq!(desk.calls(), (1, 2));
    // The second is never taken for the first, even where one model is both.
    let desk = Desk::with(|it| {
        it["secondOpinion"] = json!({"provider": "openai", "model": "gpt-4o-mini"});
    });
    desk.change("src/a.rs", "fn a() {}\n");
    let mut asked = 0;
    desk.answers(move |_| {
        asked += 1;
        let said = Said::json(&approval());
        if asked == 2 { said.ends(fakes::llm::Ending::Length) } else { said }
    });
    desk.run("run --gate").is(69, &["truncated"]);
    desk.run("run --gate").is(0, &["APPROVED"]);
    assert_eq!(desk.calls(), (3, 0));
}

#[test]
fn the_budget_of_a_review_holds_over_the_runs_it_takes() {
    let desk = Desk::with(|it| it["budget"]["maxUsdPerReview"] = json!(0.002));
    let since = in_packets(&desk);
    desk.answers(|_| Said::json(&approval()).uses(1000, 0, 1000));
    let line = format!("run --gate --since {since}");
    desk.run(&line).is(1, &["the budget of the review"]);
    let calls = desk.calls();
    assert!(calls.0 > 0);
    desk.run(&line).is(1, &["the budget of the review"]);
    assert_eq!(desk.calls(), calls, "what was paid before counts");
}

#[test]
fn a_repository_with_sha256_names_goes_the_whole_way() {
    let desk = Desk::of_format("sha256", |_| {});
    let to = desk.change("src/a.rs", "fn a() {}\n");
    assert_eq!(to.len(), 64);
    desk.run("run --gate").is(0, &["APPROVED"]);
    desk.run("show").is(0, &["it counts"]);
    desk.run("finish").is(0, &["moved the baseline there"]);
    assert_eq!(desk.baseline(), to);
}

#[test]
fn a_linked_work_tree_shares_verdicts_and_finishes_its_own_branch() {
    let desk = Desk::new();
    desk.git(&["worktree", "add", "-q", "-b", "side", "../side"]);
    let side = desk.root().join("side");
    std::fs::write(side.join("b.txt"), "b\n").unwrap();
    let git = |args: &[&str]| {
        let said = desk.bare("git").current_dir(&side).args(args).output().unwrap();
        assert!(said.status.success(), "{said:?}");
        String::from_utf8(said.stdout).unwrap().trim().to_owned()
    };
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "b"]);
    let to = git(&["rev-parse", "HEAD"]);
    let run = |line: &str| -> crate::desk::Told {
        desk.command(line).current_dir(&side).output().unwrap().into()
    };
    run("run --gate").is(0, &["APPROVED"]);
    desk.run(&format!("show {to}")).is(0, &["it counts"]);
    run("finish").is(0, &["moved the baseline"]);
    assert_eq!(git(&["status", "--porcelain"]), "");
    assert_eq!(git(&["rev-parse", "HEAD^"]), to);
    assert_ne!(desk.head(), git(&["rev-parse", "HEAD"]), "the other branch stays");
    assert_eq!(desk.git(&["status", "--porcelain"]), "");
}

//! Autoheal: what it mends, and every bound.

use serde_json::json;

use crate::yard::Yard;

const GOOD: &str = "--- a/src/a.txt\n+++ b/src/a.txt\n@@ -1 +1 @@\n-bad\n+good\n";

fn blocked(heal: &str) -> Yard {
    let yard = Yard::with("tests: [[\"true\"]]", heal);
    yard.desk.change("src/a.txt", "bad\n");
    yard
}

#[test]
fn a_proposal_that_mends_is_tested_committed_and_reviewed_from_scratch() {
    let yard = blocked("rounds: 2, by: api, paths: [src/]");
    yard.blocks_bad("src/a.txt", |_| GOOD.to_owned());
    yard.ship("").is(0, &["shipped"]);
    let names: Vec<String> = yard.steps().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["verify-tree", "tests", "review", "heal", "review", "finish", "push"]);
    assert_eq!(yard.desk.read("src/a.txt"), "good\n");
    assert_eq!(yard.desk.git(&["status", "--porcelain"]), "");
    assert_eq!(
        yard.desk.git(&["log", "-1", "--format=%s", "HEAD^"]),
        "ship: mend what the review blocked"
    );
    assert_eq!(yard.desk.git(&["diff", "--name-only", "HEAD^^", "HEAD^"]), "src/a.txt");
    assert_eq!(yard.remote(), yard.desk.head());
}

#[test]
fn what_may_not_be_mended_ends_it_and_leaves_the_work_tree_as_it_was() {
    let evil = |path: &str| format!("{GOOD}--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n");
    let cases: Vec<(&str, String, &str)> = vec![
        (
            "gate",
            evil("configs/review.yaml.d"),
            "a policy, a schema or an allowlist, which is never mended",
        ),
        ("hooks", evil(".githooks/pre-commit"), "the diff touches .githooks"),
        ("ci", evil(".github/workflows/x.yml"), "the diff touches .github"),
        ("prefix", evil("srcs/x"), "does not name it"),
        ("outside", evil("../x"), "the diff touches ../x"),
        ("not the file", GOOD.replace("-bad", "-worse"), "does not fit"),
        ("prose", "Sure, here it is:".to_owned(), "cannot be read"),
        ("empty", String::new(), "nothing was proposed"),
        ("removal", "--- a/src/a.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-bad\n".to_owned(), "removes"),
        (
            "mode",
            "diff --git a/src/a.txt b/src/a.txt\nold mode 100644\nnew mode 100755\n".to_owned(),
            "mode",
        ),
    ];
    for (what, diff, why) in cases {
        let yard = blocked("rounds: 2, by: api, paths: [src/]");
        yard.blocks_bad("src/a.txt", move |_| diff.clone());
        let head = yard.desk.head();
        let told = yard.ship("");
        assert_eq!(told.code, 1, "{what}: {told:?}");
        told.is(1, &[why]);
        assert_eq!(yard.desk.head(), head, "{what}");
        assert_eq!(yard.desk.git(&["status", "--porcelain"]), "", "{what}");
        assert_eq!(yard.desk.read("src/a.txt"), "bad\n", "{what}");
    }
}

#[test]
fn a_blocker_where_nothing_may_be_mended_asks_nobody() {
    let yard = Yard::new();
    yard.desk.change("other/a.txt", "bad\n");
    yard.blocks_bad("other/a.txt", |_| GOOD.to_owned());
    yard.ship("").is(1, &["other/a.txt may not be mended"]);
    assert_eq!(yard.desk.calls(), (1, 0));
    let yard = blocked("rounds: 2, by: api, paths: [src/]");
    yard.blocks_bad("nowhere.txt", |_| GOOD.to_owned());
    yard.ship("").is(1, &["names no place in the range"]);
    let yard = blocked("rounds: 0, by: api, paths: [src/]");
    yard.blocks_bad("src/a.txt", |_| GOOD.to_owned());
    yard.ship("").is(1, &["autoheal is off"]);
    let yard = blocked("rounds: 2, by: api, paths: [src/]");
    yard.blocks_bad("src/a.txt", |_| GOOD.to_owned());
    yard.ship("--no-heal").is(1, &["autoheal is off"]);
}

#[test]
fn tests_that_fail_with_it_or_leave_files_take_it_back() {
    for (tests, why) in [
        ("tests: [[sh, -c, \"grep -q bad src/a.txt\"]]", "the tests fail with it"),
        (
            "tests: [[sh, -c, \"grep -q bad src/a.txt || touch src/left\"]]",
            "src/left changed as well",
        ),
        (
            "tests: [[sh, -c, \"grep -q bad src/a.txt || echo more >> README.md\"]]",
            "README.md changed as well",
        ),
    ] {
        let yard = Yard::with(tests, "rounds: 2, by: api, paths: [src/]");
        yard.desk.change("src/a.txt", "bad\n");
        yard.blocks_bad("src/a.txt", |_| GOOD.to_owned());
        let head = yard.desk.head();
        yard.ship("").is(1, &[why]);
        assert_eq!(yard.desk.head(), head);
        assert_eq!(yard.desk.read("src/a.txt"), "bad\n");
    }
}

#[test]
fn the_same_blockers_the_same_diff_or_too_many_rounds_end_it() {
    // Each proposal changes the file, and none of them mends it.
    let step = |number: usize| {
        let old = if number == 1 { String::new() } else { format!("{}\n", number - 1) };
        let before = if number == 1 { "-bad\n".to_owned() } else { format!(" bad\n-{old}") };
        let counts = if number == 1 { ("1", "1,2") } else { ("1,2", "1,2") };
        let kept = if number == 1 { "+bad\n".to_owned() } else { String::new() };
        format!(
            "--- a/src/a.txt\n+++ b/src/a.txt\n@@ -{} +{} @@\n{before}{kept}+{number}\n",
            counts.0, counts.1
        )
    };
    let yard = blocked("rounds: 5, by: api, paths: [src/]");
    yard.blocks_bad("src/a.txt", step);
    yard.ship("").is(1, &["the same blocks as before"]);
    let taken = yard.steps();
    assert_eq!(taken.iter().filter(|(name, _)| name == "heal").count(), 1, "{taken:?}");
    // The same again, as soon as something else blocks: another title each time.
    let yard = blocked("rounds: 2, by: api, paths: [src/]");
    let (mut reviews, mut proposals) = (0, 0);
    yard.desk.answers(move |asked| {
        if asked.schema.as_ref().is_some_and(|it| it["properties"]["diff"].is_object()) {
            proposals += 1;
            return fakes::llm::Said::json(&json!({"diff": step(proposals), "why": "x"}));
        }
        reviews += 1;
        fakes::llm::Said::json(&crate::desk::objection("src/a.txt", 1, &format!("no {reviews}")))
    });
    yard.ship("").is(1, &["still blocks after 2 rounds of autoheal"]);
}

#[test]
fn the_budget_of_a_run_holds_over_its_reviews_and_proposals() {
    // A review may cost about $0.06 and a proposal $0.41; either costs $0.051.
    for (cap, calls, code) in [(0.44, 1, 1), (0.6, 3, 0)] {
        let desk = crate::desk::Desk::with(|it| {
            it["budget"]["maxUsdPerRun"] = json!(cap);
            it["budget"]["pricing"] =
                json!({"gpt-4o-mini": {"inputPer1M": 1.0, "outputPer1M": 100.0}});
        });
        let heal = "rounds: 2, by: api, paths: [src/]";
        let yard = Yard::of(desk, "tests: [[\"true\"]]", heal);
        yard.desk.change("src/a.txt", "bad\n");
        yard.desk.answers(|asked| {
            let is_proposal =
                asked.schema.as_ref().is_some_and(|it| it["properties"]["diff"].is_object());
            let answer = if is_proposal {
                json!({"diff": GOOD, "why": "because"})
            } else if asked.text_of("user").contains("+bad") {
                crate::desk::objection("src/a.txt", 1, "it is bad")
            } else {
                crate::desk::approval()
            };
            fakes::llm::Said::json(&answer).uses(1000, 0, 500)
        });
        let told = yard.ship("");
        assert_eq!(told.code, code, "{cap}: {told:?}");
        assert_eq!(yard.desk.calls(), (calls, 0), "{cap}");
        if code == 1 {
            told.is(1, &["the budget of the run is $0.44"]);
        }
        let (records, lines) = yard.desk.records("ship");
        assert!(records.len() == 1 && lines.len() >= calls);
        for line in &lines {
            assert_eq!(line["run"], records[0]["run_id"], "telemetry names the run by its record");
        }
        let paid = yard.desk.paid("ship");
        assert!((paid - yard.status()["spent_usd"].as_f64().unwrap()).abs() < 1e-9, "{paid}");
    }
}

#[test]
fn a_secret_is_never_sent_to_be_mended() {
    let yard = Yard::new();
    let key = format!("{}{}", "AKIA", "Z7QX4MT2LNB5RWYK");
    yard.desk.change("src/a.txt", &format!("bad\naws_access_key_id = {key}\n"));
    yard.blocks_bad("src/a.txt", |_| GOOD.to_owned());
    yard.ship("").is(1, &["a secret is taken out by a person"]);
    assert_eq!(yard.desk.calls(), (0, 0));
}

#[test]
fn codex_may_propose_as_well_and_is_asked_for_a_diff_and_nothing_else() {
    use std::os::unix::fs::PermissionsExt;
    let yard = blocked("rounds: 1, by: codex, paths: [src/]");
    yard.blocks_bad("src/a.txt", |_| panic!("the model is not asked for a diff"));
    let proposal = json!({"diff": GOOD, "why": "because"}).to_string();
    let event =
        json!({"type": "item.completed", "item": {"type": "agent_message", "text": proposal}});
    let folder = yard.desk.root().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    let told = folder.join("told");
    std::fs::write(&told, format!("{event}\n")).unwrap();
    let script = format!(
        "#!/bin/sh\ncase \"$1\" in --version) echo codex-cli 9.9.9; exit 0;; esac\ncat > {0}/prompt\ncat {0}/told\n",
        folder.display()
    );
    std::fs::write(folder.join("codex"), script).unwrap();
    std::fs::set_permissions(folder.join("codex"), std::fs::Permissions::from_mode(0o755)).unwrap();
    yard.ship("").is(0, &["shipped"]);
    let (_, lines) = yard.desk.records("ship");
    let proposals: Vec<_> = lines.iter().filter(|it| it["purpose"] == "general").collect();
    assert_eq!(proposals.len(), 1, "{lines:?}");
    let line = proposals[0];
    assert_eq!(line["actual_usd"], json!(null), "it does not say what it used");
    assert_eq!(line["booked_usd"], line["estimated_usd"], "so it counts at its worst case");
    assert!(yard.desk.paid("ship") > line["booked_usd"].as_f64().unwrap());
    let prompt = std::fs::read_to_string(folder.join("prompt")).unwrap();
    assert!(prompt.contains("it is bad") && prompt.contains("unified diff"));
    assert_eq!(yard.desk.read("src/a.txt"), "good\n");
}

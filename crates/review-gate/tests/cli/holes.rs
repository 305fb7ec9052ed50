//! The twelve holes of the gate's ancestor (facts/review-and-router.md 3.7), one test each. Forms of
//! pushes (1, 2, 3, 11) are tried over real transports in tests/push; here at the hook's own input.
//! The twelfth is autoheal: `ship/src/decide_tests.rs` and `ship/tests/cli/heals.rs`.

use std::io::Write;
use std::process::Stdio;

use fakes::llm::Said;
use serde_json::{Value, json};

use crate::desk::{Desk, Told, approval};

/// What the hook says to these lines.
fn check(desk: &Desk, lines: &str) -> Told {
    let mut command = desk.command("check -- origin file:///nowhere");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

#[test]
fn hole_1_a_typed_reference_with_spaces_is_read_from_the_right() {
    let desk = Desk::new();
    let base = desk.head();
    let to = desk.change("src/a.rs", "fn a() {}\n");
    let line = format!("HEAD@{{0 seconds ago}} {to} refs/heads/main {base}\n");
    check(&desk, &line).is(1, &["refs/heads/main", "review-gate run"]);
    desk.run(&format!("run --gate --since {base}")).is(0, &[]);
    check(&desk, &line).is(0, &[]);
}

#[test]
fn a_name_that_would_turn_a_line_round_is_told_escaped() {
    let desk = Desk::new();
    let (zero, to) = ("0".repeat(40), desk.head());
    let told = check(&desk, &format!("x {to} refs/heads/a\u{202e}b {zero}\n"));
    told.is(1, &["refused: refs/heads/a"]);
    assert!(!told.all().contains('\u{202e}'), "{told:?}");
}

#[test]
fn hole_2_a_deletion_of_a_protected_reference_is_refused() {
    let desk = Desk::new();
    let zero = "0".repeat(40);
    let line = format!("(delete) {zero} refs/heads/main {}\n", desk.head());
    check(&desk, &line).is(1, &["refs/heads/main"]);
}

#[test]
fn hole_3_a_verdict_about_the_last_commit_alone_does_not_cover_two() {
    let desk = Desk::new();
    let base = desk.head();
    let first = desk.change("src/a.rs", "fn a() {}\n");
    let to = desk.change("src/b.rs", "fn b() {}\n");
    desk.run(&format!("run --gate --since {first}")).is(0, &["APPROVED"]);
    check(&desk, &format!("refs/heads/main {to} refs/heads/main {base}\n")).is(1, &[&base[..12]]);
    check(&desk, &format!("refs/heads/main {to} refs/heads/main {first}\n")).is(0, &[]);
}

#[test]
fn hole_4_an_unknown_price_is_refused_and_a_dated_model_has_its_price() {
    let desk = Desk::new();
    let since = desk.change(
        "configs/models.json",
        &models(|rows| rows.retain(|it| it["model"] != "gpt-4o-mini")),
    );
    desk.change("src/a.rs", "fn a() {}\n");
    let said = desk.run(&format!("run --gate --since {since}"));
    assert_ne!(said.code, 0, "{said:?}");
    assert_eq!(desk.calls(), (0, 0));
    let desk = Desk::new();
    desk.change("src/a.rs", "fn a() {}\n");
    let (_, verdict) = desk.verdict("run");
    assert_eq!(verdict["meta"]["replied_models"], json!(["gpt-4o-mini-2024-07-18"]));
    assert!(verdict["meta"]["cost_usd"].as_f64().unwrap() > 0.0);
}

fn models(change: impl FnOnce(&mut Vec<Value>)) -> String {
    let mut models: Value =
        serde_json::from_str(include_str!("../../../../configs/models.json")).unwrap();
    change(models["models"].as_array_mut().unwrap());
    models.to_string()
}

#[test]
fn hole_5_an_error_is_judged_by_its_status_never_by_its_words() {
    for (status, body) in [
        (401, "connection timeout, http 429, please retry"),
        (403, "upstream said: http 429 too many requests"),
    ] {
        let desk = Desk::new();
        desk.change("src/a.rs", "fn a() {}\n");
        let error = json!({"error": {"message": body, "type": "x", "code": "x", "param": null}});
        desk.openai.otherwise(fakes::Behaviour::instead(fakes::Reply::json(status, &error)));
        desk.run("run --gate").is(69, &[]);
        assert_eq!(desk.calls(), (1, 0), "{status}: no retry, no fallback");
    }
}

#[test]
fn hole_6_a_word_is_no_verdict_and_neither_is_the_first_object_in_a_text() {
    for text in [
        "APPROVED".to_owned(),
        format!("Here it is: {}", approval()),
        format!("{} {{}}", approval()),
    ] {
        let desk = Desk::new();
        desk.change("src/a.rs", "fn a() {}\n");
        desk.openai.service(|it| it.brain.then(Said::text(text)));
        desk.run("run --gate").is(69, &[]);
        desk.run("show").is(1, &[]);
    }
}

#[test]
fn hole_7_more_than_twenty_files_are_all_reviewed() {
    let desk = Desk::new();
    let policy = desk.read("configs/review.yaml").replace("maxBytes: 200000", "maxBytes: 5000");
    let since = desk.change("configs/review.yaml", &policy);
    for number in 0..30 {
        desk.put(
            &format!("src/f{number}.rs"),
            format!("fn f{number}() {{ {} }}\n", "work();".repeat(300)),
        );
    }
    desk.commit("thirty");
    let (code, verdict) = desk.verdict(&format!("run --gate --since {since}"));
    assert_eq!(
        (code, verdict["manifest"]["paths"].as_array().unwrap().len()),
        (0, 30),
        "{verdict}"
    );
    assert!(verdict["manifest"]["packets"].as_u64().unwrap() > 20);
    let sent: String = desk
        .openai
        .received()
        .iter()
        .map(|it| String::from_utf8_lossy(&it.body).into_owned())
        .collect();
    for number in 0..30 {
        assert!(sent.contains(&format!("fn f{number}()")), "{number}");
    }
}

#[test]
fn hole_8_provenance_cannot_be_written_by_hand() {
    let desk = Desk::new();
    desk.change("src/a.rs", "fn a() {}\n");
    desk.run("run --gate --simulate").is(1, &[]);
    let folder = desk.path(".git/aiops/verdicts").join(desk.head());
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&file).unwrap();
    let mut envelope: Value = serde_json::from_str(&text).unwrap();
    let payload = base64(envelope["payload"].as_str().unwrap());
    let forged = payload.replace("\"simulated\":true", "\"simulated\":false");
    assert_ne!(forged, payload, "{payload}");
    envelope["payload"] = json!(to_base64(&forged));
    std::fs::write(&file, envelope.to_string()).unwrap();
    desk.git(&["update-ref", "-d", "refs/notes/aiops-verdicts"]);
    desk.run("finish").is(1, &["NO:"]);
    let line = format!("x {} refs/heads/main {}\n", desk.head(), desk.git(&["rev-parse", "HEAD^"]));
    check(&desk, &line).is(1, &[]);
}

fn base64(text: &str) -> String {
    let said = pipe("base64", &["-d"], text);
    String::from_utf8(said).unwrap()
}

fn to_base64(text: &str) -> String {
    String::from_utf8(pipe("base64", &["-w0"], text)).unwrap()
}

fn pipe(program: &str, args: &[&str], input: &str) -> Vec<u8> {
    let mut child = std::process::Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap().stdout
}

#[test]
fn hole_9_an_empty_range_is_no_approval() {
    let desk = Desk::new();
    desk.commit("empty");
    let said = desk.run("run --gate");
    said.is(1, &["nothing to review"]);
    assert_eq!(desk.calls(), (0, 0));
    let line = format!("x {} refs/heads/main {}\n", desk.head(), desk.git(&["rev-parse", "HEAD^"]));
    check(&desk, &line).is(1, &[]);
}

#[test]
fn hole_10_a_change_of_the_gate_itself_is_a_finding_whatever_the_model_says() {
    let desk = Desk::new();
    desk.put(".github/workflows/verdict_gate.yml", "on: push\n");
    desk.put(".githooks/pre-push", "#!/bin/sh\nexit 0\n");
    desk.put("configs/allowed_signers", "");
    desk.commit("open the gate");
    let (_, verdict) = desk.verdict("run");
    let all: Vec<&Value> = verdict["blockers"]
        .as_array()
        .unwrap()
        .iter()
        .chain(verdict["non_blocking"].as_array().unwrap())
        .collect();
    for file in
        [".github/workflows/verdict_gate.yml", ".githooks/pre-push", "configs/allowed_signers"]
    {
        assert!(
            all.iter().any(|it| it["file"] == file && it["source"]["rule"].is_string()),
            "{file}: {all:?}"
        );
    }
}

#[test]
fn hole_11_the_work_tree_is_not_asked_and_names_that_git_quotes_are_reviewed() {
    let desk = Desk::new();
    desk.put("na\"me \u{e9}.txt", "hidden line\n");
    desk.commit("odd");
    desk.answers(|asked| {
        assert!(asked.text_of("user").contains("hidden line"));
        Said::json(&crate::desk::objection("x", 1, "no"))
    });
    desk.run("run --gate").is(1, &["BLOCKED"]);
    // A verdict that lies in the work tree is nobody's.
    let verdict = desk.run("show --format json").out.replace("BLOCKED", "APPROVED");
    desk.put("verdict.json", &verdict);
    desk.put("aiops/verdict.json", &verdict);
    desk.run("finish").is(1, &["NO:"]);
}

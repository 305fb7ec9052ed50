//! The Codex reviewer: a scripted stand-in for every ending, and the real program where it is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use fakes::Behaviour;
use fakes::llm::Said;
use serde_json::Value;

use crate::desk::{Desk, approval, objection, openai_key};

/// A PATH on which `codex` is this script; the built binary is still found by its full name.
fn stand_in(desk: &Desk, script: &str) -> String {
    let folder = desk.root().join("bin");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("codex");
    fs::write(
        &path,
        format!(
            "#!/bin/sh\ncase \"$1\" in --version) echo codex-cli 9.9.9; exit 0;; esac\n{script}\n"
        ),
    )
    .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

/// A script that answers with this text.
fn saying(text: &str) -> String {
    let event = serde_json::json!({"type": "item.completed", "item": {"id": "1", "type": "agent_message", "text": text}});
    let end = serde_json::json!({"type": "turn.completed", "usage": {"input_tokens": 100, "cached_input_tokens": 0, "output_tokens": 20}});
    format!("cat > \"$HOME/../prompt\"\nenv > \"$HOME/../env\"\nprintf '%s\\n' '{event}' '{end}'")
}

#[test]
fn codex_reviews_from_its_standard_input_in_an_empty_folder_with_the_key_of_its_own() {
    let desk = Desk::new();
    desk.change("src/a.rs", "fn a() {}\n");
    let script = format!(
        "{}\ncp \"$HOME/../prompt\" {root}/prompt; cp \"$HOME/../env\" {root}/env; printf '%s\\n' \"$@\" > {root}/args; ls -A > {root}/folder",
        saying(&approval().to_string()),
        root = desk.root().display()
    );
    let path = stand_in(&desk, &script);
    let said =
        desk.run_with("--json run --gate --reviewer codex", &[("PATH", &path), ("GIT_DIR", "")]);
    assert_eq!(said.code, 0, "{said:?}");
    let verdict: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(verdict["meta"]["reviewer"]["kind"], "codex_cli");
    assert_eq!(verdict["meta"]["reviewer"]["version"], "codex-cli 9.9.9");
    assert_eq!(verdict["meta"]["usage"]["input_tokens"], 100);
    let read = |name: &str| fs::read_to_string(desk.root().join(name)).unwrap();
    assert!(
        read("prompt").contains("fn a() {}")
            && read("prompt").trim_end().ends_with("counts as none.")
    );
    assert!(read("env").contains(&format!("CODEX_API_KEY={}", openai_key())));
    assert!(!read("env").contains("OPENAI_API_KEY"));
    assert!(!read("args").contains(&openai_key()));
    for word in [
        "read-only",
        "--ephemeral",
        "--ignore-user-config",
        "--skip-git-repo-check",
        "--json",
        "features.shell_tool=false",
    ] {
        assert!(read("args").contains(word), "{word}");
    }
    assert_eq!(read("folder"), "");
    desk.run("finish").is(0, &[]);
}

#[test]
fn a_codex_that_gives_no_answer_that_holds_is_a_69() {
    let refusal = objection("src/a.rs", 1, "no").to_string();
    for (what, script, code) in [
        ("blocks", saying(&refusal), 1),
        ("fails", "cat >/dev/null; echo '{\"type\":\"turn.failed\",\"error\":{\"message\":\"no\"}}'; exit 1".to_owned(), 69),
        ("says and fails", format!("{}; exit 1", saying(&approval().to_string())), 69),
        ("is silent", "cat >/dev/null".to_owned(), 69),
        ("runs a command", "cat >/dev/null; echo '{\"type\":\"item.started\",\"item\":{\"type\":\"command_execution\"}}'".to_owned(), 69),
        ("prose", saying("APPROVED"), 69),
        ("no json", "cat >/dev/null; echo APPROVED".to_owned(), 69),
    ] {
        let desk = Desk::new();
        desk.change("src/a.rs", "fn a() {}\n");
        let path = stand_in(&desk, &script);
        let said = desk.run_with("run --gate --reviewer codex", &[("PATH", &path)]);
        assert_eq!(said.code, code, "{what}: {said:?}");
    }
    let desk = Desk::new();
    desk.change("src/a.rs", "fn a() {}\n");
    desk.forget("openai_api_key");
    let path = stand_in(&desk, &saying(&approval().to_string()));
    desk.run_with("run --gate --reviewer codex", &[("PATH", &path)]).is(77, &["openai_api_key"]);
}

#[test]
fn a_second_opinion_is_asked_beside_codex_and_its_failure_is_a_no() {
    type Spoil = fn(&Desk);
    let second = |it: &mut Value| {
        it["secondOpinion"] =
            serde_json::json!({"provider": "mistral", "model": "mistral-small-latest"});
    };
    let line = "run --gate --reviewer codex";
    let objects: Spoil = |desk| {
        let said = Said::json(&objection("src/a.rs", 1, "second no"));
        desk.mistral.service(|it| it.brain.thinks(move |_| said.clone()));
    };
    let is_down: Spoil = |desk| {
        desk.mistral.otherwise(Behaviour::status(500));
    };
    let has_no_key: Spoil = |desk| desk.forget("mistral_api_key");
    for (what, spoil, code, words) in [
        ("approves", None, 0, "APPROVED"),
        ("blocks", Some(objects), 1, "second no"),
        ("is down", Some(is_down), 69, "mistral"),
        ("has no key", Some(has_no_key), 77, "mistral_api_key"),
    ] {
        let desk = Desk::with(second);
        desk.change("src/a.rs", "fn a() {}\n");
        if let Some(spoil) = spoil {
            spoil(&desk);
        }
        let asked = desk.root().join("asked");
        let script = format!("{}\ntouch {}", saying(&approval().to_string()), asked.display());
        let path = stand_in(&desk, &script);
        let told = desk.run_with(line, &[("PATH", &path)]);
        assert_eq!(told.code, code, "{what}: {told:?}");
        told.is(code, &[words]);
        assert_eq!(asked.exists(), code != 77, "{what}: without the key nobody is asked");
        let calls = if code == 77 { 0 } else { desk.calls().1.max(1) };
        assert_eq!(desk.calls(), (0, calls), "{what}");
        if code > 1 {
            desk.run("show").is(1, &["there is no verdict"]);
        }
    }
}

/// The real program, from npm; `None` and the reason where it is not.
fn real() -> Option<PathBuf> {
    let own = std::env::current_exe().unwrap();
    let target = own.ancestors().nth(3).unwrap().to_path_buf();
    let folder = target.join("tools/codex");
    let program = folder.join("node_modules/.bin");
    if !program.join("codex").exists() {
        let mut npm = std::process::Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
            .arg(&folder)
            .arg("@openai/codex@0.169.0");
        let done = npm.output();
        if !done.as_ref().is_ok_and(|it| it.status.success()) {
            let why = format_args!("npm cannot install it: {done:?}");
            skipped::told(skipped::this_test(), why);
            return None;
        }
    }
    Some(program)
}

/// The stream that the real API answers with.
fn stream(text: &str) -> fakes::Reply {
    let item = serde_json::json!({"type": "message", "role": "assistant", "id": "m1", "content": [{"type": "output_text", "text": text}]});
    let usage = serde_json::json!({"input_tokens": 11, "input_tokens_details": {"cached_tokens": 3}, "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 16});
    let events = [
        serde_json::json!({"type": "response.created", "response": {"id": "r1"}}),
        serde_json::json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        serde_json::json!({"type": "response.completed", "response": {"id": "r1", "usage": usage}}),
    ];
    let text =
        |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    let body: Vec<String> = events.iter().map(text).collect();
    let body = body.concat();
    fakes::Reply::new(200, "text/event-stream", body.into_bytes())
}

#[test]
fn the_real_codex_reviews() {
    let Some(folder) = real() else { return };
    let desk = Desk::new();
    desk.change("src/a.rs", "fn a() {}\n");
    desk.openai.otherwise(Behaviour::instead(stream(&approval().to_string())));
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let said = desk.run_with("--json run --gate --reviewer codex", &[("PATH", &path)]);
    assert_eq!(said.code, 0, "{said:?}");
    let verdict: Value = serde_json::from_str(&said.out).unwrap();
    assert!(verdict["meta"]["reviewer"]["version"].as_str().unwrap().starts_with("codex-cli "));
    let asked = desk.openai.received();
    assert_eq!(asked.len(), 1, "one request, nothing repeated");
    assert_eq!(asked[0].header("authorization"), Some(&*format!("Bearer {}", openai_key())));
    let body = asked[0].json().unwrap();
    let tools: Vec<&str> =
        body["tools"].as_array().unwrap().iter().filter_map(|it| it["name"].as_str()).collect();
    for tool in ["shell", "exec_command", "apply_patch", "view_image"] {
        assert!(!tools.contains(&tool), "{tools:?}");
    }
    desk.openai.otherwise(Behaviour::status(500));
    desk.change("src/b.rs", "fn b() {}\n");
    let said = desk.run_with("run --gate --reviewer codex", &[("PATH", &path)]);
    assert_eq!(said.code, 69, "{said:?}");
}

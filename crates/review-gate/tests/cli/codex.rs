//! The Codex reviewer: a scripted stand-in for every ending, and the real program where it is.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

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

#[test]
fn each_run_of_codex_has_a_line_of_telemetry_and_its_place_in_the_ledger() {
    let dear = serde_json::json!({"gpt-4o-mini": {"inputPer1M": 1.0, "outputPer1M": 10.0}});
    let fine = saying(&approval().to_string());
    for (what, script, code, outcome, actual) in [
        ("answers", fine.clone(), 0, "ok", Some(0.000_3)),
        ("says and fails", format!("{fine}; exit 1"), 69, "non_transient", Some(0.000_3)),
        ("is silent", "cat >/dev/null".to_owned(), 69, "non_transient", None),
    ] {
        let desk = Desk::with(|it| it["budget"]["pricing"] = dear.clone());
        desk.change("src/a.rs", "fn a() {}\n");
        let path = stand_in(&desk, &script);
        let told = desk.run_with("run --gate --reviewer codex", &[("PATH", &path)]);
        assert_eq!(told.code, code, "{what}: {told:?}");
        let (records, lines) = desk.records("review-gate");
        assert_eq!(lines.len(), 1, "{what}");
        let line = &lines[0];
        assert_eq!(line["outcome"], outcome, "{what}");
        assert_eq!(line["run"], records[0]["run_id"], "{what}");
        assert_eq!(line["model"], "gpt-4o-mini", "{what}");
        let worst = line["estimated_usd"].as_f64().unwrap();
        assert!(worst > 0.18, "{what}: {worst}");
        assert_eq!(line["actual_usd"].as_f64(), actual, "{what}");
        assert_eq!(line["booked_usd"].as_f64(), Some(actual.unwrap_or(worst)), "{what}");
        assert!(desk.paid("review-gate") > 0.0, "{what}");
    }
    for (cap, scope) in
        [("maxUsdPerReview", "review"), ("maxUsdPerRun", "run"), ("maxUsdPerDay", "day")]
    {
        let desk = Desk::with(|it| {
            it["budget"]["pricing"] = dear.clone();
            it["budget"][cap] = serde_json::json!(0.1);
        });
        desk.change("src/a.rs", "fn a() {}\n");
        let path = stand_in(&desk, &format!("touch {}/asked\n{fine}", desk.root().display()));
        let told = desk.run_with("run --gate --reviewer codex", &[("PATH", &path)]);
        told.is(1, &[&format!("the budget of the {scope}")]);
        assert!(!desk.root().join("asked").exists(), "{scope}");
        let (_, lines) = desk.records("review-gate");
        assert_eq!(lines[0]["detail"], "over_budget", "{scope}");
    }
}

#[test]
fn a_review_by_codex_that_ended_on_the_way_goes_on_where_it_was() {
    let desk = Desk::new();
    let policy = desk.read("configs/review.yaml").replace("maxBytes: 200000", "maxBytes: 6000");
    let since = desk.change("configs/review.yaml", &policy);
    let lines: Vec<String> = (0..300).map(|it| format!("fn a{it}() {{ work({it}); }}")).collect();
    desk.change("src/a.rs", &(lines.join("\n") + "\n"));
    let line = format!("--json run --gate --reviewer codex --since {since}");
    // The second time it is asked, it fails.
    let script = format!(
        "echo >> {0}/asked\n{1}\n[ $(wc -l < {0}/asked) != 2 ]",
        desk.root().display(),
        saying(&approval().to_string())
    );
    let path = stand_in(&desk, &script);
    desk.run_with(&line, &[("PATH", &path)]).is(69, &[]);
    let paid = desk.paid("review-gate");
    let said = desk.run_with(&line, &[("PATH", &path)]);
    said.is(0, &["1 of"]);
    let verdict: Value = serde_json::from_str(&said.out).unwrap();
    let packets = verdict["manifest"]["packets"].as_u64().unwrap();
    assert!(packets > 1 && paid > 0.0);
    let asked = fs::read_to_string(desk.root().join("asked")).unwrap().lines().count();
    assert_eq!(u64::try_from(asked).unwrap(), packets + 1);
    assert_eq!(verdict["meta"]["usage"]["calls"], packets);
}

#[test]
fn eight_runs_of_codex_at_once_never_pass_the_days_cap() {
    // Each sets about $0.19 aside and costs $0.0003: three fit at once.
    let desk = Desk::with(|it| {
        it["budget"]["pricing"] =
            serde_json::json!({"gpt-4o-mini": {"inputPer1M": 1.0, "outputPer1M": 10.0}});
        it["budget"]["maxUsdPerDay"] = serde_json::json!(0.6);
    });
    desk.change("src/a.rs", "fn a() {}\n");
    let root = desk.root();
    // What is open for both never blocks here; each `read` there waits for a line of its own.
    let pipe = root.join("pipe");
    assert!(desk.bare("mkfifo").arg(&pipe).status().unwrap().success());
    let mut gate = fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    let script = format!(
        "touch {0}/started.$$\nread line < {0}/pipe\n{1}",
        root.display(),
        saying(&approval().to_string())
    );
    let path = stand_in(&desk, &script);
    let mut children: Vec<_> = (0..8)
        .map(|number| {
            let clone = root.join(format!("clone{number}"));
            let copied = desk.bare("cp").arg("-R").arg(desk.path("")).arg(&clone).status();
            assert!(copied.unwrap().success());
            let mut command = desk.command("run --gate --reviewer codex");
            command.current_dir(&clone).env("PATH", &path);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    let started = || {
        let names = fs::read_dir(&root).unwrap().map(|it| it.unwrap().file_name());
        names.filter(|it| it.to_string_lossy().starts_with("started.")).count()
    };
    // Nobody is answered before everybody has asked for money.
    let began = Instant::now();
    loop {
        let ended = children.iter_mut().filter_map(|it| it.try_wait().unwrap()).count();
        if ended + started() >= 8 {
            break;
        }
        assert!(began.elapsed() < Duration::from_mins(2), "{ended} ended, {} began", started());
        std::thread::yield_now();
    }
    let began = started();
    gate.write_all(&[b'\n'; 8]).unwrap();
    let mut codes: Vec<_> =
        children.iter_mut().map(|it| it.wait().unwrap().code().unwrap_or(-1)).collect();
    codes.sort_unstable();
    assert_eq!((began, codes), (3, vec![0, 0, 0, 1, 1, 1, 1, 1]));
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

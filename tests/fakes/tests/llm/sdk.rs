//! The providers' own Python clients against the fakes; and `fake-llm` as its callers see it.
//!
//! `ops/test.sh` installs the clients into `target/tools/llm-sdk`; `LLM_SDK_PYTHON` names another
//! Python that has them. Without them the comparison is skipped, and says so.
#![expect(clippy::disallowed_methods, reason = "a test starts other programs")]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use fakes::llm::{Ending, Said, trouble};
use fakes::{Behaviour, Fake, How, Mistral, OpenAi};
use outbound::{Base, Client, Limits, Outcome, Request};
use serde_json::{Value, json};

fn python() -> PathBuf {
    std::env::var_os("LLM_SDK_PYTHON").map_or_else(
        || {
            let target = Path::new(env!("CARGO_BIN_EXE_fake-llm")).ancestors().nth(2);
            target.expect("a target folder").join("tools/llm-sdk/bin/python")
        },
        PathBuf::from,
    )
}

#[test]
fn the_official_clients_take_the_fakes_for_the_real_ones() {
    let python = python();
    let imports = "import openai, mistralai.client, pydantic; print(openai.__version__)";
    match Command::new(&python).args(["-c", imports]).stderr(Stdio::null()).output() {
        Ok(found) if found.status.success() => {}
        _ => {
            let python = python.display();
            let why = "has no `openai` and `mistralai`; ops/test.sh installs them";
            return skipped::told(skipped::this_test(), format_args!("{python} {why}"));
        }
    }
    let openai = Fake::start(OpenAi::new("example-key"));
    let normal = |times: usize| {
        for _ in 0..times {
            openai.then(Behaviour::normal());
        }
    };
    let troubled = |name: &str| {
        let reply = trouble("openai", name).expect("a known trouble");
        openai.then(Behaviour::instead(reply.with_header("Retry-After", "3")));
    };
    normal(5);
    troubled("rate_limited");
    troubled("no_quota");
    troubled("overloaded");
    openai.then(How::Reset).then(How::Hang);
    openai.service(|it| {
        it.brain.then_as_usual();
        it.brain.then_as_usual();
        it.brain.then(Said::refusal("I'm sorry"));
        it.brain.then(Said::text("{").ends(Ending::Length));
        it.brain.then(Said::text("").ends(Ending::ToolCalls));
        // Then responses; what hung never came to be answered.
        it.brain.then_as_usual();
        it.brain.then_as_usual();
        it.brain.then(Said::text("{").ends(Ending::Length));
        it.brain.then(Said::text("").ends(Ending::Failed("server_error".to_owned())));
    });
    let mistral = Fake::start(Mistral::new("example-key"));
    mistral.then(Behaviour::normal()).then(Behaviour::normal());
    mistral.then(Behaviour::instead(trouble("mistral", "rate_limited").expect("a known trouble")));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/llm/sdk.py");
    let out = Command::new(python)
        .args([script, &openai.url(), &mistral.url()])
        .env_remove("OPENAI_BASE_URL")
        .env("NO_PROXY", "*")
        .output()
        .expect("Python starts");
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{said}{}", String::from_utf8_lossy(&out.stderr));
    let checks: Vec<&str> = said.lines().collect();
    let wanted = [
        "chat",
        "chat.parse",
        "refusal",
        "length",
        "tool_calls",
        "errors",
        "models",
        "responses",
        "mistral chat",
        "mistral errors",
        "mistral models",
    ];
    assert_eq!(checks, wanted);
}

#[test]
fn fake_llm_serves_a_script_until_its_input_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let (script, record) = (folder.path().join("script.json"), folder.path().join("record"));
    let steps = json!({"then": [{"trouble": "slow_down"}, {"say": {"text": "hello"}}]});
    std::fs::write(&script, steps.to_string()).expect("a script");
    let mut child = Command::new(env!("CARGO_BIN_EXE_fake-llm"))
        .args(["openai", "--script"])
        .arg(&script)
        .arg("--record")
        .arg(&record)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("fake-llm starts");
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().expect("its output"));
    out.read_line(&mut line).expect("a line");
    let (url, key) = line.trim().split_once(' ').expect("address and key");
    let base = Base::parse(url).expect("an address");
    let body = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x"}]});
    let limits = Limits { total: Duration::from_mins(1), ..Limits::default() };
    let call = || {
        let request = Request::post(&base, "/v1/chat/completions").bearer(key).json(&body);
        let Outcome::Answered(answer) = Client::new(limits).call(request) else { panic!() };
        (answer.status, answer.json().unwrap_or_default())
    };
    assert_eq!(call().0, 429);
    assert_eq!(call().1["choices"][0]["message"]["content"], "hello");
    drop(child.stdin.take());
    assert!(child.wait().expect("it ends").success());
    out.read_to_string(&mut line).expect("the rest");
    let lines = std::fs::read_to_string(&record).expect("a record");
    let lines: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[1]["method"], &lines[1]["body"]), (&json!("POST"), &body));
}

#[test]
fn fake_llm_refuses_what_it_does_not_know() {
    for args in [&[][..], &["nobody"], &["openai", "--script"], &["openai", "--x", "y"]] {
        let out = Command::new(env!("CARGO_BIN_EXE_fake-llm"))
            .args(args)
            .stdin(Stdio::null())
            .output()
            .expect("fake-llm starts");
        assert_eq!(out.status.code(), Some(2), "{args:?}");
        assert!(out.stdout.is_empty() && !out.stderr.is_empty());
    }
}

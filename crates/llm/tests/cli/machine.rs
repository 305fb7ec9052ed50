//! A machine of its own: configuration, keys, state, and two providers on loopback.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use fakes::llm::{Mistral, OpenAi, Said};
use fakes::{Fake, Received};
use serde_json::{Value, json};

/// The key of a provider; assembled, so that no scanner takes this file for a leak.
pub(crate) fn key(provider: &str) -> String {
    format!("sk-{}-{}{}", "canary", provider, "0123456789abcdef".repeat(2))
}

/// What a review answers.
pub(crate) const SCHEMA: &str = r#"{"type":"object","additionalProperties":false,
    "required":["verdict","note"],"properties":{
    "verdict":{"type":"string","enum":["APPROVED","BLOCKED"]},"note":{"type":["string","null"]}}}"#;

/// An answer in that form.
pub(crate) fn approved(note: &str) -> Said {
    Said::json(&json!({"verdict": "APPROVED", "note": note}))
}

pub(crate) struct Machine {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) openai: Fake<OpenAi>,
    pub(crate) mistral: Fake<Mistral>,
    pub(crate) settings: Value,
    pub(crate) env: Vec<(String, String)>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let openai = Fake::start(OpenAi::new(key("openai")));
        let mistral = Fake::start(Mistral::new(key("mistral")));
        openai.service(|it| it.brain.thinks(|_| approved("openai")));
        mistral.service(|it| it.brain.thinks(|_| approved("mistral")));
        let model = |provider: &str, model: &str| json!({"provider": provider, "model": model});
        let settings = json!({
            "enabledProviders": ["openai", "mistral"],
            "defaults": {
                "review": model("openai", "gpt-4o-mini"),
                "general": model("openai", "gpt-4o-mini"),
                "vision": model("openai", "gpt-4o"),
            },
            "reviewFallback": model("mistral", "mistral-small-latest"),
            "reviewCaps": {"maxOutputTokens": 600, "temperature": 0},
            "budget": {
                "maxUsdPerReview": 0.5, "maxUsdPerRun": 5.0, "maxUsdPerDay": 20.0, "pricing": {},
            },
            "providers": {
                "openai": {"apiBase": format!("{}/v1", openai.url())},
                "mistral": {"apiBase": format!("{}/v1", mistral.url())},
            },
            "limits": {
                "deadlineSeconds": 20.0, "callSeconds": 10.0, "longestRetryAfterSeconds": 5.0,
                "retryPauseSeconds": 0.0,
            },
        });
        let env = [("OPENAI_API_KEY", key("openai")), ("MISTRAL_API_KEY", key("mistral"))];
        let env = env.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let machine = Self { dir, openai, mistral, settings, env };
        let configs = machine.dir.path().join("configs");
        std::fs::create_dir_all(&configs).unwrap();
        std::fs::write(machine.dir.path().join("schema.json"), SCHEMA).unwrap();
        let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../configs");
        for file in ["models.json", "keys.yaml"] {
            std::fs::copy(shipped.join(file), configs.join(file)).unwrap();
        }
        machine
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    pub(crate) fn artifacts(&self) -> PathBuf {
        self.dir.path().join("artifacts")
    }

    /// Changes the settings.
    pub(crate) fn set(&mut self, pointer: &str, value: Value) {
        *self.settings.pointer_mut(pointer).unwrap() = value;
    }

    pub(crate) fn unset_env(&mut self, name: &str) {
        self.env.retain(|(it, _)| it != name);
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let configs = self.dir.path().join("configs");
        // Processes that were started before may be reading it.
        std::fs::write(configs.join("new"), self.settings.to_string()).unwrap();
        std::fs::rename(configs.join("new"), configs.join("llm.json")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_llm"));
        command
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .arg("--configs")
            .arg(configs)
            .arg("--home")
            .arg(self.home())
            .arg("--secrets-dir")
            .arg(self.dir.path().join("secrets"))
            .args(words)
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Run {
        self.done(self.command(words).output().unwrap())
    }

    /// Starts a review question.
    pub(crate) fn start_review(&self, artifacts: &str) -> Child {
        self.command(&review_words(artifacts)).spawn().unwrap()
    }

    /// Asks a review question.
    pub(crate) fn review(&self) -> Run {
        self.run(&review_words("artifacts"))
    }

    /// What a run left: no secret in any of it.
    pub(crate) fn done(&self, output: Output) -> Run {
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        for text in [&stdout, &stderr] {
            assert!(!text.contains("canary"), "{text}");
        }
        self.look_for_secrets();
        Run { code: output.status.code().unwrap(), stdout, stderr }
    }

    /// Every line of telemetry.
    pub(crate) fn telemetry(&self) -> Vec<Value> {
        self.telemetry_of("artifacts")
    }

    pub(crate) fn telemetry_of(&self, artifacts: &str) -> Vec<Value> {
        let path = self.dir.path().join(artifacts).join("cost_telemetry.jsonl");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.iter().for_each(conforms);
        lines
    }

    pub(crate) fn fail_closed(&self) -> Option<Value> {
        let path = self.artifacts().join("review_fail_closed.json");
        let document = serde_json::from_slice(&std::fs::read(path).ok()?).unwrap();
        conforms(&document);
        Some(document)
    }

    /// Questions that were put to the primary and the fallback.
    pub(crate) fn asked(&self) -> (usize, usize) {
        (posts(&self.openai.received()), posts(&self.mistral.received()))
    }

    fn look_for_secrets(&self) {
        let mut folders = vec![self.home(), self.artifacts()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else {
                    let bytes = std::fs::read(entry.path()).unwrap_or_default();
                    let found = bytes.windows(6).any(|part| part == b"canary");
                    assert!(!found, "{}", entry.path().display());
                }
            }
        }
    }
}

fn posts(received: &[Received]) -> usize {
    received.iter().filter(|it| it.method == "POST").count()
}

fn review_words(artifacts: &str) -> [&str; 9] {
    [
        "--json",
        "ask",
        "--purpose=review",
        "--schema=schema.json",
        "--system=Judge.",
        "--artifact-dir",
        artifacts,
        "--",
        "a change",
    ]
}

#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn json(&self) -> Value {
        let document =
            serde_json::from_str(&self.stdout).unwrap_or_else(|err| panic!("{err}: {self:?}"));
        conforms(&document);
        document
    }
}

/// Holds a document to the schema that is checked in for it.
#[track_caller]
pub(crate) fn conforms(document: &Value) {
    let name = document["schema"].as_str().and_then(|it| it.strip_prefix("aiops.")).unwrap();
    let name = name.split('/').next().unwrap();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../configs/schemas");
    let text = std::fs::read_to_string(folder.join(format!("{name}.schema.json"))).unwrap();
    let wrong = ops_core::config::validate(name, &text, document).unwrap();
    assert_eq!(wrong, [], "{document}");
}

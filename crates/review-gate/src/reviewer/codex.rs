//! The Codex command line tool as reviewer: one prompt on its standard input, one JSON answer, in an
//! empty folder, without the user's configuration, and never with a command run for it.

mod events;

use std::path::{Path, PathBuf};
use std::time::Duration;

use llm::{Made, Most};
use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::host::{Ending, Exec};
use secrets::Secret;
use serde_json::Value;

use crate::git::why;

pub use events::{Told, read};

/// How long `--version` may take.
const VERSION_DEADLINE: Duration = Duration::from_secs(20);

/// What it may print in one review, bytes.
const CAP: usize = 16 << 20;

/// A codex that was found and has told its version.
#[derive(Debug)]
pub struct Codex<'a> {
    context: &'a Context,
    program: PathBuf,
    /// What `--version` says: `codex-cli 0.169.0`.
    pub version: String,
    scratch: tempfile::TempDir,
}

/// The most that a run with this prompt can use. A token has at least one byte; codex adds
/// instructions of its own, and has no cap on its answer that could be set.
pub fn most(prompt: &str) -> Most {
    Most { input: prompt.len() as u64 + 20_000, output: 16_000 }
}

/// One question.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The whole prompt.
    pub prompt: &'a str,
    /// The JSON text of the schema that the answer is held to there; the caller holds it to one here.
    pub schema: &'a str,
    /// The model's name.
    pub model: &'a str,
    /// Where the model is: the configuration's address, never the user's.
    pub api_base: &'a str,
    /// The provider's key, where it takes one.
    pub key: Option<&'a Secret>,
    /// How long it may take.
    pub deadline: Duration,
}

impl<'a> Codex<'a> {
    /// Finds the program and asks its version.
    ///
    /// # Errors
    /// Exit 69 when there is none, or it does not say a version.
    pub fn find(context: &'a Context) -> Result<Self, Failure> {
        let host = &context.host;
        let program = host.find_program("codex").ok_or_else(|| {
            Failure::new(Exit::Unavailable, "ask codex: there is no such program")
                .hint("install it (npm package @openai/codex), or let the api reviewer do it")
        })?;
        let scratch = tempfile::tempdir().or_fail(Exit::Unavailable, "make a scratch folder")?;
        for folder in ["home", "work"] {
            host.make_dir(&scratch.path().join(folder), 0o700)
                .or_fail(Exit::Unavailable, "make a scratch folder")?;
        }
        let mut codex = Self { context, program, version: String::new(), scratch };
        let mut exec = codex.exec(["--version"]);
        exec.deadline = VERSION_DEADLINE;
        let doing = || "ask codex for its version";
        let said = host.run(&exec).or_fail(Exit::Unavailable, doing())?;
        let text = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        let is_plain = text.lines().count() == 1 && text.len() <= 100;
        if !said.success() || !is_plain {
            return Err(Failure::new(Exit::Unavailable, doing()).because(why(&said)));
        }
        codex.version = text;
        Ok(codex)
    }

    fn exec<A: Into<std::ffi::OsString>>(&self, args: impl IntoIterator<Item = A>) -> Exec {
        let mut exec = Exec::new(self.program.as_os_str(), args);
        let home = self.scratch.path().join("home");
        exec.env.insert("HOME".into(), home.clone().into());
        exec.env.insert("CODEX_HOME".into(), home.into());
        exec.folder = Some(self.work());
        exec.cap = CAP;
        exec
    }

    /// The empty folder it works in.
    fn work(&self) -> PathBuf {
        self.scratch.path().join("work")
    }

    /// Asks once. Nothing is repeated: whether codex repeats requests by itself is switched off. There
    /// is no answer (69) unless it holds.
    pub fn ask(&self, ask: &Ask<'_>) -> Made<String> {
        let doing = || format!("review with {}", self.version);
        let without = |failure, was_made| Made { answer: Err(failure), usage: None, was_made };
        let exec = match self.prepared(ask) {
            Ok(exec) => exec,
            Err(failure) => return without(failure, false),
        };
        let said = match self.context.host.run(&exec).or_fail(Exit::Unavailable, doing()) {
            Ok(said) => said,
            // It may have been lost on the way, and not have failed to start.
            Err(failure) => return without(failure, true),
        };
        let told = read(&said.stdout);
        let usage = told.as_ref().ok().and_then(|told| told.usage);
        let answer = match (said.ending == Ending::Deadline, said.truncated, told) {
            (true, ..) => Err(format!("no answer within {} s", ask.deadline.as_secs())),
            (_, true, _) => Err(format!("it said more than {CAP} bytes")),
            (.., Err(why)) => Err(why),
            (.., Ok(told)) if !said.success() => Err(told.failed.unwrap_or_else(|| why(&said))),
            (.., Ok(told)) => told
                .answer
                .filter(|answer| !answer.trim().is_empty())
                .ok_or_else(|| "it ended without an answer".to_owned()),
        };
        let answer = answer.map_err(|because| {
            Failure::new(Exit::Unavailable, doing()).because(self.context.clean(&because))
        });
        Made { answer, usage, was_made: true }
    }

    fn prepared(&self, ask: &Ask<'_>) -> Result<Exec, Failure> {
        let schema = self.scratch.path().join("schema.json");
        let written = self.context.host.replace_file(&schema, ask.schema.as_bytes(), 0o600);
        written.or_fail(Exit::Unavailable, "write the schema for codex")?;
        let mut exec = self.exec(arguments(&schema, &self.work(), ask));
        exec.env.extend(ask.key.map(|key| (KEY.into(), key.expose().into())));
        exec.input = ask.prompt.as_bytes().to_vec();
        exec.deadline = ask.deadline;
        Ok(exec)
    }
}

/// The variable that carries the key, to this one child.
const KEY: &str = "CODEX_API_KEY";

/// What a reviewer has no use for: running commands, looking at files, the network, other agents. A
/// version that does not know one of these ignores it; one that uses another is found out by what it
/// reports.
const OFF: &[&str] = &[
    "apps",
    "browser_use",
    "collaboration_modes",
    "computer_use",
    "goals",
    "hooks",
    "image_generation",
    "multi_agent",
    "plugins",
    "shell_tool",
    "skill_search",
    "sleep_tool",
    "tool_suggest",
    "unified_exec",
    "view_image",
];

/// A provider of our own making: the configured address, no repetition, no sockets.
fn arguments(schema: &Path, work: &Path, ask: &Ask<'_>) -> Vec<std::ffi::OsString> {
    let base = Value::from(ask.api_base);
    let provider = format!(
        "model_providers.aiops={{name=\"aiops\",base_url={base},env_key=\"{KEY}\",wire_api=\"responses\",request_max_retries=0,stream_max_retries=0}}"
    );
    let mut words: Vec<std::ffi::OsString> = [
        "exec",
        "--json",
        "--color",
        "never",
        "-s",
        "read-only",
        "--ephemeral",
        "--ignore-user-config",
        "--ignore-rules",
        "--skip-git-repo-check",
        "-c",
        "model_provider=\"aiops\"",
        "-c",
        &provider,
        "-c",
        "shell_environment_policy.inherit=\"none\"",
        "-c",
        "web_search=\"disabled\"",
        "-m",
        ask.model,
    ]
    .map(Into::into)
    .to_vec();
    for feature in OFF {
        words.extend(["-c".into(), format!("features.{feature}=false").into()]);
    }
    words.extend(["--output-schema".into(), schema.into(), "-C".into(), work.into(), "-".into()]);
    words
}

//! A repository that is ready to be reviewed, the providers it is reviewed by, and the real binary.
#![allow(dead_code, clippy::allow_attributes, reason = "no test file uses all of it")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use fakes::llm::{Asked, Said};
use fakes::{Fake, Mistral, OpenAi};
use serde_json::{Value, json};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey};
use tempfile::TempDir;

/// Keys of nobody's.
pub(crate) fn openai_key() -> String {
    format!("{}-test-{}", "sk", "0123456789abcdefghij")
}

pub(crate) fn mistral_key() -> String {
    "m0123456789abcdefghijklmnopqrst".to_owned()
}

/// A signing key of nobody's.
pub(crate) fn signer(seed: u8) -> PrivateKey {
    let pair = Ed25519Keypair::from_seed(&[seed; 32]);
    PrivateKey::new(KeypairData::from(pair), format!("reviewer-{seed}")).unwrap()
}

/// The line of `allowed_signers` for a key.
pub(crate) fn signer_line(key: &PrivateKey) -> String {
    let public = key.public_key().to_openssh().unwrap();
    let mut words = public.split(' ');
    let (kind, data) = (words.next().unwrap(), words.next().unwrap());
    let name = key.comment();
    format!("{name} namespaces=\"aiops-verdict,aiops-waiver\" {kind} {data}\n")
}

/// What a reviewer says who has nothing against it.
pub(crate) fn approval() -> Value {
    json!({"verdict": "APPROVED", "summary": "fine", "gates": {"public_binds": "n/a",
        "allowlist_bypass": "n/a", "key_handling": "n/a", "guard_doctor_intact": "n/a",
        "lockout_risk": "n/a"}, "blockers": [], "non_blocking": []})
}

/// What one says who has.
pub(crate) fn objection(file: &str, line: u32, title: &str) -> Value {
    let mut answer = approval();
    answer["verdict"] = json!("BLOCKED");
    answer["blockers"] = json!([{"file": file, "line": line, "gate": null, "severity": "high",
        "title": title, "detail": "it does harm", "suggestion": "do not"}]);
    answer
}

/// A repository, its providers, and the binary.
pub(crate) struct Desk {
    dir: TempDir,
    pub(crate) openai: Fake<OpenAi>,
    pub(crate) mistral: Fake<Mistral>,
}

impl Desk {
    /// One reviewed commit with everything in configs/, then the baseline that names it.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same, with llm.json as a closure leaves it.
    pub(crate) fn with(change: impl FnOnce(&mut Value)) -> Self {
        Self::of_format("sha1", change)
    }

    /// The same with another kind of object names.
    pub(crate) fn of_format(format: &str, change: impl FnOnce(&mut Value)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let openai = Fake::start(OpenAi::new(openai_key()));
        openai.service(|it| it.brain.thinks(|_| Said::json(&approval())));
        let mistral = Fake::start(Mistral::new(mistral_key()));
        mistral.service(|it| it.brain.thinks(|_| Said::json(&approval())));
        let desk = Self { dir, openai, mistral };
        desk.put(
            "../home/.gitconfig",
            "[user]\nname = Tester\nemail = tester@example.org\n[init]\ndefaultBranch = main\n",
        );
        desk.secret("openai_api_key", &openai_key());
        desk.secret("mistral_api_key", &mistral_key());
        let key = signer(1);
        desk.secret("verdict_signing_key", &key.to_openssh(LineEnding::LF).unwrap());
        fs::create_dir_all(desk.path("")).unwrap();
        desk.git(&["init", "-q", &format!("--object-format={format}")]);
        let mut llm = desk.llm_json();
        change(&mut llm);
        desk.put("configs/llm.json", llm.to_string());
        desk.put("configs/review.yaml", desk.review_yaml());
        desk.put("configs/allowed_signers", signer_line(&key));
        desk.put("README.md", "A thing.\n");
        desk.commit("begin");
        let base = desk.head();
        desk.put("docs/LAST_REVIEWED_SHA.txt", format!("{base}\n"));
        desk.commit("baseline");
        desk
    }

    /// llm.json with both providers on this machine, and no waiting.
    pub(crate) fn llm_json(&self) -> Value {
        json!({
            "enabledProviders": ["openai", "mistral"],
            "defaults": {
                "review": {"provider": "openai", "model": "gpt-4o-mini"},
                "general": {"provider": "openai", "model": "gpt-4o-mini"},
                "vision": {"provider": "openai", "model": "gpt-4o"}
            },
            "reviewFallback": {"provider": "mistral", "model": "mistral-small-latest"},
            "reviewCaps": {"maxOutputTokens": 600, "temperature": 0},
            "budget": {"maxUsdPerReview": 0.5, "maxUsdPerRun": 5.0, "maxUsdPerDay": 20.0},
            "providers": {
                "openai": {"apiBase": format!("{}/v1", self.openai.url())},
                "mistral": {"apiBase": format!("{}/v1", self.mistral.url())}
            },
            "limits": {"deadlineSeconds": 30, "callSeconds": 10, "longestRetryAfterSeconds": 1,
                "retryPauseSeconds": 0.01}
        })
    }

    /// review.yaml that lets these providers' answers count.
    pub(crate) fn review_yaml(&self) -> String {
        let shipped = include_str!("../../../../configs/review.yaml");
        let hosts = format!("[\"{}\", \"{}\"]", self.openai.address(), self.mistral.address());
        shipped.replace("[api.openai.com, api.mistral.ai]", &hosts)
    }

    /// A path in the work tree.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join("work").join(name)
    }

    /// The folder of everything.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    pub(crate) fn put(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        let folder = path.parent().unwrap();
        // `..` of a folder that is not there yet leads nowhere.
        fs::create_dir_all(self.path("")).unwrap();
        fs::create_dir_all(folder).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn secret(&self, name: &str, value: &str) {
        let folder = self.root().join("secrets");
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(folder.join(name), value).unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn forget(&self, secret: &str) {
        fs::remove_file(self.root().join("secrets").join(secret)).unwrap();
    }

    /// A command in the work tree, in an environment of its own.
    pub(crate) fn bare(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.root().join("home"))
            .env("AIOPS_HOME", self.root().join("state"))
            .env("AIOPS_SECRETS_DIR", self.root().join("secrets"))
            .current_dir(self.path(""))
            .stdin(Stdio::null());
        command
    }

    /// What git says; it must work.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let said = Told::from(self.bare("git").args(args).output().unwrap());
        assert_eq!(said.code, 0, "git {args:?}: {said:?}");
        said.out.trim_end().to_owned()
    }

    /// What git says, whatever its code.
    pub(crate) fn try_git(&self, args: &[&str]) -> Told {
        Told::from(self.bare("git").args(args).output().unwrap())
    }

    /// Commits all there is, and returns the commit.
    pub(crate) fn commit(&self, subject: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", subject]);
        self.head()
    }

    /// A commit that changes one file.
    pub(crate) fn change(&self, name: &str, text: &str) -> String {
        self.put(name, text);
        self.commit(&format!("change {name}"))
    }

    pub(crate) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// The commit the baseline names.
    pub(crate) fn baseline(&self) -> String {
        self.read("docs/LAST_REVIEWED_SHA.txt").trim().to_owned()
    }

    /// The binary with arguments, split at blanks.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = self.bare(program("review-gate"));
        command.args(line.split_whitespace());
        command
    }

    pub(crate) fn run(&self, line: &str) -> Told {
        Told::from(self.command(line).output().unwrap())
    }

    /// The same with variables.
    pub(crate) fn run_with(&self, line: &str, env: &[(&str, &str)]) -> Told {
        Told::from(self.command(line).envs(env.iter().copied()).output().unwrap())
    }

    /// `run --json`: the code and the verdict.
    pub(crate) fn verdict(&self, line: &str) -> (i32, Value) {
        let said = self.run(&format!("--json {line}"));
        let verdict = serde_json::from_str(&said.out);
        (said.code, verdict.unwrap_or_else(|err| panic!("{err}: {said:?}")))
    }

    /// How many questions the providers were asked.
    pub(crate) fn calls(&self) -> (usize, usize) {
        (self.openai.received().len(), self.mistral.received().len())
    }

    /// Lets the model answer by a closure over the question.
    pub(crate) fn answers(&self, thinks: impl FnMut(&Asked) -> Said + Send + 'static) {
        self.openai.service(|it| it.brain.thinks(thinks));
    }

    /// The run records of a program, the newest last, and every line of telemetry.
    pub(crate) fn records(&self, program: &str) -> (Vec<Value>, Vec<Value>) {
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let (mut records, mut lines) = (vec![], vec![]);
        for kind in fs::read_dir(self.root().join("state/artifacts")).unwrap() {
            for folder in fs::read_dir(kind.unwrap().path()).unwrap() {
                let folder = folder.unwrap().path();
                if let Ok(text) = fs::read_to_string(folder.join("cost_telemetry.jsonl")) {
                    lines.extend(text.lines().map(read));
                }
                if let Ok(text) = fs::read_to_string(folder.join("run.json")) {
                    records.extend(Some(read(&text)).filter(|it| it["kind"] == program));
                }
            }
        }
        records.sort_by_key(|it| it["started_at"].as_str().unwrap().to_owned());
        (records, lines)
    }

    /// Demands that a run record holds what telemetry counts for its run, and returns that.
    #[track_caller]
    pub(crate) fn paid(&self, program: &str) -> f64 {
        let (records, lines) = self.records(program);
        let record = records.last().unwrap();
        let own = lines.iter().filter(|line| line["run"] == record["run_id"]);
        let booked: f64 = own.map(|line| line["booked_usd"].as_f64().unwrap()).sum();
        let noted = record["cost_usd"].as_f64().unwrap();
        assert!((noted - booked).abs() < 1e-9, "{noted} is noted, {booked} was booked");
        noted
    }

    /// The folders of reviews, the newest last.
    pub(crate) fn reviews(&self) -> Vec<PathBuf> {
        let folder = self.root().join("state/artifacts/review");
        let mut all: Vec<PathBuf> =
            fs::read_dir(folder).map_or(vec![], |it| it.map(|it| it.unwrap().path()).collect());
        all.sort();
        all
    }
}

/// The program of this package, or of the other whose tests share this file.
pub(crate) fn program(name: &str) -> PathBuf {
    // Tests lie in <target>/<profile>/deps, programs beside that folder.
    let own = std::env::current_exe().unwrap();
    let program = own.parent().and_then(Path::parent).unwrap().join(name);
    assert!(program.exists(), "build it first: cargo build -p {name}");
    program
}

/// What a program said.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Told {
    /// Everything it said.
    pub(crate) fn all(&self) -> String {
        format!("{}{}", self.out, self.err)
    }

    /// Demands a code and words.
    #[track_caller]
    pub(crate) fn is(&self, code: i32, words: &[&str]) -> &Self {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.all().contains(word), "{word:?} is not in {self:?}");
        }
        self
    }
}

impl From<Output> for Told {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

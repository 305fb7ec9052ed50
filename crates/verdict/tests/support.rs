//! A repository, keys, verdicts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ops_core::host::Host;
use ops_core::time::Timestamp;
use ssh_key::PrivateKey;
use ssh_key::private::Ed25519Keypair;
use verdict::Verdict;
use verdict::document::{
    Decision, Digests, Gates, Manifest, Meta, Outcome, Range, Reviewer, ReviewerKind, Schema, Tool,
    Usage,
};
use verdict::statement::Signed;

pub(crate) fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub(crate) fn host() -> Host {
    Host::with(Vec::<(String, String)>::new(), now())
}

pub(crate) fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

pub(crate) fn signer(name: &str, options: &str, seed: u8) -> String {
    format!("{name} {options} {}\n", key(seed).public_key().to_openssh().unwrap())
}

pub(crate) fn signed(since: &str, to: &str, seed: u8) -> Signed {
    let digest = "a".repeat(64);
    let verdict = Verdict {
        schema: Schema::V1,
        verdict: Decision::Approved,
        summary: "fine \u{e9} \"quoted\"".into(),
        because: vec![],
        gates: Gates::all(Outcome::Pass),
        blockers: vec![],
        non_blocking: vec![],
        range: Range { since_sha: since.into(), to_sha: to.into() },
        bundle_sha256: digest.clone(),
        manifest: Manifest { complete: true, packets: 1, paths: vec![] },
        meta: Meta {
            simulated: false,
            tool: Tool { name: "review-gate".into(), version: "0.1.0".into() },
            reviewer: Reviewer {
                kind: ReviewerKind::Api,
                provider: "openai".into(),
                model: "gpt-4o-mini".into(),
                version: "1".into(),
            },
            requested_model: "gpt-4o-mini".into(),
            replied_models: vec![],
            endpoint_host: Some("api.openai.com".into()),
            fallback_used: false,
            transient_class: None,
            cost_usd: 0.001,
            usage: Usage::default(),
            created_at: "2026-11-21T11:00:00Z".into(),
            tree_oid: "c".repeat(to.len()),
            digests: Digests {
                bundle: digest.clone(),
                prompt: digest.clone(),
                policy: digest.clone(),
                configuration: digest.clone(),
                signers: digest,
            },
        },
    };
    Signed::sign(verdict, &key(seed)).unwrap()
}

/// Runs a program with this standard input; `None` where it is not installed.
pub(crate) fn run(
    cwd: &Path,
    program: &str,
    args: &[&str],
    input: Option<&Path>,
) -> Option<Output> {
    let mut command = Command::new(program);
    command.args(args).current_dir(cwd).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap());
    for (name, value) in [
        ("HOME", "/nonexistent"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "A"),
        ("GIT_AUTHOR_EMAIL", "a@example"),
        ("GIT_COMMITTER_NAME", "A"),
        ("GIT_COMMITTER_EMAIL", "a@example"),
    ] {
        command.env(name, value);
    }
    command.stdin(input.map_or(Stdio::null(), |path| fs::File::open(path).unwrap().into()));
    command.output().ok()
}

pub(crate) struct Repo {
    pub(crate) path: PathBuf,
    _dir: tempfile::TempDir,
}

impl Repo {
    pub(crate) fn new(format: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repo = Self { path: dir.path().join("repo"), _dir: dir };
        fs::create_dir(&repo.path).unwrap();
        repo.git(&["init", "-q", "-b", "main", &format!("--object-format={format}")]);
        repo
    }

    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let done = run(&self.path, "git", args, None).unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
    }

    pub(crate) fn commit(&self) -> String {
        self.git(&["commit", "-q", "--allow-empty", "-m", "x"]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub(crate) fn open(&self) -> gix::Repository {
        verdict::objects::open(&host(), &self.path, None).unwrap()
    }
}

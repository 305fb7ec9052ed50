//! A repository with a reviewed baseline on its remote, a key that may sign, and a clock.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gix::ObjectId;
use ops_core::host::Host;
use ops_core::time::Timestamp;
use review_check::{Call, CheckReport, Mode, Refusal, check};
use ssh_key::PrivateKey;
use ssh_key::private::Ed25519Keypair;
use verdict::Verdict;
use verdict::document::{
    Coverage, Decision, Digests, Gates, Manifest, Meta, Outcome, Path as Changed, Range, Reviewer,
    ReviewerKind, Schema, Tool, Usage,
};
use verdict::in_force::{Fallback, InForce};
use verdict::objects::Objects;
use verdict::statement::Signed;
use verdict::store::Store;

/// Where the remote's branch is known.
pub(crate) const MAIN: &str = "refs/remotes/origin/main";

/// Nothing installed, nothing compiled in but review.yaml.
pub(crate) fn fallback() -> Fallback<'static> {
    Fallback { installed: Path::new("/nonexistent/configs"), compiled_in: &[] }
}

/// Now, in every test.
pub(crate) fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// A key that is the same in every run.
pub(crate) fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

/// A line of `allowed_signers`.
pub(crate) fn signer(name: &str, options: &str, seed: u8) -> String {
    let key = key(seed).public_key().to_openssh().unwrap();
    format!("{name} {options} {key}\n")
}

pub(crate) struct Repo {
    pub(crate) path: PathBuf,
    pub(crate) env: Vec<(String, String)>,
    /// The baseline, which the remote has.
    pub(crate) base: String,
    _dir: tempfile::TempDir,
}

impl Repo {
    /// A repository whose main, here and on the remote, is a baseline that names key 1 as signer.
    pub(crate) fn new() -> Self {
        Self::of("sha1")
    }

    pub(crate) fn of(format: &str) -> Self {
        Self::with(format, &signer("reviewer@example", "namespaces=\"aiops-verdict\"", 1))
    }

    pub(crate) fn with(format: &str, signers: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("repo");
        fs::create_dir(&path).unwrap();
        let mut repo = Self { path, env: vec![], base: String::new(), _dir: dir };
        repo.git(&["init", "-q", "-b", "main", &format!("--object-format={format}")]);
        repo.base = repo.commit(&[("configs/allowed_signers", signers), ("a.txt", "1\n")]);
        repo.git(&["update-ref", MAIN, &repo.base]);
        repo
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        git(&self.path).args(args).output().unwrap()
    }

    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let done = self.run(args);
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "git {args:?}: {told}");
        String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.path.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Commits these files on what is checked out.
    pub(crate) fn commit(&self, files: &[(&str, &str)]) -> String {
        for (file, text) in files {
            self.write(file, text);
        }
        self.commit_all()
    }

    pub(crate) fn commit_all(&self) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "a change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// A commit on top that only says that `to` was reviewed.
    pub(crate) fn advance(&self, to: &str) -> String {
        self.commit(&[("docs/LAST_REVIEWED_SHA.txt", &format!("{to}\n"))])
    }

    pub(crate) fn zero(&self) -> String {
        "0".repeat(self.base.len())
    }

    /// Calls `run` with the repository opened.
    pub(crate) fn opened<T>(&self, run: impl FnOnce(&gix::Repository) -> T) -> T {
        run(&verdict::objects::open(&self.host(), &self.path, None).unwrap())
    }

    /// A verdict that approves a range, under the rules in force.
    pub(crate) fn verdict(&self, since: &str, to: &str) -> Verdict {
        let id = |text: &str| ObjectId::from_hex(text.as_bytes()).unwrap();
        let rules = self.opened(|git| {
            let objects = Objects::of(git);
            InForce::at(&self.host(), &objects, id(since), &fallback()).unwrap().digests()
        });
        approved(since, to, &self.git(&["rev-parse", &format!("{to}^{{tree}}")]), rules)
    }

    /// Keeps a verdict, signed with key 1.
    pub(crate) fn keep(&self, verdict: Verdict) {
        let signed = Signed::sign(verdict, &key(1)).unwrap();
        self.opened(|git| Store::of(git).put(&self.host(), &signed).unwrap());
    }

    /// Approves a range.
    pub(crate) fn approve(&self, since: &str, to: &str) {
        self.keep(self.verdict(since, to));
    }

    /// Puts bytes where the verdict about a range lies.
    pub(crate) fn plant(&self, since: &str, to: &str, bytes: &[u8]) {
        let path = self.opened(|git| Store::of(git).path(to, since));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn host(&self) -> Host {
        Host::with(self.env.iter().cloned(), now())
    }

    pub(crate) fn asked(&self, mode: Mode, cwd: &Path, lines: &str) -> CheckReport {
        let call = Call {
            mode,
            cwd,
            lines: lines.as_bytes(),
            remote: Some("origin"),
            fallback: fallback(),
        };
        check(&self.host(), &call).unwrap()
    }

    /// Asks about these lines of pre-push: what was typed, new, reference, old.
    pub(crate) fn push(&self, lines: &[(&str, &str, &str, &str)]) -> CheckReport {
        let lines: Vec<String> = lines
            .iter()
            .map(|(typed, new, reference, old)| format!("{typed} {new} {reference} {old}\n"))
            .collect();
        self.asked(Mode::PrePush, &self.path, &lines.concat())
    }

    /// Asks about main.
    pub(crate) fn push_main(&self, new: &str, old: &str) -> CheckReport {
        self.push(&[("refs/heads/main", new, "refs/heads/main", old)])
    }
}

/// The only refusal, which must say these things.
#[track_caller]
pub(crate) fn refused(report: &CheckReport, parts: &[&str]) -> Refusal {
    let [refusal] = report.refusals.as_slice() else { panic!("one refusal: {report:#?}") };
    let told = format!("{} | {} | {}", refusal.expected, refusal.found, refusal.next);
    for part in parts {
        assert!(told.contains(part), "{part:?} in {told}");
    }
    assert!(!refusal.next.is_empty());
    refusal.clone()
}

#[track_caller]
pub(crate) fn allowed(report: &CheckReport) {
    assert_eq!(report.refusals, vec![], "{report:#?}");
}

/// git without the user's configuration.
pub(crate) fn git(cwd: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(cwd).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    for (name, value) in [
        ("HOME", "/nonexistent"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "A"),
        ("GIT_AUTHOR_EMAIL", "a@example"),
        ("GIT_AUTHOR_DATE", "1795000000 +0000"),
        ("GIT_COMMITTER_NAME", "A"),
        ("GIT_COMMITTER_EMAIL", "a@example"),
        ("GIT_COMMITTER_DATE", "1795000000 +0000"),
        ("GIT_ALLOW_PROTOCOL", "file"),
    ] {
        command.env(name, value);
    }
    command
}

/// An approval of everything in a range.
pub(crate) fn approved(
    since: &str,
    to: &str,
    tree: &str,
    rules: verdict::in_force::RuleDigests,
) -> Verdict {
    let bundle = "b".repeat(64);
    Verdict {
        schema: Schema::V1,
        verdict: Decision::Approved,
        summary: "fine".into(),
        because: vec![],
        gates: Gates::all(Outcome::Pass),
        blockers: vec![],
        non_blocking: vec![],
        range: Range { since_sha: since.into(), to_sha: to.into() },
        bundle_sha256: bundle.clone(),
        manifest: Manifest {
            complete: true,
            packets: 1,
            paths: vec![Changed { path: "a.txt".into(), coverage: Coverage::Packet(1) }],
        },
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
            replied_models: vec!["gpt-4o-mini-2024-07-18".into()],
            endpoint_host: Some("api.openai.com".into()),
            fallback_used: false,
            transient_class: None,
            cost_usd: 0.001,
            usage: Usage::default(),
            created_at: "2026-11-21T11:00:00Z".into(),
            tree_oid: tree.into(),
            digests: Digests {
                bundle,
                prompt: rules.prompt,
                policy: rules.policy,
                configuration: rules.configuration,
                signers: rules.signers,
            },
        },
    }
}

//! Signed verdicts without a model: what a review of a range would have left behind.

use std::path::Path;

use gix::ObjectId;
use ops_core::config::Settings;
use ops_core::host::Host;
use ssh_key::PrivateKey;
use ssh_key::private::Ed25519Keypair;
use verdict::document::{
    Coverage, Decision, Digests, Gates, Manifest, Meta, Outcome, Range, Schema, Tool, Usage,
};
use verdict::document::{Reviewer as By, ReviewerKind};
use verdict::in_force::{Fallback, InForce};
use verdict::objects::Objects;
use verdict::statement::Signed;
use verdict::store::Store;
use verdict::{Policy, Verdict};

/// Who signs verdicts.
#[derive(Debug)]
pub struct Reviewer {
    key: PrivateKey,
}

/// A verdict that is about to be signed.
#[derive(Debug)]
pub struct Draft {
    since: String,
    to: String,
    edit: fn(&mut Verdict),
}

impl Draft {
    /// An approval of everything that `to` has beyond `since`.
    pub fn approved(since: &str, to: &str) -> Self {
        Self { since: since.to_owned(), to: to.to_owned(), edit: |_| {} }
    }

    /// The same, changed before it is signed.
    #[must_use]
    pub fn but(mut self, edit: fn(&mut Verdict)) -> Self {
        self.edit = edit;
        self
    }
}

impl Reviewer {
    /// The one that the repositories of these tests trust.
    pub fn new() -> Self {
        Self::with_seed(1)
    }

    /// Another one for each number.
    pub fn with_seed(seed: u8) -> Self {
        Self { key: PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32])) }
    }

    /// Its line of `allowed_signers`.
    pub fn line(&self) -> String {
        let key = self.key.public_key().to_openssh().expect("a public key");
        format!("reviewer@example.invalid namespaces=\"aiops-verdict\" {key}\n")
    }

    /// The files by which a repository trusts it, and everything else that a review rests on.
    pub fn configuration(&self) -> Vec<(String, String)> {
        let files = [
            ("allowed_signers", self.line()),
            ("review.yaml", Policy::SHIPPED.to_owned()),
            ("llm.json", "{}\n".to_owned()),
            ("models.json", "{}\n".to_owned()),
            ("prompts/review.md", "Review this.\n".to_owned()),
        ];
        files.map(|(name, text)| (format!("configs/{name}"), text)).into()
    }

    /// Signs a verdict and keeps it where `review-gate run` would: in the git directory and as a
    /// note.
    pub fn store(&self, repository: &Path, draft: &Draft) {
        let signed = self.sign(repository, draft);
        let git = opened(repository);
        Store::of(&git).put(&Host::real(), &signed).expect("a verdict is stored");
        verdict::notes::write(&Host::real(), &git, &signed).expect("a verdict is noted");
    }

    /// Signs a verdict about commits of a repository.
    pub fn sign(&self, repository: &Path, draft: &Draft) -> Signed {
        let mut verdict = approval(&opened(repository), draft);
        (draft.edit)(&mut verdict);
        Signed::sign(verdict, &self.key).expect("the key signs")
    }
}

impl Default for Reviewer {
    fn default() -> Self {
        Self::new()
    }
}

fn opened(path: &Path) -> gix::Repository {
    gix::open_opts(path, gix::open::Options::isolated()).expect("a repository")
}

fn approval(git: &gix::Repository, draft: &Draft) -> Verdict {
    let id = |hex: &str| ObjectId::from_hex(hex.as_bytes()).expect("an object's name");
    let since = id(&draft.since);
    let reviewed = git.find_commit(id(&draft.to)).expect("the reviewed commit");
    let tree_oid = reviewed.tree_id().expect("its tree").to_string();
    let nowhere = Fallback { installed: Path::new("/nonexistent"), compiled_in: &[] };
    let rules = InForce::at(&Host::real(), &Objects::of(git), since, &nowhere);
    let rules = rules.expect("the rules in force").digests();
    let bundle = verdict::sha256(format!("{}..{}", draft.since, draft.to).as_bytes());
    let digests = Digests {
        bundle: bundle.clone(),
        prompt: rules.prompt,
        policy: rules.policy,
        configuration: rules.configuration,
        signers: rules.signers,
    };
    let path = verdict::document::Path { path: "README".to_owned(), coverage: Coverage::Packet(1) };
    Verdict {
        schema: Schema::V1,
        verdict: Decision::Approved,
        summary: "Nothing to say.".to_owned(),
        because: Vec::new(),
        gates: Gates::all(Outcome::Pass),
        blockers: Vec::new(),
        non_blocking: Vec::new(),
        range: Range { since_sha: draft.since.clone(), to_sha: draft.to.clone() },
        bundle_sha256: bundle,
        manifest: Manifest { complete: true, packets: 1, paths: vec![path] },
        meta: Meta {
            simulated: false,
            tool: Tool { name: "review-gate".to_owned(), version: "0.1.0".to_owned() },
            reviewer: By {
                kind: ReviewerKind::Api,
                provider: "openai".to_owned(),
                model: "gpt-4o-mini".to_owned(),
                version: "0.1.0".to_owned(),
            },
            requested_model: "gpt-4o-mini".to_owned(),
            replied_models: vec!["gpt-4o-mini-2024-07-18".to_owned()],
            endpoint_host: Some("api.openai.com".to_owned()),
            fallback_used: false,
            transient_class: None,
            cost_usd: 0.001,
            usage: Usage { input_tokens: 1000, cached_tokens: 0, output_tokens: 100, calls: 1 },
            created_at: "2026-01-02T03:04:05Z".to_owned(),
            tree_oid,
            digests,
        },
    }
}

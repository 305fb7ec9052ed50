//! Signed verdicts without a model: what a review of a range would have left behind.

use std::path::Path;

use gix::ObjectId;
use ops_core::config::Settings;
use ops_core::host::Host;
use push::{Checkout, Hermetic};
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
pub(crate) struct Reviewer {
    key: PrivateKey,
}

/// A verdict that is about to be signed.
pub(crate) struct Draft {
    since: String,
    to: String,
    edit: fn(&mut Verdict),
}

impl Draft {
    /// An approval of everything that `to` has beyond `since`.
    pub(crate) fn approved(since: &str, to: &str) -> Self {
        Self { since: since.to_owned(), to: to.to_owned(), edit: |_| {} }
    }

    /// The same, changed before it is signed.
    pub(crate) fn but(mut self, edit: fn(&mut Verdict)) -> Self {
        self.edit = edit;
        self
    }
}

impl Reviewer {
    /// The one that the repositories of these tests trust.
    pub(crate) fn new() -> Self {
        Self::with_seed(1)
    }

    /// Another one for each number.
    pub(crate) fn with_seed(seed: u8) -> Self {
        Self { key: PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32])) }
    }

    /// Its line of allowed_signers.
    pub(crate) fn line(&self) -> String {
        let key = self.key.public_key().to_openssh().unwrap();
        format!("reviewer@example.invalid namespaces=\"aiops-verdict\" {key}\n")
    }

    /// The files by which a repository trusts it, and everything else that a review rests on.
    pub(crate) fn configuration(&self) -> Vec<(String, String)> {
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
    pub(crate) fn store(&self, world: &Hermetic, checkout: &Checkout<'_>, draft: &Draft) {
        let signed = self.sign(checkout, draft);
        let git = opened(checkout.path());
        Store::of(&git).put(&Host::real(), &signed).unwrap();
        verdict::notes::write(&Host::real(), &git, &signed).unwrap();
        // As git itself sees it.
        world.done(checkout.path(), &["notes", "--ref=aiops-verdicts", "show", &draft.to]);
    }

    /// Signs a verdict.
    pub(crate) fn sign(&self, checkout: &Checkout<'_>, draft: &Draft) -> Signed {
        let tree = checkout.oid(&format!("{}^{{tree}}", draft.to));
        let mut verdict = approval(&opened(checkout.path()), draft, tree);
        (draft.edit)(&mut verdict);
        Signed::sign(verdict, &self.key).unwrap()
    }
}

fn opened(path: &Path) -> gix::Repository {
    let mut git = gix::open_opts(path, gix::open::Options::isolated()).unwrap();
    let mut settings = git.config_snapshot_mut();
    for (name, value) in [("user.name", "A Reviewer"), ("user.email", "reviewer@example.invalid")] {
        settings.set_raw_value(name, value).unwrap();
    }
    drop(settings.commit().unwrap());
    git
}

fn approval(git: &gix::Repository, draft: &Draft, tree_oid: String) -> Verdict {
    let since = ObjectId::from_hex(draft.since.as_bytes()).unwrap();
    let nowhere = Fallback { installed: Path::new("/nonexistent"), compiled_in: &[] };
    let rules = InForce::at(&Host::real(), &Objects::of(git), since, &nowhere).unwrap().digests();
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

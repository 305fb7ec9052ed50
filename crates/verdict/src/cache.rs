//! The same review has the same answer: what makes two reviews the same.

use sha2::{Digest, Sha256};

use crate::document::{ReviewerKind, Verdict};
use crate::in_force::RuleDigests;

/// What a review rests on. Two reviews with equal keys have the same answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key {
    /// SHA-256 of the bundle, 64 hex digits.
    pub bundle_sha256: String,
    /// The rules in force.
    pub rules: RuleDigests,
    /// Which kind of reviewer.
    pub kind: ReviewerKind,
    /// The provider.
    pub provider: String,
    /// The model that is to be asked.
    pub model: String,
}

impl Key {
    /// One name for it, 64 hex digits.
    pub fn digest(&self) -> String {
        let kind = match self.kind {
            ReviewerKind::Api => "api",
            ReviewerKind::CodexCli => "codex_cli",
        };
        let rules = &self.rules;
        let mut hash = Sha256::new();
        for part in [
            "aiops.review-key/1",
            &self.bundle_sha256,
            &rules.prompt,
            &rules.policy,
            &rules.configuration,
            &rules.signers,
            kind,
            &self.provider,
            &self.model,
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        crate::hex(&hash.finalize())
    }

    /// Whether a verdict answers this review. A simulated one answers nothing, and neither does one
    /// by a fallback: the primary was not asked.
    pub fn is_answered_by(&self, verdict: &Verdict) -> bool {
        let meta = &verdict.meta;
        !meta.simulated && !meta.fallback_used && Self::of(verdict) == *self
    }

    /// The key of the review that a verdict came from.
    pub fn of(verdict: &Verdict) -> Self {
        let meta = &verdict.meta;
        let digests = meta.digests.clone();
        Self {
            bundle_sha256: verdict.bundle_sha256.clone(),
            rules: RuleDigests {
                prompt: digests.prompt,
                policy: digests.policy,
                configuration: digests.configuration,
                signers: digests.signers,
            },
            kind: meta.reviewer.kind,
            provider: meta.reviewer.provider.clone(),
            model: meta.reviewer.model.clone(),
        }
    }
}

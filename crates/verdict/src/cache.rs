//! The same review has the same answer: what makes two reviews the same.

use sha2::{Digest, Sha256};

use crate::document::ReviewerKind;
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
}
